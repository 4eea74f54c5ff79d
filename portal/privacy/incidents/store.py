"""The statements of incidents. Each decides nothing; words come and go sealed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from portal.clock import Moment
from portal.seal import Vault, new_public
from portal.sql import any_of
from portal.units import Row, Unit, insert, insert_new, one, rows, update, value

INCIDENTS, STEPS = "incidents", "incident_steps"


@dataclass(frozen=True, kw_only=True)
class Incident:
    """What is known of it, without its words."""

    id: int
    public: str
    title: str
    staff_id: int | None
    since_at: Moment | None
    until_at: Moment | None
    known_at: Moment
    due_at: Moment
    spared: str | None
    told_at: Moment | None
    people_at: Moment | None
    ended_at: Moment | None

    @property
    def owed(self) -> bool:
        """Whether somebody still has to be told."""
        return self.told_at is None and self.spared is None


@dataclass(frozen=True, kw_only=True)
class Step:
    """A line of the evidence."""

    at: Moment
    act: str
    staff_id: int | None
    note: str


_FIELDS = "id, public, title, staff_id, since_at, until_at, known_at, due_at, spared, told_at, people_at, ended_at"


def _incident(row: Row) -> Incident:
    return Incident(**{name: row[name] for name in Incident.__dataclass_fields__})


def record(vault: Vault, facts: str, **columns: object) -> Unit[int | None]:
    """A new incident; None when this form was sent before."""
    public = new_public()
    sealed = vault.seal(facts, table=INCIDENTS, row=public, column="facts_sealed") if facts else None
    return (yield from insert_new(INCIDENTS, public=public, facts_sealed=sealed, **columns))


def by_key(form_key: str) -> Unit[int | None]:
    found: int | None = yield from value(
        "SELECT id FROM incidents WHERE tenant_id = :tenant AND form_key = :form_key", form_key=form_key
    )
    return found


def incident(incident_id: int) -> Unit[Incident | None]:
    row = yield from one(f"SELECT {_FIELDS} FROM incidents WHERE tenant_id = :tenant AND id = :id", id=incident_id)
    return None if row is None else _incident(row)


def facts(vault: Vault, incident_id: int) -> Unit[str]:
    row = yield from one(
        "SELECT public, facts_sealed FROM incidents WHERE tenant_id = :tenant AND id = :id", id=incident_id
    )
    assert row is not None
    return _open(vault, INCIDENTS, row, "facts_sealed")


def _open(vault: Vault, table: str, row: Row, column: str) -> str:
    sealed = row[column]
    return "" if sealed is None else vault.open(sealed, table=table, row=row["public"], column=column).decode()


def change(incident_id: int, **columns: object) -> Unit[None]:
    yield from update(INCIDENTS, incident_id, **columns)


def page(before: int, limit: int) -> Unit[list[Incident]]:
    """The newest first."""
    found = yield from rows(
        f"SELECT {_FIELDS} FROM incidents WHERE tenant_id = :tenant AND id < :before ORDER BY id DESC LIMIT :limit",
        before=before,
        limit=limit,
    )
    return [_incident(row) for row in found]


def owed(limit: int) -> Unit[list[Incident]]:
    """Those of which somebody still has to be told, the most pressing first."""
    found = yield from rows(
        f"SELECT {_FIELDS} FROM incidents WHERE tenant_id = :tenant AND told_at IS NULL AND spared IS NULL"
        " ORDER BY due_at, id LIMIT :limit",
        limit=limit,
    )
    return [_incident(row) for row in found]


def step(vault: Vault, incident_id: int, act: str, staff_id: int, note: str, at: Moment) -> Unit[None]:
    """A further line; nothing changes it afterwards."""
    public = new_public()
    sealed = vault.seal(note, table=STEPS, row=public, column="note_sealed") if note else None
    yield from insert(
        STEPS, public=public, incident_id=incident_id, at=at, act=act, staff_id=staff_id, note_sealed=sealed
    )


def steps(vault: Vault, incident_id: int) -> Unit[list[Step]]:
    """The evidence, in its order."""
    found = yield from rows(
        "SELECT at, act, staff_id, note_sealed, public FROM incident_steps WHERE tenant_id = :tenant"
        " AND incident_id = :id ORDER BY id",
        id=incident_id,
    )
    return [
        Step(at=row["at"], act=row["act"], staff_id=row["staff_id"], note=_open(vault, STEPS, row, "note_sealed"))
        for row in found
    ]


# --- whose rows somebody could read ---


def acts_of(actor: str, since: Moment, until: Moment, limit: int) -> Unit[list[Row]]:
    """What somebody did then, as the log of acts has it."""
    found = yield from rows(
        "SELECT at, act, subject FROM audit WHERE tenant_id = :tenant AND actor = :actor AND at >= :since"
        " AND at < :until ORDER BY number LIMIT :limit",
        actor=actor,
        since=since,
        until=until,
        limit=limit,
    )
    return list(found)


def actors(prefix: str) -> Unit[list[str]]:
    """Who of these ever did something here."""
    found = yield from rows(
        "SELECT DISTINCT actor FROM audit WHERE tenant_id = :tenant AND actor >= :prefix AND actor < :beyond"
        " ORDER BY actor",
        prefix=prefix,
        beyond=f"{prefix}~",
    )
    return [row["actor"] for row in found]


def persons_before(at: Moment) -> Unit[int]:
    """How many people were known by then."""
    return int(
        (yield from value("SELECT COUNT(*) FROM persons WHERE tenant_id = :tenant AND created_at <= :at", at=at))
    )


def macs(device_ids: Sequence[int]) -> Unit[dict[int, str]]:
    names, bound = any_of(device_ids or [-1])
    found = yield from rows(f"SELECT id, mac FROM devices WHERE +tenant_id = :tenant AND id IN ({names})", **bound)
    return {row["id"]: row["mac"] for row in found}


def persons_of_devices(device_ids: Sequence[int]) -> Unit[set[int]]:
    """Who paid for these devices, or has a pass there."""
    names, bound = any_of(device_ids or [-1])
    paid = yield from rows(
        f"SELECT DISTINCT person_id FROM payments WHERE tenant_id = :tenant AND device_id IN ({names})", **bound
    )
    has = yield from rows(
        "SELECT DISTINCT person_id FROM passes WHERE tenant_id = :tenant AND person_id IS NOT NULL"
        f" AND device_id IN ({names})",
        **bound,
    )
    return {row["person_id"] for row in (*paid, *has)}


def persons_of_payments(payment_ids: Sequence[int]) -> Unit[set[int]]:
    names, bound = any_of(payment_ids or [-1])
    found = yield from rows(
        f"SELECT DISTINCT person_id FROM payments WHERE +tenant_id = :tenant AND id IN ({names})", **bound
    )
    return {row["person_id"] for row in found}


def persons_of_requests(request_ids: Sequence[int]) -> Unit[set[int]]:
    names, bound = any_of(request_ids or [-1])
    found = yield from rows(
        "SELECT DISTINCT person_id FROM rights_requests WHERE tenant_id = :tenant AND person_id IS NOT NULL"
        f" AND id IN ({names})",
        **bound,
    )
    return {row["person_id"] for row in found}
