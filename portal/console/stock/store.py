"""The statements of an agent's stock. Each names whose stock it is, so that no page can show anybody else's.

A card is an agent's by itself, not by its batch: a batch may be shared by several agents and the ISP.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portal.access.plans import Plan
from portal.clock import Moment
from portal.errors import Refused
from portal.sql import any_of
from portal.units import Row, Unit, one, rows
from portal.vouchers.store import Batch, read_batch

OURS = "v.tenant_id = :tenant AND v.agent_id = :agent"
# The same where an index of a batch's cards is to be used and not that of the agent's.
OURS_OF_BATCH = "v.tenant_id = :tenant AND +v.agent_id = :agent"
HOLDS = f"EXISTS (SELECT 1 FROM vouchers v WHERE {OURS} AND v.batch_id = b.id)"
# A card that is on paper, or left as a file, is sold by hand: the screen must not sell it a second time.
TO_SELL = (
    "v.use_by > :now AND v.state = 'printed' AND v.handed_at IS NULL"
    " AND NOT EXISTS (SELECT 1 FROM voucher_acts a WHERE a.tenant_id = :tenant AND a.batch_id = v.batch_id"
    " AND a.act IN ('printed', 'reprinted', 'exported') AND v.serial BETWEEN a.first_serial AND a.last_serial)"
)


class NotMine(Exception):
    """A statement of this room that does not say whose stock it is."""


def mine(text: str) -> str:
    """The statement, when it names the agent; raises `NotMine`."""
    if "v.agent_id = :agent" not in text:
        raise NotMine(text)
    return text


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The agent's cards of one batch, and what became of them."""

    batch: Batch
    count: int  # how many they were given and did not bring back
    unused: int
    handed: int
    redeemed: int
    void: int


@dataclass(frozen=True, kw_only=True)
class ForSale:
    """Cards of one plan and price that a tap can sell."""

    plan: Plan  # with the price that is frozen in the batch
    count: int


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """A page of the agent's batches, the newest first; and what a tap can still sell, the cheapest first."""

    batches: list[Standing]
    for_sale: list[ForSale]


def shelf(agent: int, before: int, limit: int, now: Moment) -> Unit[Shelf]:
    """The batches below a number of which the agent has cards, and all that is for sale."""
    return (yield from shelf_of(agent, (yield from held(agent)), before, limit, now))


def shelf_of(agent: int, counts: Mapping[int, int], before: int, limit: int, now: Moment) -> Unit[Shelf]:
    """The same, when their cards have been counted already."""
    whole = yield from _batches(agent, list(counts))
    listed = [each for each in whole if each.number < before][:limit]
    live = [each for each in whole if each.ready_at is not None and each.use_by > now]
    gone = yield from _gone(agent, sorted({each.id for each in (*listed, *live)}))
    for_sale = yield from _for_sale(agent, [_standing(each, counts, gone) for each in live], now)
    return Shelf(batches=[_standing(each, counts, gone) for each in listed], for_sale=for_sale)


def held(agent: int) -> Unit[dict[int, int]]:
    """How many cards of each batch are the agent's, used or not; counted in an index of agents' cards alone."""
    found = yield from rows(
        mine(f"SELECT v.batch_id AS batch_id, COUNT(*) AS n FROM vouchers v WHERE {OURS} GROUP BY v.batch_id"),
        agent=agent,
    )
    return {row["batch_id"]: int(row["n"]) for row in found}


def _batches(agent: int, batch_ids: Sequence[int]) -> Unit[list[Batch]]:
    """These batches, the newest first."""
    if not batch_ids:
        return []
    marks, bound = any_of(batch_ids)
    found = yield from rows(
        mine(
            f"SELECT b.* FROM batches b WHERE b.tenant_id = :tenant AND b.id IN ({marks}) AND {HOLDS}"
            " ORDER BY b.number DESC"
        ),
        agent=agent,
        **bound,
    )
    return [read_batch(row) for row in found]


