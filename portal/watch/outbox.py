"""The outbox: what was written with an alarm is delivered afterwards, again and again with growing pauses.

Write, call, write: the next try is in the books before the first one is made. So a crash in between costs a message
that comes twice, under the same mark, and never one that does not come.
"""

from __future__ import annotations

import asyncio

import structlog

from portal.access.catalog import Catalog
from portal.clock import HOUR, MINUTE, SECOND, Clock, Moment
from portal.db import Database
from portal.loops import Every
from portal.seal import Vault
from portal.units import Unit
from portal.watch import channels, store
from portal.watch.deliver import TAKEN, Mails, Webhooks
from portal.watch.store import Channel, Delivery

log = structlog.get_logger("bando.watch")

EVERY_MS = 5 * SECOND
PAUSES = (30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, 2 * HOUR, 6 * HOUR)
MOST_TRIES = len(PAUSES) + 1
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


class Outbox:
    """Delivers what waits."""

    def __init__(
        self, db: Database, vault: Vault, clock: Clock, catalog: Catalog, webhooks: Webhooks, mails: Mails
    ) -> None:
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
        """How many were tried."""
        tried = await asyncio.gather(*(self._of(view.tenant.id) for view in self._catalog.all()))
        return sum(tried)

    async def _of(self, tenant: int) -> int:
        """Those of one ISP, one after the other."""
        waiting: list[Delivery] = await self._db.read(tenant, store.due, self._clock.now(), AT_ONCE)
        for each in waiting:
            async with self._room:
                await self._deliver(tenant, each)
        return len(waiting)

    async def _deliver(self, tenant: int, delivery: Delivery) -> None:
        channel: Channel | None = await self._db.write(tenant, take, delivery, self._clock.now())
        if channel is None:
            return
        answer = await self._call(channel, delivery)
        state = await self._db.write(tenant, note, delivery, channel, answer, self._clock.now())
        if answer != TAKEN:
            log.warning("message not delivered", delivery=delivery.public, kind=channel.kind, answer=answer)
        self.failed += state == "failed"

    async def _call(self, channel: Channel, delivery: Delivery) -> str:
        body, now = delivery.body.encode(), self._clock.now()
        address = channels.address(self._vault, channel)
        if channel.kind == "email":
            return await self._mails.send(address, delivery.public, body, now)
        return await self._webhooks.send(address, channels.secret(self._vault, channel), delivery.public, body, now)
