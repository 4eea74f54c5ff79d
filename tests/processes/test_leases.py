"""Who does which work: never two who believe it, even parts, taken over in time, given away at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from random import Random

import asyncpg
import pytest

from portal.clock import TravelClock
from portal.db import Database, open_database
from portal.db.connections import DatabaseAway
from portal.db.fences import Fence, LeaseLost, held
from portal.place import Server
from portal.processes import leases, store
from portal.processes.leases import ALL, BELIEVED_S, LASTS_MS, LOOPS, RENEW_EVERY_MS, Leases
from portal.units import Unit, value
from tests.postgres import fresh_database


class Steps:
    """A process's own clock, which tests move."""

    def __init__(self, at: float = 1000.0) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


@pytest.fixture
async def db(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """A database whose own clock stands still until `pass_by` moves it."""
    monkeypatch.setattr(store, "_NOW", "(SELECT CAST(value AS BIGINT) FROM test_clock)")
    place = fresh_database()
    await as_owner(place, "CREATE TABLE test_clock (value BIGINT)", "INSERT INTO test_clock VALUES (1000000)")
    await as_owner(place, "GRANT SELECT, UPDATE ON test_clock TO bando_app")
    made = open_database(place)
    yield made
    await made.aclose()


async def as_owner(server: Server, *statements: str) -> None:
    connection = await asyncpg.connect(server.url.replace("bando_app@", "bando_owner@"))
    try:
        for each in statements:
            await connection.execute(each)
    finally:
        await connection.close()


class Processes:
    """Some processes on one database; time passes for all of them at once."""

    def __init__(self, db: Database, count: int, names: tuple[str, ...] = ALL) -> None:
        self.db = db
        self.names = names
        self.clock = Steps()
        self.all = [Leases(db, TravelClock(), names, self.clock) for _ in range(count)]

    async def pass_by(self, seconds: float) -> None:
        self.clock.at += seconds
        await self.db.write(None, advance, int(seconds * 1000))

    async def keep(self, *which: int, times: int = 1) -> None:
        """These look after their leases, all of them if none is named."""
        for _ in range(times):
            for n in which or range(len(self.all)):
                await self.all[n].keep()

    def parts(self) -> list[int]:
        return [len(self.believed(each)) for each in self.all]

    def believed(self, one: Leases) -> set[str]:
        return {name for name in self.names if one.fence(name) is not None}

    def alone(self) -> bool:
        """Whether nothing is believed by two."""
        found = [name for each in self.all for name in self.believed(each)]
        return len(found) == len(set(found))

    def whole(self) -> bool:
        return set().union(*(self.believed(each) for each in self.all)) == set(self.names)


def advance(ms: int) -> Unit[int]:
    return int((yield from value("UPDATE test_clock SET value = value + :ms RETURNING value", ms=ms)))


async def test_the_first_does_everything(db: Database) -> None:
    made = Processes(db, 1)
    await made.keep()
    assert made.believed(made.all[0]) == set(ALL)


@pytest.mark.parametrize("count", [2, 3, 5])
async def test_work_is_shared_evenly(db: Database, count: int) -> None:
    made = Processes(db, count)
    await made.keep(times=3)
    assert made.alone()
    assert made.whole()
    assert max(made.parts()) <= -(-len(ALL) // count)


async def test_more_processes_than_work(db: Database) -> None:
    made = Processes(db, 5, names=("a", "b", "c"))
    await made.keep(times=3)
    assert sorted(made.parts()) == [0, 0, 1, 1, 1]
    assert made.whole()


async def test_a_new_one_gets_its_part_at_once_and_the_loops_stay_where_they_are(db: Database) -> None:
    made = Processes(db, 2)
    await made.keep(0)
    edition = made.all[0].edition
    await made.keep(1, 0)  # it is known now, and is given something
    assert made.all[0].fence(LOOPS) is not None
    assert made.all[0].edition == edition + 1
    await made.keep(1)
    assert made.parts() == [9, 8]


async def test_a_dead_one_is_followed_when_its_lease_has_run_out_and_not_before(db: Database) -> None:
    made = Processes(db, 2)
    await made.keep(times=3)
    took = None
    for step in range(8):
        await made.pass_by(RENEW_EVERY_MS / 1000)
        await made.keep(1)
        assert made.alone()
        if took is None and made.parts()[1] == len(ALL):
            took = (step + 1) * RENEW_EVERY_MS
    assert took is not None
    assert LASTS_MS < took <= LASTS_MS + RENEW_EVERY_MS


async def test_the_fence_grows_with_each_new_owner_and_with_no_renewal(db: Database) -> None:
    made = Processes(db, 2, names=("a",))
    await made.keep(0, times=3)
    first = made.all[0].fence("a")
    await made.pass_by(20)
    await made.keep(1)
    second = made.all[1].fence("a")
    assert first == Fence("a", 1)
    assert second == Fence("a", 2)


async def test_whoever_was_away_for_long_believes_nothing_and_writes_nothing(db: Database) -> None:
    made = Processes(db, 2, names=("a",))
    await made.keep(0, times=2)
    old = made.all[0].fence("a")
    await made.pass_by(BELIEVED_S)
    assert made.all[0].fence("a") is None
    await made.pass_by(20)
    await made.keep(1)
    await made.keep(0)
    assert made.parts() == [0, 1]
    held.set(old)
    with pytest.raises(LeaseLost):
        await db.write(None, advance, 0)
    held.set(made.all[1].fence("a"))
    await db.write(None, advance, 0)


async def test_whoever_leaves_gives_everything_away_at_once(db: Database) -> None:
    made = Processes(db, 2)
    await made.keep(times=3)
    heard = []
    db.listen(leases.RELEASED, lambda tenant, key: heard.append((tenant, key)))
    await made.all[0].leave()
    await made.keep(1)
    assert heard
    assert made.parts() == [0, len(ALL)]


async def test_a_database_that_is_away_and_comes_back(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Processes(db, 2)
    await made.keep(times=3)
    before = made.parts()

    async def away(*_: object) -> None:
        raise DatabaseAway

    with monkeypatch.context() as broken:
        broken.setattr(db, "write", away)
        for each in made.all:
            with pytest.raises(DatabaseAway):
                await each.keep()
    assert made.parts() == before  # for as long as nobody else can have them
    await made.pass_by(BELIEVED_S)
    assert made.parts() == [0, 0]
    await made.pass_by(30)
    await made.keep(times=3)
    assert made.alone()
    assert made.whole()
    assert max(made.parts()) == 9


@pytest.mark.parametrize("seed", range(6))
async def test_never_two_believe_in_the_same_work(db: Database, seed: int) -> None:
    """Processes look after their leases or are frozen, leave and come, in any order; a clock never stands still."""
    random = Random(seed)
    made = Processes(db, 4, names=tuple("abcdef"))
    for _ in range(60):
        await made.pass_by(random.choice((0.1, 1, 2.5, 5, 9)))
        assert made.alone()
        one = random.choice(made.all)
        if random.random() < 0.1:
            await one.leave()
        elif random.random() < 0.5:
            await asyncio.gather(*(each.keep() for each in made.all if random.random() < 0.7))
        else:
            await one.keep()
        assert made.alone()
    for _ in range(6):
        await made.pass_by(RENEW_EVERY_MS / 1000)
        await made.keep()
    assert made.whole(), "somebody does everything again"
    assert max(made.parts()) == 2


async def test_without_its_time_of_belief_two_would_believe(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "BELIEVED_S", 1e9)
    made = Processes(db, 2, names=("a",))
    await made.keep(0, times=2)
    await made.pass_by(20)
    await made.keep(1)
    assert not made.alone()
