"""The PostgreSQL engine: the units of an ISP one after another, in groups of one commit, each undone alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import asyncpg
import pytest

from portal.db import pg_groups
from portal.db.base import DatabaseClosed
from portal.db.connections import begin
from portal.db.pg_groups import GROUP
from portal.db.postgres import Postgres
from portal.errors import Refused
from portal.place import Server
from portal.units import Conflict, Sql, TenantMissing, Unit, drive, one, running, value
from tests.engine import (
    Watch,
    add,
    add_and_signal,
    add_tenant,
    add_then_fail,
    an_engine,
    asked,
    count,
    fresh,
    held,
    macs,
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
    async with an_engine(watch, "one", "two") as made:
        yield made


async def together(db: Postgres, *writes: tuple[Any, ...]) -> list[Any]:
    """These units of the first ISP as one group: what each came to."""
    async with held(server(db), 1):
        first = asyncio.create_task(db.write(1, count))
        await somebody_waits(server(db))
        tasks = [asyncio.create_task(db.write(1, *each)) for each in writes]
        await asyncio.sleep(0)
    await first
    return await asyncio.gather(*tasks, return_exceptions=True)


# --- groups and durability ---


async def test_units_that_wait_share_one_commit(db: Postgres, watch: Watch) -> None:
    await together(db, *((add, f"{n:02}") for n in range(30)))

    assert watch.commits == 2
    assert len(await db.read(1, macs)) == 30


async def test_a_group_has_an_upper_end_so_that_nobody_waits_for_ever(db: Postgres, watch: Watch) -> None:
    await together(db, *((add, f"{n:04}") for n in range(GROUP + 1)))

    assert watch.commits == 3


async def test_nobody_is_answered_before_the_commit() -> None:
    place, seen = fresh(), list[tuple[str, bool]]()
    tasks: list[asyncio.Task[int]] = []

    def observe(what: str) -> None:
        if tasks and what.startswith("commit"):
            seen.append((what, tasks[0].done()))

    db = Postgres(place, observe=observe)
    await db.write(None, add_tenant, "one")
    tasks.append(asyncio.create_task(db.write(1, add, "AA")))
    await tasks[0]
    assert await on_disk(place) == {"AA"}
    await db.aclose()

    assert seen == [("commit:before", False), ("commit:after", False)]


async def test_a_commit_waits_until_the_server_has_it_on_its_disk(db: Postgres) -> None:
    assert await db.write(1, value, "SELECT current_setting('synchronous_commit')") == "on"


async def test_a_commit_that_fails_is_told_to_everyone_in_its_group_and_the_next_one_works(db: Postgres) -> None:
    for text in (
        "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'too late'; END $$",
        "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON devices DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
        " WHEN (NEW.mac = 'LATE') EXECUTE FUNCTION late()",
    ):
        await asked(server(db), text)
    heard: list[int] = []
    db.listen("wake", lambda _, key: heard.append(key))
    results = await together(db, (add, "LATE"), (add_and_signal, "BB"))
    await db.write(1, add, "CC")

    assert [isinstance(each, asyncpg.PostgresError) for each in results] == [True, True]
    assert (heard, await on_disk(server(db))) == ([], {"CC"})


# --- each alone ---


async def test_a_unit_that_raises_is_rolled_back_alone(db: Postgres, watch: Watch) -> None:
    results = await together(
        db,
        (add, "AA"),
        (add_then_fail, "BB", Refused("no")),
        (add_then_fail, "CC", ZeroDivisionError()),
        (add_then_fail, "EE", StopIteration()),
        (add, "DD"),
    )

    assert watch.commits == 2
    assert [type(each) for each in results] == [int, Refused, ZeroDivisionError, RuntimeError, int]
    assert await on_disk(server(db)) == {"AA", "DD"}


async def test_broken_sql_fails_its_own_unit_only(db: Postgres) -> None:
    def broken() -> Unit[None]:
        yield from add("AA")
        yield Sql("SELECT nonsense", {})

    results = await together(db, (broken,), (add, "BB"))

    assert [type(each) for each in results] == [asyncpg.UndefinedColumnError, int]
    assert await db.read(1, macs) == ["BB"]


def mending(*, then: bool) -> Unit[str]:
    yield from add("BB")
    try:
        yield from add("AA")
    except Conflict:
        if then:
            yield from add("CC")
        return "mended"
    return "no conflict"


@pytest.mark.parametrize("then", [True, False])
@pytest.mark.parametrize("alone", [True, False])
async def test_a_conflict_is_thrown_into_the_unit_and_what_it_did_before_stays(
    db: Postgres, then: bool, alone: bool
) -> None:
    await db.write(1, add, "AA")

    def unit() -> Unit[str]:
        return mending(then=then)

    done = await db.write(1, unit) if alone else (await together(db, (add, "DD"), (unit,), (add, "AA")))[1]

    assert done == "mended"
    expected = {"AA", "BB", *(["CC"] if then else []), *([] if alone else ["DD"])}
    assert await on_disk(server(db)) == expected


async def test_a_conflict_that_is_not_mended_reaches_the_caller(db: Postgres) -> None:
    await db.write(1, add, "AA")
    with pytest.raises(Conflict):
        await db.write(1, add, "AA")

    assert await db.write(2, add, "AA") > 0


async def test_a_value_of_a_kind_that_no_column_holds_is_refused(db: Postgres) -> None:
    def strange() -> Unit[str]:
        yield Sql("SELECT :what", {"what": object()})
        return "not reached"

    with pytest.raises(TypeError, match="no column holds a object"):
        await db.write(1, strange)


async def test_a_statement_without_its_tenant_is_refused(db: Postgres) -> None:
    def foreign() -> Unit[Any]:
        return (yield from one("SELECT * FROM devices WHERE mac = :mac", mac="AA"))

    await db.write(1, add, "AA")
    for act in (db.read, db.write, db.read_here, db.write_here):
        with pytest.raises(TenantMissing):
            await act(1, foreign)


async def test_a_unit_within_another_isps_sees_its_own_rows_though_the_one_before_was_undone(db: Postgres) -> None:
    def within(fails: bool) -> Unit[int]:
        run = running()
        assert run is not None
        yield Sql("SELECT 1", {})
        found: int = drive(count(), 1, run.execute)
        if fails:
            raise Refused("no")
        return found

    await db.write(1, add, "AA")
    async with held(server(db), 0):
        first = asyncio.create_task(db.write(None, value, "SELECT 1"))
        await somebody_waits(server(db))
        tasks = [asyncio.create_task(db.write(None, within, fails)) for fails in (False, True, False)]
        await asyncio.sleep(0)
    await first
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert [each if isinstance(each, int) else type(each) for each in results] == [1, Refused, 1]


# --- one after another ---


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
        await asyncio.gather(*(each.write(1, raised) for each in rivals))
    found: int = await rivals[0].read(1, value, "SELECT last_seen_at FROM devices WHERE tenant_id = :tenant")
    for each in rivals:
        await each.aclose()
    return found


async def test_the_units_of_an_isp_run_one_after_another_in_two_processes_too() -> None:
    assert await counted(fresh()) == 40


async def test_without_the_lock_one_of_them_would_be_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def unlocked(tenant: int | None, *, write: bool) -> str:
        return begin(tenant, write=write).partition(", pg_advisory")[0]

    monkeypatch.setattr(pg_groups, "begin", unlocked)
    assert await counted(fresh()) < 40


async def test_isps_do_not_wait_for_each_other(db: Postgres) -> None:
    async with held(server(db), 1):
        waits = asyncio.create_task(db.write(1, add, "AA"))
        await somebody_waits(server(db))
        await asyncio.wait_for(db.write(2, add, "BB"), 5)
        assert not waits.done()
    await waits


async def crossed(db: Postgres) -> tuple[list[Any], int]:
    """Two units of two ISPs change the same two rows, each the other's first: what they came to, and the changes."""

    def crossing(rows: Sequence[int], mac: str) -> Unit[str]:
        yield from add(mac)
        for each in rows:
            yield Sql("UPDATE tenants SET version = version + 1 WHERE id = :id", {"id": each})
            yield from sleep(0.1)
        return mac

    text = "SELECT SUM(version) AS n FROM tenants"
    (before,) = await asked(server(db), text)
    units = db.write(1, crossing, (1, 2), "AA"), db.write(2, crossing, (2, 1), "AA")
    results = await asyncio.gather(*units, return_exceptions=True)
    (after,) = await asked(server(db), text)
    return list(results), int(after["n"] - before["n"])


