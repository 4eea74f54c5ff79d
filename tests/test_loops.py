"""Supervised loops: they go on after a failure, can be woken, and stop when asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from portal.clock import DAY, HOUR, MINUTE, SECOND, TravelClock
from portal.loops import Every, Supervisor, first


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.002)


class Work:
    """Counts its runs; fails, or takes its time, when told to."""

    def __init__(self) -> None:
        self.runs = 0
        self.failures_left = 0
        self.in_hand: Callable[[], Awaitable[object]] | None = None
        self.finished = 0

    async def __call__(self) -> object:
        self.runs += 1
        if self.failures_left:
            self.failures_left -= 1
            raise ValueError("a planted failure")
        if self.in_hand is not None:
            await self.in_hand()
        self.finished += 1
        return self.runs


async def test_a_loop_that_is_due_once_an_hour_is_not_stale_in_between() -> None:
    clock, work = TravelClock(), Work()
    supervisor = Supervisor(clock)
    supervisor.start([Every("hourly", HOUR, work, clock)])
    await until(lambda: "hourly" in supervisor.last_success)
    clock.advance(30 * MINUTE)
    between = supervisor.stale(2 * MINUTE)
    work.failures_left = 10**6
    clock.advance(33 * MINUTE)
    late = supervisor.stale(2 * MINUTE)
    await supervisor.stop()

    assert (between, late) == ([], ["hourly"])


async def test_a_loop_runs_again_after_its_period() -> None:
    clock, work = TravelClock(), Work()
    supervisor = Supervisor(clock)
    supervisor.start([Every("work", DAY, work, clock)])
    for n in (1, 2, 3):
        await until(lambda n=n: work.runs == n)  # type: ignore[misc]
        clock.advance(DAY)
    await supervisor.stop()

    assert work.runs >= 3


async def test_a_woken_loop_runs_at_once() -> None:
    clock, work = TravelClock(), Work()
    loop, supervisor = Every("work", DAY, work, clock), Supervisor(clock)
    supervisor.start([loop])
    await until(lambda: work.runs == 1)
    loop.wake()
    await until(lambda: work.runs == 2)
    await supervisor.stop()


async def test_waking_while_it_runs_is_not_forgotten() -> None:
    clock, work, gate = TravelClock(), Work(), asyncio.Event()
    work.in_hand = gate.wait
    loop, supervisor = Every("work", DAY, work, clock), Supervisor(clock)
    supervisor.start([loop])
    await until(lambda: work.runs == 1)
    loop.wake()
    gate.set()
    await until(lambda: work.runs == 2)
    await supervisor.stop()


async def test_a_failure_is_logged_waited_out_and_tried_again(capsys: pytest.CaptureFixture[str]) -> None:
    clock, work = TravelClock(), Work()
    work.failures_left = 2
    supervisor = Supervisor(clock)
    supervisor.start([Every("work", 10, work, clock)])
    await until(lambda: work.runs == 1)
    await asyncio.sleep(0.05)
    waited = work.runs
    clock.advance(1 * SECOND)
    await until(lambda: work.runs == 2)
    clock.advance(2 * SECOND)
    await until(lambda: work.finished > 0)
    await supervisor.stop()

    assert waited == 1
    assert "loop failed" in "".join(capsys.readouterr())


async def test_one_loop_that_fails_does_not_stop_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    clock, bad, good = TravelClock(), Work(), Work()
    bad.failures_left = 1_000_000
    supervisor = Supervisor(clock)
    supervisor.start([Every("bad", 1, bad, clock), Every("good", 1, good, clock)])
    await until(lambda: good.finished > 3)
    await supervisor.stop()

    assert bad.finished == 0
    assert "bad" in "".join(capsys.readouterr())


async def test_the_last_success_of_each_loop_can_be_seen(capsys: pytest.CaptureFixture[str]) -> None:
    clock, bad, good = TravelClock(), Work(), Work()
    bad.failures_left = 1_000_000
    supervisor = Supervisor(clock)
    supervisor.start([Every("bad", DAY, bad, clock), Every("good", DAY, good, clock)])
    await until(lambda: "good" in supervisor.last_success and bad.runs > 0)
    fresh = supervisor.stale(2 * MINUTE)
    clock.advance(DAY + 1.5 * MINUTE)
    later = supervisor.stale(MINUTE)
    await supervisor.stop()
    capsys.readouterr()

    assert (fresh, later) == (["bad"], ["bad", "good"])


async def test_stopping_finishes_what_is_in_hand() -> None:
    clock, work, gate = TravelClock(), Work(), asyncio.Event()
    work.in_hand = gate.wait
    supervisor = Supervisor(clock)
    supervisor.start([Every("work", 1, work, clock)])
    await until(lambda: work.runs == 1)
    stopping = asyncio.create_task(supervisor.stop())
    await asyncio.sleep(0.01)
    gate.set()
    await stopping

    assert (work.runs, work.finished) == (1, 1)


async def test_what_does_not_finish_in_time_is_cancelled() -> None:
    clock, work = TravelClock(), Work()
    work.in_hand = asyncio.Event().wait
    supervisor = Supervisor(clock)
    supervisor.start([Every("work", 1, work, clock)])
    await until(lambda: work.runs == 1)
    async with asyncio.timeout(60):
        await supervisor.stop(patience_s=0.02)

    assert work.finished == 0


async def test_stopping_before_starting_is_nothing() -> None:
    await Supervisor(TravelClock()).stop()


async def test_first_cancels_what_it_no_longer_waits_for() -> None:
    cancelled: list[bool] = []

    async def long() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(True)

    await first(long(), asyncio.sleep(0.01))

    assert cancelled == [True]
