"""The statements of refunds. Each decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from portal.clock import Moment
from portal.money import Money
from portal.payments.refunds.states import State
from portal.sql import any_of, changes
from portal.units import Row, Sql, Unit, insert_new, one, rows, value


@dataclass(frozen=True, kw_only=True)
class Refund:
    """Money that goes back, or is to: a row of `refunds`."""

    id: int
    public: str
    payment_id: int
    way: str  # reversal | cash
    amount: Money
    state: State
    reason: str
    ends_pass: bool
    asked_by: int
    asked_at: Moment
    decided_by: int | None
    decided_at: Moment | None
    drawer_id: int | None
    sent_at: Moment | None
    ended_at: Moment | None
    why_not: str | None
    conversation: str | None
    number: str | None


def _refund(row: Row) -> Refund:
    fields = {name: row[name] for name in Refund.__dataclass_fields__ if name != "amount"}
    fields["ends_pass"] = bool(fields["ends_pass"])
    return Refund(amount=Money(row["amount_minor"], row["currency"]), **fields)


def insert_refund(**columns: Any) -> Unit[int | None]:
    """A new refund; None when its form has made one, or another reversal of the payment lives."""
    return (yield from insert_new("refunds", **columns))


def refund(refund_id: int) -> Unit[Refund | None]:
    row = yield from one("SELECT * FROM refunds WHERE tenant_id = :tenant AND id = :id", id=refund_id)
    return None if row is None else _refund(row)


def by_form(form_key: str) -> Unit[int | None]:
    found: int | None = yield from value(
        "SELECT id FROM refunds WHERE tenant_id = :tenant AND form_key = :form_key", form_key=form_key
    )
    return found


def by_result(result_hash: bytes) -> Unit[int | None]:
    """The id of the refund with this token in its result address."""
    found: int | None = yield from value(
        "SELECT id FROM refunds WHERE tenant_id = :tenant AND result_hash = :hash", hash=result_hash
    )
    return found


def of_payment(payment_id: int) -> Unit[list[Refund]]:
    found = yield from rows(
        "SELECT * FROM refunds WHERE tenant_id = :tenant AND payment_id = :payment_id ORDER BY id",
        payment_id=payment_id,
    )
    return [_refund(row) for row in found]


def in_state(states: Sequence[str], limit: int = 200) -> Unit[list[Refund]]:
    """Refunds in one of these states, the oldest first."""
    marks, bound = any_of(states)
    found = yield from rows(
        f"SELECT * FROM refunds WHERE tenant_id = :tenant AND state IN ({marks}) ORDER BY asked_at, id LIMIT :limit",
        limit=limit,
        **bound,
    )
    return [_refund(row) for row in found]


def newest(before: int, limit: int) -> Unit[list[Refund]]:
    """Refunds below an id, the newest first."""
    found = yield from rows(
        "SELECT * FROM refunds WHERE tenant_id = :tenant AND id < :before ORDER BY id DESC LIMIT :limit",
        before=before,
        limit=limit,
    )
    return [_refund(row) for row in found]


def move(refund_id: int, was: str, **columns: Any) -> Unit[bool]:
    """Change a refund that is still in the state it was read in; only one of two that try succeeds."""
    row = yield from one(
        f"UPDATE refunds SET {changes('refunds', columns)} WHERE tenant_id = :tenant AND id = :row_id"
        " AND state = :was RETURNING id",
        row_id=refund_id,
        was=was,
        **columns,
    )
    return row is not None


def keep(refund_id: int, **columns: Any) -> Unit[None]:
    """Keep what the provider said about a refund, whatever its state is."""
    text = f"UPDATE refunds SET {changes('refunds', columns)} WHERE tenant_id = :tenant AND id = :row_id"
    yield Sql(text, {"row_id": refund_id, **columns})


# --- how much of a payment is given back, or about to be ---


def reserve(payment_id: int, minor: int) -> Unit[bool]:
    """Set so much of a paid payment aside for a refund; False when less than that is left.

    One statement that looks and writes, so that of two refunds at once only one has the money.
    """
    row = yield from one(
        "UPDATE payments SET refunded_minor = refunded_minor + :minor WHERE tenant_id = :tenant AND id = :id"
        " AND state = 'paid' AND refunded_minor + :minor <= amount_minor RETURNING id",
        id=payment_id,
        minor=minor,
    )
    return row is not None


def count_given(payment_id: int, minor: int) -> Unit[None]:
    """So much more of a payment is given back, or less when it is negative; nobody is asked whether so much is left."""
    yield Sql(
        "UPDATE payments SET refunded_minor = refunded_minor + :minor WHERE tenant_id = :tenant AND id = :id",
        {"id": payment_id, "minor": minor},
    )


def given_back(public: str) -> Unit[int]:
    """How much of a payment has certainly gone back, in minor units."""
    found = yield from value(
        "SELECT SUM(f.amount_minor) FROM payments p JOIN refunds f ON f.tenant_id = p.tenant_id AND f.payment_id = p.id"
        " WHERE p.tenant_id = :tenant AND p.public = :public AND f.state = 'done'",
        public=public,
    )
    return int(found or 0)


def refunded(payment_id: int) -> Unit[int]:
    """How much of a payment is given back or about to be, in minor units."""
    found = yield from value(
        "SELECT refunded_minor FROM payments WHERE tenant_id = :tenant AND id = :id", id=payment_id
    )
    return int(found or 0)
