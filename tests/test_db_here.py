"""Units that run on the event loop's thread: nobody waits for ever, and nobody is answered who was not written."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from time import perf_counter

import pytest

from portal.db import GROUP, Sqlite, open_connection
from portal.units import Conflict, Signal, Sql, Unit, insert, value
from tests.support import fresh_file

PATIENCE_S = 5.0


def add(mac: str) -> Unit[int]:
    return (yield from insert("devices", mac=mac, created_at=0, last_seen_at=0))


def add_and_signal(mac: str, topic: str) -> Unit[int]:
    made = yield from add(mac)
    yield Signal(topic, made)
    return made


def add_and_raise(mac: str, error: BaseException) -> Unit[int]:
    yield from add(mac)
    raise error


def count() -> Unit[int]:
    return int((yield from value("SELECT COUNT(*) FROM devices WHERE tenant_id = :tenant")))


def has(mac: str) -> Unit[int]:
    return int((yield from value("SELECT COUNT(*) FROM devices WHERE tenant_id = :tenant AND mac = :mac", mac=mac)))


def add_tenant() -> Unit[None]:
    yield Sql("INSERT INTO tenants (public, name, created_at) VALUES ('one', 'one', 0)", {})


def fill(size: int) -> Unit[None]:
    yield Sql("INSERT INTO logos (tenant_id, png) VALUES (:tenant, zeroblob(:size))", {"size": size})


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Sqlite]:
    made = Sqlite(fresh_file(tmp_path))
    await made.write(None, add_tenant)
    yield made
    async with asyncio.timeout(PATIENCE_S):
        await made.aclose()


async def soon(*waiting: asyncio.Future[int] | asyncio.Task[int]) -> list[int | BaseException]:
    """What became of them; a waiter that is forgotten fails the test instead of stopping it."""
    async with asyncio.timeout(PATIENCE_S):
        return await asyncio.gather(*waiting, return_exceptions=True)


def here(db: Sqlite, number: int) -> asyncio.Task[int]:
    return asyncio.create_task(db.write_here(1, add, f"here-{number}"))


def there(db: Sqlite, number: int) -> asyncio.Task[int]:
    return asyncio.create_task(db.write(1, add, f"there-{number}"))


# --- closing ---


@pytest.mark.parametrize("many", [1, GROUP, GROUP + 1, 3 * GROUP])
async def test_closing_finishes_what_waits(tmp_path: Path, many: int) -> None:
    path = fresh_file(tmp_path)
    db = Sqlite(path)
    await db.write(None, add_tenant)
    waiting = [here(db, n) for n in range(many)]
    await asyncio.sleep(0)  # they have begun; more than a group of them wait for the next one
    async with asyncio.timeout(PATIENCE_S):
        await db.aclose()
    assert all(isinstance(each, int) for each in await soon(*waiting))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM devices").fetchone() == (many,)


async def test_closing_while_the_writer_thread_has_its_turn_finishes_both(tmp_path: Path) -> None:
    for delay in (0.0, 0.0005, 0.001, 0.002):
        db = Sqlite(fresh_file(tmp_path, f"{delay}.db"))
        await db.write(None, add_tenant)
        waiting = [task for n in range(200) for task in (there(db, n), here(db, n))]
        await asyncio.sleep(delay)
        async with asyncio.timeout(PATIENCE_S):
            await db.aclose()
        assert all(isinstance(each, int) for each in await soon(*waiting))


def test_closing_from_another_thread_waits_for_the_group_that_is_running(tmp_path: Path) -> None:
    """Nobody would commit it, if the thread that commits were told to end before."""
    db = Sqlite(fresh_file(tmp_path))
    running, closing_begun = threading.Event(), threading.Event()

    def waits(mac: str) -> Unit[int]:
        running.set()
        closing_begun.wait(PATIENCE_S)
        return (yield from add(mac))

    async def close() -> None:
        closed = asyncio.create_task(db.aclose())
        await asyncio.sleep(0.1)
        closing_begun.set()
        async with asyncio.timeout(PATIENCE_S):
            await closed

    def close_elsewhere() -> None:
        running.wait(PATIENCE_S)
        asyncio.run(close())

    async def whole() -> None:
        await db.write(None, add_tenant)
        await soon(here(db, 0))
        closer = asyncio.create_task(asyncio.to_thread(close_elsewhere))
        try:
            found = await soon(asyncio.create_task(db.write_here(1, waits, "late")), here(db, 1))
        except TimeoutError:
            db._turn.release()  # so that closing ends, and this test with it
            raise
        assert all(isinstance(each, int) for each in found)
        await closer

    asyncio.run(whole())


# --- the engine fails ---


async def test_a_transaction_that_cannot_begin_is_told_and_the_next_one_works(db: Sqlite) -> None:
    """Anything but "busy": a bad disk, no memory."""
    await soon(here(db, 0))
    assert db._writing is not None
    db._writing.set_authorizer(lambda action, *_: sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_TRANSACTION else 0)
    refused = await soon(here(db, 1), here(db, 2))
    assert [type(each) for each in refused] == [sqlite3.DatabaseError] * 2
    db._writing.set_authorizer(None)
    assert all(isinstance(each, int) for each in await soon(here(db, 3), there(db, 3)))


async def test_a_commit_that_cannot_be_undone_either_is_not_acknowledged(db: Sqlite) -> None:
    await soon(here(db, 0))
    assert db._writing is not None

    def no_end(action: int, what: str | None, *_: str | None) -> int:
        ends = action == sqlite3.SQLITE_TRANSACTION and what in ("COMMIT", "ROLLBACK")
        return sqlite3.SQLITE_DENY if ends else sqlite3.SQLITE_OK

    db._writing.set_authorizer(no_end)
    assert all(isinstance(each, sqlite3.Error) for each in await soon(here(db, 1), here(db, 2)))
    assert all(isinstance(each, sqlite3.Error) for each in await soon(there(db, 1)))
    db._writing.set_authorizer(None)
    await soon(there(db, 8), here(db, 8))  # at the latest now it is clear again
    assert all(isinstance(each, int) for each in await soon(here(db, 3), there(db, 3)))
    assert await db.read(1, has, "here-1") == 0


async def test_a_full_disk_is_told_and_nothing_is_half_written(db: Sqlite) -> None:
    await soon(here(db, 0))
    assert db._writing is not None
    pages = db._writing.execute("PRAGMA page_count").fetchone()[0]
    db._writing.execute(f"PRAGMA max_page_count={pages + 10}")
    big = asyncio.create_task(db.write_here(1, fill, 1_000_000))
    found = await soon(here(db, 1), big, here(db, 2))  # type: ignore[arg-type]
    assert isinstance(found[1], sqlite3.OperationalError)
    for number, told in ((1, found[0]), (2, found[2])):
        assert await db.read(1, has, f"here-{number}") == (1 if isinstance(told, int) else 0)
    db._writing.execute("PRAGMA max_page_count=1000000")
    assert all(isinstance(each, int) for each in await soon(here(db, 3), there(db, 3)))


NO_MEMORY = """
import asyncio, os, sqlite3, sys
from contextlib import suppress
from pathlib import Path
from portal.db import Sqlite
from tests.test_db_here import add, add_tenant, soon

