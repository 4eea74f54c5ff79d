"""`kill -9` at random moments while guests are buying: what was acknowledged is there (I10), nobody loses."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from random import Random

import httpx
import pytest

from portal.clock import MINUTE, SECOND
from tests.crash.stage import Guest, Stage, guest, stage
from tests.crash.walk import accounts_agree

SHOPPERS = 3
MOST = 200  # guests in one world


async def insist(act: Callable[[], Awaitable[None]]) -> None:
    """Again and again, as guests do, until the portal answers."""
    for _ in range(3000):
        try:
            await act()
        except httpx.TransportError:
            await asyncio.sleep(0.02)
        else:
            return
    raise AssertionError("the portal does not answer")


async def shop(made: Stage, numbers: Iterator[int], stack: AsyncExitStack, came: list[Guest]) -> None:
    """One guest after the other buys; they all stay."""
    for number in numbers:
        one = await stack.enter_async_context(guest(made, number))
        await insist(one.choose)
        came.append(one)
        while one.answer is None:
            await one.press()
            await asyncio.sleep(0.02)


def paid(made: Stage, came: list[Guest]) -> int:
    """How many of them have paid."""
    return sum(bool(made.money_of(one.number)) for one in came)


async def kill_now_and_then(made: Stage, times: int, random: Random, came: list[Guest]) -> None:
    """Each portal does some work, more or less, and is shot in the midst of it; a slow machine gets more of both."""
    for n in range(3 * times):
        if n >= times and paid(made, came) >= times / 2:
            return
        made.points.arm(0)
        work = random.randint(5, 300)
        for _ in range(500):
            if len(made.points.passed()) >= work:
                break
            await asyncio.sleep(0.005)
        await made.portal.kill()
        await made.start()


async def all_settled(made: Stage, came: list[Guest]) -> None:
    """Let ten minutes pass, and see that nothing is left open."""
    for n in range(600):
        open_still = [one for one in came if not (one.settled() or one.given_up())]
        if not open_still:
            return
        if n < 60:
            for one in came:
                one.gateway.appear()
            made.clock.advance(20 * SECOND)
        await asyncio.sleep(0.1)
    raise AssertionError([(each.state, each.reason) for one in open_still for each in one.payments])


@pytest.mark.parametrize(
    "times",
    [
        20,
        pytest.param(
            150,
            marks=[
                pytest.mark.slow,
                pytest.mark.skipif(os.environ.get("BANDO_SWEEP") != "1", reason="takes minutes: make sweep"),
            ],
        ),
    ],
)
async def test_kills_at_random_moments_lose_nothing_that_was_acknowledged(tmp_path: Path, times: int) -> None:
    for part in range(0, times, 20):
        async with stage(tmp_path / str(part), patient=True) as made, AsyncExitStack() as stack:
            await one_evening(made, stack, min(20, times - part), Random(part))


async def one_evening(made: Stage, stack: AsyncExitStack, times: int, random: Random) -> None:
    came: list[Guest] = []
    numbers = (number for number in count(1) if number < MOST)
    shoppers = [asyncio.create_task(shop(made, numbers, stack, came)) for _ in range(SHOPPERS)]
    try:
        await kill_now_and_then(made, times, random, came)
    finally:
        for each in shoppers:
            each.cancel()
        await asyncio.gather(*shoppers, return_exceptions=True)
    for one in came:
        while one.answer is None:
            await one.press()
    await all_settled(made, came)
    made.clock.advance(2 * MINUTE)
    for one in came:
        one.gateway.appear()
    await asyncio.gather(*(accounts_agree(made, one) for one in came))
    told = sum(each.outcome == "200" for each in made.site.mpesa.deliveries)
    print(f"{times} kills, {len(came)} guests, {paid(made, came)} paid, {told} callbacks acknowledged")
    assert paid(made, came) >= times / 2
    assert integrity(made.site.settings.database) == "ok"


def integrity(path: Path) -> str:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])
