"""The statements of the payments pages.

A list is read in two steps: which ids, of each state by an index that keeps their order, then their rows.
`tenant_id + 0` where ids are named: else SQLite may take an index of the whole ISP for the narrower one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import get_args

from portal.clock import Moment
from portal.console.payments.wanted import LAST, Wanted
from portal.payments import store as payments
from portal.payments.payment import UNSETTLED, State
from portal.payments.settle import LINES
from portal.payments.store import Payment, payment_of_row
from portal.people import store as people
from portal.phone import Phone
from portal.seal import Vault
from portal.sql import any_of
from portal.units import Row, Unit, one, rows, value

PAGE = 50

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


def payment_page(vault: Vault, want: Wanted, before: int | None) -> Unit[list[Listed]]:
    """Payments with an id below `before`, newest first; one more than a page holds says that there are more."""
    below = LAST if before is None else before
    return (yield from _listed(vault, (yield from _found(want, below, PAGE + 1))))


def all_ids(want: Wanted) -> Unit[list[int]]:
    """The ids of all of them, the newest first."""
    return (yield from _found(want, LAST, LAST))


def _found(want: Wanted, below: int, limit: int) -> Unit[list[int]]:
    if want.chip == "somebody":
        ids = yield from _with_lines(want, below)
    elif want.narrowed:
        ids = yield from _narrow(want, below, limit)
    else:
        ids = yield from _ids(CHIPS[want.chip], below, limit)
    return sorted(ids, reverse=True)[:limit]


def _ids(states: Iterable[State], below: int, limit: int) -> Unit[set[int]]:
    found: set[int] = set()
    for state in states:
        some = yield from rows(_OF_STATE, state=state, before=below, limit=limit)
        found |= {row["id"] for row in some}
    return found


_OF_STATE = """
SELECT id FROM payments WHERE tenant_id = :tenant AND state = :state AND id < :before ORDER BY id DESC LIMIT :limit
"""


def _narrow(want: Wanted, below: int, limit: int) -> Unit[set[int]]:
    """What was paid counts on the day when it was paid, everything else on the day when it was asked for."""
    states = CHIPS[want.chip]
    found: set[int] = set()
    if "paid" in states:
        found |= yield from _between("settled_at", ("paid",), want, below, limit)
    others = [each for each in states if each != "paid"]
    if others:
        found |= yield from _between("created_at", others, want, below, limit)
    return found


def _between(column: str, states: Iterable[str], want: Wanted, below: int, limit: int) -> Unit[set[int]]:
    """By the index of that day alone: an index of states, or the order of ids, would go through years."""
    marks, bound = any_of(states)
    text, values = _places(want)
    found = yield from rows(
        f"SELECT id FROM payments WHERE tenant_id = :tenant AND {column} >= :since AND {column} < :until"
        f" AND state || '' IN ({marks}) {text} AND id + 0 < :before ORDER BY id + 0 DESC LIMIT :limit",
        since=want.span[0],
        until=want.span[1],
        before=below,
        limit=limit,
        **bound,
        **values,
    )
    return {row["id"] for row in found}


def _places(want: Wanted) -> tuple[str, dict[str, int]]:
    """The conditions of plan and site."""
    given = {"plan_id": want.plan, "router_id": want.router}
    values = {name: each for name, each in given.items() if each is not None}
    return "".join(f" AND {name} = :{name}" for name in values), values


@dataclass(frozen=True, kw_only=True)
class Totals:
    """What the list comes to in its days."""

    paid: int
    minor: int
    others: int


def totals(want: Wanted, currency: str) -> Unit[Totals]:
    """Paid money, and how many others were asked for."""
    text, values = _places(want)
    bound = {"since": want.span[0], "until": want.span[1], **values}
    paid = yield from one(
        "SELECT COUNT(*) AS n, COALESCE(SUM(amount_minor), 0) AS minor FROM payments WHERE tenant_id = :tenant"
        " AND settled_at >= :since AND settled_at < :until AND state || '' = 'paid' AND currency = :currency" + text,
        currency=currency,
        **bound,
    )
    others = yield from value(
        "SELECT COUNT(*) FROM payments WHERE tenant_id = :tenant AND created_at >= :since AND created_at < :until"
        " AND state || '' <> 'paid'" + text,
        **bound,
    )
    assert paid is not None
    return Totals(paid=int(paid["n"]), minor=int(paid["minor"]), others=int(others))


def _with_lines(want: Wanted, below: int) -> Unit[set[int]]:
    """Payments with an open line for staff."""
    found = yield from rows(
        "SELECT subject FROM exceptions WHERE tenant_id = :tenant AND closed_at IS NULL AND subject LIKE 'payment:%'"
        " ORDER BY id DESC LIMIT 2000"
    )
    publics = {row["subject"].partition(":")[2] for row in found}
    known: dict[str, int] = yield from ids_of(publics)
    ids = [each for each in known.values() if each < below]
    return (yield from _those(want, ids)) if want.narrowed and ids else set(ids)


def _those(want: Wanted, ids: Sequence[int]) -> Unit[set[int]]:
    """Which of these are of such days, plan and site."""
    marks, bound = any_of(ids)
    text, values = _places(want)
    found = yield from rows(
        f"SELECT id FROM payments WHERE tenant_id + 0 = :tenant AND id IN ({marks}) {text}"
        " AND COALESCE(settled_at, created_at) >= :since AND COALESCE(settled_at, created_at) < :until",
        since=want.span[0],
        until=want.span[1],
        **bound,
        **values,
    )
    return {row["id"] for row in found}


def ids_of(publics: Collection[str]) -> Unit[dict[str, int]]:
    """The ids of payments by their public names."""
    if not publics:
        return {}
    marks, bound = any_of(sorted(publics))
    found = yield from rows(
        f"SELECT id, public FROM payments WHERE tenant_id + 0 = :tenant AND public IN ({marks})",
        **bound,
    )
    return {row["public"]: row["id"] for row in found}


def _listed(vault: Vault, ids: Sequence[int]) -> Unit[list[Listed]]:
    if not ids:
        return []
    marks, bound = any_of(ids)
    found = yield from rows(
        "SELECT p.*, r.number AS receipt_number FROM payments p LEFT JOIN receipts r"
        " ON r.tenant_id = :tenant AND r.payment_id = p.id"
        f" WHERE p.tenant_id + 0 = :tenant AND p.id IN ({marks}) ORDER BY p.id DESC",
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


@dataclass(frozen=True, kw_only=True)
class Plain:
    """A payment for a table; nobody's number is opened for it."""

    payment: Payment
    receipt: str | None