async def whole():
    db = Sqlite(Path(sys.argv[1]))
    write = getattr(db, sys.argv[2])
    await db.write(None, add_tenant)
    await write(1, add, "first")
    other = sqlite3.connect(":memory:")
    with suppress(MemoryError):
        other.execute("PRAGMA hard_heap_limit=1").fetchall()
    found = await soon(*(asyncio.create_task(write(1, add, str(n))) for n in range(3)))
    print(*(type(each).__name__ for each in found), flush=True)
    os._exit(0)

asyncio.run(whole())
"""


@pytest.mark.parametrize("write", ["write", "write_here"])
def test_whoever_is_not_written_for_want_of_memory_is_told(tmp_path: Path, write: str) -> None:
    """Not even ROLLBACK and BEGIN find any: the turn to write must not be kept for ever."""
    command = [sys.executable, "-c", NO_MEMORY, str(fresh_file(tmp_path)), write]
    home = Path(__file__).parents[1]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=30)
    assert done.stdout.split() == ["MemoryError"] * 3, done.stderr


def goes_on(mac: str) -> Unit[int]:
    made = yield from add(mac)
    try:
        yield Sql("INSERT OR ROLLBACK INTO tenants (public, name, created_at) VALUES ('one', 'one', 0)", {})
    except Conflict:
        yield from add(f"{mac}-after")
    return made


@pytest.mark.parametrize("path", ["write", "write_here"])
async def test_no_unit_goes_on_after_its_transaction_was_lost(db: Sqlite, path: str) -> None:
    """Each statement after it would be written at once, and for good."""
    write = getattr(db, path)
    jobs = ((add, "before"), (goes_on, "lost"), (add, "after"))
    found = await soon(*(asyncio.create_task(write(1, *job)) for job in jobs))
    for mac, told in zip(("before", "lost", "after"), found, strict=True):
        assert await db.read(1, has, mac) == (1 if isinstance(told, int) else 0)
    assert isinstance(found[1], sqlite3.Error)
    assert await db.read(1, has, "lost-after") == 0
    assert all(isinstance(each, int) for each in await soon(here(db, 3), there(db, 3)))


def stops() -> Unit[int]:
    raise StopIteration


async def test_an_error_that_no_future_takes_keeps_nobody_waiting(db: Sqlite) -> None:
    found = await soon(here(db, 1), asyncio.create_task(db.write_here(1, stops)), here(db, 2))
    assert [type(each) for each in found] == [int, RuntimeError, int]


class Stopped(BaseException):
    """As a second Ctrl-C is: it may come at any point of a unit."""


@pytest.mark.parametrize("error", [ValueError("mine"), Stopped()])
async def test_a_unit_that_raises_in_a_group_is_undone_alone(db: Sqlite, error: BaseException) -> None:
    broken = asyncio.create_task(db.write_here(1, add_and_raise, "broken", error))
    found = await soon(here(db, 1), broken, here(db, 2))
    assert isinstance(found[0], int)
    assert found[1] is error
    assert isinstance(found[2], int)
    assert await db.read(1, count) == 2


async def test_after_a_refusal_the_next_group_is_not_run_twice(db: Sqlite) -> None:
    """Or whoever is refused again and again would make everybody's work double."""
    ran: list[str] = []

    def noted(name: str, error: BaseException | None) -> Unit[int]:
        ran.append(name)
        if error is not None:
            raise error
        return (yield from add(name))

    for turn in range(4):
        bad = asyncio.create_task(db.write_here(1, noted, f"bad-{turn}", ValueError()))
        good = asyncio.create_task(db.write_here(1, noted, f"good-{turn}", None))
        found = await soon(good, bad)
        assert [type(each) for each in found] == [int, ValueError]
    assert len(ran) <= 4 * 2 + 2
    await soon(here(db, 1))
    await soon(here(db, 2))
    assert not db._apart