async def test_units_of_two_isps_that_lock_each_other_out_are_done_once_each(db: Postgres) -> None:
    assert await crossed(db) == (["AA", "AA"], 4)
    assert (await db.read(1, macs), await db.read(2, macs)) == (["AA"], ["AA"])


async def test_without_another_try_one_of_them_would_fail(db: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pg_groups, "TRIES", 1)
    results, changes = await crossed(db)
    assert ([type(each) for each in results].count(asyncpg.DeadlockDetectedError), changes) == (1, 2)


# --- signals and cancelled callers ---


async def test_signals_are_heard_after_the_commit_and_before_the_caller_goes_on(db: Postgres, watch: Watch) -> None:
    heard: list[tuple[int, bool]] = []
    db.listen("wake", lambda tenant, _: heard.append((tenant, watch.seen[-1] == "commit:after")))
    await db.write(2, add_and_signal, "AA")

    assert heard == [(2, True)]


async def test_a_unit_that_was_rolled_back_signals_nothing(db: Postgres) -> None:
    heard: list[int] = []
    db.listen("wake", lambda _, key: heard.append(key))
    await together(db, (add_and_signal, "AA", Refused("no")), (add, "BB"))

    assert heard == []


async def test_a_unit_that_was_run_twice_signals_once(db: Postgres) -> None:
    heard: list[int] = []
    db.listen("wake", lambda _, key: heard.append(key))
    await together(db, (add_and_signal, "AA"), (add_then_fail, "BB", Refused("no")))

    assert len(heard) == 1


