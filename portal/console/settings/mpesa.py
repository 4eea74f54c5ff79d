"""An ISP's paybill or till at M-Pesa. Secrets go in and never come out again: not on a page, not in the audit log."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.responses import Response

from portal.console import asked
from portal.console.desk import Desk
from portal.console.settings import further
from portal.errors import Misconfigured, ProviderError, ProviderRefused, Refused
from portal.payments import accounts
from portal.payments.accounts import SECRETS, Account
from portal.tenancy import store as tenancy
from portal.units import Conflict, Unit

PLAIN = ("environment", "kind", "shortcode", "till", "base_url")
LONGEST = 200
PATIENCE_S = 10.0

Secrets = Mapping[str, str]


async def listed(desk: Desk) -> Response:
    """All accounts, and the form of a new one."""
    return await _listed(desk)


async def _listed(desk: Desk, wrong: Refused | None = None) -> Response:
    found = await desk.read(accounts.accounts)
    active = [each for each in found if each.active]
    return desk.page(
        "mpesa",
        wrong.status if wrong else 200,
        accounts=list(reversed(found)),
        current=active[-1].id if active else None,
        filled={name: desk.fields.get(name, "")[:LONGEST] for name in PLAIN},
        sandbox=desk.services.settings.sandbox,
        others=further.others(desk.services.providers),
        wrong=wrong.key if wrong else "",
    )


async def add(desk: Desk) -> Response:
    """A new account; new payments go to it at once."""
    try:
        made = await _added(desk)
    except Refused as wrong:
        return await _listed(desk, wrong)
    return desk.go(f"/console/settings/mpesa/{made.id}", "mpesa-added")


async def _added(desk: Desk) -> Account:
    plain, secrets = _plain(desk), _secrets(desk.fields)
    try:
        made = await desk.act(
            "mpesa.add",
            lambda done: f"mpesa:{done.public}",
            _add,
            desk,
            plain,
            secrets,
            after={name: text for name, text in plain.items() if text},
            money=True,
        )
    except Misconfigured:
        raise Refused("mpesa-number") from None
    except Conflict:
        raise Refused("mpesa-there", status=409) from None
    await desk.services.catalog.refresh()
    return made


def _plain(desk: Desk) -> dict[str, str]:
    found = {name: desk.fields.get(name, "").strip() for name in PLAIN}
    asked.one_of(found["environment"] or "-", ("production", "sandbox"))
    asked.one_of(found["kind"] or "-", ("paybill", "till"))
    # Where M-Pesa is, is no matter of an ISP: else it could have the server call any address.
    if found["base_url"] and not desk.services.settings.sandbox:
        raise Refused("form")
    return found


def _secrets(fields: Secrets) -> dict[str, str]:
    found = {name: fields.get(name, "").strip() for name in SECRETS}
    if not all(text and len(text) <= LONGEST and text.isascii() and text.isprintable() for text in found.values()):
        raise Refused("mpesa-secrets")
    return found


def _add(desk: Desk, plain: Mapping[str, str], secrets: Secrets) -> Unit[Account]:
    tenant, services = desk.view.tenant, desk.services
    made = yield from accounts.add_account(
        services.vault,
        desk.now,
        tenant_public=tenant.public,
        environment=plain["environment"],
        kind="till" if plain["kind"] == "till" else "paybill",
        shortcode=plain["shortcode"],
        till=plain["till"],
        base_url=plain["base_url"],
        consumer_key=secrets["consumer_key"],
        consumer_secret=secrets["consumer_secret"],
        passkey=secrets["passkey"],
    )
    yield from tenancy.bump(tenant.id)
    return made


async def one(desk: Desk) -> Response:
    """One account, with the two addresses to register."""
    return shown(desk, await found(desk))


def shown(desk: Desk, account: Account, *, wrong: Refused | None = None, tried: str = "") -> Response:
    if account.provider != accounts.MPESA:
        return further.one(desk, account, wrong, tried)
    token = accounts.c2b_token(desk.services.vault, desk.view.tenant.public, account.public)
    address = f"{desk.services.settings.public_url}/c2b/{token}" if desk.may("accounts.change") else ""
    status = wrong.status if wrong else 200
    return desk.page(
        "mpesa_account", status, account=account, address=address, tried=tried, wrong=wrong.key if wrong else ""
    )


async def found(desk: Desk) -> Account:
    """The account of the address; raises `Refused`."""
    account = await desk.read(accounts.get_account, asked.number(desk.request.path_params["id"]))
    if account is None:
        raise Refused("not-found", status=404)
    return account


async def renew(desk: Desk) -> Response:
    """Other keys for the same number, as when M-Pesa has issued new ones."""
    account = await found(desk)
    if account.provider != accounts.MPESA:
        return await further.renew(desk, account)
    try:
        secrets = _secrets(desk.fields)
    except Refused as wrong:
        return shown(desk, account, wrong=wrong)
    await desk.act("mpesa.keys", f"mpesa:{account.public}", _renew, desk, account, secrets, money=True)
    return desk.go(f"/console/settings/mpesa/{account.id}", "mpesa-keys")


def _renew(desk: Desk, found: Account, secrets: Secrets) -> Unit[None]:
    yield from accounts.replace_keys(desk.services.vault, found, secrets)
    yield from tenancy.bump(desk.view.tenant.id)


async def sure(desk: Desk) -> Response:
    """What switching it off means."""
    return await _sure(desk, await found(desk))


async def _sure(desk: Desk, found: Account, wrong: Refused | None = None) -> Response:
    others = [each for each in await desk.read(accounts.accounts) if each.active and each.id != found.id]
    return desk.page(
        "mpesa_off",
        wrong.status if wrong else 200,
        account=found,
        others=others,
        reason=desk.fields.get("reason", "")[: asked.MAX_NOTE],
        wrong=wrong.key if wrong else "",
    )


async def switch(desk: Desk) -> Response:
    """Take no more payments with it, which wants a reason; or again."""
    account = await found(desk)
    on = asked.one_of(desk.fields.get("to") or "-", ("on", "off")) == "on"
    after = {"number": account.pay_number or account.label}
    if not on:
        try:
            after["reason"] = asked.reason(desk.fields.get("reason", ""))
        except Refused as wrong:
            return await _sure(desk, account, wrong)
    if on != account.active:
        act = f"{'mpesa' if account.provider == accounts.MPESA else 'provider'}.{'on' if on else 'off'}"
        subject = f"{account.provider}:{account.public}"
        await desk.act(act, subject, _switch, desk, account.id, on, after=after, money=True)
    return desk.go(f"/console/settings/mpesa/{account.id}", "mpesa-on" if on else "mpesa-off")


def _switch(desk: Desk, account_id: int, on: bool) -> Unit[None]:
    yield from accounts.set_active(account_id, on)
    yield from tenancy.bump(desk.view.tenant.id)


async def try_out(desk: Desk) -> Response:
    """Ask the provider whether it takes the keys; no money moves, and nobody waits for longer than `PATIENCE_S`."""
    account = await found(desk)
    return shown(desk, account, tried=await _tried(desk, account))


async def _tried(desk: Desk, found: Account) -> str:
    provider = desk.services.providers.get(found.provider)
    if provider is None:
        return "silent"
    try:
        async with asyncio.timeout(PATIENCE_S):
            await provider.try_out(found)
    except ProviderRefused as refused:
        return "refused" if refused.reason == "config" else "silent"
    except (ProviderError, TimeoutError):
        return "silent"
    return "taken"
