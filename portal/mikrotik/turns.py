"""Whose turn it is to be connected to: routers that hang do not keep those waiting that answer.

One that accepts and says nothing has its place for all of our patience, ten seconds; one that answers costs some
milliseconds of processor, and after an outage of a whole network all of them answer at once. So:

- So many connections are set up at a time, and the last of these places are for routers that were well.
- So many are begun in a second, after a first handful.
- Routers in trouble get one turn of four at least, and among them the ISPs take turns: whoever has a thousand dead
  routers keeps nobody else's from coming back.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

PLACES = 512  # connections being set up
KEPT = 128  # of these places, for routers that were well
STARTS = 100  # in a second; each is about 2 ms of processor until the router agrees
BURST = 64  # that are begun without waiting
SHARE = 4  # of so many turns one is for those in trouble, if one of them waits


class Line:
    """Those who wait, ISP by ISP in turn."""

    def __init__(self) -> None:
        self._waiting: dict[int, deque[asyncio.Future[None]]] = {}  # whose turn it is comes first

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def join(self, tenant: int, turn: asyncio.Future[None]) -> None:
        self._waiting.setdefault(tenant, deque()).append(turn)

    def leave(self, tenant: int, turn: asyncio.Future[None]) -> None:
        """Whoever waited does not wait any more."""
        turns = self._waiting.get(tenant, deque())
        if turn in turns:
            turns.remove(turn)
        if not turns:
            self._waiting.pop(tenant, None)

    def take(self) -> asyncio.Future[None] | None:
        """The next one; its ISP stands behind all others then. None when all have gone who waited."""
        while self._waiting:
            tenant, turns = next(iter(self._waiting.items()))
            del self._waiting[tenant]
            turn = turns.popleft()
            if turns:
                self._waiting[tenant] = turns
            if not turn.done():  # it is cancelled a moment before its owner hears of that and leaves
                return turn
        return None


class Turns:
    """One for all routers of a process."""

    def __init__(self, *, places: int = PLACES, kept: int = KEPT, starts: float = STARTS, burst: int = BURST) -> None:
        self._places = {True: places, False: places - kept}  # by whether they were well
        self._starts, self._burst = starts, float(burst)
        self._well, self._ill = Line(), Line()
        self._inside = {True: 0, False: 0}
        self._left = float(burst)  # starts that may be made now
        self._counted_at = 0.0
        self._since_ill = 0  # turns since one in trouble had one
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def inside(self) -> int:
        """How many connections are being set up."""
        return sum(self._inside.values())

    @asynccontextmanager
    async def turn(self, tenant: int, *, well: bool) -> AsyncIterator[None]:
        """Wait for a turn of a router of this ISP, and hold a place; `well`: it agreed when it was last met."""
        mine = asyncio.get_running_loop().create_future()
        line = self._well if well else self._ill
        line.join(tenant, mine)
        self._go_on()
        try:
            await mine
        except asyncio.CancelledError:
            line.leave(tenant, mine)
            if mine.done() and not mine.cancelled():  # it came as its owner went
                self._over(well)
            raise
        try:
            yield
        finally:
            self._over(well)

    def _over(self, well: bool) -> None:
        self._inside[well] -= 1
        self._go_on()

    def _go_on(self) -> None:
        """Give turns to as many as may begin now."""
        self._count()
        while (well := self._next()) is not None:
            if self._left < 1:
                self._wake_later()
                return
            turn = (self._well if well else self._ill).take()
            if turn is not None:
                self._left -= 1
                self._inside[well] += 1
                self._since_ill = self._since_ill + 1 if well else 0
                turn.set_result(None)

    def _next(self) -> bool | None:
        """Of which kind the next one is: well, or in trouble; None while nobody may begin."""
        well = bool(self._well) and self.inside < self._places[True]
        ill = bool(self._ill) and self._inside[False] < self._places[False] and self.inside < self._places[True]
        if well and ill:
            return self._since_ill < SHARE - 1
        return True if well else False if ill else None

    def _count(self) -> None:
        """What time has given since it was last looked at."""
        now = asyncio.get_running_loop().time()
        if self._counted_at:
            self._left = min(self._burst, self._left + (now - self._counted_at) * self._starts)
        self._counted_at = now

    def _wake_later(self) -> None:
        if self._alarm is None:
            loop = asyncio.get_running_loop()
            self._alarm = loop.call_later((1 - self._left) / self._starts, self._woken)

    def _woken(self) -> None:
        self._alarm = None
        self._go_on()