async def test_a_cancelled_callers_write_is_done_whole_and_heard_and_hurts_nobody(db: Postgres) -> None:
    heard: list[int] = []
    db.listen("wake", lambda _, key: heard.append(key))
    async with held(server(db), 1):
        gone = asyncio.create_task(db.write(1, add_and_signal, "AA"))
        await somebody_waits(server(db))
        also = asyncio.create_task(db.write(1, add_and_signal, "BB"))
        stays = asyncio.create_task(db.write(1, add, "CC"))
        await asyncio.sleep(0)
        gone.cancel()
        also.cancel()
    await asyncio.gather(gone, also, stays, return_exceptions=True)

    assert (await on_disk(server(db)), len(heard)) == ({"AA", "BB", "CC"}, 2)


# --- reads ---


async def test_a_read_is_one_snapshot(db: Postgres) -> None:
    begun = asyncio.Event()

    def twice() -> Unit[tuple[int, int]]:
        before = yield from count()
        begun.set()
        yield from sleep(0.3)
        return before, (yield from count())

    reading = asyncio.create_task(db.read(1, twice))
    await begun.wait()
    await db.write(1, add, "AA")

    assert (reading.done(), await reading, await db.read(1, count)) == (False, (0, 0), 1)


@pytest.mark.parametrize("way", ["read", "read_here"])
async def test_a_read_cannot_write_and_leaves_its_connection_usable(db: Postgres, way: str) -> None:
    for _ in range(10):
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await getattr(db, way)(1, add, "AA")

    assert await db.read(1, count) == 0


async def test_a_read_does_not_wait_for_whoever_writes(db: Postgres) -> None:
    async with held(server(db), 1):
        waits = asyncio.create_task(db.write(1, add, "AA"))
        await somebody_waits(server(db))
        assert await db.read(1, count) == 0
    await waits


async def test_beside_a_unit_only_what_is_committed_is_seen(db: Postgres) -> None:
    def rows(run: Any, text: str, params: Mapping[str, Any]) -> int:
        return len(run(text, params))

    def unit() -> Unit[int]:
        yield from add("BB")
        with db.beside() as run:
            return rows(run, "SELECT mac FROM devices WHERE tenant_id = :tenant", {"tenant": 1})

    await db.write(1, add, "AA")

    assert (await db.write(1, unit), await db.read(1, count)) == (1, 2)


# --- the end ---


async def test_closing_finishes_what_waits() -> None:
    place = fresh()
    db = Postgres(place)
    await db.write(None, add_tenant, "one")
    async with held(place, 1):
        tasks = [asyncio.create_task(db.write(1, add, f"{n:02}")) for n in range(10)]
        await somebody_waits(place)
        ends = asyncio.create_task(db.aclose())
        await asyncio.sleep(0)
    await asyncio.gather(*tasks, ends)

    assert len(await on_disk(place)) == 10


async def test_a_closed_database_says_so() -> None:
    db = Postgres(fresh())
    await db.aclose()
    await db.aclose()
    for act in (db.read, db.write, db.read_here, db.write_here):
        with pytest.raises(DatabaseClosed):
            await act(1, count)
