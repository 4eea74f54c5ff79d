"""Supervised loops: each does its work again and again, and its last success can be seen (R10).

The work itself is `run_once`, which tests call; the loop around it has nothing to test but that a failure is
logged, waited out and tried again, and that it stops when asked, finishing what it has in hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Protocol, TypeVar

import structlog

from portal.clock import SECOND, Clock, Moment
from portal.db import Database, DatabaseAway
from portal.db.fences import Fence, LeaseLost, held

T = TypeVar("T")

log = structlog.get_logger("bando.loops")

LOOK_AGAIN_MS = SECOND // 2  # whether the work is ours now
AWAY_MS = 1 * SECOND  # how soon a loop is there again after the database
BACK_OFF_MS = (1 * SECOND, 2 * SECOND, 5 * SECOND, 15 * SECOND)


class Loop(Protocol):
    """Something that runs for as long as the service does."""

    name: str

    async def run_once(self) -> object: ...

    async def wait(self) -> None:
        """Until the next run is due."""


class Bell:
    """Says to a loop that there is something to do; `far` says it to the process that runs this loop now."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self.far: Callable[[], object] | None = None

    def ring(self) -> None:
        self.near()
        if self.far is not None:
            self.far()

    def near(self) -> None:
        """For this process alone."""
        self._rung.set()

    def clear(self) -> None:
        self._rung.clear()

    async def wait(self) -> None:
        await self._rung.wait()


def bells(db: Database, loops: Iterable[Loop]) -> None:
    """Let the bell of each of these loops be heard in every process."""
    for loop in loops:
        bell = getattr(loop, "bell", None)
        if isinstance(bell, Bell):
            topic = f"loop:{loop.name}"
            db.listen(topic, partial(_near, bell))
            bell.far = partial(db.ring, topic)


def _near(bell: Bell, _tenant: int, _key: int) -> None:
    bell.near()


class Every:
    """A loop that runs `once` after each `period_ms`, or at once when `wake` is called."""

    def __init__(self, name: str, period_ms: int, once: Callable[[], Awaitable[object]], clock: Clock) -> None:
        self.name = name
        self.period_ms = period_ms
        self._once = once
        self._clock = clock
        self.bell = Bell()

    async def run_once(self) -> object:
        self.bell.clear()
        return await self._once()

    def wake(self) -> None:
        """Run again at once."""
        self.bell.ring()

    async def wait(self) -> None:
        await first(self._clock.sleep(self.period_ms), self.bell.wait())


async def for_each(
    things: Iterable[T], act: Callable[[T], Awaitable[int]], failing: Callable[[T, Exception], None]
) -> int:
    """Act for every one of these, and give the sum; what fails for one keeps none of the others, and is raised at last.

    `failing` hears of each failure when it happens.
    """
    return _sum([await _tried(each, act, failing) for each in things])


async def side_by_side(
    things: Iterable[T], act: Callable[[T], Awaitable[int]], failing: Callable[[T, Exception], None]
) -> int:
    """The same for all of these at once: nobody waits for another one."""
    return _sum(await asyncio.gather(*(_tried(each, act, failing) for each in things)))


async def _tried(
    each: T, act: Callable[[T], Awaitable[int]], failing: Callable[[T, Exception], None]
) -> int | Exception:
    """What came of one of them."""
    try:
        return await act(each)
    except Exception as failed:  # of whatever kind: an ISP must not suffer from the data of another one
        failing(each, failed)
        return failed


def _sum(came: Iterable[int | Exception]) -> int:
    """All that was done; raises the last failure."""
    done, last = 0, None
    for each in came:
        if isinstance(each, Exception):
            last = each
        else:
            done += each
    if last is not None:
        raise last
    return done


async def first(*waits: Awaitable[object]) -> None:
    """Until one of these is done; the others are cancelled."""
    tasks = [asyncio.ensure_future(each) for each in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


Lease = Callable[[], Fence | None]
NO_FENCE = Fence("", 0)


async def _taken_up(loop: Loop) -> None:
    """Let it see what whoever did this before has left behind."""
    take_up = getattr(loop, "take_up", None)
    if take_up is not None:
        await take_up()


def always() -> Fence | None:
    """There is one process."""
    return NO_FENCE


class Supervisor:
    """Runs loops, and knows when each last succeeded."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._of_others: set[str] = set()  # what another process does now
        self._periods: dict[str, int] = {}
        self._stopping = asyncio.Event()
        self.last_success: dict[str, Moment] = {}

    def start(self, loops: Sequence[Loop], lease: Lease = always) -> None:
        """Run these, whenever `lease` gives the fence under which they may write."""
        for loop in loops:
            self._periods[loop.name] = loop.period_ms if isinstance(loop, Every) else 0
            self._tasks[loop.name] = asyncio.create_task(self._run(loop, lease), name=f"loop {loop.name}")

    async def _run(self, loop: Loop, lease: Lease) -> None:
        failures = 0
        while not self._stopping.is_set():
            fence = lease()
            if fence is None:
                self._of_others.add(loop.name)
                await first(self._clock.sleep(LOOK_AGAIN_MS), self._stopping.wait())
                continue
            self._of_others.discard(loop.name)
            try:
                if held.get() != fence:
                    held.set(fence)
                    await _taken_up(loop)
                await loop.run_once()
            except LeaseLost:
                log.info("another process goes on", loop=loop.name)
                await first(self._clock.sleep(LOOK_AGAIN_MS), self._stopping.wait())
            except DatabaseAway:
                if not failures:
                    log.warning("a loop waits for the database", loop=loop.name)
                failures = 1
                await first(self._clock.sleep(AWAY_MS), self._stopping.wait())
            except Exception as failed:  # a bug in one round must not end a loop that all guests depend on
                log.error("loop failed", loop=loop.name, error=type(failed).__name__, exc_info=failed)
                pause = BACK_OFF_MS[min(failures, len(BACK_OFF_MS) - 1)]
                failures += 1
                await first(self._clock.sleep(pause), self._stopping.wait())
            else:
                failures = 0
                self.last_success[loop.name] = self._clock.now()
                await first(loop.wait(), self._stopping.wait())

    def stale(self, older_than_ms: int) -> list[str]:
        """Loops that have not succeeded for so long after they should have: some are due once an hour only."""
        limit = self._clock.now() - older_than_ms
        ours = self._tasks.keys() - self._of_others
        return sorted(name for name in ours if self.last_success.get(name, 0) + self._periods[name] < limit)

    async def stop(self, patience_s: float = 10) -> None:
        """Ask every loop to finish what it has in hand; those that do not are cancelled."""
        self._stopping.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks.values(), timeout=patience_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
