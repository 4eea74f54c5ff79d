"""An ISP's account at a provider beside M-Pesa: the form is what the provider says that it needs.

Nothing here knows any provider; which there are is said by `app.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from portal.console import asked
from portal.console.desk import Desk
from portal.errors import Misconfigured, Refused
from portal.payments import accounts, joining
from portal.payments.accounts import MPESA, Account
from portal.payments.provider import Provider, Providers
from portal.tenancy import store as tenancy
from portal.units import Conflict, Unit

PLAIN = ("environment", "kind", "base_url")
LONGEST = 200


def others(providers: Providers) -> list[Provider]:
    """All but M-Pesa, which has a form of its own."""
    return [each for name, each in providers.items() if name != MPESA]


def _named(desk: Desk) -> Provider:
    name = desk.request.path_params["provider"]
    found = next((each for each in others(desk.services.providers) if each.name == name), None)
    if found is None:
        raise Refused("not-found", status=404)
    return found


async def ask(desk: Desk) -> Response:
    """The form of a new account."""
    return _ask(desk, _named(desk))


def _ask(desk: Desk, provider: Provider, wrong: Refused | None = None) -> Response:
    return desk.page(
        "provider_new",
        wrong.status if wrong else 200,
        provider=provider,
        filled={name: desk.fields.get(name, "")[:LONGEST] for name in PLAIN},
        sandbox=desk.services.settings.sandbox,
        wrong=wrong.key if wrong else "",
    )


async def add(desk: Desk) -> Response:
    """A new account; new payments go to it at once."""
    provider = _named(desk)
    try:
        made = await _added(desk, provider)
    except Refused as wrong:
        return _ask(desk, provider, wrong)
    return desk.go(f"/console/settings/mpesa/{made.id}", "provider-added")


async def _added(desk: Desk, provider: Provider) -> Account:
    plain, secrets = _plain(desk, provider), secrets_of(provider, desk.fields)
    try:
        made = await desk.act(
            "provider.add",
            lambda done: f"{provider.name}:{done.public}",
            _add,
            desk,
            provider,
            plain,
            secrets,
            after={"provider": provider.title, **{name: text for name, text in plain.items() if text}},
            money=True,
        )
    except Misconfigured:
        raise Refused("provider-key") from None
    except Conflict:
        raise Refused("provider-there", status=409) from None
    await desk.services.catalog.refresh()
    return made


def _plain(desk: Desk, provider: Provider) -> dict[str, str]:
    found = {name: desk.fields.get(name, "").strip() for name in PLAIN}
    asked.one_of(found["environment"] or "-", ("production", "sandbox"))
    asked.one_of(found["kind"] or "-", tuple(provider.kinds))
    # Where a provider is, is no matter of an ISP: else it could have the server call any address.
    if found["base_url"] and not desk.services.settings.sandbox:
        raise Refused("form")
    if found["base_url"] and not found["base_url"].startswith(("https://", "http://")):
        raise Refused("form")
    return found


def secrets_of(provider: Provider, fields: Mapping[str, str]) -> dict[str, str]:
    """What the provider needs, as it was typed; raises `Refused("provider-key")`."""
    found = {name: fields.get(name, "").strip() for name in provider.secrets}
    if not all(text and len(text) <= LONGEST and text.isascii() and text.isprintable() for text in found.values()):
        raise Refused("provider-key")
    return found


def _add(desk: Desk, provider: Provider, plain: Mapping[str, str], secrets: Mapping[str, str]) -> Unit[Account]:
    tenant = desk.view.tenant
    made = yield from joining.join(
        desk.services.vault,
        provider,
        desk.now,
        tenant_public=tenant.public,
        environment=plain["environment"],
        kind=plain["kind"],
        secrets=secrets,
        base_url=plain["base_url"],
    )
    yield from tenancy.bump(tenant.id)
    return made


def one(desk: Desk, found: Account, wrong: Refused | None = None, tried: str = "") -> Response:
    """One account, with the address to tell the provider."""
    token = accounts.c2b_token(desk.services.vault, desk.view.tenant.public, found.public)
    provider = desk.services.providers.get(found.provider)
    return desk.page(
        "provider_account",
        wrong.status if wrong else 200,
        account=found,
        provider=provider,
        address=f"{desk.services.settings.public_url}/webhook/{token}" if desk.may("accounts.change") else "",
        hosts=provider.hosts(found) if provider and found.start == "page" else (),
        tried=tried,
        wrong=wrong.key if wrong else "",
    )


async def renew(desk: Desk, found: Account) -> Response:
    """Another key for the same account, or another way in which its payments begin."""
    provider = desk.services.providers.get(found.provider)
    if provider is None:
        raise Refused("not-found", status=404)
    try:
        await _renewed(desk, provider, found)
    except Refused as wrong:
        return one(desk, found, wrong)
    return desk.go(f"/console/settings/mpesa/{found.id}", "mpesa-keys")


async def _renewed(desk: Desk, provider: Provider, found: Account) -> None:
    kind = asked.one_of(desk.fields.get("kind") or found.kind, tuple(provider.kinds))
    secrets, subject = secrets_of(provider, desk.fields), f"{found.provider}:{found.public}"
    before, after = {"kind": found.kind}, {"kind": kind}
    try:
        await desk.act(
            "provider.keys",
            subject,
            _renew,
            desk,
            provider,
            found,
            kind,
            secrets,
            before=before,
            after=after,
            money=True,
        )
    except Misconfigured:
        raise Refused("provider-key") from None


def _renew(desk: Desk, provider: Provider, found: Account, kind: str, secrets: Mapping[str, str]) -> Unit[None]:
    yield from joining.rejoin(desk.services.vault, provider, found, kind, secrets)
    yield from tenancy.bump(desk.view.tenant.id)
