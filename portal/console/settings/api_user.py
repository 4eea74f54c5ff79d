"""The API user of a paybill or till, who asks M-Pesa for reversals; the password goes in and is not kept as such."""

from __future__ import annotations

from starlette.responses import Response

from portal.clock import Moment
from portal.console import asked
from portal.console.desk import Desk
from portal.console.settings import mpesa
from portal.errors import Misconfigured, Refused
from portal.payments import accounts
from portal.payments.accounts import MpesaAccount
from portal.payments.initiator import security_credential
from portal.units import Unit

LONGEST, LONGEST_CERTIFICATE = 100, 8_000


async def change(desk: Desk) -> Response:
    """Another API user, or a new password for it: M-Pesa ends it after 90 days."""
    found = await mpesa.found(desk)
    if found.provider != accounts.MPESA:
        raise Refused("not-found", status=404)
    try:
        name, sealed = _read(desk, found)
        limit = _limit(desk)
    except Refused as wrong:
        return mpesa.shown(desk, found, wrong=wrong)
    await desk.act(
        "mpesa.user",
        f"mpesa:{found.public}",
        _set,
        *(found.id, name, sealed, limit, desk.now),
        after={"user": name},
        money=True,
    )
    return desk.go(f"/console/settings/mpesa/{found.id}", "mpesa-user")


def _limit(desk: Desk) -> int | None:
    text = desk.fields.get("limit", "").strip()
    return asked.money(text, desk.view.tenant.currency).minor if text else None


def _set(account_id: int, name: str, sealed: bytes, limit: int | None, now: Moment) -> Unit[None]:
    yield from accounts.set_initiator(account_id, name, sealed, now)
    yield from accounts.set_balance_limit(account_id, limit)


def _read(desk: Desk, found: MpesaAccount) -> tuple[str, bytes]:
    """The name and the sealed credential; raises `Refused`."""
    name = asked.note(desk.fields.get("user", ""), "mpesa-user")
    password, pem = desk.fields.get("password", ""), desk.fields.get("certificate", "")
    if not name or len(name) > LONGEST or not password or len(password) > LONGEST or len(pem) > LONGEST_CERTIFICATE:
        raise Refused("mpesa-user")
    try:
        credential = security_credential(password, pem)
    except Misconfigured:
        raise Refused("mpesa-certificate") from None
    own = desk.services.vault.of(found.tenant_id)
    sealed = own.seal(credential, table="mpesa_accounts", row=found.public, column="credential_sealed")
    return name, sealed
