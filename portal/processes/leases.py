"""What this process does of the work that is shared: leases that are renewed, taken over and given away.

A lease lasts ten seconds and is renewed each two and a half. Its owner believes in it for eight seconds after it was
last renewed, so it lets go before anybody else may take it; whoever is stopped in between meets the fence
(`db.fences`). A dead process is so followed within twelve and a half seconds. Work is spread evenly over the
processes that share it.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable, Sequence

import structlog

from portal.clock import Clock
from portal.db import Database, DatabaseAway
from portal.db.fences import Fence
from portal.loops import Every
from portal.processes import store
from portal.processes.store import MEMBER

log = structlog.get_logger("bando.processes")

LASTS_MS, BELIEVED_S, RENEW_EVERY_MS = 10_000, 8.0, 2_500
LOOPS = "loops"  # all loops but the keepers; they are one piece of work
SHARDS = 16  # of the routers
RELEASED = "leases"  # signal topic: some work has been given away

Held = Callable[[], float]


def shard(router_id: int) -> str:
    """Which piece of the work this router's keeper belongs to."""
    return f"keepers/{router_id % SHARDS}"


ALL = (LOOPS, *(f"keepers/{n}" for n in range(SHARDS)))


def name_of_this_process() -> str:
    """Nobody else's, now or later."""
    return f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"


class Leases:
    """The work of this process. `loop` keeps it; `fence(name)` says whether some work is ours now."""

    def __init__(self, db: Database, clock: Clock, names: Sequence[str] = ALL, now: Held = time.monotonic) -> None:
        self.me = name_of_this_process()
        self.edition = 0  # grows when what we hold is another than before
        self._db = db
        self._names = names
        self._now = now
        self._held: dict[str, Fence] = {}
        self._renewed_at = -1e9
        self.loop = Every("leases", RENEW_EVERY_MS, self.keep, clock)
        db.listen(RELEASED, lambda _tenant, _key: self.loop.wake())

    def fence(self, name: str) -> Fence | None:
        """Under which we may do this work; None: another process does it, or we do not know any more."""
        return self._held.get(name) if self._now() - self._renewed_at < BELIEVED_S else None

    def of_router(self, router_id: int) -> Fence | None:
        return self.fence(shard(router_id))

    async def keep(self) -> int:
        """Renew what we hold, give away what is more than our part, take what nobody does."""
        asked_at = self._now()
        kept = {each.name: each for each in await self._db.write(None, store.renew, self.me, LASTS_MS)}
        if f"{MEMBER}{self.me}" not in kept:
            await self._db.write(None, store.take, f"{MEMBER}{self.me}", self.me, LASTS_MS)
            await self._db.write(None, store.forget_gone)
        held = {name: kept[name] for name in self._names if name in kept}
        part = -(-len(self._names) // max(1, await self._db.read(None, store.members)))
        held = await self._give_away(held, part)
        for name in self._names:
            if len(held) < part and name not in held:
                taken = await self._db.write(None, store.take, name, self.me, LASTS_MS)
                held |= {name: taken} if taken else {}
        self._renewed_at = asked_at
        self._changed_to(held)
        return len(held)

    async def _give_away(self, held: dict[str, Fence], part: int) -> dict[str, Fence]:
        more = list(held)[part:]
        if not more:
            return held
        left = {name: each for name, each in held.items() if name not in more}
        self._changed_to(left)  # before others may take it
        await self._db.write(None, store.leave, self.me, more)
        self._db.ring(RELEASED)
        return left

    def _changed_to(self, held: dict[str, Fence]) -> None:
        if held != self._held:
            log.info("work of this process", work=sorted(held))
            self._held = held
            self.edition += 1

    async def leave(self) -> None:
        """Give everything away; the others need not wait until it runs out."""
        self._changed_to({})
        if self._renewed_at < 0:  # there never was anything
            return
        try:
            await self._db.write(None, store.leave_all, self.me)
        except DatabaseAway:
            log.warning("work that is not given away runs out by itself")
        else:
            self._db.ring(RELEASED)


class Alone:
    """One process does everything."""

    edition = 0

    def fence(self, name: str) -> Fence | None:
        return Fence(name, 0)

    def of_router(self, router_id: int) -> Fence | None:
        return Fence(shard(router_id), 0)
