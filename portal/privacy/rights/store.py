"""The statements of people's rights. Each decides nothing; words come and go sealed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from portal.clock import Moment
from portal.seal import Vault, new_public
from portal.sql import any_of
from portal.units import Row, Sql, Unit, insert, insert_new, one, rows, update, value

REQUESTS, STEPS, RESTRICTIONS = "rights_requests", "rights_steps", "restrictions"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What somebody asked for, without their words."""

    id: int
    public: str
    kind: str
    person_id: int | None
    device_id: int | None
    channel: str
    received_at: Moment
    due_at: Moment
    refuse_by: Moment
    identity_how: str | None
    identity_at: Moment | None
    state: str
    handler_id: int | None
    changed_at: Moment
    ended_at: Moment | None

    @property
    def open(self) -> bool:
        return self.state == "open"

    @property
    def known(self) -> bool:
        """Whether it is of somebody whom the house knows."""
        return self.person_id is not None or self.device_id is not None


@dataclass(frozen=True, kw_only=True)
class Words:
    """What was said, opened."""

    contact: str
    wish: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class Step:
    """A line of the evidence."""

    at: Moment
    act: str
    origin: str
    staff_id: int | None
    note: str


@dataclass(frozen=True, kw_only=True)
class Restriction:
    """What may not be done with somebody's data, and why."""

    id: int
    kind: str
    person_id: int | None
    device_id: int | None
    request_id: int
    since: Moment
    placed_by: int | None
    lifted_at: Moment | None
    lifted_by: int | None
    reason: str


def _seal(vault: Vault, table: str, public: str, column: str, text: str) -> bytes | None:
    return vault.seal(text, table=table, row=public, column=column) if text else None


def _open(vault: Vault, table: str, row: Row, column: str) -> str:
    sealed = row[column]
    return "" if sealed is None else vault.open(sealed, table=table, row=row["public"], column=column).decode()


# --- requests ---


_FIELDS = (
    "id, public, kind, person_id, device_id, channel, received_at, due_at, refuse_by, identity_how, identity_at,"
    " state, handler_id, changed_at, ended_at"
)


def _request(row: Row) -> Request:
    return Request(**{name: row[name] for name in Request.__dataclass_fields__})


def file(vault: Vault, contact: str, wish: str, **columns: object) -> Unit[int | None]:
    """A new request; None when this form was sent before."""
    public = new_public()
    return (
        yield from insert_new(
            REQUESTS,
            public=public,
            contact_sealed=_seal(vault, REQUESTS, public, "contact_sealed", contact),
            wish_sealed=_seal(vault, REQUESTS, public, "wish_sealed", wish),
            state="open",
            **columns,
        )
    )


def by_key(form_key: str) -> Unit[int | None]:
    """The request that a form made."""
    found: int | None = yield from value(
        "SELECT id FROM rights_requests WHERE tenant_id = :tenant AND form_key = :form_key", form_key=form_key
    )
    return found


def request(request_id: int) -> Unit[Request | None]:
    row = yield from one(f"SELECT {_FIELDS} FROM rights_requests WHERE tenant_id = :tenant AND id = :id", id=request_id)
    return None if row is None else _request(row)


def by_public(public: str) -> Unit[Request | None]:
    row = yield from one(
        f"SELECT {_FIELDS} FROM rights_requests WHERE tenant_id = :tenant AND public = :public", public=public
    )
    return None if row is None else _request(row)


def words(vault: Vault, request_id: int) -> Unit[Words]:
    """What was said; empty once it was too old to keep."""
    row = yield from one(
        "SELECT public, contact_sealed, wish_sealed, answer_sealed FROM rights_requests"
        " WHERE tenant_id = :tenant AND id = :id",
        id=request_id,
    )
    assert row is not None
    return Words(**{name: _open(vault, REQUESTS, row, f"{name}_sealed") for name in ("contact", "wish", "answer")})


def change(request_id: int, **columns: object) -> Unit[None]:
    yield from update(REQUESTS, request_id, **columns)


