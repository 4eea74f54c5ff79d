"""The PostgreSQL engine when the server goes, a connection dies, or a caller does not wait: nothing is half written,
nobody waits for ever, and no connection is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg
import pytest

from portal.db import connections
from portal.db.connections import REST_S, DatabaseAway
from portal.db.postgres import READING, WRITING, Postgres
from portal.errors import Refused
from portal.migrate import migrate
from portal.place import Server
from portal.units import Sql, Unit
from tests.engine import (
    PATIENCE_S,
    add,
    add_tenant,
    add_then_fail,
    asked,
    connected,
    count,
    fresh,
    held,
    macs,
    on_disk,
    sleep,
    somebody_waits,
)
from tests.postgres import Cluster, execute, new_cluster

SOON_S = 8.0


@pytest.fixture
async def db() -> AsyncIterator[Postgres]:
    made = Postgres(fresh())
    for name in ("one", "two"):
        await made.write(None, add_tenant, name)
    yield made
    await made.aclose()


def server(db: Postgres) -> Server:
    assert isinstance(db.place, Server)
    return db.place


# --- a connection dies ---


def add_and_die(mac: str) -> Unit[None]:
    yield from add(mac)
    yield Sql("SELECT pg_terminate_backend(pg_backend_pid())", {})


async def test_a_connection_that_is_cut_in_a_unit_is_told_to_its_group_and_nothing_is_half_written(
    db: Postgres,
) -> None:
    async with held(server(db), 1):
        first = asyncio.create_task(db.write(1, add, "AA"))
        await somebody_waits(server(db))
        group = [asyncio.create_task(db.write(1, *each)) for each in ((add, "BB"), (add_and_die, "CC"), (add, "DD"))]
        await asyncio.sleep(0)
    await first
    results = await asyncio.gather(*group, return_exceptions=True)

    assert [type(each) for each in results] == [DatabaseAway] * 3
    await db.write(1, add, "EE")
    assert await on_disk(server(db)) == {"AA", "EE"}


async def test_a_connection_that_is_cut_while_it_waits_is_told_too(db: Postgres) -> None:
    async with held(server(db), 1):
        waits = asyncio.create_task(db.write(1, add, "AA"))
        await somebody_waits(server(db))
        await asked(server(db), "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted")
        with pytest.raises(DatabaseAway):
            await asyncio.wait_for(waits, SOON_S)

    assert await on_disk(server(db)) == set()


async def test_connections_that_were_cut_while_nobody_used_them_are_made_again(db: Postgres) -> None:
    await asyncio.gather(*(db.read(1, sleep, 0.05) for _ in range(READING)))
    text = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'bando_app'"
    await asked(server(db), f"{text} AND datname = current_database()")
    await asyncio.sleep(0.1)

    assert (await db.write(1, add, "AA") > 0, await db.read(1, count)) == (True, 1)


async def test_a_read_whose_connection_is_cut_says_that_the_database_is_away(db: Postgres) -> None:
    with pytest.raises(DatabaseAway):
        await db.read(1, sql, "SELECT pg_terminate_backend(pg_backend_pid())")

    assert await db.read(1, count) == 0


def sql(text: str) -> Unit[None]:
    yield Sql(text, {})


# --- connections are few and come back ---


async def test_no_connection_is_lost_whatever_units_do(db: Postgres) -> None:
    async def one(n: int) -> None:
        acts = (
            db.write(1 + n % 2, add, f"{n:03}"),
            db.write(1, add_then_fail, f"{n:03}", Refused("no")),
            db.write(1, sql, "SELECT nonsense"),
            db.read(1, sql, "SELECT nonsense"),
            db.read(1, sleep, 0.01),
        )
        await asyncio.gather(*acts, return_exceptions=True)

    async def cancelled(n: int) -> None:
        task = asyncio.create_task(db.read(1, sleep, 30))
        await asyncio.sleep(0.02 * n)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    await asyncio.gather(*(one(n) for n in range(40)), *(cancelled(n) for n in range(READING)))
    await asyncio.sleep(0.1)

    assert await connected(server(db)) <= READING + WRITING
    assert await connected(server(db), "idle in transaction%") == await connected(server(db), "active") == 0
    # And each place is free again: as many at once as there are.
    await asyncio.wait_for(asyncio.gather(*(db.read(1, sleep, 0.01) for _ in range(2 * READING))), SOON_S)
    await asyncio.wait_for(asyncio.gather(*(db.write(1 + n % 2, count) for n in range(2 * WRITING))), SOON_S)
    assert await db.read(1, count) == await db.read(2, count) == 20
    await db.aclose()
    assert await connected(server(db)) == 0


async def test_whoever_is_called_off_while_connecting_leaves_no_connection(
    db: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def called_off(*_: Any, **__: Any) -> None:
        raise asyncio.CancelledError

    before = await connected(server(db))
    monkeypatch.setattr(asyncpg.Connection, "set_type_codec", called_off)
    with pytest.raises(asyncio.CancelledError):
        await connections.connect(server(db))
    await connected_are(server(db), before)


async def test_a_connection_that_comes_back_after_the_end_is_closed(db: Postgres) -> None:
    pool = connections.Connections(server(db), 1)
    before = await connected(server(db))
    async with pool.one():
        await pool.aclose()
    await connected_are(server(db), before)


async def connected_are(server: Server, many: int) -> None:
    """The server needs a moment to see that somebody has gone."""
    async with asyncio.timeout(PATIENCE_S):
        while await connected(server) != many:
            await asyncio.sleep(0.01)


async def test_whoever_calls_the_world_between_two_units_holds_no_connection(db: Postgres) -> None:
    await asyncio.gather(*(db.write(1, add, f"{n:02}") for n in range(WRITING)), db.read(1, count))

    assert await connected(server(db), "idle in transaction%") == await connected(server(db), "active") == 0


# --- the server is away ---


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A server that may be stopped, and writes to its disk as one that matters does."""
    made = new_cluster(fsync="on")
    asyncio.run(execute(made.at("postgres", "postgres"), "CREATE DATABASE bando OWNER bando_owner"))
    migrate(made.at("bando", "bando_owner"), app="bando_app", platform="bando_platform")
    yield made
    made.stop()


