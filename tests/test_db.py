"""The SQLite engine: groups of units in one durable commit, each isolated from the others."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from portal.db import GROUP, DatabaseClosed, Sqlite, open_connection
from portal.errors import Refused
from portal.units import Conflict, Signal, Sql, TenantMissing, Unit, insert, one, rows
from tests.engine import Watch, add, add_tenant, add_then_fail, count, macs
from tests.support import fresh_file

PATIENCE_S = 60.0


class Gate:
    """A unit that keeps the writer busy until it is opened, so that others queue up behind it."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()

    def unit(self) -> Unit[None]:
        yield Sql("SELECT 1", {})
        self.entered.set()
        assert self.opened.wait(PATIENCE_S)

    async def hold(self, db: Sqlite) -> asyncio.Task[None]:
        """The task that holds the writer; it does by the time this returns."""
        task = asyncio.create_task(db.write(None, self.unit))
        assert await asyncio.to_thread(self.entered.wait, PATIENCE_S)
        return task


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
async def db(tmp_path: Path, watch: Watch) -> AsyncIterator[Sqlite]:
    made = Sqlite(fresh_file(tmp_path), observe=watch)
    for name in ("one", "two"):
        await made.write(None, add_tenant, name)
    watch.seen.clear()
    yield made
    await made.aclose()


def on_disk(path: Path) -> set[str]:
    """What another process sees."""
    with closing(sqlite3.connect(path)) as other:
        return {mac for (mac,) in other.execute("SELECT mac FROM devices")}


# --- groups and durability ---


async def test_units_that_wait_share_one_commit(db: Sqlite, watch: Watch) -> None:
    gate = Gate()
    first = await gate.hold(db)
    others = [asyncio.create_task(db.write(1, add, f"{n:02}")) for n in range(30)]
    await asyncio.sleep(0)
    gate.opened.set()
    await asyncio.gather(first, *others)

    assert watch.commits == 2
    assert len(await db.read(1, macs)) == 30


async def test_a_group_has_an_upper_end_so_that_nobody_waits_for_ever(db: Sqlite, watch: Watch) -> None:
    gate = Gate()
    first = await gate.hold(db)
    others = [asyncio.create_task(db.write(1, add, f"{n:04}")) for n in range(GROUP + 1)]
    await asyncio.sleep(0)
    gate.opened.set()
    await asyncio.gather(first, *others)

    assert watch.commits == 3


async def test_nobody_is_answered_before_the_commit(tmp_path: Path) -> None:
    about_to_commit, go_on = threading.Event(), threading.Event()
    armed = False

    def observe(what: str) -> None:
        if armed and what == "commit:before":
            about_to_commit.set()
            assert go_on.wait(PATIENCE_S)

    db = Sqlite(fresh_file(tmp_path), observe=observe)
    await db.write(None, add_tenant, "one")
    armed = True
    task = asyncio.create_task(db.write(1, add, "AA"))
    assert await asyncio.to_thread(about_to_commit.wait, PATIENCE_S)
    await asyncio.sleep(0.02)
    answered_before, seen_before = task.done(), on_disk(db.path)
    go_on.set()
    await task
    seen_after = on_disk(db.path)
    await db.aclose()

    assert (answered_before, seen_before, seen_after) == (False, set(), {"AA"})


async def test_a_commit_that_fails_is_told_to_everyone_in_its_group_and_the_next_one_works(db: Sqlite) -> None:
    def debt() -> Unit[None]:
        yield Sql("PRAGMA defer_foreign_keys=ON", {})
        yield from insert("devices", mac="AA", person_id=99, created_at=0, last_seen_at=0)

    heard: list[int] = []
    db.listen("wake", lambda _, key: heard.append(key))
    gate = Gate()
    first = await gate.hold(db)
    group = [asyncio.create_task(db.write(1, debt)), asyncio.create_task(db.write(1, add_and_signal, "BB"))]
    await asyncio.sleep(0)
    gate.opened.set()
    await first
    results = await asyncio.gather(*group, return_exceptions=True)
    await db.write(1, add, "CC")

    assert [isinstance(each, sqlite3.Error) for each in results] == [True, True]
    assert (heard, on_disk(db.path)) == ([], {"CC"})


def test_a_commit_reaches_the_disk_before_it_returns(tmp_path: Path) -> None:
    with closing(open_connection(fresh_file(tmp_path))) as connection:
        found = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }

    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}  # 2 is FULL (R5)


# --- isolation ---


