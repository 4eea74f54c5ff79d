"""The statements of traces: where texts are, what they say, and what is left of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portal.clock import Moment
from portal.privacy.erasing.store import BOUND, named
from portal.privacy.whose import TENANT
from portal.sql import any_of
from portal.units import Row, Sql, Unit, rows

MANY = 500  # texts that are read at once


@dataclass(frozen=True, kw_only=True)
class Place:
    """A column with words that nobody has tied to a person."""

    table: str
    column: str
    only: str = ""  # which of its rows
    emptied: bool = False  # rather than blotted: nobody reads it but a machine

    @property
    def sealed(self) -> bool:
        return self.column.endswith("_sealed")

    @property
    def named(self) -> str:
        """The column by which its cells are sealed, or any where they are not."""
        return {"inbox": "ref"}.get(self.table, "public") if self.sealed else "id"


# Money that nobody has settled yet is not thrown away with its message.
_LOOSE = " AND payment_id IS NULL AND processed_at IS NOT NULL"
PLACES = (
    Place(
        table="inbox", column="body_sealed", only=" AND payment_id IS NULL AND processed_at IS NOT NULL", emptied=True
    ),
    *(
        Place(table=table, column=column)
        for table, column in (
            ("notes", "text"),
            ("refunds", "reason"),
            ("gifts", "reason"),
            ("outages", "reason"),
            ("stock_moves", "reason"),
            ("closings", "note"),
            ("batches", "note"),
            ("voucher_acts", "reason"),
            ("holds", "reason"),
            ("support_windows", "reason"),
            ("incidents", "title"),
            ("incidents", "facts_sealed"),
            ("incident_steps", "note_sealed"),
            ("rights_requests", "contact_sealed"),
            ("rights_requests", "wish_sealed"),
            ("rights_requests", "answer_sealed"),
            ("rights_steps", "note_sealed"),
            ("restrictions", "reason_sealed"),
        )
    ),
)


# Without the plus each page would sort all rows of the ISP; messages have an index of their own.
_SAID = {
    each: f"SELECT id, {each.column} AS said, {each.named} AS named FROM {each.table}"
    f" WHERE {'' if each.only else '+'}tenant_id = :tenant"
    for each in PLACES
}
_PAGE = {
    each: f"{_SAID[each]} AND id > :after AND {each.column} IS NOT NULL AND {each.column} <> ''{each.only}"
    " ORDER BY id LIMIT :many"
    for each in PLACES
}
_NEWER = {
    each: f"{_SAID[each]} AND {each.column} IS NOT NULL AND {each.column} <> ''{each.only}"
    f" AND {'processed_at >= :began' if each.only else 'id > :after'}"
    for each in PLACES
}
_THESE = {each: f"{_SAID[each]} AND {each.column} IS NOT NULL AND id IN" for each in PLACES}
_INSTEAD = {
    each: f"UPDATE {each.table} SET {each.column} = :said WHERE +tenant_id = :tenant AND id = :id" for each in PLACES
}


def page(place: Place, after: int) -> Unit[Sequence[Row]]:
    """The next texts there, in the order of their rows: `id`, `said`, and by what they are `named`."""
    return (yield from rows(_PAGE[place], after=after, many=MANY))


def newer(place: Place, after: int, began: Moment) -> Unit[Sequence[Row]]:
    """Texts that came after this row; messages that were settled since then, since each waits for that."""
    text = _NEWER[place]
    return (yield from rows(text, **named(text, {"after": after, "began": began})))


def these(place: Place, ids: Sequence[int]) -> Unit[list[Row]]:
    """The same of these rows, as far as they say anything still."""
    found: list[Row] = []
    for start in range(0, len(ids), MANY):
        names, bound = any_of(ids[start : start + MANY])
        found += yield from rows(f"{_THESE[place]} ({names})", **bound)
    return found


def say_instead(place: Place, row_id: int, said: str | bytes | None) -> Unit[None]:
    yield Sql(_INSTEAD[place], {"id": row_id, "said": said})


def empty_messages(ids: Sequence[int]) -> Unit[int]:
    names, bound = any_of(ids)
    text = f"UPDATE inbox SET body_sealed = NULL WHERE +tenant_id = :tenant AND id IN ({names}) RETURNING id"
    return len((yield from rows(text, **bound)))


def corrections(person_id: int) -> Unit[Sequence[Row]]:
    """When a number of theirs was corrected, and the sealed line that says from which."""
    return (
        yield from rows(
            "SELECT at, note_sealed AS said, public AS named FROM rights_steps WHERE tenant_id = :tenant"
            " AND request_id IN (SELECT k.id FROM rights_requests k"
            " WHERE k.tenant_id = :tenant AND k.person_id = :person)"
            " AND act = 'rectified' AND note_sealed IS NOT NULL ORDER BY id",
            person=person_id,
        )
    )


def macs(device_ids: Sequence[int]) -> Unit[list[str]]:
    names, bound = any_of(device_ids)
    found = yield from rows(f"SELECT mac FROM devices WHERE tenant_id = :tenant AND id IN ({names})", **bound)
    return [row["mac"] for row in found]


def receipt_numbers(person_id: int) -> Unit[list[str]]:
    found = yield from rows(
        "SELECT v.number FROM receipts v JOIN payments q ON q.tenant_id = v.tenant_id AND q.id = v.payment_id"
        " WHERE v.tenant_id = :tenant AND q.person_id = :person",
        person=person_id,
    )
    return [row["number"] for row in found]


_ASKED = (
    "FROM questions s JOIN receipts v ON v.tenant_id = s.tenant_id AND v.number = s.number"
    " AND v.account_id = s.account_id"
)
_ABOUT = (  # a payment itself, giving it back, or a receipt that has paid it or names it
    "q.id = i.payment_id",
    "i.refund_id IS NOT NULL AND q.id = (SELECT b.payment_id FROM refunds b WHERE b.tenant_id = :tenant"
    " AND b.id = i.refund_id)",
    "i.question_id IS NOT NULL AND q.id IN (SELECT v.payment_id"
    f" {_ASKED} WHERE s.tenant_id = :tenant AND s.id = i.question_id UNION SELECT y.id {_ASKED} JOIN payments y"
    " ON y.tenant_id = v.tenant_id AND y.account_ref = v.account_ref AND y.environment = v.environment"
    " WHERE s.tenant_id = :tenant AND s.id = i.question_id AND v.payment_id IS NULL AND v.account_ref <> '')",
)


def late_messages(many: int) -> Unit[list[int]]:
    """Messages about payments of people who were erased before they came."""
    ids: list[int] = []
    for about in _ABOUT:
        found = yield from rows(
            "SELECT i.id FROM inbox i CROSS JOIN payments q CROSS JOIN persons w WHERE i.tenant_id = :tenant"
            f" AND +q.tenant_id = :tenant AND {about} AND w.tenant_id = :tenant AND w.id = q.person_id"
            " AND i.body_sealed IS NOT NULL AND i.processed_at IS NOT NULL AND w.erased_at IS NOT NULL LIMIT :many",
            many=many,
        )
        ids += [row["id"] for row in found]
    return ids


_ACTS = {
    who: f"SELECT id FROM audit WHERE {TENANT['audit']} = :tenant AND {whose['audit']} AND money = FALSE"
    for who, whose in BOUND.items()
}


def acts_about(who: str, bound: Mapping[str, Any]) -> Unit[list[int]]:
    """Acts of staff whose subject is this device or person, or a payment of theirs; those about money stay."""
    text = _ACTS[who]
    return [row["id"] for row in (yield from rows(text, **named(text, bound)))]


def acts_that_say(word: str) -> Unit[list[int]]:
    """Acts of staff, also those about money, in which this stands."""
    found = yield from rows(
        "SELECT id FROM audit WHERE tenant_id = :tenant AND payload LIKE '%' || :word || '%'", word=word
    )
    return [row["id"] for row in found]
