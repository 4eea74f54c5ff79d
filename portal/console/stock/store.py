"""The statements of an agent's stock. Each names whose stock it is, so that no page can show anybody else's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from portal.access.plans import Plan
from portal.clock import Moment
from portal.errors import Refused
from portal.sql import any_of
from portal.units import Row, Unit, one, rows
from portal.vouchers.store import Batch, read_batch

OURS = "b.tenant_id = :tenant AND b.agent_id = :agent"
CARDS = "batches b JOIN vouchers v ON v.tenant_id = b.tenant_id AND v.batch_id = b.id"
# A card that is on paper, or left as a file, is sold by hand: the screen must not sell it a second time.
TO_SELL = (
    "b.ready_at IS NOT NULL AND b.use_by > :now AND v.state = 'printed' AND v.handed_at IS NULL"
    " AND NOT EXISTS (SELECT 1 FROM voucher_acts a WHERE a.tenant_id = :tenant AND a.batch_id = b.id"
    " AND a.act IN ('printed', 'reprinted', 'exported') AND v.serial BETWEEN a.first_serial AND a.last_serial)"
)


class NotMine(Exception):
    """A statement of this room that does not say whose stock it is."""


def mine(text: str) -> str:
    """The statement, when it names the agent; raises `NotMine`."""
    if "b.agent_id = :agent" not in text:
        raise NotMine(text)
    return text


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One batch of the agent's, and what became of its cards."""

    batch: Batch
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
    """The agent's batches below a number, and all that is for sale; their cards are counted once for both."""
    text = mine(f"SELECT b.* FROM batches b WHERE {OURS} AND b.number < :before ORDER BY b.number DESC LIMIT :limit")
    found = yield from rows(text, agent=agent, before=before, limit=limit)
    listed = [read_batch(row) for row in found]
    good = mine(f"SELECT b.* FROM batches b WHERE {OURS} AND b.ready_at IS NOT NULL AND b.use_by > :now")
    live = [read_batch(row) for row in (yield from rows(good, agent=agent, now=now))]
    counts = yield from _counts(agent, sorted({each.id for each in (*listed, *live)}))
    for_sale = yield from _for_sale(agent, [_standing(each, counts) for each in live], now)
    return Shelf(batches=[_standing(each, counts) for each in listed], for_sale=for_sale)


def _standing(one: Batch, counts: Counter[tuple[int, str]]) -> Standing:
    redeemed, void, handed = (counts[one.id, state] for state in ("redeemed", "void", "handed"))
    unused = one.count - redeemed - void - handed if one.ready_at is not None else 0
    return Standing(batch=one, unused=unused, handed=handed, redeemed=redeemed, void=void)


def _counts(agent: int, batch_ids: Sequence[int]) -> Unit[Counter[tuple[int, str]]]:
    """How many cards of these batches are gone, by batch and state; and sold by tap but not used yet (``handed``).

    Both stand in partial indexes, so that no card is read that is simply there.
    """
    if not batch_ids:
        return Counter()
    marks, bound = any_of(batch_ids)
    gone = yield from rows(
        mine(
            f"SELECT v.batch_id AS batch_id, v.state AS state, COUNT(*) AS n FROM {CARDS} WHERE {OURS}"
            f" AND b.id IN ({marks}) AND v.state <> 'printed' GROUP BY v.batch_id, v.state"
        ),
        agent=agent,
        **bound,
    )
    handed = yield from rows(
        mine(
            "SELECT v.batch_id AS batch_id, 'handed' AS state, COUNT(*) AS n FROM vouchers v JOIN batches b"
            " ON b.tenant_id = v.tenant_id AND b.id = v.batch_id WHERE v.tenant_id = :tenant"
            f" AND {OURS} AND b.id IN ({marks}) AND v.handed_key IS NOT NULL"
            " AND v.handed_key >= :own AND v.handed_key < :beyond AND v.state = 'printed' GROUP BY v.batch_id"
        ),
        agent=agent,
        own=f"{agent}:",
        beyond=f"{agent};",
        **bound,
    )
    return Counter({(row["batch_id"], row["state"]): int(row["n"]) for row in (*gone, *handed)})


