"""Turns at being connected to: who hangs keeps nobody waiting that answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import pytest

from portal.mikrotik.turns import Turns

ISP, OTHER = 1, 2


class Callers:
    """Those who wait for a turn, in the order in which they had it."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._tasks: list[asyncio.Task[None]] = []
        self.had: list[str] = []

    def call(self, name: str, tenant: int = ISP, *, well: bool = True, hangs: bool = False) -> asyncio.Task[None]:
        task = asyncio.create_task(self._call(name, tenant, well, hangs))
        self._tasks.append(task)
        return task

    async def _call(self, name: str, tenant: int, well: bool, hangs: bool) -> None:
        async with self._turns.turn(tenant, well=well):
            self.had.append(name)
            if hangs:
                await asyncio.Event().wait()

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def soon(true: Callable[[], bool], seconds: float = 0.2) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not true():
                await asyncio.sleep(0.002)
    return true()


@pytest.mark.parametrize(("kept", "reached"), [(1, True), (0, False)], ids=["kept places", "without them"])
async def test_routers_that_hang_leave_places_for_those_that_were_well(kept: int, reached: bool) -> None:
    callers = Callers(Turns(places=4, kept=kept))
    for n in range(10):
        callers.call(f"hanging {n}", well=False, hangs=True)
    await asyncio.sleep(0.02)

    callers.call("well")

    assert await soon(lambda: "well" in callers.had) is reached
    await callers.end()


async def test_no_more_connections_are_set_up_at_once_than_there_are_places() -> None:
    turns = Turns(places=6, kept=2)
    callers = Callers(turns)
    for n in range(20):
        callers.call(f"ill {n}", well=False, hangs=True)
        callers.call(f"well {n}", hangs=True)
    await asyncio.sleep(0.05)

    assert turns.inside == 6
    await callers.end()
    assert turns.inside == 0


async def test_those_in_trouble_have_one_turn_of_four_while_others_wait_too() -> None:
    callers = Callers(Turns(places=1, kept=0))
    first = callers.call("first", hangs=True)
    await asyncio.sleep(0)
    for n in range(12):
        callers.call(f"well {n}")
    for n in range(3):
        callers.call(f"ill {n}", well=False)
    await asyncio.sleep(0.01)
    first.cancel()

    assert await soon(lambda: len(callers.had) == 16)
    assert [n for n, name in enumerate(callers.had) if name.startswith("ill")] == [3, 7, 11]


async def test_isps_take_turns_however_many_routers_one_of_them_has() -> None:
    callers = Callers(Turns(places=1, kept=0))
    first = callers.call("first", hangs=True)
    await asyncio.sleep(0)
    for n in range(50):
        callers.call(f"many {n}", well=False)
    await asyncio.sleep(0.01)
    callers.call("the only one of its ISP", OTHER, well=False)
    await asyncio.sleep(0.01)
    first.cancel()

    assert await soon(lambda: len(callers.had) == 52)
    assert callers.had.index("the only one of its ISP") == 2


async def test_after_an_outage_of_all_so_many_are_begun_in_a_second() -> None:
    callers = Callers(Turns(starts=100, burst=5))
    began = asyncio.get_running_loop().time()
    for n in range(25):
        callers.call(f"{n}")
    await asyncio.sleep(0.01)

    assert len(callers.had) <= 7
    assert await soon(lambda: len(callers.had) == 25, 5)
    assert asyncio.get_running_loop().time() - began >= 0.19


async def test_whoever_goes_while_waiting_or_at_that_very_moment_keeps_no_place() -> None:
    turns = Turns(places=1, kept=0)
    callers = Callers(turns)
    first, second = callers.call("first", hangs=True), callers.call("second", hangs=True)
    third = callers.call("third", hangs=True)
    await asyncio.sleep(0.01)

    third.cancel()
    first.cancel()
    await asyncio.sleep(0)  # the place is given to the second one, which has not heard of it yet …
    second.cancel()  # … as it goes
    await asyncio.gather(first, second, third, return_exceptions=True)

    assert turns.inside == 0
    callers.call("fourth")
    assert await soon(lambda: "fourth" in callers.had)
