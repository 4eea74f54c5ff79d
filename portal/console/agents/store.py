"""The statements of the pages about agents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portal.books import store as books
from portal.books.agents import Standing, of_sums
from portal.books.chart import KINDS, kinds_of
from portal.clock import Moment
from portal.console.stock.store import SLOT_MS
from portal.errors import Refused
from portal.sql import any_of
from portal.staff import store as staff
from portal.staff.store import Staff
from portal.units import Row, Unit, one, rows
from portal.vouchers.store import Batch, read_batch

Stand = Callable[[int], Unit[Sequence[Row]]]  # all that was posted about an agent, summed up: `Standing.of_agent`
MOVING = kinds_of("agents")  # what changes a debt
TOLD = (*MOVING, "expired")  # what stands in a statement: of a lost card the debt stays


def side(kind: str) -> int:
    """1 when such a fact makes an agent owe more, -1 when less, 0 when their debt stays."""
    legs = KINDS[kind]
    return int(legs.debit == "agents") - int(legs.credit == "agents")


def agent(staff_id: int) -> Unit[Staff]:
    """This agent, switched off or not, or who was one and stands in the books; raises `Refused`."""
    found = yield from staff.must_know(staff_id)
    if found.role != "agent" and not (yield from _was_agent(staff_id)):
        raise Refused("not-found", status=404)
    return found


def _was_agent(staff_id: int) -> Unit[bool]:
    found = yield from one(
        "SELECT id FROM transfers WHERE tenant_id = :tenant AND agent_id = :agent LIMIT 1", agent=staff_id
    )
    return found is not None


# --- all of them ---


@dataclass(frozen=True, kw_only=True)
class Line:
    """One agent in the list; minor units."""

    agent: Staff
    unused: int = 0
    redeemed: int = 0  # since the begin of the month
    earned: int = 0  # commission, ever
    debt: int = 0
    limit: int | None = None
    settled_at: Moment | None = None

    @property
    def too_much(self) -> bool:
        return self.limit is not None and self.debt > self.limit


def everybody(stand: Stand, currency: str, month: Moment, now: Moment) -> Unit[list[Line]]:
    """All agents, and who was one and stands in the books; those who work here first."""
    cards, limits, lines = (yield from _cards(month, now)), (yield from _limits()), []
    for each in (yield from staff.all_staff()):
        if each.role == "agent" or each.id in cards or (yield from _was_agent(each.id)):
            stands = of_sums((yield from stand(each.id)), currency)
            lines.append(Line(agent=each, limit=limits.get(each.id), **cards.get(each.id, {}), **_books(stands)))
    return sorted(lines, key=lambda each: (each.agent.state == "off", each.agent.name.casefold()))


def _books(stands: Standing) -> dict[str, Any]:
    """What an agent owes and has earned, and when they paid last."""
    earned = -sum(side(kind) * stands.sum(kind) for kind in ("commission", "commission-undone"))
    return {"debt": stands.debt.minor, "earned": earned, "settled_at": stands.last.get("settled")}


def _limits() -> Unit[dict[int, int | None]]:
    found = yield from rows("SELECT id, debt_limit_minor FROM staff WHERE tenant_id = :tenant")
    return {row["id"]: row["debt_limit_minor"] for row in found}


def _cards(month: Moment, now: Moment) -> Unit[dict[int, dict[str, int]]]:
    """Unused cards of each agent, and how many were redeemed lately; from two indexes, without reading a card."""
    found = yield from rows(
        "SELECT agent_id, batch_id, COUNT(*) AS n FROM vouchers WHERE tenant_id = :tenant AND agent_id IS NOT NULL"
        " GROUP BY agent_id, batch_id"
    )
    if not found:
        return {}
    good = yield from _good({row["batch_id"] for row in found}, now)
    unused: Counter[int] = Counter()
    for row in found:
        unused[row["agent_id"]] += int(row["n"]) if row["batch_id"] in good else 0
    redeemed: Counter[int] = Counter()
    marks, bound = any_of(sorted({row["batch_id"] for row in found}))
    gone = yield from rows(
        "SELECT agent_id, batch_id, COUNT(*) AS n, SUM(CASE WHEN redeemed_at >= :month THEN 1 ELSE 0 END) AS lately"
        f" FROM vouchers WHERE tenant_id = :tenant AND batch_id IN ({marks}) AND state <> 'printed'"
        " AND +agent_id IS NOT NULL GROUP BY agent_id, batch_id",
        month=month,
        **bound,
    )
    for row in gone:
        unused[row["agent_id"]] -= int(row["n"]) if row["batch_id"] in good else 0
        redeemed[row["agent_id"]] += int(row["lately"])
    return {each: {"unused": unused[each], "redeemed": redeemed[each]} for each in unused}


def _good(batch_ids: set[int], now: Moment) -> Unit[set[int]]:
    """Those of these batches that are not past their use-by."""
    marks, bound = any_of(sorted(batch_ids))
    found = yield from rows(
        f"SELECT id FROM batches WHERE tenant_id = :tenant AND id IN ({marks}) AND use_by > :now", now=now, **bound
    )
    return {row["id"] for row in found}


# --- the account of one ---


def since(agent_id: int, currency: str, begin: Moment) -> Unit[int]:
    """By how much more an agent owes since a moment, in minor units."""
    found = yield from books.agent_sums(agent_id, begin)
    return sum(side(row["kind"]) * int(row["minor"]) for row in found if row["currency"] == currency)


def posted(agent_id: int, currency: str, since: Moment, until: Moment) -> Unit[Sequence[Row]]:
    """Transfers about an agent in a span, oldest first, but for the commissions of single cards."""
    marks, bound = any_of(kind for kind in TOLD if kind != "commission")
    return (
        yield from rows(
            "SELECT id, kind, cause, posted_at, amount_minor, staff_id FROM transfers WHERE tenant_id = :tenant"
            f" AND agent_id = :agent AND posted_at >= :since AND posted_at < :until AND kind || '' IN ({marks})"
            " AND currency = :currency ORDER BY posted_at, id",
            agent=agent_id,
            since=since,
            until=until,
            currency=currency,
            **bound,
        )
    )


def commissions(agent_id: int, currency: str, since: Moment, until: Moment) -> Unit[Sequence[Row]]:
    """``slot``, ``n`` and ``minor``: what an agent earned in each quarter of an hour."""
    return (
        yield from rows(
            f"SELECT posted_at / {SLOT_MS} AS slot, COUNT(*) AS n, SUM(amount_minor) AS minor FROM transfers"
            " WHERE tenant_id = :tenant AND agent_id = :agent AND posted_at >= :since AND posted_at < :until"
            " AND kind || '' = 'commission' AND currency = :currency GROUP BY 1 ORDER BY 1",
            agent=agent_id,
            since=since,
            until=until,
            currency=currency,
        )
    )


def settlement(transfer_id: int) -> Unit[Row]:
    """A payment of an agent, with ``by_name`` and ``agent_name``; raises `Refused`."""
    found = yield from one(
        "SELECT t.*, s.name AS by_name, a.name AS agent_name FROM transfers t"
        " JOIN staff s ON s.tenant_id = t.tenant_id AND s.id = t.staff_id"
        " JOIN staff a ON a.tenant_id = t.tenant_id AND a.id = t.agent_id"
        " WHERE t.tenant_id = :tenant AND t.id = :id AND t.kind = 'settled'",
        id=transfer_id,
    )
    if found is None:
        raise Refused("not-found", status=404)
    return found


def settled_by(cause: str) -> Unit[int | None]:
    """The payment that a form has made."""
    found = yield from one(
        "SELECT id FROM transfers WHERE tenant_id = :tenant AND kind = 'settled' AND cause = :cause", cause=cause
    )
    return None if found is None else int(found["id"])


def since_posted(paid: Row) -> Unit[int]:
    """By how much more an agent owes since this was posted, in minor units."""
    found = yield from rows(
        "SELECT kind, SUM(amount_minor) AS minor FROM transfers WHERE tenant_id = :tenant AND agent_id = :agent"
        " AND posted_at >= :at AND id > :id AND currency = :currency GROUP BY kind",
        agent=paid["agent_id"],
        at=paid["posted_at"],
        id=paid["id"],
        currency=paid["currency"],
    )
    return sum(side(row["kind"]) * int(row["minor"]) for row in found)


def names(ids: Sequence[int]) -> Unit[Mapping[int, str]]:
    """How these of the staff are called."""
    if not ids:
        return {}
    marks, bound = any_of(ids)
    found = yield from rows(f"SELECT id, name FROM staff WHERE tenant_id = :tenant AND id IN ({marks})", **bound)
    return {row["id"]: row["name"] for row in found}


def numbered(numbers: Sequence[int]) -> Unit[Mapping[int, int]]:
    """How many cards the batches of these numbers have."""
    if not numbers:
        return {}
    marks, bound = any_of(numbers)
    found = yield from rows(
        f"SELECT number, count FROM batches WHERE tenant_id = :tenant AND number IN ({marks})", **bound
    )
    return {int(row["number"]): int(row["count"]) for row in found}


# --- batches to move from ---


def with_own(now: Moment, limit: int) -> Unit[list[tuple[Batch, int]]]:
    """The newest good batches of which the ISP has unused cards in its own hands, and how many."""
    found = yield from rows(
        "SELECT b.*, b.count - (SELECT COUNT(*) FROM vouchers v WHERE v.tenant_id = :tenant AND v.batch_id = b.id"
        " AND v.state <> 'printed' AND v.agent_id IS NULL) AS n FROM batches b WHERE b.tenant_id = :tenant"
        " AND b.ready_at IS NOT NULL AND b.use_by > :now AND NOT (b.count = 1 AND b.note = 'counter sale')"
        " ORDER BY b.number DESC LIMIT :limit",
        now=now,
        limit=limit,
    )
    out = yield from _out()
    listed = [(read_batch(row), int(row["n"]) - out[row["id"]]) for row in found]
    return [(batch, n) for batch, n in listed if n > 0]


def _out() -> Unit[Counter[int]]:
    """How many cards of each batch are agents', used or not; grouped as the index of agents' cards is."""
    found = yield from rows(
        "SELECT agent_id, batch_id, COUNT(*) AS n FROM vouchers WHERE tenant_id = :tenant AND agent_id IS NOT NULL"
        " GROUP BY agent_id, batch_id"
    )
    out: Counter[int] = Counter()
    for row in found:
        out[row["batch_id"]] += int(row["n"])
    return out