def batch(agent: int, batch_id: int) -> Unit[Batch]:
    """A whole batch of the agent's; raises `Refused`."""
    text = mine(f"SELECT b.* FROM batches b WHERE {OURS} AND b.id = :batch_id AND b.ready_at IS NOT NULL")
    found = yield from one(text, agent=agent, batch_id=batch_id)
    if found is None:
        raise Refused("not-found", status=404)
    return read_batch(found)


def cards_of(agent: int, batch_id: int, first: int, last: int) -> Unit[Sequence[Row]]:
    """What became of the cards from serial `first` to `last`; without their codes."""
    return (
        yield from rows(
            mine(
                "SELECT v.label AS label, v.state AS state, v.use_by AS use_by, v.handed_at AS handed_at,"
                f" v.redeemed_at AS redeemed_at FROM {CARDS} WHERE {OURS} AND b.id = :batch_id"
                " AND v.serial BETWEEN :first AND :last ORDER BY v.serial"
            ),
            agent=agent,
            batch_id=batch_id,
            first=first,
            last=last,
        )
    )


def _for_sale(agent: int, live: Sequence[Standing], now: Moment) -> Unit[list[ForSale]]:
    """How many cards a tap can still sell, by plan and price."""
    paper = yield from _on_paper(agent, now)
    left: dict[tuple[int, int], ForSale] = {}
    for each in live:
        n, plan = each.unused, each.batch.plan
        if each.batch.id in paper:
            n = yield from _off_paper(agent, each.batch.id, now)
        if n:
            known = left.get((plan.price.minor, plan.id))
            left[plan.price.minor, plan.id] = ForSale(plan=plan, count=n + (known.count if known else 0))
    return [left[key] for key in sorted(left)]


def _on_paper(agent: int, now: Moment) -> Unit[set[int]]:
    """Batches of which some cards were printed or exported."""
    found = yield from rows(
        mine(
            "SELECT DISTINCT b.id AS id FROM batches b JOIN voucher_acts a ON a.tenant_id = b.tenant_id"
            f" AND a.batch_id = b.id WHERE {OURS} AND a.tenant_id = :tenant AND b.use_by > :now"
            " AND a.act IN ('printed', 'reprinted', 'exported')"
        ),
        agent=agent,
        now=now,
    )
    return {row["id"] for row in found}


def _off_paper(agent: int, batch_id: int, now: Moment) -> Unit[int]:
    """The cards of such a batch that a tap can sell, one by one."""
    text = mine(f"SELECT COUNT(*) AS n FROM {CARDS} WHERE {OURS} AND b.id = :batch_id AND {TO_SELL}")
    found = yield from one(text, agent=agent, batch_id=batch_id, now=now)
    return int(found["n"]) if found else 0


@dataclass(frozen=True, kw_only=True)
class Redeemed:
    """So many cards, which cost so much together."""

    n: int
    minor: int


def redeemed_since(agent: int, since: Moment) -> Unit[Redeemed]:
    """What was redeemed of the agent's stock: counted for each batch, in the index of cards that are gone."""
    found = yield from rows(
        mine(
            "SELECT b.price_minor AS minor, (SELECT COUNT(*) FROM vouchers v WHERE v.tenant_id = :tenant"
            " AND v.batch_id = b.id AND v.state <> 'printed' AND v.state = 'redeemed' AND v.redeemed_at >= :since) AS n"
            f" FROM batches b WHERE {OURS}"
        ),
        agent=agent,
        since=since,
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
                f" v.handed_at AS handed_at, b.id AS batch_id FROM {CARDS} WHERE {OURS} AND {which}"
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
    taken = yield from rows(
        mine(
            "UPDATE vouchers SET handed_at = :now, handed_key = :key WHERE tenant_id = :tenant AND handed_at IS NULL"
            f" AND id = (SELECT v.id FROM {CARDS} WHERE {OURS} AND b.plan_id = :plan_id"
            f" AND b.price_minor = :price_minor AND {TO_SELL} ORDER BY b.use_by, b.number, v.serial LIMIT 1)"
            " RETURNING id, label"
        ),
        agent=agent,
        plan_id=plan_id,
        price_minor=price_minor,
        key=key,
        now=now,
    )
    if not taken:
        raise Refused("stock-none", status=409)
    return taken[0]
