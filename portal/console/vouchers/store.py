"""What staff see of vouchers, and the units that make a batch once however often its form is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from portal.access import store as access
from portal.access.plans import Plan
from portal.clock import Moment
from portal.errors import Refused
from portal.money import Money
from portal.seal import Vault
from portal.sql import any_of
from portal.staff import store as staff
from portal.staff.store import Staff
from portal.units import Row, Unit, rows, value
from portal.vouchers import batches, posting, states
from portal.vouchers import store as cards
from portal.vouchers.batches import Order
from portal.vouchers.states import Group, Tally
from portal.vouchers.stock.moves import must_have_room, must_sell
from portal.vouchers.store import Batch, Voucher

COUNTER = "counter sale"  # the note of a batch of one that was made for somebody at the counter
Only = Literal["all", "stock", "counter"]
FILTERS: tuple[Only, ...] = ("all", "stock", "counter")
BEYOND = 10**15  # no batch has this number

_PRINTED = "NOT (b.count = 1 AND b.note = 'counter sale')"  # as an index of batches says it
# How many cards of a batch were used or taken back: counted in an index of those alone (decision 23).
_GONE = "(SELECT COUNT(*) FROM vouchers v WHERE v.tenant_id = :tenant AND v.batch_id = b.id AND v.state <> 'printed')"
# Made for an agent, or with cards that were handed out to them.
_THEIRS = (
    "(b.agent_id = :agent OR EXISTS (SELECT 1 FROM vouchers v WHERE v.tenant_id = :tenant AND v.agent_id = :agent"
    " AND v.batch_id = b.id))"
)
_ONLY = {"all": _PRINTED, "counter": "b.count = 1 AND b.note = :counter"}


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """The page of batches: what is in stock by plan, and some batches with what became of them."""

    plans: list[Plan]
    stock: dict[int, int]
    batches: list[Batch]
    tallies: dict[int, Tally]


def shelf(only: Only, before: int | None, now: Moment, limit: int, agent: int | None = None) -> Unit[Shelf]:
    """Batches below the number `before`, the newest first; of one agent's stock, when `agent` says whose."""
    good = yield from _unused(_PRINTED, now)
    below = BEYOND if before is None else before
    if only == "stock":
        theirs = None if agent is None else (yield from cards.batches_with(agent))
        listed = yield from _numbered(_in_stock(good, below, agent, theirs)[:limit])
    else:
        listed = yield from _listed(only, below, agent, limit)
    return Shelf(
        plans=(yield from access.plan_list()),
        stock=_by_plan(good),
        batches=listed,
        tallies=(yield from tallies(listed, now)),
    )


def _listed(only: Only, below: int, agent: int | None, limit: int) -> Unit[list[Batch]]:
    whose = "" if agent is None else f" AND {_THEIRS}"
    found = yield from rows(
        f"SELECT b.* FROM batches b WHERE b.tenant_id = :tenant AND b.number < :below AND {_ONLY[only]}{whose}"
        " ORDER BY b.number DESC LIMIT :limit",
        below=below,
        counter=COUNTER,
        limit=limit,
        agent=agent,
    )
    return [cards.read_batch(row) for row in found]


def _in_stock(good: Sequence[Row], below: int, agent: int | None, held: set[int] | None) -> list[int]:
    """The numbers of batches that have cards to sell, or are still being made; the newest first."""
    theirs = (
        row for row in good if row["number"] < below and (held is None or row["agent_id"] == agent or row["id"] in held)
    )
    return sorted((row["number"] for row in theirs if row["n"] or row["ready_at"] is None), reverse=True)


def _numbered(numbers: Sequence[int]) -> Unit[list[Batch]]:
    if not numbers:
        return []
    marks, bound = any_of(numbers)
    found = yield from rows(
        f"SELECT * FROM batches WHERE tenant_id = :tenant AND number IN ({marks}) ORDER BY number DESC", **bound
    )
    return [cards.read_batch(row) for row in found]


def agents(*, off: bool = False) -> Unit[list[Staff]]:
    """Whose stock a new batch may become; with `off` also those who are switched off, who keep theirs."""
    return [each for each in (yield from staff.all_staff()) if each.role == "agent" and (off or each.state != "off")]