def _standing(one: Batch, counts: Mapping[int, int], gone: Counter[tuple[int, str]]) -> Standing:
    redeemed, void, handed = (gone[one.id, state] for state in ("redeemed", "void", "handed"))
    count = counts[one.id]
    unused = count - redeemed - void - handed if one.ready_at is not None else 0
    return Standing(batch=one, count=count, unused=unused, handed=handed, redeemed=redeemed, void=void)


def _gone(agent: int, batch_ids: Sequence[int]) -> Unit[Counter[tuple[int, str]]]:
    """How many cards of these batches are gone, by batch and state; and sold by tap but not used yet (``handed``).

    Both stand in partial indexes, so that no card is read that is simply there.
    """
    if not batch_ids:
        return Counter()
    marks, bound = any_of(batch_ids)
    gone = yield from rows(
        mine(
            f"SELECT v.batch_id AS batch_id, v.state AS state, COUNT(*) AS n FROM vouchers v WHERE {OURS_OF_BATCH}"
            f" AND v.batch_id IN ({marks}) AND v.state <> 'printed' GROUP BY v.batch_id, v.state"
        ),
        agent=agent,
        **bound,
    )
    handed = yield from rows(
        mine(
            f"SELECT v.batch_id AS batch_id, 'handed' AS state, COUNT(*) AS n FROM vouchers v WHERE {OURS_OF_BATCH}"
            f" AND +v.batch_id IN ({marks}) AND v.handed_key IS NOT NULL"
            " AND v.handed_key >= :own AND v.handed_key < :beyond AND v.state = 'printed' GROUP BY v.batch_id"
        ),
        agent=agent,
        own=f"{agent}:",
        beyond=f"{agent};",
        **bound,
    )
    return Counter({(row["batch_id"], row["state"]): int(row["n"]) for row in (*gone, *handed)})


def batch(agent: int, batch_id: int) -> Unit[Batch]:
    """A whole batch of which the agent has cards; raises `Refused`."""
    text = mine(
        "SELECT b.* FROM batches b WHERE b.tenant_id = :tenant AND b.id = :batch_id AND b.ready_at IS NOT NULL"
        f" AND {HOLDS}"
    )
    found = yield from one(text, agent=agent, batch_id=batch_id)
    if found is None:
        raise Refused("not-found", status=404)
    return read_batch(found)


def cards_of(agent: int, batch_id: int, after: int, last: int, limit: int) -> Unit[Sequence[Row]]:
    """What became of the agent's cards above serial `after` up to `last`; without their codes."""
    return (
        yield from rows(
            mine(
                "SELECT v.serial AS serial, v.label AS label, v.state AS state, v.use_by AS use_by,"
                " v.handed_at AS handed_at, v.redeemed_at AS redeemed_at, v.lost_at AS lost_at FROM vouchers v"
                f" WHERE {OURS_OF_BATCH} AND v.batch_id = :batch_id AND v.serial > :after AND v.serial <= :last"
                " ORDER BY v.serial LIMIT :limit"
            ),
            agent=agent,
            batch_id=batch_id,
            after=after,
            last=last,
            limit=limit,
        )
    )


def others_among(agent: int, batch_id: int, first: int, last: int) -> Unit[bool]:
    """Whether there is a card in this range that is not the agent's."""
    found = yield from one(
        mine(
            f"SELECT COUNT(*) AS n FROM vouchers v WHERE {OURS_OF_BATCH} AND v.batch_id = :batch_id"
            " AND v.serial >= :first AND v.serial <= :last"
        ),
        agent=agent,
        batch_id=batch_id,
        first=first,
        last=last,
    )
    return found is None or int(found["n"]) < last - first + 1


