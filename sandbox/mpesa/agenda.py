"""What happens later: acts with a due moment, and acts that run beside the request that caused them."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Coroutine
from itertools import count
from typing import Any

from portal.clock import Clock, Moment

Act = Callable[[], Awaitable[None]]


class Agenda:
    """Acts run when the clock says so, as long as `run` is running (or someone calls `run_once`)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._order = count()
        self._acts: list[tuple[Moment, int, Act]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    def at(self, moment: Moment, act: Act) -> None:
        heapq.heappush(self._acts, (moment, next(self._order), act))
        self._changed.set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run it beside the caller."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def busy(self) -> bool:
        """Whether something is being done, or due."""
        return bool(self._tasks) or bool(self._acts and self._acts[0][0] <= self._clock.now())

    def _due(self) -> list[Act]:
        due: list[Act] = []
        while self._acts and self._acts[0][0] <= self._clock.now():
            due.append(heapq.heappop(self._acts)[2])
        return due

    async def run_once(self) -> int:
        """Do what is due and wait until it is done; how much that was."""
        due = self._due()
        await asyncio.gather(*(act() for act in due))
        return len(due)

    async def run(self) -> None:
        """Do each act at its moment, beside each other, until cancelled."""
        while True:
            for act in self._due():
                self.spawn(_perform(act))
            await self._until_next()

    async def _until_next(self) -> None:
        self._changed.clear()
        waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._changed.wait())]
        if self._acts:
            waits.append(asyncio.ensure_future(self._clock.sleep_until(self._acts[0][0])))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def aclose(self) -> None:
        """Forget what has not happened and stop what is happening."""
        self._acts.clear()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _perform(act: Act) -> None:
    await act()