def keep_answer(vault: Vault, request_id: int, public: str, text: str) -> Unit[None]:
    yield from change(request_id, answer_sealed=_seal(vault, REQUESTS, public, "answer_sealed", text))


def open_page(kind: str, after: tuple[Moment, int], limit: int) -> Unit[list[Request]]:
    """Open requests, due soonest first, from behind this one."""
    found = yield from rows(
        f"SELECT {_FIELDS} FROM rights_requests WHERE tenant_id = :tenant AND state = 'open'"
        " AND (:kind = '' OR kind = :kind) AND (due_at > :due OR (due_at = :due AND id > :id))"
        " ORDER BY due_at, id LIMIT :limit",
        kind=kind,
        due=after[0],
        id=after[1],
        limit=limit,
    )
    return [_request(row) for row in found]


def ended_page(state: str, kind: str, before: int, limit: int) -> Unit[list[Request]]:
    """Those that ended this way, the newest first."""
    found = yield from rows(
        f"SELECT {_FIELDS} FROM rights_requests WHERE tenant_id = :tenant AND state = :state"
        " AND (:kind = '' OR kind = :kind) AND id < :before ORDER BY id DESC LIMIT :limit",
        state=state,
        kind=kind,
        before=before,
        limit=limit,
    )
    return [_request(row) for row in found]


def pressing(now: Moment, limit: int) -> Unit[list[Request]]:
    """Open requests of whose time half is over, due soonest first."""
    found = yield from rows(
        f"SELECT {_FIELDS} FROM rights_requests WHERE tenant_id = :tenant AND state = 'open'"
        " AND received_at + due_at <= 2 * :now ORDER BY due_at, id LIMIT :limit",
        now=now,
        limit=limit,
    )
    return [_request(row) for row in found]


def overdue(now: Moment) -> Unit[int]:
    """How many should have been answered by now."""
    return int(
        (
            yield from value(
                "SELECT COUNT(*) FROM rights_requests WHERE tenant_id = :tenant AND state = 'open' AND due_at <= :now",
                now=now,
            )
        )
    )


def open_of(person_id: int, kind: str) -> Unit[int | None]:
    """An open request of this person for the same."""
    found: int | None = yield from value(
        "SELECT id FROM rights_requests WHERE tenant_id = :tenant AND person_id = :person_id AND kind = :kind"
        " AND state = 'open' LIMIT 1",
        person_id=person_id,
        kind=kind,
    )
    return found


def requests_of(person_ids: Sequence[int], device_id: int | None, limit: int) -> Unit[list[Request]]:
    """What these people, or whoever has this device, asked for; the newest first."""
    names, bound = any_of(person_ids or [-1])
    found = yield from rows(
        f"SELECT {_FIELDS} FROM rights_requests WHERE tenant_id = :tenant"
        f" AND (person_id IN ({names}) OR device_id = :device_id) ORDER BY id DESC LIMIT :limit",
        device_id=device_id,
        limit=limit,
        **bound,
    )
    return [_request(row) for row in found]


def person_with(phone_index: bytes) -> Unit[int | None]:
    """The person with this number."""
    found: int | None = yield from value(
        "SELECT id FROM persons WHERE tenant_id = :tenant AND phone_index = :index", index=phone_index
    )
    return found


def payer_with(number: str, phone_index: bytes) -> Unit[int | None]:
    """The person who paid the receipt of this number from the phone of this number.

    One look for both: an unknown receipt, and one that another phone paid, are answered alike and in the same time.
    """
    found: int | None = yield from value(
        "SELECT p.id FROM receipts r JOIN payments q ON q.tenant_id = r.tenant_id AND q.id = r.payment_id"
        " JOIN persons p ON p.tenant_id = q.tenant_id AND p.id = q.person_id WHERE r.tenant_id = :tenant"
        " AND r.provider = 'mpesa' AND r.environment IN ('production', 'sandbox') AND r.number = :number"
        " AND p.phone_index = :index",
        number=number,
        index=phone_index,
    )
    return found


def mac_of(device_id: int) -> Unit[str | None]:
    found: str | None = yield from value("SELECT mac FROM devices WHERE tenant_id = :tenant AND id = :id", id=device_id)
    return found