async def test_a_unit_that_raises_is_rolled_back_alone(db: Sqlite, watch: Watch) -> None:
    gate = Gate()
    first = await gate.hold(db)
    made = [
        asyncio.create_task(db.write(1, add, "AA")),
        asyncio.create_task(db.write(1, add_then_fail, "BB", Refused("no"))),
        asyncio.create_task(db.write(1, add_then_fail, "CC", ZeroDivisionError())),
        asyncio.create_task(db.write(1, add, "DD")),
    ]
    await asyncio.sleep(0)
    gate.opened.set()
    results = await asyncio.gather(first, *made, return_exceptions=True)

    assert watch.commits == 2
    assert [type(each) for each in results[1:]] == [int, Refused, ZeroDivisionError, int]
    assert await db.read(1, macs) == ["AA", "DD"]
    assert on_disk(db.path) == {"AA", "DD"}


async def test_broken_sql_fails_its_own_unit_only(db: Sqlite) -> None:
    def broken() -> Unit[None]:
        yield from add("AA")
        yield Sql("SELECT nonsense", {})

    results = await asyncio.gather(db.write(1, broken), db.write(1, add, "BB"), return_exceptions=True)

    assert [type(each) for each in results] == [sqlite3.OperationalError, int]
    assert await db.read(1, macs) == ["BB"]


async def test_a_conflict_is_thrown_into_the_unit_and_what_it_did_before_stays(db: Sqlite) -> None:
    await db.write(1, add, "AA")

    def unit() -> Unit[str]:
        yield from add("BB")
        try:
            yield from add("AA")
        except Conflict:
            yield from add("CC")
            return "mended"
        return "no conflict"

    assert await db.write(1, unit) == "mended"
    assert await db.read(1, macs) == ["AA", "BB", "CC"]


async def test_a_conflict_that_is_not_mended_reaches_the_caller(db: Sqlite) -> None:
    await db.write(1, add, "AA")
    with pytest.raises(Conflict):
        await db.write(1, add, "AA")

    assert await db.write(2, add, "AA") > 0


async def test_a_statement_without_its_tenant_is_refused(db: Sqlite) -> None:
    def foreign() -> Unit[Any]:
        return (yield from one("SELECT * FROM devices WHERE mac = :mac", mac="AA"))

    def own() -> Unit[Any]:
        return (yield from one("SELECT * FROM devices WHERE tenant_id = :tenant AND mac = :mac", mac="AA"))

    await db.write(1, add, "AA")
    for act in (db.read, db.write):
        with pytest.raises(TenantMissing):
            await act(1, foreign)
        with pytest.raises(TenantMissing):
            await act(None, own)

    assert (await db.read(1, own))["mac"] == "AA"
    assert await db.read(2, own) is None


async def test_a_unit_that_is_refused_for_its_tenant_leaves_nothing_behind(db: Sqlite) -> None:
    def unit() -> Unit[None]:
        yield from add("AA")
        yield Sql("DELETE FROM devices", {})

    with pytest.raises(TenantMissing):
        await db.write(1, unit)

    assert await db.read(1, macs) == []


async def test_foreign_keys_are_held(db: Sqlite) -> None:
    with pytest.raises(Conflict):
        await db.write(99, add, "AA")


# --- cancelled callers ---


async def test_a_cancelled_callers_write_is_done_whole(db: Sqlite) -> None:
    def two() -> Unit[None]:
        yield from add("AA")
        yield from add("BB")

    gate = Gate()
    first = await gate.hold(db)
    waiting = asyncio.create_task(db.write(1, two))
    await asyncio.sleep(0)
    waiting.cancel()
    gate.opened.set()
    results = await asyncio.gather(first, waiting, return_exceptions=True)

    assert isinstance(results[1], asyncio.CancelledError)
    assert await db.write(1, macs) == ["AA", "BB"]


async def test_a_cancelled_caller_does_not_hurt_its_group(db: Sqlite) -> None:
    gate = Gate()
    first = await gate.hold(db)
    gone = asyncio.create_task(db.write(1, add_then_fail, "AA", Refused("no")))
    stays = asyncio.create_task(db.write(1, add, "BB"))
    await asyncio.sleep(0)
    gone.cancel()
    gate.opened.set()
    await asyncio.gather(first, gone, stays, return_exceptions=True)

    assert await db.read(1, macs) == ["BB"]


# --- signals ---


def add_and_signal(mac: str, error: Exception | None = None) -> Unit[None]:
    device_id = yield from add(mac)
    yield Signal("wake", device_id)
    if error is not None:
        raise error


