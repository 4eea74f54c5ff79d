"""Moving ranges of cards between the ISP and its agents, and what that does to what an agent owes.

A card is an agent's when `vouchers.agent_id` says so, and its sale to them stands in the books from then on
(`sold_at`). One move is one transaction with one transfer: M<id>, as many cards as it took at their price. A range of
more cards than `PART` is several moves; their keys tell them apart, so that a form that is sent again after it was
cut short goes on with what is missing, and one that was carried out moves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from portal.books import agents
from portal.books.ledger import About, post
from portal.clock import Moment
from portal.errors import Refused
from portal.money import Money
from portal.units import Unit
from portal.vouchers.stock import store
from portal.vouchers.store import Batch

Kind = Literal["handed", "returned", "lost", "let-off"]
KINDS: tuple[Kind, ...] = ("handed", "returned", "lost", "let-off")
# What each is in the books. Of a lost card the agent owes the price for good; to be let off is to bring it back.
POSTED: dict[Kind, str] = {"handed": "handed-out", "returned": "taken-back", "lost": "expired", "let-off": "taken-back"}
PART = 5_000  # cards in one transaction: it holds the writer for some 40 ms


@dataclass(frozen=True, kw_only=True)
class Move:
    """A range of a batch that goes to an agent, comes back, or is lost."""

    kind: Kind
    agent_id: int
    batch: Batch
    first: int
    last: int
    staff_id: int
    by: str  # the same by name, for the cards that become void
    key: str  # of the form
    reason: str = ""
    beyond_limit: bool = False  # somebody who may has said so

    @property
    def parts(self) -> Iterator[Move]:
        """The same in moves that are small enough for one transaction each."""
        for start in range(self.first, self.last + 1, PART):
            yield replace(self, first=start, last=min(self.last, start + PART - 1), key=f"{self.key}:{start}")


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """What a move would do."""

    count: int
    worth: Money
    commission: Money  # when all of it is redeemed
    debt: Money  # before it
    limit: Money | None

    @property
    def after(self) -> Money:
        return Money(self.debt.minor + self.worth.minor, self.debt.currency)

    @property
    def less(self) -> Money:
        """What they owe when the cards are off their debt."""
        return Money(self.debt.minor - self.worth.minor, self.debt.currency)

    @property
    def too_much(self) -> bool:
        return self.limit is not None and self.after > self.limit


def foresee(kind: Kind, agent_id: int, batch: Batch, first: int, last: int, now: Moment) -> Unit[Foreseen]:
    """What a move of these cards would do; changes nothing."""
    count = yield from store.movable(kind, agent_id, batch.id, first, last, now)
    price, terms = batch.plan.price, (yield from store.terms(agent_id))
    return Foreseen(
        count=count,
        worth=Money(count * price.minor, price.currency),
        commission=Money(count * terms.commission(price.minor), price.currency),
        debt=(yield from agents.standing(agent_id, price.currency)).debt,
        limit=None if terms.limit_minor is None else Money(terms.limit_minor, price.currency),
    )


def must_have_room(agent_id: int, more: Money, beyond_limit: bool = False) -> Unit[None]:
    """Raise `Refused("stock-limit")` when an agent would owe more than was agreed."""
    limit = (yield from store.terms(agent_id)).limit_minor
    if limit is None or beyond_limit or more.minor <= 0:
        return
    owed = (yield from agents.standing(agent_id, more.currency)).debt
    if owed.minor + (yield from store.in_the_making(agent_id)) + more.minor > limit:
        raise Refused("stock-limit", status=409)


def must_sell(agent_id: int) -> Unit[None]:
    """Raise `Refused("move-off")` when somebody is switched off, or no agent."""
    if not (yield from store.sells(agent_id)):
        raise Refused("move-off", status=409)


def carry_out(move: Move, now: Moment) -> Unit[int]:
    """Move what may be moved of one part; how many cards it took, or had taken when its form was sent before.

    Raises `Refused`: move-off when nobody sells them there, stock-limit when the agent would owe too much.
    """
    price = move.batch.plan.price
    there = yield from store.with_key(move.key)
    if there is not None:
        return int(there["count"])
    if move.kind == "handed":
        yield from must_sell(move.agent_id)
    commission = (yield from store.terms(move.agent_id)).commission(price.minor)
    count = yield from _taken(move, commission, now)
    if not count:
        return 0
    worth = Money(count * price.minor, price.currency)
    if move.kind == "handed":
        yield from must_have_room(move.agent_id, worth, move.beyond_limit)
    move_id = yield from store.add_move(
        agent_id=move.agent_id,
        batch_id=move.batch.id,
        kind=move.kind,
        first_serial=move.first,
        last_serial=move.last,
        count=count,
        price_minor=price.minor,
        commission_minor=commission if move.kind == "handed" else 0,
        currency=price.currency,
        reason=move.reason,
        staff_id=move.staff_id,
        form_key=move.key,
        done_at=now,
    )
    about = About(agent_id=move.agent_id, plan_id=move.batch.plan.id)
    yield from post(POSTED[move.kind], f"M{move_id}", worth, now, about)
    return count


def _taken(move: Move, commission: int, now: Moment) -> Unit[int]:
    """Take the cards; how many they were."""
    bound = {"agent": move.agent_id, "commission": commission, "by": move.by, "reason": move.reason}
    return (yield from store.move(move.kind, move.batch.id, move.first, move.last, now, **bound))


def first_part(move: Move, now: Moment) -> Unit[int]:
    """`carry_out` of a whole range that must move something; raises `Refused("stock-nothing")`."""
    count = yield from carry_out(move, now)
    if not count:
        raise Refused("stock-nothing", status=409)
    return count