def stock_of(one: Batch) -> Unit[Staff | None]:
    """The agent whose stock a batch is, switched off or not."""
    return None if one.agent_id is None else (yield from staff.must_know(one.agent_id))


def holders(one: Batch) -> Unit[list[tuple[str, int]]]:
    """Which agents hold cards of a batch, used or not, and how many."""
    found = yield from cards.holders(one.id)
    names = yield from cards.names_of([row["agent_id"] for row in found])
    return [(names[row["agent_id"]], int(row["n"])) for row in found]


def stock(now: Moment) -> Unit[dict[int, int]]:
    """How many unused cards there are to sell, by plan; what was sold at the counter is nobody's stock."""
    return _by_plan((yield from _unused(_PRINTED, now)))


def _by_plan(good: Sequence[Row]) -> dict[int, int]:
    found: Counter[int] = Counter()
    for row in good:
        found[row["plan_id"]] += int(row["n"])
    return {plan_id: n for plan_id, n in found.items() if n}


def unused(now: Moment) -> Unit[int]:
    """How many cards are good and not used yet, sold at the counter or not."""
    return sum(int(row["n"]) for row in (yield from _unused("TRUE", now)))


def _unused(which: str, now: Moment) -> Unit[Sequence[Row]]:
    """Of each good batch its cards that are still as they were printed; one that is not whole yet has fewer."""
    there = "(SELECT COUNT(*) FROM vouchers v WHERE v.tenant_id = :tenant AND v.batch_id = b.id)"
    return (
        yield from rows(
            "SELECT b.id AS id, b.number AS number, b.plan_id AS plan_id, b.agent_id AS agent_id,"
            f" b.ready_at AS ready_at, CASE WHEN b.ready_at IS NULL THEN {there} ELSE b.count END - {_GONE} AS n"
            f" FROM batches b WHERE b.tenant_id = :tenant AND b.use_by > :now AND {which}",
            now=now,
        )
    )


def tallies(listed: Sequence[Batch], now: Moment) -> Unit[dict[int, Tally]]:
    """What became of the vouchers of these batches.

    Of all that were redeemed few are in use, and an index finds those: so the others need no look at their passes.
    """
    if not listed:
        return {}
    marks, bound = any_of(each.id for each in listed)
    gone = yield from rows(
        "SELECT v.batch_id AS batch_id, v.state AS state, COUNT(*) AS n FROM vouchers v WHERE v.tenant_id = :tenant"
        f" AND v.batch_id IN ({marks}) AND v.state <> 'printed' GROUP BY v.batch_id, v.state",
        **bound,
    )
    counts = {(row["batch_id"], row["state"]): int(row["n"]) for row in gone}
    for each in listed:
        drawn = each.count if each.ready_at is not None else (yield from _drawn(each.id))
        counts[each.id, "printed"] = drawn - sum(counts.get((each.id, state), 0) for state in ("redeemed", "void"))
    used = Counter(number for number, _ in (yield from _in_use()))
    return {each.id: _tally(each, counts, used[each.number], now) for each in listed}


def _drawn(batch_id: int) -> Unit[int]:
    """How many cards a batch has that is not whole yet."""
    found = yield from value(
        "SELECT COUNT(*) FROM vouchers WHERE tenant_id = :tenant AND batch_id = :batch_id", batch_id=batch_id
    )
    return int(found)


def _in_use() -> Unit[list[tuple[int, int]]]:
    """Batch number and serial, which a label is made of, of each voucher whose pass goes on."""
    found = yield from rows(
        "SELECT cause_ref FROM passes WHERE tenant_id = :tenant"
        " AND state <> 'ended' AND cause_kind || '' = 'voucher'"  # by the index of queues, which has no others
    )
    named = (row["cause_ref"][1:].partition("-") for row in found)
    return [(int(number), int(serial)) for number, _, serial in named]


def _tally(one: Batch, counts: Mapping[tuple[int, str], int], in_use: int, now: Moment) -> Tally:
    def group(state: str, count: int, over: bool = False) -> Group:
        return Group(state=state, past=one.use_by <= now, over=over, count=count)

    redeemed = counts.get((one.id, "redeemed"), 0)
    in_use = min(in_use, redeemed)
    plain = [group(state, counts.get((one.id, state), 0)) for state in ("printed", "void")]
    return states.tally([*plain, group("redeemed", in_use), group("redeemed", redeemed - in_use, over=True)])