async def test_signals_are_heard_after_the_commit(db: Sqlite) -> None:
    heard: list[tuple[int, set[str]]] = []
    db.listen("wake", lambda tenant, _: heard.append((tenant, on_disk(db.path))))
    await db.write(2, add_and_signal, "AA")

    assert heard == [(2, {"AA"})]


async def test_signals_are_heard_before_the_caller_goes_on(db: Sqlite) -> None:
    heard: list[int] = []
    db.listen("wake", lambda _, key: heard.append(key))
    for n in range(5):
        await db.write(1, add_and_signal, str(n))
        assert len(heard) == n + 1


async def test_a_unit_that_was_rolled_back_signals_nothing(db: Sqlite) -> None:
    heard: list[int] = []
    db.listen("wake", lambda _, key: heard.append(key))
    with pytest.raises(Refused):
        await db.write(1, add_and_signal, "AA", Refused("no"))
    await db.write(1, add, "BB")

    assert heard == []


async def test_a_cancelled_callers_signals_are_heard_all_the_same(db: Sqlite) -> None:
    heard: list[int] = []
    db.listen("wake", lambda _, key: heard.append(key))
    gate = Gate()
    first = await gate.hold(db)
    waiting = asyncio.create_task(db.write(1, add_and_signal, "AA"))
    await asyncio.sleep(0)
    waiting.cancel()
    gate.opened.set()
    await asyncio.gather(first, waiting, return_exceptions=True)
    await db.write(1, add, "BB")

    assert len(heard) == 1


async def test_who_no_longer_listens_hears_nothing(db: Sqlite) -> None:
    heard: list[int] = []

    def listener(_: int, key: int) -> None:
        heard.append(key)

    db.listen("wake", listener)
    db.unlisten("wake", listener)
    await db.write(1, add_and_signal, "AA")

    assert heard == []


# --- reads ---


async def test_a_read_is_one_snapshot(db: Sqlite) -> None:
    in_the_middle, go_on = threading.Event(), threading.Event()

    def twice() -> Unit[tuple[int, int]]:
        before = yield from count()
        in_the_middle.set()
        assert go_on.wait(PATIENCE_S)
        return before, (yield from count())

    reading = asyncio.create_task(db.read(1, twice))
    assert await asyncio.to_thread(in_the_middle.wait, PATIENCE_S)
    await db.write(1, add, "AA")
    go_on.set()

    assert await reading == (0, 0)
    assert await db.read(1, count) == 1


async def test_a_read_cannot_write(db: Sqlite) -> None:
    with pytest.raises(sqlite3.OperationalError):
        await db.read(1, add, "AA")

    assert await db.read(1, count) == 0


async def test_a_read_that_raises_leaves_its_connection_usable(db: Sqlite) -> None:
    def fails() -> Unit[None]:
        yield from count()
        raise Refused("no")

    for _ in range(10):
        with pytest.raises(Refused):
            await db.read(1, fails)

    assert await db.read(1, count) == 0


async def test_a_read_on_the_loops_own_thread_sees_what_is_committed_and_is_guarded_too(db: Sqlite) -> None:
    def foreign() -> Unit[Any]:
        return (yield from rows("SELECT * FROM devices"))

    await db.write(1, add, "AA")
    with pytest.raises(TenantMissing):
        await db.read_here(1, foreign)
    with pytest.raises(sqlite3.OperationalError):
        await db.read_here(1, add, "BB")

    assert (await db.read_here(1, macs), await db.read_here(2, macs)) == (["AA"], [])


async def test_a_read_does_not_wait_for_the_writer(db: Sqlite) -> None:
    gate = Gate()
    first = await gate.hold(db)
    seen = (await db.read_here(1, count), await db.read(1, count))
    gate.opened.set()
    await first

    assert seen == (0, 0)


# --- the end ---


async def test_closing_finishes_what_waits(tmp_path: Path) -> None:
    db = Sqlite(fresh_file(tmp_path))
    await db.write(None, add_tenant, "one")
    gate = Gate()
    first = await gate.hold(db)
    others = [asyncio.create_task(db.write(1, add, f"{n:02}")) for n in range(10)]
    await asyncio.sleep(0)
    closing_task = asyncio.create_task(db.aclose())
    await asyncio.sleep(0)
    gate.opened.set()
    await asyncio.gather(first, *others, closing_task)

    assert len(on_disk(db.path)) == 10


async def test_a_closed_database_says_so(tmp_path: Path) -> None:
    db = Sqlite(fresh_file(tmp_path))
    await db.aclose()
    await db.aclose()
    for act in (db.read, db.write):
        with pytest.raises(DatabaseClosed):
            await act(1, count)
    with pytest.raises(DatabaseClosed):
        await db.read_here(1, count)
