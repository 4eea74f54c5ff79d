"""Supervised loops: they go on after a failure, can be woken, and stop when asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from portal.clock import DAY, HOUR, MINUTE, SECOND, TravelClock
from portal.db import DatabaseAway
from portal.db.fences import Fence, LeaseLost
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


async def test_a_loop_runs_where_its_lease_is_and_is_taken_up_there() -> None:
    clock, here, there = TravelClock(), Work(), Work()
    owner: list[str] = ["here"]
    taken: list[str] = []

    def lease(name: str) -> Callable[[], Fence | None]:
        return lambda: Fence("loops", 7 if name == "here" else 8) if owner == [name] else None

    supervisors = {}
    for name, work in (("here", here), ("there", there)):
        loop = Every("work", 20, work, clock)
        loop.take_up = partial(noted, taken, name)  # type: ignore[attr-defined]
        supervisors[name] = Supervisor(clock)
        supervisors[name].start([loop], lease(name))
    await until(lambda: here.runs > 2)
    assert there.runs == 0
    owner[0] = "there"
    await until(lambda: there.runs > 0)
    runs = here.runs
    await until(lambda: there.runs > 3)
    assert here.runs <= runs + 1
    assert taken == ["here", "there"]
    for each in supervisors.values():
        await each.stop()


async def noted(taken: list[str], name: str) -> None:
    taken.append(name)


async def test_a_loop_of_another_process_is_not_stale_here() -> None:
    clock, work = TravelClock(), Work()
    supervisor = Supervisor(clock)
    supervisor.start([Every("work", SECOND, work, clock)], lambda: None)
    await until(lambda: supervisor.stale(0) == [])
    clock.advance(DAY)
    assert supervisor.stale(2 * MINUTE) == []
    assert work.runs == 0
    await supervisor.stop()


async def test_whoever_has_lost_its_lease_goes_on_quietly(capsys: pytest.CaptureFixture[str]) -> None:
    clock, runs = TravelClock(), [0]

    async def lost() -> None:
        runs[0] += 1
        raise LeaseLost

    supervisor = Supervisor(clock)
    supervisor.start([Every("work", SECOND, lost, clock)])
    await until(lambda: runs[0] == 1)
    clock.advance(SECOND)
    await until(lambda: runs[0] == 2)
    await supervisor.stop()
    said = "".join(capsys.readouterr())
    assert "another process goes on" in said
    assert "Traceback" not in said


async def test_a_database_that_is_away_is_one_line_and_asked_again_soon(capsys: pytest.CaptureFixture[str]) -> None:
    clock, runs = TravelClock(), [0]

    async def away() -> None:
        runs[0] += 1
        if runs[0] < 20:
            raise DatabaseAway

    supervisor = Supervisor(clock)
    supervisor.start([Every("work", SECOND, away, clock)])
    for n in range(1, 21):
        await until(lambda n=n: runs[0] >= n)  # type: ignore[misc]
        clock.advance(SECOND)
    await until(lambda: "work" in supervisor.last_success)
    await supervisor.stop()
    said = "".join(capsys.readouterr())
    assert said.count("waits for the database") == 1
    assert "Traceback" not in said
