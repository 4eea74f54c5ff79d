"""The statements of the payments pages.

A list is read in two steps: which ids, of each state by an index that keeps their order, then their rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import get_args

from portal.clock import Moment
from portal.payments import store as payments
from portal.payments.payment import UNSETTLED, State
from portal.payments.settle import LINES
from portal.payments.store import Payment, payment_of_row
from portal.people import store as people
from portal.phone import Phone
from portal.seal import Vault
from portal.units import Row, Unit, any_of, one, rows

PAGE = 50
LAST = 2**62  # no id is above it
Span = tuple[Moment, Moment]
ALWAYS: Span = (0, LAST)

CHIPS: dict[str, tuple[State, ...]] = {
    "all": get_args(State),
    "paid": ("paid",),
    "waiting": UNSETTLED,
    "failed": ("failed",),
}


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A payment in the list."""

    payment: Payment
    phone: Phone | None
    receipt: str | None

    @property
    def at(self) -> Moment:
        """When the money moved, or else when it was asked for."""
        return self.payment.settled_at or self.payment.created_at


def payment_page(vault: Vault, chip: str, span: Span, before: int | None) -> Unit[list[Listed]]:
    """Payments with an id below `before`, newest first; one more than a page holds says that there are more."""
    below = LAST if before is None else before
    ids = yield from (_with_lines(below) if chip == "somebody" else _ids(CHIPS[chip], span, below))
    return (yield from _listed(vault, sorted(ids, reverse=True)[: PAGE + 1]))


def _ids(states: Iterable[State], span: Span, below: int) -> Unit[set[int]]:
    found: set[int] = set()
    for state in states:
        if state == "paid" and span != ALWAYS:
            found |= yield from _paid(span, below)
            continue
        some = yield from rows(_OF_STATE, state=state, before=below, since=span[0], until=span[1], limit=PAGE + 1)
        found |= {row["id"] for row in some}
    return found


_OF_STATE = (
    "SELECT id FROM payments WHERE tenant_id = :tenant AND state = :state AND id < :before"
    " AND created_at >= :since AND created_at < :until ORDER BY id DESC LIMIT :limit"
)


def _paid(span: Span, below: int) -> Unit[set[int]]:
    """What was paid in a span, as the takings count it: by its receipt, here or to come."""
    found = yield from rows(
        "SELECT id FROM payments WHERE tenant_id = :tenant AND receipt_state IN ('here', 'to come', 'overdue')"
        " AND settled_at >= :since AND settled_at < :until AND id < :before"
        " ORDER BY id DESC LIMIT :limit",
        since=span[0],
        until=span[1],
        before=below,
        limit=PAGE + 1,
    )
    return {row["id"] for row in found}


def _with_lines(below: int) -> Unit[set[int]]:
    """Payments with an open line for staff."""
    found = yield from rows(
        "SELECT subject FROM exceptions WHERE tenant_id = :tenant AND closed_at IS NULL AND subject LIKE 'payment:%'"
        " ORDER BY id DESC LIMIT 2000"
    )
    publics = {row["subject"].partition(":")[2] for row in found}
    known: dict[str, int] = yield from ids_of(publics)
    return {each for each in known.values() if each < below}


def ids_of(publics: Collection[str]) -> Unit[dict[str, int]]:
    """The ids of payments by their public names."""
    if not publics:
        return {}
    marks, bound = any_of(sorted(publics))
    found = yield from rows(
        f"SELECT id, public FROM payments WHERE tenant_id = :tenant AND public IN ({marks})",  # noqa: S608 marks only
        **bound,
    )
    return {row["public"]: row["id"] for row in found}


def _listed(vault: Vault, ids: Sequence[int]) -> Unit[list[Listed]]:
    if not ids:
        return []
    marks, bound = any_of(ids)
    found = yield from rows(
        "SELECT p.*, r.number AS receipt_number FROM payments p LEFT JOIN receipts r"  # noqa: S608 marks only
        " ON r.tenant_id = :tenant AND r.payment_id = p.id"
        f" WHERE p.tenant_id = :tenant AND p.id IN ({marks}) ORDER BY p.id DESC",
        **bound,
    )
    phones: dict[int, Phone | None] = {}
    for person_id in {row["person_id"] for row in found}:
        person = yield from people.person(vault, person_id)
        phones[person_id] = person.phone if person else None
    return [
        Listed(payment=payment_of_row(row), phone=phones[row["person_id"]], receipt=row["receipt_number"])
        for row in found
    ]


# --- one payment ---


@dataclass(frozen=True, kw_only=True)
class Story:
    """All that is known of one payment."""

    payment: Payment
    phone: Phone | None
    receipt: Row | None
    said: Sequence[Row]  # of the inbox, oldest first
    made: Row | None  # the pass
    lines: Sequence[Row]  # for staff, open and closed


def story(vault: Vault, payment_id: int) -> Unit[Story | None]:
    one_payment = yield from payments.payment(payment_id)
    if one_payment is None:
        return None
    person = yield from people.person(vault, one_payment.person_id)
    return Story(
        payment=one_payment,
        phone=person.phone if person else None,
        receipt=(yield from _receipt(payment_id)),
        said=(yield from _said(payment_id)),
        made=(yield from _made(one_payment.public)),
        lines=(yield from _lines_of(f"payment:{one_payment.public}")),
    )


def _receipt(payment_id: int) -> Unit[Row | None]:
    return (yield from one("SELECT * FROM receipts WHERE tenant_id = :tenant AND payment_id = :id", id=payment_id))


def _said(payment_id: int) -> Unit[Sequence[Row]]:
    return (
        yield from rows(
            "SELECT id, channel, received_at, processed_at, verdict, listed_source FROM inbox"
            " WHERE tenant_id = :tenant AND payment_id = :id ORDER BY id LIMIT 100",
            id=payment_id,
        )
    )


def _made(public: str) -> Unit[Row | None]:
    return (
        yield from one(
            "SELECT id, device_id, state, started_at, ends_at, ended_at, end_reason FROM passes"
            " WHERE tenant_id = :tenant AND cause_kind = 'payment' AND cause_ref = :public",
            public=public,
        )
    )


def _lines_of(subject: str) -> Unit[Sequence[Row]]:
    marks, bound = any_of(LINES)
    return (
        yield from rows(
            f"SELECT * FROM exceptions WHERE tenant_id = :tenant AND kind IN ({marks})"  # noqa: S608 marks only
            " AND subject = :subject"
            " ORDER BY opened_at",
            subject=subject,
            **bound,
        )
    )
