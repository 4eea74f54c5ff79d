"""The statements of disclosures: the rows of an order, and the register."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from portal.clock import Moment
from portal.seal import Vault, new_public
from portal.units import Row, Unit, insert_new, rows, value

TABLE = "disclosures"

_SESSIONS = (
    "SELECT s.started_at, s.ended_at, s.seen_at, s.address, s.bytes_up, s.bytes_down, d.mac, r.name AS site"
    " FROM sessions s JOIN devices d ON d.tenant_id = s.tenant_id AND d.id = s.device_id"
    " JOIN routers r ON r.tenant_id = s.tenant_id AND r.id = s.router_id"
)
_THEN = " AND s.started_at < :until AND COALESCE(s.ended_at, s.seen_at) >= :since ORDER BY s.started_at LIMIT :limit"
_PAYMENTS = (
    "SELECT q.created_at, q.settled_at, q.amount_minor, q.currency, q.state, q.person_id, d.mac,"
    " t.number AS receipt FROM payments q JOIN devices d ON d.tenant_id = q.tenant_id AND d.id = q.device_id"
    " LEFT JOIN receipts t ON t.tenant_id = q.tenant_id AND t.payment_id = q.id"
)
_WHEN = " AND q.created_at >= :since AND q.created_at < :until ORDER BY q.created_at LIMIT :limit"

Span = tuple[Moment, Moment]


def device_with(mac: str) -> Unit[int | None]:
    found: int | None = yield from value("SELECT id FROM devices WHERE tenant_id = :tenant AND mac = :mac", mac=mac)
    return found


def sessions_of_device(device_id: int, span: Span, limit: int) -> Unit[Sequence[Row]]:
    text = f"{_SESSIONS} WHERE s.tenant_id = :tenant AND s.device_id = :device_id{_THEN}"
    return (yield from rows(text, device_id=device_id, since=span[0], until=span[1], limit=limit))


def sessions_of_person(person_id: int, span: Span, limit: int) -> Unit[Sequence[Row]]:
    """Those under passes that this person paid."""
    text = (
        f"{_SESSIONS} JOIN passes p ON p.tenant_id = s.tenant_id AND p.id = s.pass_id"
        f" WHERE s.tenant_id = :tenant AND p.person_id = :person_id{_THEN}"
    )
    return (yield from rows(text, person_id=person_id, since=span[0], until=span[1], limit=limit))


def sessions_at(address: str, span: Span, limit: int) -> Unit[Sequence[Row]]:
    """Those that had this private address; at several sites it may be several devices."""
    text = f"{_SESSIONS} WHERE s.tenant_id = :tenant AND s.address = :address{_THEN}"
    return (yield from rows(text, address=address, since=span[0], until=span[1], limit=limit))


def payments_of_device(device_id: int, span: Span, limit: int) -> Unit[Sequence[Row]]:
    text = f"{_PAYMENTS} WHERE q.tenant_id = :tenant AND q.device_id = :device_id{_WHEN}"
    return (yield from rows(text, device_id=device_id, since=span[0], until=span[1], limit=limit))


def payments_of_person(person_id: int, span: Span, limit: int) -> Unit[Sequence[Row]]:
    text = f"{_PAYMENTS} WHERE q.tenant_id = :tenant AND q.person_id = :person_id{_WHEN}"
    return (yield from rows(text, person_id=person_id, since=span[0], until=span[1], limit=limit))


# --- the register ---


@dataclass(frozen=True, kw_only=True)
class Disclosure:
    """One that was made."""

    id: int
    reference: str
    authority: str
    officer: str
    scope: str
    since_at: Moment
    until_at: Moment
    session_rows: int
    payment_rows: int
    digest: str
    staff_id: int
    made_at: Moment


def record(vault: Vault, officer: str, scope: str, **columns: object) -> Unit[int | None]:
    """A line of the register; None when this form was sent before."""
    public = new_public()

    def sealed(column: str, text: str) -> bytes:
        return vault.seal(text, table=TABLE, row=public, column=column)

    return (
        yield from insert_new(
            TABLE,
            public=public,
            officer_sealed=sealed("officer_sealed", officer),
            scope_sealed=sealed("scope_sealed", scope),
            **columns,
        )
    )


def page(vault: Vault, before: int, limit: int) -> Unit[list[Disclosure]]:
    """The newest first."""
    found = yield from rows(
        "SELECT * FROM disclosures WHERE tenant_id = :tenant AND id < :before ORDER BY id DESC LIMIT :limit",
        before=before,
        limit=limit,
    )
    return [_disclosure(vault, row) for row in found]


def _disclosure(vault: Vault, row: Row) -> Disclosure:
    def opened(column: str) -> str:
        sealed = row[column]
        return "" if sealed is None else vault.open(sealed, table=TABLE, row=row["public"], column=column).decode()

    plain = {name: row[name] for name in Disclosure.__dataclass_fields__ if name not in ("officer", "scope")}
    return Disclosure(officer=opened("officer_sealed"), scope=opened("scope_sealed"), **plain)