async def test_a_server_that_stops_is_told_soon_and_works_again_when_it_is_back(cluster: Cluster) -> None:
    place = cluster.at("bando", "bando_app")
    db = Postgres(place)
    await db.write(None, add_tenant, "stops")
    await db.write(1, add, "AA")
    await asyncio.to_thread(cluster.stop, "immediate")
    begun = monotonic()
    many = [db.write(1 + n % 3, add, f"X{n}") for n in range(60)] + [db.read(1, count) for _ in range(60)]
    results = await asyncio.gather(*many, return_exceptions=True)
    took = monotonic() - begun
    with pytest.raises(DatabaseAway), db.at_once(1) as run:
        run("SELECT 1", {})
    with pytest.raises(DatabaseAway), db.beside() as run:
        run("SELECT 1", {})
    await asyncio.to_thread(cluster.start, fsync="on")

    assert {type(each) for each in results} == {DatabaseAway}
    assert took < SOON_S
    await asyncio.sleep(2 * REST_S)  # nobody knocks at a server all the time
    await db.write(1, add, "BB")
    assert await db.read(1, macs) == ["AA", "BB"]
    with db.beside() as run:
        assert run("SELECT 1 AS one", {})[0]["one"] == 1
    await db.aclose()


async def test_what_was_acknowledged_is_there_after_the_server_was_killed(cluster: Cluster) -> None:
    place = cluster.at("bando", "bando_app")
    db = Postgres(place)
    await db.write(None, add_tenant, "killed")
    (tenant,) = await asked(place, "SELECT id FROM tenants WHERE name = 'killed'")
    answered: set[str] = set()

    async def writes(n: int) -> None:
        mac = f"K{n:04}"
        try:
            await db.write(tenant["id"], add, mac)
        except (DatabaseAway, asyncpg.PostgresError):
            return
        answered.add(mac)

    work = asyncio.gather(*(stream(writes, n) for n in range(8)))
    await asyncio.sleep(0.5)
    await kill(cluster)
    await work
    await asyncio.to_thread(cluster.start, fsync="on")
    there = {mac for mac in await on_disk(place) if mac.startswith("K")}
    await db.aclose()

    assert len(answered) > 20
    assert answered <= there
    assert len(there - answered) <= 64, "the group whose answer nobody heard"


async def stream(writes: object, n: int) -> None:
    for k in range(100):
        await writes(n * 1000 + k)  # type: ignore[operator]


async def kill(cluster: Cluster) -> None:
    """All its processes at once, and what they leave behind."""
    await asyncio.to_thread(cluster.stop, "immediate")


def test_the_engine_names_no_password_in_what_it_says(tmp_path: Path) -> None:
    place = Server("postgresql://bando_app:s3cret@127.0.0.1:1/bando")
    with pytest.raises(DatabaseAway) as away, Postgres(place).at_once(1):
        pass

    assert "s3cret" not in f"{away.value} {place} {place!r}"
