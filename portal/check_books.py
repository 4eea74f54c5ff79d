"""The invariants of the books (I5): they balance, and say of each account what the trade's own tables say.

Each check is a unit that gives sentences, like those of `portal.check`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from portal.books.chart import KINDS
from portal.clock import Moment
from portal.units import Row, Unit, rows

_THEIRS = (
    "vouchers v JOIN batches b ON b.tenant_id = v.tenant_id AND b.id = v.batch_id WHERE v.tenant_id = :tenant"
    " AND v.agent_id IS NOT NULL AND v.sold_at IS NOT NULL AND b.ready_at IS NOT NULL"
)
# Before anybody used it, and not because its agent lost it; a card that was expired then was worth nothing any more.
_VOIDED = (
    "v.state = 'void' AND v.redeemed_at IS NULL AND v.lost_at IS NULL AND NOT EXISTS (SELECT 1 FROM transfers x"
    " WHERE x.tenant_id = :tenant AND x.kind = 'expired' AND x.cause = v.label)"
)

# Each fact of the trade, with the transfers that ought to stand in the books for it: as many, of just these amounts.
_FACTS = {
    "receipt": "SELECT CAST(id AS TEXT) AS cause, amount_minor AS minor FROM receipts WHERE tenant_id = :tenant",
    "placed": "SELECT CAST(id AS TEXT) AS cause, amount_minor AS minor FROM receipts WHERE tenant_id = :tenant"
    " AND payment_id IS NOT NULL",
    "sent-back": "SELECT CAST(id AS TEXT) AS cause, amount_minor AS minor FROM receipts WHERE tenant_id = :tenant"
    " AND state = 'returned'",
    "paid": "SELECT public AS cause, amount_minor AS minor FROM payments WHERE tenant_id = :tenant AND state = 'paid'",
    "redeemed": "SELECT v.label AS cause, b.price_minor AS minor FROM vouchers v JOIN batches b"
    " ON b.tenant_id = v.tenant_id AND b.id = v.batch_id WHERE v.tenant_id = :tenant"
    " AND v.redeemed_at IS NOT NULL AND v.sold_at IS NOT NULL",
    "redeemed-stock": "SELECT v.label AS cause, b.price_minor AS minor FROM vouchers v JOIN batches b"
    " ON b.tenant_id = v.tenant_id AND b.id = v.batch_id WHERE v.tenant_id = :tenant"
    " AND v.redeemed_at IS NOT NULL AND v.sold_at IS NULL",
    "commission": "SELECT v.label AS cause, v.commission_minor AS minor FROM vouchers v WHERE v.tenant_id = :tenant"
    " AND v.agent_id IS NOT NULL AND v.redeemed_at IS NOT NULL AND v.commission_minor > 0",
    # A batch that was made for an agent, and each range that was handed out of the ISP's own.
    "handed-out": "SELECT 'B' || number AS cause, price_minor * count AS minor FROM batches WHERE tenant_id = :tenant"
    " AND agent_id IS NOT NULL AND ready_at IS NOT NULL"
    " UNION ALL SELECT 'M' || id AS cause, price_minor * count AS minor FROM stock_moves WHERE tenant_id = :tenant"
    " AND kind = 'handed'",
    # A range that came back, and each card that the ISP voided while it was an agent's.
    "taken-back": "SELECT 'M' || id AS cause, price_minor * count AS minor FROM stock_moves WHERE tenant_id = :tenant"
    f" AND kind IN ('returned', 'let-off') UNION ALL SELECT v.label AS cause, b.price_minor AS minor FROM {_THEIRS}"
    f" AND {_VOIDED}",
    "compensated": "SELECT cause, worth_minor AS minor FROM gifts WHERE tenant_id = :tenant",
}


def _differs(kind: str, facts: str) -> Callable[[Moment], Unit[list[str]]]:
    """Facts that are not in the books with their amount, and what is in the books without a fact."""

    def check(_: Moment) -> Unit[list[str]]:
        missing = yield from rows(
            f"SELECT f.cause AS cause FROM ({facts}) f WHERE f.minor > 0 AND NOT EXISTS (SELECT 1 FROM transfers t"
            " WHERE t.tenant_id = :tenant AND t.kind = :kind AND t.cause = f.cause AND t.amount_minor = f.minor)",
            kind=kind,
        )
        wrong = yield from rows(
            "SELECT t.cause AS cause FROM transfers t WHERE t.tenant_id = :tenant AND t.kind = :kind"
            f" AND t.cause NOT IN (SELECT f.cause FROM ({facts}) f)",  # one list that is searched, not one for each row
            kind=kind,
        )
        return [f"I5: {kind} {row['cause']} is not in the books with its amount." for row in missing] + [
            f"I5: the books have {kind} {row['cause']}, and it is not so." for row in wrong
        ]

    check.__doc__ = f"I5: what is {kind} stands in the books, and nothing else."
    return check


def other_legs(_: Moment) -> Unit[list[str]]:
    """I5: each transfer moves money between the two accounts of its kind, and a positive amount."""
    found = yield from rows(
        "SELECT kind, debit, credit, COUNT(*) AS n, MIN(amount_minor) AS least FROM transfers"
        " WHERE tenant_id = :tenant GROUP BY kind, debit, credit"
    )
    return [f"I5: {row['n']} transfers of the kind {row['kind']} are odd." for row in found if not _sound(row)]


def _sound(row: Row) -> bool:
    legs = KINDS.get(row["kind"])
    return legs is not None and (legs.debit, legs.credit) == (row["debit"], row["credit"]) and row["least"] > 0


def outstanding(_: Moment) -> Unit[list[str]]:
    """I5: what stands on *vouchers* is the price of the cards that are sold and neither redeemed, void nor expired."""
    booked = yield from _sum(
        "SELECT SUM(CASE WHEN credit = 'vouchers' THEN amount_minor WHEN debit = 'vouchers' THEN -amount_minor"
        " ELSE 0 END) AS minor FROM transfers WHERE tenant_id = :tenant"
    )
    out = yield from _sum(
        "SELECT SUM(b.price_minor) AS minor FROM vouchers v JOIN batches b ON b.tenant_id = v.tenant_id"
        " AND b.id = v.batch_id WHERE v.tenant_id = :tenant AND v.sold_at IS NOT NULL AND v.state = 'printed'"
        " AND b.ready_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM transfers t WHERE t.tenant_id = :tenant"
        " AND t.kind = 'expired' AND t.cause = v.label)"
    )
    return [] if booked == out else [f"I5: the books owe {booked} for cards, and cards for {out} are out."]


def lost(_: Moment) -> Unit[list[str]]:
    """I5: what an agent lost stands in the books with its amount, once for each range."""
    found = yield from rows(
        "SELECT m.id AS id FROM stock_moves m WHERE m.tenant_id = :tenant AND m.kind = 'lost' AND m.price_minor > 0"
        " AND NOT EXISTS (SELECT 1 FROM transfers t WHERE t.tenant_id = :tenant AND t.kind = 'expired'"
        " AND t.cause = 'M' || m.id AND t.amount_minor = m.price_minor * m.count)"
    )
    return [f"I5: expired M{row['id']} is not in the books with its amount." for row in found]


def agents(_: Moment) -> Unit[list[str]]:
    """I5: what each agent was given and did not bring back is the price of the cards that are theirs, each once."""
    booked = yield from rows(
        "SELECT agent_id, SUM(CASE kind WHEN 'handed-out' THEN amount_minor WHEN 'taken-back' THEN -amount_minor"
        " ELSE 0 END) AS minor FROM transfers WHERE tenant_id = :tenant AND agent_id IS NOT NULL GROUP BY agent_id"
    )
    held = yield from rows(
        f"SELECT v.agent_id AS agent_id, SUM(b.price_minor) AS minor FROM {_THEIRS} AND NOT ({_VOIDED})"
        " GROUP BY v.agent_id"
    )
    given, cards = ({row["agent_id"]: int(row["minor"]) for row in each} for each in (booked, held))
    return [
        f"I5: agent {each} was given {given.get(each, 0)} by the books, and has cards for {cards.get(each, 0)}."
        for each in sorted({*given, *cards})
        if given.get(each, 0) != cards.get(each, 0)
    ]


def _sum(text: str) -> Unit[int]:
    found: Sequence[Row] = yield from rows(text)
    return int(found[0]["minor"] or 0)


def closings(_: Moment) -> Unit[list[str]]:
    """I5: a cash-up is the sum of its rows, begins with what the one before left, and no row was lost or added."""
    found = yield from rows(
        "SELECT c.staff_id AS staff_id, c.number AS number, c.opening_minor AS opening, c.in_minor AS came,"
        " c.out_minor AS went, c.left_minor AS stays, c.lines AS n,"
        " COALESCE(t.there, 0) AS there, COALESCE(t.debits, 0) AS debits, COALESCE(t.credits, 0) AS credits,"
        " COALESCE((SELECT b.left_minor FROM closings b WHERE b.tenant_id = :tenant AND b.staff_id = c.staff_id"
        " AND b.currency = c.currency AND b.number < c.number ORDER BY b.number DESC LIMIT 1), 0) AS begun"
        # One walk through all rows, whoever's they say they are, and not one for each cash-up.
        " FROM closings c LEFT JOIN (SELECT closing_id, COUNT(*) AS there,"
        " SUM(CASE WHEN debit = 'cash' THEN amount_minor ELSE 0 END) AS debits,"
        " SUM(CASE WHEN credit = 'cash' THEN amount_minor ELSE 0 END) AS credits FROM transfers"
        " WHERE tenant_id = :tenant AND closing_id IS NOT NULL GROUP BY closing_id) t ON t.closing_id = c.id"
        " WHERE c.tenant_id = :tenant"
    )
    return [f"I5: cash-up {row['staff_id']}:{row['number']} is not the sum of its rows." for row in found if _odd(row)]


def _odd(row: Row) -> bool:
    whole = row["opening"] + row["came"] - row["went"] == row["stays"] and row["opening"] == row["begun"]
    return not (whole and (row["n"], row["came"], row["went"]) == (row["there"], row["debits"], row["credits"]))


CHECKS: tuple[Callable[[Moment], Unit[list[str]]], ...] = (
    *(_differs(kind, facts) for kind, facts in _FACTS.items()),
    other_legs,
    outstanding,
    lost,
    agents,
    closings,
)