async def test_a_group_that_is_run_again_tells_its_listeners_once(db: Sqlite) -> None:
    heard: list[int] = []
    db.listen("made", lambda _, key: heard.append(key))
    first = asyncio.create_task(db.write_here(1, add_and_signal, "signals", "made"))
    broken = asyncio.create_task(db.write_here(1, add_and_raise, "broken", ValueError()))
    found = await soon(first, broken, here(db, 1))
    assert heard == [found[0]]
    assert await db.read(1, count) == 2


async def test_a_group_that_loses_its_turn_before_it_is_run_again_goes_to_the_writer(
    db: Sqlite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may begin to write in between."""
    turns = iter([True, False])
    begun = db._begun

    def comes_in_between(connection: sqlite3.Connection) -> bool:
        return next(turns, True) and begun(connection)

    monkeypatch.setattr(db, "_begun", comes_in_between)
    broken = asyncio.create_task(db.write_here(1, add_and_raise, "broken", ValueError("mine")))
    found = await soon(here(db, 1), broken, here(db, 2))
    assert next(turns, None) is None
    assert [type(each) for each in found] == [int, ValueError, int]
    assert await db.read(1, count) == 2
    assert all(isinstance(each, int) for each in await soon(here(db, 3), there(db, 3)))


async def test_a_listener_that_raises_keeps_nobody_waiting(db: Sqlite) -> None:
    heard: list[int] = []

    def raises(_tenant: int, _key: int) -> None:
        raise ValueError

    db.listen("made", raises)
    db.listen("made", lambda _, key: heard.append(key))
    first = asyncio.create_task(db.write_here(1, add_and_signal, "signals", "made"))
    found = await soon(first, here(db, 1), there(db, 1))
    assert all(isinstance(each, int) for each in found)
    assert heard == [found[0]]


# --- waiters ---


async def test_a_cancelled_waiter_is_written_whole_and_hurts_nobody(db: Sqlite) -> None:
    waiting = [here(db, n) for n in range(2 * GROUP)]
    await asyncio.sleep(0)
    for each in waiting[::2]:
        each.cancel()
    found = await soon(*waiting[1::2])
    assert all(isinstance(each, int) for each in found)
    await soon(here(db, -1))
    assert await db.read(1, count) == 2 * GROUP + 1


async def test_neither_path_starves_the_other(db: Sqlite) -> None:
    stop = asyncio.Event()
    done = {"here": 0, "there": 0}

    async def keep_on(name: str, worker: int) -> None:
        write, number = (db.write_here if name == "here" else db.write), 0
        while not stop.is_set():
            number += 1
            await write(1, add, f"{name}-{worker}-{number}")
            done[name] += 1

    tasks = [asyncio.create_task(keep_on(name, n)) for name in done for n in range(8)]
    await asyncio.sleep(1)
    stop.set()
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*tasks)
    assert min(done.values()) > 20
    assert max(done.values()) < 20 * min(done.values())
    assert await db.read(1, count) == sum(done.values())


def test_threads_with_loops_of_their_own_write_beside(tmp_path: Path) -> None:
    """The first loop is at home; the others go by the writer thread."""
    db = Sqlite(fresh_file(tmp_path))
    found: list[int] = []

    async def write_some(name: str) -> None:
        async with asyncio.timeout(2 * PATIENCE_S):
            for number in range(20):
                made = (db.write_here(1, add, f"{name}-{number}-{n}") for n in range(10))
                found.extend(await asyncio.gather(*made))

    async def whole() -> None:
        await db.write(None, add_tenant)
        threads = [threading.Thread(target=asyncio.run, args=(write_some(str(n)),)) for n in range(3)]
        for each in threads:
            each.start()
        await write_some("home")
        for each in threads:
            await asyncio.to_thread(each.join)
        async with asyncio.timeout(PATIENCE_S):
            await db.aclose()

    asyncio.run(whole())
    assert len(set(found)) == 4 * 200


def test_a_loop_that_ended_with_work_left_does_not_keep_the_others(tmp_path: Path) -> None:
    db = Sqlite(fresh_file(tmp_path))

    async def leaves() -> None:
        await db.write(None, add_tenant)
        await soon(*(here(db, n) for n in range(10)))  # a crowd: the next ones are waited for
        await asyncio.sleep(0.01)
        left = here(db, 10)
        await asyncio.sleep(0)
        left.cancel()

    async def comes() -> None:
        assert all(isinstance(each, int) for each in await soon(here(db, 11), there(db, 11)))
        assert await db.read(1, count) == 13
        async with asyncio.timeout(PATIENCE_S):
            await db.aclose()

    asyncio.run(leaves())
    asyncio.run(comes())


# --- other processes ---

HOLD = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
connection.execute("COMMIT")
"""


async def test_the_event_loop_goes_on_while_another_process_writes_for_long(db: Sqlite) -> None:
    await soon(here(db, 0))
    with subprocess.Popen([sys.executable, "-c", HOLD, str(db.path), "1.5"], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert await asyncio.to_thread(holder.stdout.readline) == b"held\n"
        waiting: list[asyncio.Task[int]] = []
        longest, begin = 0.0, perf_counter()
        while perf_counter() - begin < 1.0:
            waiting.append(here(db, len(waiting) + 1))
            before = perf_counter()
            await asyncio.sleep(0.005)
            longest = max(longest, perf_counter() - before)
        assert not any(each.done() for each in waiting)
        assert longest < 0.9  # nobody is alone on this machine
        assert all(isinstance(each, int) for each in await soon(*waiting))
    assert await db.read(1, count) == len(waiting) + 1


async def test_nobody_is_answered_before_the_commit_however_the_paths_mix(tmp_path: Path) -> None:
    """Another connection sees what was acknowledged, at once."""
    db = Sqlite(fresh_file(tmp_path))
    await db.write(None, add_tenant)
    other = open_connection(db.path, read_only=True)

    async def write_and_look(number: int) -> None:
        write = db.write_here if number % 3 else db.write
        mac = f"look-{number}"
        await write(1, add, mac)
        assert other.execute("SELECT COUNT(*) FROM devices WHERE mac = ?", (mac,)).fetchone()[0] == 1

    async with asyncio.timeout(2 * PATIENCE_S):
        for part in range(10):
            await asyncio.gather(*(write_and_look(100 * part + n) for n in range(60)))
        await db.aclose()
    other.close()