def first_range(agent: int, batch_id: int) -> Unit[tuple[int, int]]:
    """From the first to the last serial of the agent's cards of a batch."""
    found = yield from one(
        mine(
            f"SELECT MIN(v.serial) AS first, MAX(v.serial) AS last FROM vouchers v WHERE {OURS}"
            " AND v.batch_id = :batch_id"
        ),
        agent=agent,
        batch_id=batch_id,
    )
    assert found is not None
    return int(found["first"] or 1), int(found["last"] or 1)


def _for_sale(agent: int, live: Sequence[Standing], now: Moment) -> Unit[list[ForSale]]:
    """How many cards a tap can still sell, by plan and price."""
    paper = yield from _on_paper(agent, [each.batch.id for each in live])
    left: dict[tuple[int, int], ForSale] = {}
    for each in live:
        n, plan = each.unused, each.batch.plan
        if n and each.batch.id in paper:
            n = yield from _off_paper(agent, each.batch.id, now)
        if n:
            known = left.get((plan.price.minor, plan.id))
            left[plan.price.minor, plan.id] = ForSale(plan=plan, count=n + (known.count if known else 0))
    return [left[key] for key in sorted(left)]


def _on_paper(agent: int, batch_ids: Sequence[int]) -> Unit[set[int]]:
    """Batches of which some cards were printed or exported."""
    if not batch_ids:
        return set()
    marks, bound = any_of(batch_ids)
    found = yield from rows(
        mine(
            "SELECT DISTINCT b.id AS id FROM batches b JOIN voucher_acts a ON a.tenant_id = b.tenant_id"
            f" AND a.batch_id = b.id WHERE b.tenant_id = :tenant AND b.id IN ({marks}) AND {HOLDS}"
            " AND a.act IN ('printed', 'reprinted', 'exported')"
        ),
        agent=agent,
        **bound,
    )
    return {row["id"] for row in found}


def _off_paper(agent: int, batch_id: int, now: Moment) -> Unit[int]:
    """The cards of such a batch that a tap can sell, one by one."""
    text = mine(f"SELECT COUNT(*) AS n FROM vouchers v WHERE {OURS_OF_BATCH} AND v.batch_id = :batch_id AND {TO_SELL}")
    found = yield from one(text, agent=agent, batch_id=batch_id, now=now)
    return int(found["n"]) if found else 0


@dataclass(frozen=True, kw_only=True)
class Redeemed:
    """So many cards, which cost so much together."""

    n: int
    minor: int


def redeemed_since(agent: int, batch_ids: Collection[int], since: Moment) -> Unit[Redeemed]:
    """What was redeemed of these batches' cards of the agent, in the index of cards that are gone."""
    if not batch_ids:
        return Redeemed(n=0, minor=0)
    marks, bound = any_of(batch_ids)
    found = yield from rows(
        mine(
            "SELECT b.price_minor AS minor, (SELECT COUNT(*) FROM vouchers v WHERE"
            f" {OURS_OF_BATCH} AND v.batch_id = b.id AND v.state <> 'printed' AND v.state = 'redeemed'"
            f" AND v.redeemed_at >= :since) AS n FROM batches b WHERE b.tenant_id = :tenant AND b.id IN ({marks})"
        ),
        agent=agent,
        since=since,
        **bound,
    )
    counted = [(int(row["n"]), int(row["minor"])) for row in found]
    return Redeemed(n=sum(n for n, _ in counted), minor=sum(n * minor for n, minor in counted))


def card(agent: int, voucher_id: int) -> Unit[Row]:
    """A card that the agent sold with a tap; raises `Refused`."""
    found = yield from _card(agent, "v.id = :wanted AND v.handed_at IS NOT NULL", voucher_id)
    if found is None:
        raise Refused("not-found", status=404)
    return found


def _card(agent: int, which: str, wanted: Any) -> Unit[Row | None]:
    return (
        yield from one(
            mine(
                "SELECT v.id AS id, v.label AS label, v.state AS state, v.code_sealed AS code_sealed,"
                f" v.handed_at AS handed_at, v.batch_id AS batch_id FROM vouchers v WHERE {OURS_OF_BATCH} AND {which}"
            ),
            agent=agent,
            wanted=wanted,
        )
    )