def tally_of(whole: Batch, first: int, last: int, now: Moment) -> Unit[Tally]:
    """What became of a range of a batch."""
    if (first, last) == (1, whole.count):
        return (yield from tallies([whole], now))[whole.id]
    found = yield from rows(
        "SELECT v.state AS state, COUNT(*) AS n FROM vouchers v WHERE v.tenant_id = :tenant AND v.batch_id = :batch_id"
        " AND v.serial BETWEEN :first AND :last GROUP BY v.state",
        batch_id=whole.id,
        first=first,
        last=last,
    )
    used = [serial for number, serial in (yield from _in_use()) if number == whole.number and first <= serial <= last]
    return _tally(whole, {(whole.id, row["state"]): int(row["n"]) for row in found}, len(used), now)


def batch(batch_id: int) -> Unit[Batch]:
    """This batch; raises `Refused`."""
    found = yield from cards.batch(batch_id)
    if found is None:
        raise Refused("not-found", status=404)
    return found


@dataclass(frozen=True, kw_only=True)
class Sight:
    """One batch, a page of its vouchers, and what was done with it."""

    tally: Tally
    vouchers: list[Voucher]
    spent: set[str]
    acts: list[Row]


def sight(one: Batch, first: int, last: int, now: Moment) -> Unit[Sight]:
    """Vouchers `first` to `last` of a batch, and the whole batch in numbers."""
    return Sight(
        tally=(yield from tallies([one], now))[one.id],
        vouchers=(yield from cards.in_range(one.id, first, last)),
        spent=(yield from cards.spent_of(one.id, first, last)),
        acts=(yield from cards.acts(one.id)),
    )


# --- made once ---


def make_once(order: Order, now: Moment) -> Unit[Batch]:
    """Begin a batch, unless its form has made one before; raises `Refused`, with the batch that is there."""
    there = yield from value(
        "SELECT id FROM batches WHERE tenant_id = :tenant AND form_key = :form_key", form_key=order.form_key
    )
    if there is not None:
        raise Refused("batch-there", status=409, batch=there)
    if order.agent_id is not None:
        yield from must_sell(order.agent_id)
        price = order.price or order.plan.price
        yield from must_have_room(order.agent_id, Money(price.minor * order.count, price.currency))
    return (yield from batches.begin(order, now))


def sell(vault: Vault, tenant_id: int, order: Order, code: str, now: Moment) -> Unit[Batch]:
    """A batch of one card, whole at once, and on a screen: whoever prints it later prints a copy."""
    made = yield from make_once(order, now)
    label = batches.label_of(made.number, 1, made.count)
    card = {
        "serial": 1,
        "label": label,
        "code_index": batches.code_index(vault, code),
        "code_sealed": batches.seal_code(vault, tenant_id, label, code),
    }
    yield from cards.add_vouchers(made.id, made.use_by, [card])
    whole = yield from batches.complete(made, order.by, now)
    yield from cards.add_act(made.id, "printed", 1, 1, order.by, now, how="counter")
    if order.staff_id is not None:
        yield from posting.sold_for_cash(whole, label, order.staff_id, now)
    return whole


@dataclass(frozen=True, kw_only=True)
class Sold:
    """A card that was sold at the counter."""

    batch: Batch
    tally: Tally


def sold_since(staff_id: int, since: Moment, now: Moment, limit: int) -> Unit[list[Sold]]:
    """The latest cards that somebody sold at the counter."""
    found = yield from rows(
        "SELECT b.* FROM batches b WHERE b.tenant_id = :tenant AND b.count = 1 AND b.note = :counter"
        " AND b.staff_id = :staff_id AND b.created_at >= :since ORDER BY b.created_at DESC, b.number DESC LIMIT :limit",
        counter=COUNTER,
        staff_id=staff_id,
        since=since,
        limit=limit,
    )
    listed = [cards.read_batch(row) for row in found]
    told = yield from tallies(listed, now)
    return [Sold(batch=each, tally=told[each.id]) for each in listed]