def plain_rows(ids: Sequence[int]) -> Unit[list[Plain]]:
    """These payments, the newest first."""
    marks, bound = any_of(ids)
    found = yield from rows(
        "SELECT p.*, r.number AS receipt_number FROM payments p LEFT JOIN receipts r"
        " ON r.tenant_id = :tenant AND r.payment_id = p.id"
        f" WHERE p.tenant_id + 0 = :tenant AND p.id IN ({marks}) ORDER BY p.id DESC",
        **bound,
    )
    return [Plain(payment=payment_of_row(row), receipt=row["receipt_number"]) for row in found]


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
    waiting: Sequence[Row] = ()  # receipts without a place that name it


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
        waiting=(yield from _waiting_for(one_payment.account_ref)),
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
            f"SELECT * FROM exceptions WHERE tenant_id = :tenant AND kind IN ({marks})"
            " AND subject = :subject"
            " ORDER BY opened_at",
            subject=subject,
            **bound,
        )
    )


def _waiting_for(ref: str) -> Unit[Sequence[Row]]:
    """Receipts without a place that name this reference."""
    return (
        yield from rows(
            "SELECT * FROM receipts WHERE tenant_id = :tenant AND state IN ('unmatched', 'review')"
            " AND payment_id IS NULL AND account_ref = :ref ORDER BY id DESC LIMIT 5",
            ref=ref,
        )
    )
