"""What becomes of cards, in the books.

A card that is sold for cash or handed out to an agent is money for time that we owe; redeeming it earns it. A card of
our own stock is on paper and somebody sells it, who did not say so: its sale is noticed when it is redeemed.
"""

from __future__ import annotations

from dataclasses import dataclass

from portal.books.ledger import About, post, posted
from portal.clock import Moment
from portal.money import Money
from portal.units import Unit, later
from portal.vouchers import store
from portal.vouchers.store import Batch, Taken


def sold_for_cash(batch: Batch, label: str, staff_id: int, now: Moment) -> Unit[None]:
    """Somebody of the staff sold this card, and has its price in their drawer."""
    yield from store.set_sold(batch.id, label, now)
    about = About(staff_id=staff_id, plan_id=batch.plan.id)
    yield from post("sold", label, batch.plan.price, now, about)


def handed_out(batch: Batch, now: Moment) -> Unit[None]:
    """A whole batch was made for an agent, who owes for it from now on."""
    if batch.agent_id is not None:
        whole = Money(batch.plan.price.minor * batch.count, batch.plan.price.currency)
        yield from post("handed-out", f"B{batch.number}", whole, now, _about(batch, batch.agent_id))


def redeemed(taken: Taken, router_id: int, now: Moment) -> Unit[None]:
    """A card has made its pass."""
    plan, agent = taken.plan, taken.agent_id
    kind = "redeemed" if taken.sold else "redeemed-stock"
    about = About(plan_id=plan.id, router_id=router_id, agent_id=agent)
    yield from later(post(kind, taken.label, plan.price, now, about))
    if agent is not None and taken.commission_minor:
        due = Money(taken.commission_minor, plan.price.currency)
        yield from post("commission", taken.label, due, now, about)


@dataclass(frozen=True, kw_only=True)
class Undone:
    """A card that was void before anybody redeemed it."""

    label: str
    agent_id: int | None
    by: int | None  # who voided it, if it was somebody of the staff: they give the cash back


def undone(batch: Batch, card: Undone, now: Moment) -> Unit[None]:
    """The sale of a card is undone: its price goes back to who paid it, or off the agent's debt."""
    if (yield from posted("expired", card.label)) is not None:
        return  # it was worth nothing any more
    if card.agent_id is not None:
        yield from post("taken-back", card.label, batch.plan.price, now, _about(batch, card.agent_id))
        return
    sale = yield from posted("sold", card.label)
    if sale is not None:
        drawer = sale["staff_id"] if card.by is None else card.by
        yield from post("sale-undone", card.label, batch.plan.price, now, About(staff_id=drawer, plan_id=batch.plan.id))


EXPIRE_CHUNK = 200  # cards in one transaction


def expire_some(now: Moment) -> Unit[int]:
    """Take some cards that nobody redeemed in time as earned; how many batches and cards there were to look at."""
    done = 0
    for batch in (yield from store.overdue_batches(now, 20)):
        cards = yield from store.sold_unused(batch.id, EXPIRE_CHUNK)
        for card in cards:
            about = About(agent_id=card["agent_id"], plan_id=batch.plan.id)
            yield from post("expired", card["label"], batch.plan.price, now, about)
        done += 1 + len(cards)
        if len(cards) == EXPIRE_CHUNK:
            break
        yield from store.set_expired(batch.id, now)
    return done


def _about(batch: Batch, agent_id: int) -> About:
    return About(agent_id=agent_id, plan_id=batch.plan.id)
