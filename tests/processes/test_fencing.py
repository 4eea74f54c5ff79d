"""Two processes that both believe that they keep a router do no harm."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import asyncpg
import pytest

from portal.processes.leases import shard
from portal.units import Row, Unit, rows
from tests.processes.guests import Crowd, Place, exactly
from tests.processes.stage import Launcher, Town, execute, town, until

# Of a poll that has read its router, and looks whose rows these are.
READING = "SELECT * FROM devices WHERE % AND blocked_at IS NOT NULL"


def told() -> Unit[list[Row]]:
    """What the books say went through the router: each session as pages and the export tell it."""
    return list(
        (
            yield from rows(
                "SELECT COALESCE(y.active_bytes_in, e.bytes_up) AS up, COALESCE(y.active_bytes_out, e.bytes_down) AS"
                " down FROM sessions e LEFT JOIN presence y ON y.tenant_id = e.tenant_id AND y.router_id = e.router_id"
                " AND y.device_id = e.device_id AND y.online_since = e.started_at AND e.ended_at IS NULL"
                " WHERE e.tenant_id = :tenant"
            )
        )
    )


class Traffic:
    """What guests send, as the router counts it."""

    def __init__(self, places: list[Place]) -> None:
        self.places, self.up, self.down = places, 0, 0
        self._random = Random(5)

    def use(self) -> None:
        for each in self.places:
            if each.online:
                up, down = self._random.randrange(100_000), self._random.randrange(1_000_000)
                each.router.count(each.mac, each.address, up=up, down=down)
                self.up, self.down = self.up + up, self.down + down

    async def is_told(self, made: Town) -> bool:
        """Whether the books know of all; the router is looked at once more."""
        made.look_at_routers()
        await asyncio.sleep(0.2)
        return await self.counted(made) == (self.up, self.down)

    async def counted(self, made: Town) -> tuple[int, int]:
        found = await made.read(told)
        return sum(row["up"] for row in found), sum(row["down"] for row in found)


@asynccontextmanager
async def held_up(made: Town) -> AsyncIterator[None]:
    """A poll has read its router and waits for the database, which goes on at the end of this."""
    connection = await asyncpg.connect(made.server.url.replace("bando_app@", "postgres@"))
    try:
        await connection.execute("BEGIN; LOCK TABLE devices IN ACCESS EXCLUSIVE MODE")

        made.look_at_routers()

        async def waits() -> bool:
            found = await execute(
                made.server,
                "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
                " AND query LIKE $1",
                READING,
            )
            return bool(found)

        await until(waits, 20, "a poll that waits", 0.02)
        yield
    finally:
        await connection.close()


async def frozen_and_thawed(made: Town, traffic: Traffic, load: Callable[[], None]) -> str:
    """The keeper's process stands still until another one has its work, then goes on under load; what it wrote."""
    name = shard(made.routers[0][0].id)
    pid = await made.owner_of(name)
    assert pid is not None
    async with held_up(made):
        os.kill(pid, signal.SIGSTOP)
    load()
    traffic.use()

    async def another() -> bool:
        return await made.owner_of(name) not in (None, pid)

    took = await until(another, 15, "another owner")
    print(f"\nanother process keeps the router after {took:.1f} s")
    await until(lambda: traffic.is_told(made), 15, "what went through meanwhile")
    log = next(each for each in made.started if pid in (each.pid, *each.children()))
    before = len(log.written())
    os.kill(pid, signal.SIGCONT)
    await asyncio.sleep(3)  # it polls at once, and each two seconds
    return log.written()[before:]


@asynccontextmanager
async def scene(made: Town, without: tuple[str, ...]) -> AsyncIterator[tuple[Traffic, Callable[[], Awaitable[str]]]]:
    """Guests who are online at one router, two processes that might keep it."""
    await made.serve(1, without=without)
    await made.work(without=without)
    crowd = Crowd(made, lines=1)
    async with crowd.client() as http:
        for code in await made.print_cards(3):
            await crowd.redeem(http, code)
    await until(lambda: not crowd.offline(), 20, "guests online")
    traffic = Traffic(list(crowd.redeemed.values()))
    traffic.use()
    await until(lambda: traffic.is_told(made), 15, "the first reading")
    load = Crowd(made, lines=1)
    load._numbers = crowd._numbers
    cards = await made.print_cards(1000)

    async def frozen() -> str:
        return await frozen_and_thawed(made, traffic, lambda: load.begin(cards, payers=0, pause_s=0.2))

    try:
        yield traffic, frozen
    finally:
        await load.end()
    await until(lambda: not load.offline(), 20, "agreement")
    assert load.failed == []
    load.redeemed |= crowd.redeemed
    await exactly(load)


async def test_who_stood_still_while_another_took_over_writes_nothing(tmp_path: Path, launcher: Launcher) -> None:
    async with town(tmp_path, launcher, routers=1, BANDO_POLL_EVERY="60") as made, scene(made, ()) as (traffic, frozen):
        traffic.use()
        written = await frozen()
        assert '"error": "LeaseLost", "event": "keeper waits"' in written
        traffic.use()
        await until(lambda: traffic.is_told(made), 15, "the truth")


async def test_without_the_fence_it_counts_twice(tmp_path: Path, launcher: Launcher) -> None:
    async with (
        town(tmp_path, launcher, routers=1, BANDO_POLL_EVERY="60") as made,
        scene(made, ("fence",)) as (traffic, frozen),
    ):
        traffic.use()
        await frozen()
        with pytest.raises(AssertionError, match="the truth"):
            await until(lambda: traffic.is_told(made), 5, "the truth")
        assert await traffic.counted(made) > (traffic.up, traffic.down)