# --- the evidence ---


def step(
    vault: Vault, request_id: int, act: str, origin: str, staff_id: int | None, note: str, at: Moment
) -> Unit[None]:
    """A further line; nothing changes it afterwards."""
    public = new_public()
    sealed = _seal(vault, STEPS, public, "note_sealed", note)
    yield Sql(
        "INSERT INTO rights_steps (tenant_id, request_id, at, act, origin, staff_id, note_sealed, public)"
        " VALUES (:tenant, :request_id, :at, :act, :origin, :staff_id, :note_sealed, :public)",
        {
            "request_id": request_id,
            "at": at,
            "act": act,
            "origin": origin,
            "staff_id": staff_id,
            "note_sealed": sealed,
            "public": public,
        },
    )


def steps(vault: Vault, request_id: int) -> Unit[list[Step]]:
    """The evidence, in its order."""
    found = yield from rows(
        "SELECT at, act, origin, staff_id, note_sealed, public FROM rights_steps WHERE tenant_id = :tenant"
        " AND request_id = :id ORDER BY id",
        id=request_id,
    )
    return [
        Step(
            at=row["at"],
            act=row["act"],
            origin=row["origin"],
            staff_id=row["staff_id"],
            note=_open(vault, STEPS, row, "note_sealed"),
        )
        for row in found
    ]


# --- restrictions ---


def _restriction(vault: Vault, row: Row) -> Restriction:
    fields = {name: row[name] for name in Restriction.__dataclass_fields__ if name != "reason"}
    return Restriction(**fields, reason=_open(vault, RESTRICTIONS, row, "reason_sealed"))


def place(vault: Vault, of: Request, kind: str, reason: str, by: int | None, now: Moment) -> Unit[int]:
    """It stands from now on: of the person, else of the device."""
    public = new_public()
    return (
        yield from insert(
            RESTRICTIONS,
            public=public,
            kind=kind,
            person_id=of.person_id,
            device_id=None if of.person_id else of.device_id,
            request_id=of.id,
            reason_sealed=_seal(vault, RESTRICTIONS, public, "reason_sealed", reason),
            since=now,
            placed_by=by,
        )
    )


def restriction(vault: Vault, restriction_id: int) -> Unit[Restriction | None]:
    row = yield from one("SELECT * FROM restrictions WHERE tenant_id = :tenant AND id = :id", id=restriction_id)
    return None if row is None else _restriction(vault, row)


def lift(restriction_id: int, by: int | None, now: Moment) -> Unit[bool]:
    """End it; False when it ended before."""
    row = yield from one(
        "UPDATE restrictions SET lifted_at = :now, lifted_by = :by WHERE tenant_id = :tenant AND id = :id"
        " AND lifted_at IS NULL RETURNING id",
        id=restriction_id,
        by=by,
        now=now,
    )
    return row is not None


def standing(vault: Vault, person_ids: Sequence[int], device_id: int | None) -> Unit[list[Restriction]]:
    """What stands for these people, and for this device."""
    names, bound = any_of(person_ids or [-1])
    found = yield from rows(
        "SELECT * FROM restrictions WHERE tenant_id = :tenant AND lifted_at IS NULL"
        f" AND (person_id IN ({names}) OR (person_id IS NULL AND device_id = :device_id)) ORDER BY id",
        device_id=device_id,
        **bound,
    )
    return [_restriction(vault, row) for row in found]


def placed_for(request_id: int) -> Unit[bool]:
    """Whether anything was placed for this request."""
    found = yield from value(
        "SELECT id FROM restrictions WHERE tenant_id = :tenant AND request_id = :id LIMIT 1", id=request_id
    )
    return found is not None


def kinds_standing(person_id: int) -> Unit[frozenset[str]]:
    """The kinds that stand for a person: restrict, object."""
    found = yield from rows(
        "SELECT kind FROM restrictions WHERE tenant_id = :tenant AND person_id = :person_id AND lifted_at IS NULL",
        person_id=person_id,
    )
    return frozenset(row["kind"] for row in found)
