"""The outbox: what was written with an alarm is delivered afterwards, again and again with growing pauses.

Write, call, write: the next try is in the books before the first one is made. So a crash in between costs a message
that comes twice, under the same mark, and never one that does not come.
"""

from __future__ import annotations

import asyncio
from functools import partial

import structlog

from portal.access.catalog import Catalog, TenantView
from portal.clock import DAY, HOUR, MINUTE, SECOND, Clock, Moment
from portal.db import Database
from portal.loops import Every, for_each, side_by_side
from portal.processors.gate import Registered, shut
from portal.processors.registry import Processor
from portal.seal import NotOurs, Vault
from portal.units import Unit
from portal.watch import channels, store
from portal.watch.deliver import TAKEN, Mails, Webhooks
from portal.watch.everybody import everybody
from portal.watch.store import Channel, Delivery

log = structlog.get_logger("bando.watch")

EVERY_MS = 5 * SECOND
PAUSES = (30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, 2 * HOUR, 6 * HOUR)
MOST_TRIES = len(PAUSES) + 1
UNREGISTERED = "unregistered"  # the receiver is not in the register of processors
LOOK_AGAIN_MS = 5 * MINUTE  # whether it was put back
WAITS_MS = 7 * DAY  # for that, or for its ISP to be on again; then it is old news
SHUT = "shut"  # its address or its secret does not open
AT_ONCE = 3  # of one ISP in a round; the others need not wait for a slow receiver of theirs
SIDE_BY_SIDE = 16


def next_try(tries: int, now: Moment) -> Moment | None:
    """When to try again after so many tries; None when that is enough."""
    return now + PAUSES[tries - 1] if tries < MOST_TRIES else None


def take(delivery: Delivery, now: Moment) -> Unit[Channel | None]:
    """Write down that it is tried now; the channel, or None when nothing goes there any more."""
    channel = yield from store.channel(delivery.channel_id)
    if channel is None or not (channel.active or delivery.event == "test"):
        yield from store.drop_waiting(delivery.channel_id, now)
        return None
    if now - delivery.made_at >= WAITS_MS:  # the ISP was off meanwhile, or Bando was
        yield from store.change_delivery(delivery.id, state="dropped", answer="late", next_try_at=None, done_at=now)
        return None
    tries = delivery.tries + 1
    # After the last try it waits for its own result alone; if that is lost, it is tried once more.
    again = next_try(tries, now) or now + PAUSES[-1]
    yield from store.change_delivery(delivery.id, tries=tries, next_try_at=again)
    return channel


def note(delivery: Delivery, channel: Channel, answer: str, now: Moment) -> Unit[str]:
    """Write down what came of it; the state."""
    tries = delivery.tries + 1
    again = None if answer == TAKEN or delivery.event == "test" else next_try(tries, now)
    state = "sent" if answer == TAKEN else "failed" if again is None else "waiting"
    done_at = None if state == "waiting" else now
    yield from store.change_delivery(delivery.id, state=state, answer=answer, next_try_at=again, done_at=done_at)
    if answer == TAKEN:
        yield from store.change_channel(channel.id, last_ok_at=now)
    else:
        yield from store.change_channel(channel.id, last_failed_at=now)
    return state


def hold(delivery: Delivery, now: Moment) -> Unit[str]:
    """Keep it until its receiver is registered, without counting a try; the state. A test does not wait."""
    waits = delivery.event != "test" and now - delivery.made_at < WAITS_MS
    state, again = ("waiting", now + LOOK_AGAIN_MS) if waits else ("failed", None)
    done_at = None if waits else now
    yield from store.change_delivery(delivery.id, state=state, answer=UNREGISTERED, next_try_at=again, done_at=done_at)
    yield from store.change_channel(delivery.channel_id, last_failed_at=now)
    return state


def give_up(delivery: Delivery, now: Moment) -> Unit[None]:
    """Its channel cannot be used, now or later."""
    yield from store.change_delivery(delivery.id, state="failed", answer=SHUT, next_try_at=None, done_at=now)
    yield from store.change_channel(delivery.channel_id, last_failed_at=now)


def _failing(view: TenantView, broken: Exception) -> None:
    log.error("delivering failed", tenant=view.tenant.public, error=type(broken).__name__)


def _breaking(delivery: Delivery, broken: Exception) -> None:
    log.error("message broke off", delivery=delivery.public, error=type(broken).__name__)


class Outbox:
    """Delivers what waits, to receivers in the register of processors."""

    def __init__(
        self,
        db: Database,
        vault: Vault,
        clock: Clock,
        catalog: Catalog,
        webhooks: Webhooks,
        mails: Mails,
        *,
        registered: Registered = shut,
    ) -> None:
        self._registered = registered
        self._db = db
        self._vault = vault
        self._clock = clock
        self._catalog = catalog
        self._webhooks = webhooks
        self._mails = mails
        self._room = asyncio.Semaphore(SIDE_BY_SIDE)
        self.failed = 0  # messages that were given up since the start
        self.loop = Every("outbox", EVERY_MS, self.run_once, clock)

    async def run_once(self) -> int:
        """How many were tried, of all ISPs that are on; what waits at the others goes out when they are on again."""
        on = [view for view in await everybody(self._db, self._catalog) if view.tenant.active]
        return await side_by_side(on, self._of, _failing)

    async def _of(self, view: TenantView) -> int:
        """Those of one ISP, one after the other."""
        tenant = view.tenant.id
        waiting: list[Delivery] = await self._db.read(tenant, store.due, self._clock.now(), AT_ONCE)
        return await for_each(waiting, partial(self._when_free, tenant), _breaking)

    async def _when_free(self, tenant: int, delivery: Delivery) -> int:
        async with self._room:
            try:
                await self._deliver(tenant, delivery)
            except NotOurs:
                await self._db.write(tenant, give_up, delivery, self._clock.now())
                log.error("message does not open", delivery=delivery.public)
                self.failed += 1
        return 1

    async def _deliver(self, tenant: int, delivery: Delivery) -> None:
        there: Channel | None = await self._db.read(tenant, store.channel, delivery.channel_id)
        wanted = there is not None and (there.active or delivery.event == "test")
        to = await self._receiver(tenant, there) if there is not None and wanted else None
        if wanted and to is None:
            self.failed += await self._db.write(tenant, hold, delivery, self._clock.now()) == "failed"
            return
        channel: Channel | None = await self._db.write(tenant, take, delivery, self._clock.now())
        if channel is None or to is None:
            return
        answer = await self._call(to, channel, delivery)
        state = await self._db.write(tenant, note, delivery, channel, answer, self._clock.now())
        if answer != TAKEN:
            log.warning("message not delivered", delivery=delivery.public, kind=channel.kind, answer=answer)
        self.failed += state == "failed"

    async def _receiver(self, tenant: int, channel: Channel) -> Processor | None:
        return await self._registered(tenant, channels.mark(channel.kind, channels.address(self._vault, channel)))

    async def _call(self, to: Processor, channel: Channel, delivery: Delivery) -> str:
        body, now = delivery.body.encode(), self._clock.now()
        address = channels.address(self._vault, channel)
        if channel.kind == "email":
            return await self._mails.send(to, address, delivery.public, body, now)
        secret = channels.secret(self._vault, channel)
        return await self._webhooks.send(to, address, secret, delivery.public, body, now)
