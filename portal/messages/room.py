"""The outbox of messages: what was written with its cause is sent afterwards, again and again with growing pauses.

Write, call, write: the next try is in the database before the first one is made. So a crash in between costs a message
that comes twice, under the same mark by which the gateway tells doubles, and never one that does not come.
"""

from __future__ import annotations

import asyncio

import structlog

from portal.access.catalog import Catalog
from portal.clock import HOUR, MINUTE, SECOND, Clock, Moment
from portal.db import Database
from portal.loops import Every, Loop
from portal.messages import store
from portal.messages.gateways import TAKEN, Gateway
from portal.messages.store import Message
from portal.privacy.rights import service as rights
from portal.seal import Vault
from portal.units import Unit

log = structlog.get_logger("bando.messages")

EVERY_MS = 5 * SECOND
PAUSES = (15 * SECOND, MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR)
MOST_TRIES = len(PAUSES) + 1
AT_ONCE = 5  # of one ISP in a round
CODES_KEPT_MS = HOUR
ASKED_FOR = frozenset({"code"})  # they asked for it this minute, whatever else they do not want


def take(message: Message, now: Moment) -> Unit[bool]:
    """Write down that it is tried now; False when it is of no use any more, or may not be sent."""
    allowed = message.kind in ASKED_FOR or (yield from rights.may_write_to(message.person_id, marketing=False))
    if now >= message.expires_at or not allowed:
        outcome = "too late" if allowed else "restricted"
        yield from store.change(message.id, state="dropped", outcome=outcome, next_try_at=None, done_at=now)
        return False
    # After the last try it waits for its own result alone; if that is lost, it is tried once more.
    again = now + PAUSES[min(message.tries, len(PAUSES) - 1)]
    yield from store.change(message.id, tries=message.tries + 1, next_try_at=again)
    return True


def note(message: Message, outcome: str, now: Moment) -> Unit[str]:
    """Write down what came of it; the state."""
    tries = message.tries + 1
    state = "sent" if outcome == TAKEN else "waiting" if tries < MOST_TRIES else "failed"
    waits = state == "waiting"
    yield from store.change(
        message.id,
        state=state,
        outcome=outcome,
        next_try_at=now + PAUSES[tries - 1] if waits else None,
        done_at=None if waits else now,
    )
    return state


class Messages:
    """Sends what waits. Without a gateway nothing is possible, and nothing is put out."""

    def __init__(self, db: Database, vault: Vault, clock: Clock, catalog: Catalog, gateway: Gateway | None) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._catalog = catalog
        self._gateway = gateway
        self._loop = Every("messages", EVERY_MS, self.run_once, clock)
        self._tidy = Every("old codes", HOUR // 4, self.tidy, clock)
        self.loops: tuple[Loop, ...] = (self._loop, self._tidy)

    @property
    def possible(self) -> bool:
        return self._gateway is not None

    def wake(self) -> None:
        """There is something to be sent."""
        self._loop.wake()

    async def run_once(self) -> int:
        """How many were tried."""
        tried = await asyncio.gather(*(self._of(view.tenant.id) for view in self._catalog.all()))
        return sum(tried)

    async def _of(self, tenant: int) -> int:
        """Those of one ISP, one after the other."""
        if self._gateway is None:
            return 0
        waiting: list[Message] = await self._db.read(tenant, store.due, self._clock.now(), AT_ONCE)
        for each in waiting:
            await self._send(self._gateway, tenant, each)
        return len(waiting)

    async def _send(self, gateway: Gateway, tenant: int, message: Message) -> None:
        if not await self._db.write(tenant, take, message, self._clock.now()):
            return
        vault = self._vault.of(tenant)
        outcome = await gateway.send(message.public, message.recipient(vault), message.body(vault))
        await self._db.write(tenant, note, message, outcome, self._clock.now())
        if outcome != TAKEN:
            log.warning("message not sent", message=message.public, outcome=outcome)

    async def tidy(self) -> None:
        """Codes are of no use after minutes."""
        before = self._clock.now() - CODES_KEPT_MS
        for view in self._catalog.all():
            if await self._db.read(view.tenant.id, store.any_code_before, before):
                await self._db.write(view.tenant.id, store.forget_codes, before)
