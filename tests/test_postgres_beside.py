"""Units of one ISP that run beside each other on PostgreSQL: in groups, but not with whom they share a subject."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from typing import Any

import asyncpg
import pytest

from portal.db import connections, pg_beside
from portal.db.connections import DatabaseAway, begin_beside
from portal.db.pg_beside import GROUP
from portal.db.postgres import Postgres
from portal.errors import Refused
from portal.place import Server
from portal.units import ALONE, Sql, Unit, value
from tests.engine import (
    Watch,
    add,
    add_and_signal,
    add_tenant,
    add_then_fail,
    an_engine,
    connected,
    count,
    fresh,
    held,
    himself,
    on_disk,
    server,
    sleep,
    somebody_waits,
)


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
async def db(watch: Watch) -> AsyncIterator[Postgres]:
    async with an_engine(watch, "one") as made:
        yield made


async def together(db: Postgres, *writes: tuple[Any, ...]) -> list[Any]:
    """These units in one group, as they do who come while another one runs: what each came to."""
    async with held(server(db), 1):
        first = asyncio.create_task(db.write_beside(1, ["first"], count))
        await somebody_waits(server(db))
        tasks = [asyncio.create_task(db.write_beside(1, [f"{n}"], *each)) for n, each in enumerate(writes)]
        await asyncio.sleep(0)
    await first
    return await asyncio.gather(*tasks, return_exceptions=True)


# --- groups ---


async def test_those_that_come_meanwhile_share_one_commit(db: Postgres, watch: Watch) -> None:
    await together(db, *((add, f"{n:02}") for n in range(GROUP - 1)))

    assert watch.commits == 2
    assert len(await on_disk(server(db))) == GROUP - 1


async def test_when_a_full_group_waits_a_further_one_begins(db: Postgres, watch: Watch) -> None:
    async with held(server(db), 1):
        tasks = [asyncio.create_task(db.write_beside(1, [f"{n}"], add, f"{n:04}")) for n in range(10 * GROUP)]
        await somebody_waits(server(db), pg_beside.AT_ONCE)
        assert await connected(server(db), "active") == pg_beside.AT_ONCE
    await asyncio.gather(*tasks)

    assert len(await on_disk(server(db))) == 10 * GROUP
    assert watch.commits <= 10 + pg_beside.AT_ONCE


async def test_what_one_raises_undoes_it_alone(db: Postgres) -> None:
    heard: list[int] = []
    db.listen("wake", lambda _, key: heard.append(key))
    results = await together(
        db,
        (add, "AA"),
        (add_then_fail, "BB", Refused("no")),
        (add_then_fail, "CC", ZeroDivisionError()),
        (add_and_signal, "DD", Refused("no")),
        (add_and_signal, "EE"),
    )

    assert [type(each) for each in results] == [int, Refused, ZeroDivisionError, Refused, type(None)]
    assert await on_disk(server(db)) == {"AA", "EE"}
    assert len(heard) == 1


def wants_to_be_alone(mac: str) -> Unit[int]:
    seen = yield from count()
    yield ALONE
    yield from add(mac)
    return int(seen)


async def test_who_wants_to_be_alone_is_run_again_alone_and_the_others_stay(db: Postgres) -> None:
    results = await together(db, (add, "AA"), (wants_to_be_alone, "BB"), (add, "CC"))

    assert isinstance(results[1], int)
    assert await on_disk(server(db)) == {"AA", "BB", "CC"}


async def test_a_server_that_goes_is_told_to_all_of_a_group(db: Postgres) -> None:
    def hangs_up() -> Unit[None]:
        yield from sleep(10)

    task = asyncio.create_task(together(db, (add, "AA"), (hangs_up,), (add, "BB")))
    async with asyncio.timeout(20):
        while not await _ended(server(db), "pg_sleep"):
            await asyncio.sleep(0.02)
    results = await task

    assert [type(each) for each in results] == [DatabaseAway] * 3
    assert await on_disk(server(db)) == set()
    assert await db.write_beside(1, ["AA"], add, "AA") > 0


async def _ended(place: Server, doing: str) -> bool:
    connection = await asyncpg.connect(himself(place).url)
    try:
        text = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'bando_app'"
        return bool(await connection.fetch(f"{text} AND query LIKE '%{doing}%'"))
    finally:
        await connection.close()


async def test_what_was_written_before_the_server_went_is_told_so(db: Postgres) -> None:
    """One is refused, so each has a transaction of its own; the last one loses the server."""

    def hangs_up() -> Unit[None]:
        yield from sleep(10)

    task = asyncio.create_task(together(db, (add, "AA"), (add_then_fail, "BB", Refused("no")), (hangs_up,)))
    async with asyncio.timeout(20):
        while not await _ended(server(db), "pg_sleep"):
            await asyncio.sleep(0.02)
    results = await task

    assert [type(each) for each in results] == [int, Refused, DatabaseAway]
    assert await on_disk(server(db)) == {"AA"}


async def test_a_beginning_that_is_refused_is_its_own_alone(db: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    alone: list[str] = []

    def begins(tenant: int | None, subjects: Collection[str]) -> str:
        if "first" not in subjects:
            alone.append(" ".join(sorted(subjects)))
        refused = alone in (["0 1 2"], ["0 1 2", "0", "1"]) and "first" not in subjects
        return "BEGIN; SELECT 1 / 0" if refused else begin_beside(tenant, subjects)

    monkeypatch.setattr(pg_beside, "begin_beside", begins)
    results = await together(db, (add, "AA"), (add, "BB"), (add, "CC"))

    assert [type(each) for each in results] == [int, asyncpg.DivisionByZeroError, int]
    assert alone == ["0 1 2", "0", "1", "2"], "none of them was run as if it wanted to be alone"
    assert await on_disk(server(db)) == {"AA", "CC"}


async def test_whoever_waits_too_long_hears_that_the_database_has_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections.PATIENCE, "lock_timeout", "100")
    db = Postgres(fresh())
    await db.write(None, add_tenant, "one")
    async with held(server(db), 1):
        tasks = [db.write_beside(1, [mac], add, mac) for mac in ("AA", "BB", "CC")]
        results = await asyncio.gather(*tasks, return_exceptions=True)
    await db.aclose()

    assert [type(each) for each in results] == [DatabaseAway] * 3


async def test_a_cancelled_caller_hurts_nobody(db: Postgres) -> None:
    async with held(server(db), 1):
        first = asyncio.create_task(db.write_beside(1, ["first"], count))
        await somebody_waits(server(db))
        tasks = [asyncio.create_task(db.write_beside(1, [mac], add, mac)) for mac in ("AA", "BB", "CC")]
        await asyncio.sleep(0)
        tasks[1].cancel()
    await asyncio.gather(first, *tasks, return_exceptions=True)

    assert {"AA", "CC"} <= await on_disk(server(db))


# --- subjects ---


def raised() -> Unit[None]:
    """One more, as a unit does that looks, thinks and writes."""
    seen = yield from value("SELECT last_seen_at FROM devices WHERE tenant_id = :tenant")
    yield from sleep(0.002)
    yield Sql("UPDATE devices SET last_seen_at = :n WHERE tenant_id = :tenant", {"n": seen + 1})


async def counted(place: Server) -> int:
    """What twenty such units come to in each of two engines, which know nothing of each other."""
    rivals = [Postgres(place), Postgres(place)]
    await rivals[0].write(None, add_tenant, "one")
    await rivals[0].write(1, add, "AA")
    for _ in range(20):
        await asyncio.gather(*(each.write_beside(1, ["AA"], raised) for each in rivals))
    found: int = await rivals[0].read(1, value, "SELECT last_seen_at FROM devices WHERE tenant_id = :tenant")
    for each in rivals:
        await each.aclose()
    return found


async def test_who_share_a_subject_run_one_after_another_in_two_processes_too() -> None:
    assert await counted(fresh()) == 40


async def test_without_the_locks_of_subjects_some_would_be_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pg_beside, "begin_beside", lambda tenant, _: begin_beside(tenant, ()))

    assert await counted(fresh()) < 40


async def test_groups_that_share_subjects_the_other_way_round_do_not_lock_each_other_out() -> None:
    place = fresh()
    rivals = [Postgres(place), Postgres(place)]
    await rivals[0].write(None, add_tenant, "one")
    tasks = [
        rival.write_beside(1, [f"{(n if rival is rivals[0] else 40 - n) % 8}"], add, f"{who}{n:03}")
        for who, rival in enumerate(rivals)
        for n in range(40)
    ]
    assert len(await asyncio.gather(*tasks)) == 80
    for each in rivals:
        await each.aclose()
