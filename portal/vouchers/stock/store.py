"""The statements of agents' stock. Each decides nothing.

A move changes the cards of a range in one statement, so that of two moves at the same moment each card goes with one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from portal.clock import Moment
from portal.units import Row, Unit, insert, one, rows, update
from portal.vouchers.store import read_batch

BEYOND = 2**62  # no row has this id

# Cards that may be handed out: good, and in the ISP's own hands. An agent's that nobody has sold or used yet.
_OURS = "state = 'printed' AND use_by > :now AND agent_id IS NULL AND sold_at IS NULL AND handed_at IS NULL"
_THEIRS = "state = 'printed' AND use_by > :now AND agent_id = :agent AND handed_at IS NULL"
WHICH = {"handed": _OURS, "returned": _THEIRS, "lost": _THEIRS, "let-off": _THEIRS}
_RANGE = "tenant_id = :tenant AND batch_id = :batch AND serial BETWEEN :first AND :last"
_VOID = "state = 'void', voided_at = :now, voided_by = :by, void_reason = :reason"
_BACK = "agent_id = NULL, sold_at = NULL, commission_minor = 0"
_CHANGE = {
    "handed": "agent_id = :agent, sold_at = :now, commission_minor = :commission",
    "returned": _BACK,
    "lost": f"{_VOID}, lost_at = :now",
    "let-off": f"{_VOID}, {_BACK}",
}


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What was agreed with an agent."""

    commission_bp: int  # of the price: 1000 is a tenth
    limit_minor: int | None  # up to which they may owe

    def commission(self, price_minor: int) -> int:
        """What one card earns, in minor units; never more than was agreed."""
        return price_minor * self.commission_bp // 10_000


NO_TERMS = Terms(commission_bp=0, limit_minor=None)


def terms(agent_id: int) -> Unit[Terms]:
    """The terms of an agent."""
    found = yield from one(
        "SELECT commission_bp, debt_limit_minor FROM staff WHERE tenant_id = :tenant AND id = :id", id=agent_id
    )
    if found is None:
        return NO_TERMS
    return Terms(commission_bp=found["commission_bp"], limit_minor=found["debt_limit_minor"])


def sells(agent_id: int) -> Unit[bool]:
    """Whether somebody is an agent, and not switched off."""
    found = yield from one(
        "SELECT id FROM staff WHERE tenant_id = :tenant AND id = :id AND role = 'agent' AND state <> 'off'", id=agent_id
    )
    return found is not None


def in_the_making(agent_id: int) -> Unit[int]:
    """The worth of batches that are being made for an agent: they owe for them once all codes are drawn."""
    found = yield from rows(
        "SELECT * FROM batches WHERE tenant_id = :tenant AND agent_id = :agent AND ready_at IS NULL", agent=agent_id
    )
    return sum(each.plan.price.minor * each.count for each in map(read_batch, found))


def set_terms(agent_id: int, wanted: Terms) -> Unit[None]:
    yield from update("staff", agent_id, commission_bp=wanted.commission_bp, debt_limit_minor=wanted.limit_minor)


# --- moves ---


def movable(kind: str, agent_id: int, batch_id: int, first: int, last: int, now: Moment) -> Unit[int]:
    """How many cards of a range a move of this kind would take."""
    found = yield from one(
        f"SELECT COUNT(*) AS n FROM vouchers WHERE {_RANGE} AND {WHICH[kind]}",
        agent=agent_id,
        batch=batch_id,
        first=first,
        last=last,
        now=now,
    )
    return int(found["n"]) if found else 0


def move(kind: str, batch_id: int, first: int, last: int, now: Moment, **bound: Any) -> Unit[int]:
    """Move those of a range that may be; how many they were. `bound`: agent, commission, by and reason."""
    found = yield from rows(
        f"UPDATE vouchers SET {_CHANGE[kind]} WHERE {_RANGE} AND {WHICH[kind]} RETURNING 1 AS one",
        batch=batch_id,
        first=first,
        last=last,
        now=now,
        **bound,
    )
    return len(found)


def add_move(**columns: Any) -> Unit[int]:
    return (yield from insert("stock_moves", **columns))


def with_key(form_key: str) -> Unit[Row | None]:
    """The move that this form has made."""
    return (
        yield from one(
            "SELECT * FROM stock_moves WHERE tenant_id = :tenant AND form_key = :form_key", form_key=form_key
        )
    )


_TOLD = (
    "SELECT m.*, b.number AS number, b.count AS of_batch, s.name AS by_name FROM stock_moves m JOIN batches b"
    " ON b.tenant_id = m.tenant_id AND b.id = m.batch_id JOIN staff s ON s.tenant_id = m.tenant_id"
    " AND s.id = m.staff_id WHERE m.tenant_id = :tenant"
)


def moves_of(agent_id: int, before: int, limit: int) -> Unit[Sequence[Row]]:
    """Moves of an agent's stock below an id, the newest first; with ``number``, ``of_batch`` and ``by_name``."""
    return (
        yield from rows(
            f"{_TOLD} AND m.agent_id = :agent AND m.id < :before ORDER BY m.id DESC LIMIT :limit",
            agent=agent_id,
            before=before,
            limit=limit,
        )
    )


def moves_with(ids: Sequence[int]) -> Unit[dict[int, Row]]:
    """These moves, like `moves_of`."""
    found: dict[int, Row] = {}
    for each in ids:
        row = yield from one(f"{_TOLD} AND m.id = :id", id=each)
        if row is not None:
            found[each] = row
    return found


# --- what there is to move ---


def runs(kind: str, agent_id: int, batch_id: int, now: Moment, limit: int) -> Unit[list[tuple[int, int]]]:
    """The ranges of a batch, without a gap, that a move of this kind would take."""
    found = yield from rows(
        "SELECT MIN(serial) AS first, MAX(serial) AS last FROM (SELECT serial, serial - ROW_NUMBER() OVER"
        f" (ORDER BY serial) AS island FROM vouchers WHERE tenant_id = :tenant AND batch_id = :batch AND {WHICH[kind]})"
        " AS movable GROUP BY island ORDER BY 1 LIMIT :limit",
        agent=agent_id,
        batch=batch_id,
        now=now,
        limit=limit,
    )
    return [(int(row["first"]), int(row["last"])) for row in found]
