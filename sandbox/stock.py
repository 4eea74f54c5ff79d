"""Vouchers of the month behind the sandbox's ISP: three batches, most of the older ones used, some taken back."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from portal.access import store as access
from portal.access.plans import Plan
from portal.access.store import Cause
from portal.books import ledger
from portal.books.ledger import About
from portal.clock import DAY, HOUR, Clock, Moment, SystemClock
from portal.db import Database
from portal.money import Money
from portal.seal import Vault
from portal.tenancy.store import Tenant
from portal.units import Unit, rows, update, value
from portal.vouchers import codes, store
from portal.vouchers.batches import Batches, Order
from portal.vouchers.guesses import TENANT_AN_HOUR
from portal.vouchers.store import Batch
from sandbox.past import pass_that_is_over


@dataclass(frozen=True, kw_only=True)
class Made:
    """A batch of the past: of which plan, how many, how long ago, for whom, and the share that was redeemed."""

    plan: str
    count: int
    days_ago: int
    agent: str
    note: str
    used: float
    price: int | None = None


BATCHES = (
    Made(plan="1 hour", count=120, days_ago=26, agent="Duka Moja", note="first order", used=0.93),
    Made(plan="1 day", count=60, days_ago=14, agent="Mama Njeri", note="", used=0.55),
    Made(plan="3 hours", count=36, days_ago=3, agent="", note="reception", used=0.2),
)
BY = "Wanjiru Kamau"
TORN = (1, 4)  # serials of the second batch that were taken back


@dataclass(frozen=True)
class Then:
    """A clock that stands in the past, and waits as any other."""

    at: Moment
    real: Clock = field(default_factory=SystemClock)

    def now(self) -> Moment:
        return self.at

    async def sleep(self, span_ms: float) -> None:
        await self.real.sleep(span_ms)

    async def sleep_until(self, moment: Moment) -> None:
        await self.real.sleep_until(moment)


async def stocked(db: Database, vault: Vault, tenant: Tenant, router_id: int, now: Moment) -> None:
    """Make the batches and what became of them, once."""
    if await db.read(tenant.id, _has_redeemed):
        return
    plans = {each.name: each for each in await db.read(tenant.id, access.plan_list)}
    for number, made in enumerate(BATCHES):
        if made.plan not in plans:
            continue
        then = Then(now - made.days_ago * DAY)
        room = Batches(db=db, vault=vault, clock=then, tenant=tenant, guesses_an_hour=TENANT_AN_HOUR)
        batch = await room.make(_order(plans[made.plan], made, then.now()))
        await db.write(tenant.id, _became, batch, made, router_id, Random(number), now)
        if number == 1:
            await db.write(tenant.id, _torn, batch, then.now() + DAY)


def _order(plan: Plan, made: Made, at: Moment) -> Order:
    return Order(
        plan=plan,
        count=made.count,
        style=codes.DEFAULT["letters"],
        use_by=at + 120 * DAY,
        price=Money(made.price * 100, plan.price.currency) if made.price is not None else None,
        note=made.note,
        agent=made.agent,
        by=BY,
    )


def _has_redeemed() -> Unit[object]:
    return (yield from value("SELECT id FROM vouchers WHERE tenant_id = :tenant AND state = 'redeemed' LIMIT 1"))


def _became(batch: Batch, made: Made, router_id: int, random: Random, now: Moment) -> Unit[None]:
    """Printed, and redeemed one by one until a while ago."""
    yield from store.add_act(batch.id, "printed", 1, batch.count, BY, batch.created_at + HOUR, how="sheet 4x9")
    devices = yield from rows("SELECT id FROM devices WHERE tenant_id = :tenant ORDER BY id LIMIT 200")
    cards = yield from store.in_range(batch.id, TORN[1] + 1, batch.count)
    for card in cards[: int(len(cards) * made.used)]:
        at = batch.created_at + 2 * HOUR + int((now - batch.created_at - DAY) * random.random())
        at = max(batch.created_at + 2 * HOUR, at)
        yield from update("vouchers", card.id, state="redeemed", redeemed_at=at, redeemed_router_id=router_id)
        about = About(plan_id=batch.plan.id, router_id=router_id)
        yield from ledger.post("redeemed-stock", card.label, batch.plan.price, at, about)
        device = random.choice(devices)["id"]
        yield from _spent(batch.plan, card.label, device, router_id, at, now)


def _spent(plan: Plan, label: str, device_id: int, router_id: int, at: Moment, now: Moment) -> Unit[None]:
    """The pass that a card made, long over."""
    over = min(at + plan.span_ms, now - 1)
    yield from pass_that_is_over(
        plan,
        device_id,
        Cause(kind="voucher", ref=label),
        at,
        router_id=router_id,
        until=over,
        used_ms=plan.span_ms,
        used_bytes=300_000_000,
    )


def _torn(batch: Batch, at: Moment) -> Unit[None]:
    """A few cards that were spoilt in printing."""
    yield from store.void_range(batch.id, *TORN, BY, "torn in the printer", at, in_use=False)
    yield from store.add_act(batch.id, "voided", *TORN, BY, at, reason="torn in the printer")
