"""The clocks: the machine's own, and the one that tests and the sandbox can move."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from portal.clock import DAY, HOUR, MINUTE, SECOND, Clock, SystemClock, TravelClock, as_datetime

START = 1_800_000_000_000


def test_a_moment_is_milliseconds_since_1970_in_utc() -> None:
    assert as_datetime(0).isoformat() == "1970-01-01T00:00:00+00:00"
    assert as_datetime(DAY + HOUR + MINUTE + SECOND).isoformat() == "1970-01-02T01:01:01+00:00"


def test_the_machines_clock_is_the_machines() -> None:
    assert abs(SystemClock().now() - time.time() * 1000) < 5_000


def test_a_travel_clock_starts_where_it_is_told_and_real_time_flows() -> None:
    clock = TravelClock(start=START)
    first = clock.now()
    time.sleep(0.02)

    assert START <= first < START + 1_000
    assert 15 <= clock.now() - first < 5_000


def test_a_travel_clock_jumps() -> None:
    clock = TravelClock(start=START)
    clock.advance(30 * DAY)

    assert 30 * DAY <= clock.now() - START < 30 * DAY + 5_000


async def test_a_travel_clock_can_run_a_month_in_a_second() -> None:
    clock = TravelClock(start=START)
    clock.run_at(30 * DAY / SECOND)
    await clock.sleep(15 * DAY)

    assert clock.now() - START >= 15 * DAY


@pytest.mark.parametrize("clock", [SystemClock(), TravelClock(start=START)])
async def test_waiting_takes_as_long_as_it_says(clock: Clock) -> None:
    begun = time.monotonic()
    await clock.sleep(30)
    await clock.sleep_until(clock.now() + 30)
    await clock.sleep_until(clock.now() - DAY)

    assert 0.055 <= time.monotonic() - begun < 2


async def test_a_jump_wakes_every_sleeper() -> None:
    clock = TravelClock(start=START)
    sleepers = [asyncio.create_task(clock.sleep(days * DAY)) for days in (1, 7, 29)]
    await asyncio.sleep(0)
    clock.advance(30 * DAY)

    async with asyncio.timeout(60):
        await asyncio.gather(*sleepers)


def test_two_processes_share_a_clock_by_its_file(tmp_path: Path) -> None:
    one = TravelClock(tmp_path / "clock", start=START)
    other = TravelClock(tmp_path / "clock")
    one.advance(7 * DAY)

    assert abs(other.now() - one.now()) < 1_000
    assert other.now() >= START + 7 * DAY


async def test_a_stopped_clock_still_wakes_at_a_jump() -> None:
    clock = TravelClock(start=START)
    clock.run_at(0)
    sleeper = asyncio.create_task(clock.sleep(DAY))
    await asyncio.sleep(0.03)
    stood = clock.now()
    clock.advance(DAY)

    async with asyncio.timeout(60):
        await sleeper
    assert clock.now() == stood + DAY
