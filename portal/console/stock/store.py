"""The statements of an agent's stock. Each names whose stock it is, so that no page can show anybody else's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from portal.clock import Moment
from portal.errors import Refused
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


def shelf(agent: int, before: int, limit: int) -> Unit[Sequence[Row]]:
    """The agent's batches below a number, the newest first, and what became of their cards."""
    return (
        yield from rows(
            mine(
                "SELECT b.id AS id, b.number AS number, b.plan_copy AS plan_copy, b.price_minor AS price_minor,"
                " b.currency AS currency, b.count AS count, b.use_by AS use_by,"
                " CASE WHEN b.ready_at IS NULL THEN 0 ELSE 1 END AS whole,"
                " SUM(CASE WHEN v.state = 'printed' AND v.handed_at IS NULL THEN 1 ELSE 0 END) AS unused,"
                " SUM(CASE WHEN v.state = 'printed' AND v.handed_at IS NOT NULL THEN 1 ELSE 0 END) AS handed,"
                " SUM(CASE WHEN v.state = 'redeemed' THEN 1 ELSE 0 END) AS redeemed,"
                " SUM(CASE WHEN v.state = 'void' THEN 1 ELSE 0 END) AS void"
                f" FROM {CARDS} WHERE {OURS} AND b.number < :before"
                " GROUP BY b.id, b.number, b.plan_copy, b.price_minor, b.currency, b.count, b.use_by, b.ready_at"
                " ORDER BY b.number DESC LIMIT :limit"
            ),
            agent=agent,
            before=before,
            limit=limit,
        )
    )


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


def to_sell(agent: int, now: Moment) -> Unit[Sequence[Row]]:
    """How many cards a tap can still sell, by plan and price."""
    return (
        yield from rows(
            mine(
                "SELECT b.plan_id AS plan_id, b.price_minor AS price_minor, b.currency AS currency,"
                f" MIN(b.plan_copy) AS plan_copy, COUNT(*) AS n FROM {CARDS} WHERE {OURS} AND {TO_SELL}"
                " GROUP BY b.plan_id, b.price_minor, b.currency ORDER BY b.price_minor, b.plan_id"
            ),
            agent=agent,
            now=now,
        )
    )


def redeemed_since(agent: int, since: Moment) -> Unit[Row]:
    """How many cards were redeemed, and what they cost together."""
    found = yield from one(
        mine(
            f"SELECT COUNT(*) AS n, COALESCE(SUM(b.price_minor), 0) AS minor FROM {CARDS} WHERE {OURS}"
            " AND v.redeemed_at >= :since"
        ),
        agent=agent,
        since=since,
    )
    assert found is not None
    return found


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
