"""The statements of consent. A row says what somebody decided at a moment; the latest one counts, none is changed."""

from __future__ import annotations

from dataclasses import dataclass

from portal.clock import Moment
from portal.units import Row, Sql, Unit, insert, one, rows, value


@dataclass(frozen=True, kw_only=True)
class Decided:
    """A decision of somebody about a purpose."""

    id: int
    person_id: int
    device_id: int | None  # on which it was made, where that is known
    purpose: str
    given: bool  # False: taken back
    version_id: int | None  # the text that was agreed to
    digest: str
    language: str
    channel: str  # purchase: the page of a purchase | console
    proof: str  # payment:<public>, or how the guest said it
    actor: str  # guest | staff:<public>
    decided_at: Moment


_FIELDS = ", ".join(Decided.__dataclass_fields__)


def _decided(row: Row) -> Decided:
    return Decided(**{**row, "given": bool(row["given"])})


def latest(person_id: int, purpose: str) -> Unit[Decided | None]:
    """What counts now."""
    row = yield from one(
        f"SELECT {_FIELDS} FROM consents WHERE tenant_id = :tenant AND person_id = :person AND purpose = :purpose"
        " ORDER BY id DESC LIMIT 1",
        person=person_id,
        purpose=purpose,
    )
    return None if row is None else _decided(row)


def all_of(person_id: int) -> Unit[list[Decided]]:
    """All that somebody decided, the latest first."""
    found = yield from rows(
        f"SELECT {_FIELDS} FROM consents WHERE tenant_id = :tenant AND person_id = :person ORDER BY id DESC",
        person=person_id,
    )
    return [_decided(row) for row in found]


def add(**columns: object) -> Unit[int]:
    return (yield from insert("consents", **columns))


def people_of_device(device_id: int) -> Unit[list[int]]:
    """Who ever decided something, of those who paid for this device."""
    found = yield from rows(
        "SELECT DISTINCT c.person_id AS person FROM consents c WHERE c.tenant_id = :tenant AND c.person_id IN"
        " (SELECT q.person_id FROM payments q WHERE q.tenant_id = :tenant AND q.device_id = :device)"
        " ORDER BY c.person_id",
        device=device_id,
    )
    return [row["person"] for row in found]


def is_somebody(person_id: int) -> Unit[bool]:
    """Whether this person is known and was not erased."""
    found = yield from value(
        "SELECT COUNT(*) FROM persons WHERE tenant_id = :tenant AND id = :person AND erased_at IS NULL",
        person=person_id,
    )
    return bool(found)


def how_many(purpose: str) -> Unit[int]:
    """How many people agree to it now."""
    found = yield from value(
        "SELECT COUNT(*) FROM consents c JOIN persons p ON p.tenant_id = c.tenant_id AND p.id = c.person_id"
        " WHERE c.tenant_id = :tenant AND c.purpose = :purpose AND c.given = TRUE AND p.erased_at IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM consents n WHERE n.tenant_id = :tenant AND n.person_id = c.person_id"
        " AND n.purpose = c.purpose AND n.id > c.id)",
        purpose=purpose,
    )
    return int(found)


def is_asked(purpose: str) -> Unit[bool]:
    """Whether the ISP asks guests for it."""
    found = yield from value(
        "SELECT active FROM consent_asks WHERE tenant_id = :tenant AND purpose = :purpose", purpose=purpose
    )
    return bool(found)


def ask(purpose: str, active: bool, by: str, now: Moment) -> Unit[None]:
    yield Sql(
        "INSERT INTO consent_asks (tenant_id, purpose, active, changed_by, changed_at)"
        " VALUES (:tenant, :purpose, :active, :by, :now) ON CONFLICT (tenant_id, purpose) DO UPDATE SET"
        " active = excluded.active, changed_by = excluded.changed_by, changed_at = excluded.changed_at",
        {"purpose": purpose, "active": active, "by": by, "now": now},
    )