def hand(agent: int, plan_id: int, price_minor: int, key: str, now: Moment) -> Unit[Row]:
    """Take the next card that nobody has seen; raises `Refused`, with the card that this form has taken before."""
    there = yield from _card(agent, "v.handed_key = :wanted", key)
    if there is not None:
        raise Refused("hand-there", status=409, card=there["id"])
    for batch_id in (yield from _may_have(agent, plan_id, price_minor, now)):
        taken = yield from rows(
            mine(
                "UPDATE vouchers SET handed_at = :now, handed_key = :key WHERE tenant_id = :tenant"
                f" AND agent_id = :agent AND handed_at IS NULL AND id = (SELECT v.id FROM vouchers v"
                f" WHERE {OURS_OF_BATCH} AND v.batch_id = :batch_id AND {TO_SELL} ORDER BY v.serial LIMIT 1)"
                " RETURNING id, label"
            ),
            agent=agent,
            batch_id=batch_id,
            key=key,
            now=now,
        )
        if taken:
            return taken[0]
    raise Refused("stock-none", status=409)


def _may_have(agent: int, plan_id: int, price_minor: int, now: Moment) -> Unit[list[int]]:
    """The good batches of this plan and price of which the agent has unused cards; what ends first is sold first."""
    counts = yield from held(agent)
    whole = yield from _batches(agent, list(counts))
    fits = [each for each in whole if (each.plan.id, each.plan.price.minor) == (plan_id, price_minor)]
    live = [each for each in fits if each.ready_at is not None and each.use_by > now]
    gone = yield from _gone(agent, [each.id for each in live])
    left = [each for each in live if _standing(each, counts, gone).unused]
    return [each.id for each in sorted(left, key=lambda each: (each.use_by, each.number))]


# --- sales ---

SLOT_MS = 900_000  # a quarter of an hour: every time zone is whole quarters away from the others


def redeemed_by_slot(agent: int, batch_ids: Collection[int], since: Moment, until: Moment) -> Unit[Sequence[Row]]:
    """``batch_id``, ``slot`` and ``n``: cards by the quarter of an hour in which they were redeemed."""
    if not batch_ids:
        return ()
    marks, bound = any_of(batch_ids)
    return (
        yield from rows(
            mine(
                f"SELECT v.batch_id AS batch_id, v.redeemed_at / {SLOT_MS} AS slot, COUNT(*) AS n FROM vouchers v"
                f" WHERE {OURS_OF_BATCH} AND v.batch_id IN ({marks}) AND v.state <> 'printed'"
                " AND v.redeemed_at >= :since AND v.redeemed_at < :until GROUP BY 1, 2"
            ),
            agent=agent,
            since=since,
            until=until,
            **bound,
        )
    )


def tapped_by_slot(agent: int, since: Moment, until: Moment) -> Unit[Sequence[Row]]:
    """The same for cards that a tap sold on a screen."""
    return (
        yield from rows(
            mine(
                f"SELECT v.batch_id AS batch_id, v.handed_at / {SLOT_MS} AS slot, COUNT(*) AS n FROM vouchers v"
                f" WHERE {OURS_OF_BATCH} AND v.handed_key IS NOT NULL AND v.handed_key >= :own"
                " AND v.handed_key < :beyond AND v.handed_at >= :since AND v.handed_at < :until GROUP BY 1, 2"
            ),
            agent=agent,
            own=f"{agent}:",
            beyond=f"{agent};",
            since=since,
            until=until,
        )
    )


def batches_of(agent: int) -> Unit[dict[int, Batch]]:
    """All batches of which the agent has cards."""
    return {each.id: each for each in (yield from _batches(agent, list((yield from held(agent)))))}
