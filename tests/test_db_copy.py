"""bando db copy: from a file to a server, with equal rows and sums, or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Boolean, Integer, LargeBinary, Table

from portal import check
from portal.changeover import copying, store
from portal.changeover.copying import Breached, Copied, Unequal, copied, digest_of
from portal.changeover.tables import ALL
from portal.clock import TravelClock
from portal.db import Database, at_once, open_database
from portal.db.failures import ENGINE_FAILS
from portal.db.filling import ServerFilling
from portal.db.postgres import at_once as one_write
from portal.db.serving import alone
from portal.errors import Misconfigured
from portal.keys.master import exchange
from portal.keys.ring import vault_of
from portal.people import store as people
from portal.phone import Phone
from portal.place import Place, Server
from portal.privacy.erasing.room import Erasing
from portal.privacy.erasing.service import Wish
from portal.privacy.erasing.subject import Subject, by_person
from portal.schema import metadata
from portal.seal import Vault
from portal.tenancy import store as tenancy
from sandbox.history import lived
from sandbox.stock import stocked
from tests import postgres
from tests.console import samples_money
from tests.forks import Forks
from tests.keys.everything import planted as sealed_rows
from tests.privacy.rows import NOW, Planted
from tests.privacy.test_closed import full
from tests.raw import asked, changed, opened
from tests.shell import HOME, KEY, Shell
from tests.support import MASTER, Seed, fresh_file, seed

ROOM_MIB = 40  # beyond a few rows: caches fill; held whole, 200,000 rows are far more
AWAY = {"leases"}  # of processes on a server: a file has none


def silent(_: str, __: int, ___: int) -> None:
    """Nobody watches."""


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Seed]:
    """An installation in a file, whatever engine the tests run on."""
    made = await seed(tmp_path, clock=TravelClock(start=NOW), place=fresh_file(tmp_path))
    made.clock.run_at(0)
    yield made
    await made.db.aclose()


@pytest.fixture
def there() -> Server:
    """An empty database of a server, as the platform's role."""
    return as_role(postgres.fresh_database(), "bando_platform")


def as_role(server: Server, role: str) -> Server:
    return postgres.cluster().at(server.database, role)


def copy(home: Seed, there: Server, *, breached: bool = False, master: bytes = MASTER) -> Copied:
    return copied(home.db.path, there, master, home.clock.now(), silent, breached=breached)


async def a_month(home: Seed) -> None:
    """What guests have done, so that the books hold something."""
    await samples_money.account(home)
    await home.plan_of(name="1 hour")
    given = (home.db, home.vault, home.tenant, home.router_id, home.clock.now())
    await lived(*given)
    await stocked(*given)


async def everything(home: Seed) -> None:
    """A row in each table, with something in each column."""
    planted = Planted(home.db.path)
    full(planted, home.tenant.id)
    planted.connection.close()
    await home.write(sealed_rows, home.vault, home.tenant.id, "x", 2, act=True)
    with opened(home.db.path) as made:
        for table in metadata.sorted_tables:
            if table.name not in {*AWAY, "root_keys"} and not made.execute(f"SELECT 1 FROM {table.name}").fetchone():
                row = dict(_columns(table, home.tenant.id))
                names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
                made.execute(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", row)


def _columns(table: Table, tenant: int) -> Iterator[tuple[str, Any]]:
    for number, column in enumerate(table.columns, start=7):
        if column.name in ("tenant_id", "owner"):
            yield column.name, tenant
        elif isinstance(column.type, Boolean):
            yield column.name, 1
        elif isinstance(column.type, LargeBinary):
            yield column.name, f"{table.name} {number}".encode()
        else:
            yield column.name, number if isinstance(column.type, Integer) else f"{table.name} {number}"


def filled(there: Server) -> set[str]:
    """The tables of a server in which something is, as somebody sees whom no role keeps from it."""
    with opened(there) as made:
        return {name for name in made.tables if made.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone()}


EMPTY = {"alembic_version"}


# --- equal ---


async def test_every_table_is_copied_with_equal_rows(home: Seed, there: Server) -> None:
    await everything(home)
    exchange(home.db.path, MASTER, MASTER[::-1], NOW)
    done = copy(home, there, breached=True, master=MASTER[::-1])
    assert {name for name, count in done.rows.items() if count} == {each.name for each in ALL} - AWAY
    with at_once(home.db.path) as old, at_once(there) as new:
        for table in ALL:
            assert digest_of(old, table) == digest_of(new, table), table.name
            assert store.sums(old, table) == store.sums(new, table), table.name


async def test_no_table_is_forgotten(there: Server) -> None:
    with opened(there) as made:
        assert {each.name for each in ALL} == {*made.tables} - EMPTY


async def test_the_books_and_the_log_go_on_there(home: Seed, there: Server) -> None:
    """As the role that serves: it sees its ISP's rows, new ids come after the old ones, and what was sealed opens."""
    await a_month(home)
    assert copy(home, there).breaches == []
    last = asked(home.db.path, "SELECT MAX(id) AS last FROM plans")[0]["last"]
    db = open_database(as_role(there, "bando_app"))
    try:
        vault = vault_of(MASTER, db, home.clock).of(home.tenant.id)
        new = Seed(**{**home.__dict__, "db": db, "vault": vault})
        assert await new.read(check.breaches, home.clock.now()) == []
        assert (await new.plan_of(name="after the move")).id == last + 1
        router = await new.read(tenancy.router, home.router_id)
        assert router is not None
        assert router.password(vault) == "router-password"
    finally:
        await db.aclose()


async def test_sums_are_those_of_many_rows_and_of_large_numbers(home: Seed, there: Server) -> None:
    """The sum of times in ms of some million rows is more than a file can add up."""
    with opened(home.db.path) as made:
        for number in range(5):
            row = {"name": f"n{number}", "value": "x"}
            made.execute("INSERT INTO installation (name, value) VALUES (:name, :value)", row)
        made.execute("UPDATE plans SET price_minor = 4611686018427387904")
        planted = Planted(home.db.path)
        for _ in range(3):
            planted.row("plans", home.tenant.id, price_minor=2**62)
        planted.connection.close()
    assert copy(home, there).rows["installation"] >= 5
    (table,) = (each for each in ALL if each.name == "plans")
    with at_once(there) as new:
        sums = store.sums(new, table)
    assert sums["price_minor_high"] * 1_000_000 + sums["price_minor_low"] == 4 * 2**62


# --- what does not count ---


def meddled(monkeypatch: pytest.MonkeyPatch, table: str, change: Any) -> None:
    """What is written of a table is something else than what was read."""
    real = ServerFilling.copy

    def copy(self: ServerFilling, name: str, columns: Any, records: Any) -> None:
        real(self, name, columns, [change(list(each)) for each in records] if name == table else records)

    monkeypatch.setattr(ServerFilling, "copy", copy)


@pytest.mark.parametrize("column", ["price_minor", "name", "on_sale"])
async def test_a_value_that_changes_on_its_way_is_found(
    home: Seed, there: Server, column: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = metadata.tables["plans"].columns.keys().index(column)
    other = {"price_minor": 2001, "name": "other", "on_sale": False}[column]
    meddled(monkeypatch, "plans", lambda values: [*values[:at], other, *values[at + 1 :]])
    with pytest.raises(Unequal, match="plans: "):
        copy(home, there)
    assert filled(there) == EMPTY
    monkeypatch.undo()
    copy(home, there)


async def test_a_row_that_gets_lost_is_found(home: Seed, there: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    real = ServerFilling.copy
    monkeypatch.setattr(
        ServerFilling, "copy", lambda self, name, *rest: None if name == "plans" else real(self, name, *rest)
    )
    with pytest.raises(Unequal, match="plans: row_count is 0 on the server and 1 in the file"):
        copy(home, there)
    assert filled(there) == EMPTY


async def test_without_the_comparison_the_difference_would_stay(
    home: Seed, there: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is the comparison that finds it."""
    at = metadata.tables["plans"].columns.keys().index("price_minor")
    meddled(monkeypatch, "plans", lambda values: [*values[:at], 2001, *values[at + 1 :]])
    monkeypatch.setattr(copying._Copying, "_compare", lambda *_: None)
    copy(home, there)
    assert asked(there, "SELECT price_minor FROM plans")[0]["price_minor"] == 2001


async def test_a_row_that_refers_to_nothing_is_found(
    home: Seed, there: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = metadata.tables["plans"].columns.keys().index("tenant_id")
    meddled(monkeypatch, "plans", lambda values: [*values[:at], 999, *values[at + 1 :]])
    with pytest.raises(Unequal, match="does not hang together"):
        copy(home, there)
    assert filled(there) == EMPTY


async def test_broken_off_in_the_middle_nothing_is_there(home: Seed, there: Server) -> None:
    def stop(doing: str, done: int, whole: int) -> None:
        if doing == "copying" and done * 2 > whole:
            raise KeyboardInterrupt

    await a_month(home)
    with pytest.raises(KeyboardInterrupt):
        copied(home.db.path, there, MASTER, home.clock.now(), stop)
    assert filled(there) == EMPTY
    copy(home, there)


async def test_a_breach_of_an_invariant_is_told_and_stops_it(home: Seed, there: Server) -> None:
    planted = Planted(home.db.path)
    planted.row("payments", home.tenant.id, state="paid", settled_at=5)
    planted.connection.close()
    with pytest.raises(Breached) as refused:
        copy(home, there)
    assert any("is paid and has no pass" in each for each in refused.value.breaches)
    assert filled(there) == EMPTY
    assert copy(home, there, breached=True).breaches == refused.value.breaches


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE plans SET name = 'a' || char(0) || 'b'", r"plans \d+: name holds a value"),
        ("UPDATE plans SET price_minor = 'much'", r"plans \d+: price_minor holds a value"),
        ("UPDATE plans SET on_sale = 2", r"plans \d+: on_sale holds a value"),
        ("UPDATE routers SET password_sealed = 'words'", r"routers \d+: password_sealed holds a value"),
    ],
)
async def test_what_a_server_cannot_keep_is_named(home: Seed, there: Server, change: str, said: str) -> None:
    """A file keeps whatever it is given."""
    changed(home.db.path, change)
    with pytest.raises(Misconfigured, match=said):
        copy(home, there)
    assert filled(there) == EMPTY


async def test_a_server_with_something_in_it_is_refused(home: Seed, there: Server) -> None:
    changed(there, "INSERT INTO installation (name, value) VALUES ('x', 'y')")
    with pytest.raises(Misconfigured, match="table installation on the server is not empty"):
        copy(home, there)
    assert filled(there) == EMPTY | {"installation"}


async def test_nobody_writes_to_the_server_meanwhile(home: Seed, there: Server) -> None:
    with one_write(as_role(there, "bando_app"), 7, write=True) as other:
        other("UPDATE installation SET value = '1'", {})
        with pytest.raises(ENGINE_FAILS, match="could not obtain lock"):
            copy(home, there)


# --- much ---


MOVES = """
import sys
from pathlib import Path
from portal.changeover.copying import copied
from portal.people import store as people
from portal.phone import Phone
from portal.place import Place, Server
from portal.privacy.erasing.room import Erasing
from portal.privacy.erasing.service import Wish
from portal.privacy.erasing.subject import Subject, by_person
from tests.support import MASTER
done = copied(Path(sys.argv[1]), Server(sys.argv[2]), MASTER, int(sys.argv[3]), lambda *_: None)
words = Path("/proc/self/status").read_text().split()
print(done.rows["sessions"], int(words[words.index("VmHWM:") + 1]) // 1024)
"""


async def much(folder: Path, count: int) -> tuple[int, int]:
    """Rows that were copied, and MiB that it took at most."""
    folder.mkdir()
    place = fresh_file(folder)
    home = await seed(folder, clock=TravelClock(start=NOW), place=place)
    planted = Planted(place)
    planted.many_sessions(home.tenant.id, NOW, count)
    planted.connection.close()
    await home.db.aclose()
    there = as_role(postgres.fresh_database(), "bando_platform")
    ran = subprocess.run(
        [sys.executable, "-c", MOVES, str(place), there.url, str(NOW)],
        cwd=HOME,
        env={**os.environ, "PYTHONPATH": str(HOME)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    rows, peak = map(int, ran.stdout.split())
    return rows, peak


async def test_many_rows_are_copied_in_flat_memory(tmp_path: Path) -> None:
    few, at_least = await much(tmp_path / "few", 500)
    many, peak = await much(tmp_path / "many", 200_000)
    assert (few, many) == (500, 200_000)
    assert peak - at_least < ROOM_MIB


# --- the command ---


@pytest.fixture
async def shell(tmp_path: Path, forks: Forks) -> Shell:
    fresh_file(tmp_path)
    made = Shell(folder=tmp_path, forks=forks, environ={"DATABASE_URL": ""})
    await made.well("tenant", "add", "Kilimani Wi-Fi", "--support-phone", "0700 123 456")
    await made.well("plan", "add", "1 hour", "--price", "20", "--time", "1h")
    return made


async def test_an_installation_moves_to_a_server(shell: Shell, there: Server) -> None:
    said = await shell.well("db", "copy", DATABASE_PLATFORM_URL=there.url)
    assert "each as in" in said
    assert "set DATABASE_URL" in said
    on_server = Shell(folder=shell.folder, forks=shell.forks, environ={"DATABASE_URL": as_role(there, "bando_app").url})
    assert "1 hour" in await on_server.well("plan", "list")
    assert "All invariants hold." in await on_server.well("check")
    await on_server.well("plan", "add", "1 day", "--price", "80", "--time", "24h")
    assert "1 day" not in await shell.well("plan", "list"), "the file stays as it is"
    again = await shell("db", "copy", DATABASE_PLATFORM_URL=there.url)
    assert "is not empty" in again.sentence


async def test_what_is_not_ready_is_refused_in_a_sentence(shell: Shell, there: Server) -> None:
    assert "BANDO_DATABASE_PLATFORM_URL is empty" in (await shell("db", "copy")).sentence
    app = as_role(there, "bando_app").url
    assert "does not see all ISPs" in (await shell("db", "copy", DATABASE_PLATFORM_URL=app)).sentence
    postgres_url = there.named("postgres").url
    assert "not at the present schema" in (await shell("db", "copy", DATABASE_PLATFORM_URL=postgres_url)).sentence
    other = {"DATABASE_PLATFORM_URL": there.url, "SECRET_KEY": KEY[::-1]}
    assert "is not the key" in (await shell("db", "copy", **other)).sentence
    none = {"DATABASE_PLATFORM_URL": there.url, "DATABASE": str(shell.folder / "none.db")}
    assert "is not there" in (await shell("db", "copy", **none)).sentence
    assert filled(there) == EMPTY


async def test_while_somebody_serves_nothing_is_copied(shell: Shell, there: Server) -> None:
    from commands.serving import lock

    with lock(shell.folder / "bando.db"):
        assert "already runs" in (await shell("db", "copy", DATABASE_PLATFORM_URL=there.url)).sentence
    with alone(there):
        assert "Bando serves from" in (await shell("db", "copy", DATABASE_PLATFORM_URL=there.url)).sentence
    assert filled(there) == EMPTY
    await shell.well("db", "copy", DATABASE_PLATFORM_URL=there.url)


# --- after a restore ---


PHONE = Phone("254700000007")


@asynccontextmanager
async def person_of(place: Place) -> AsyncIterator[tuple[Database, Vault, Subject]]:
    """The first person of the first ISP."""
    db = open_database(place)
    try:
        vault = vault_of(KEY.encode(), db, TravelClock())
        subject = Subject(tenant=1, devices=())
        if asked(place, "SELECT 1 FROM persons"):
            subject = await db.read(1, by_person, vault, 1, 1)
        yield db, vault, subject
    finally:
        await db.aclose()


async def test_whoever_was_erased_since_a_backup_is_erased_again_on_a_server(
    shell: Shell, there: Server, tmp_path: Path
) -> None:
    """The server is put back to a moment before the erasing; the list beside says who that was."""
    await shell.well("db", "copy", DATABASE_PLATFORM_URL=there.url)
    on_server = Shell(folder=tmp_path, forks=shell.forks, environ={"DATABASE_URL": as_role(there, "bando_app").url})
    listed = tmp_path / "elsewhere.db"
    async with person_of(on_server.place) as (db, vault, _):
        await db.write(1, people.person_for, vault, 1, PHONE, 5)
    backup = postgres.copy_of(there.database)
    async with person_of(on_server.place) as (db, vault, subject):
        await Erasing(db, vault, TravelClock(), listed).erase(subject, Wish(reason="asked", by="command"))
    on_server.environ["DATABASE_URL"] = backup.url

    assert "no list" in await on_server.well("db", "after-restore")
    assert asked(backup, "SELECT phone_sealed FROM persons")[0]["phone_sealed"] is not None
    said = await on_server.well("db", "after-restore", "--erased", f"{listed}.erased")
    assert "1 person or device erased again" in said
    assert asked(backup, "SELECT phone_sealed FROM persons")[0]["phone_sealed"] is None
    assert asked(backup, "SELECT COUNT(*) AS n FROM tombstones")[0]["n"] == 1
    assert (tmp_path / "bando.db.erased").exists()
    with alone(backup):
        assert "Bando serves" in (await on_server("db", "after-restore")).sentence
    assert "in a file" in (await shell("db", "after-restore")).sentence


async def test_a_backup_of_a_server_is_its_own_tools_matter(shell: Shell, there: Server) -> None:
    ran = await shell("backup", str(shell.folder), DATABASE_PLATFORM_URL=there.url)
    assert ran.code == 0, ran.err
    on_server = Shell(folder=shell.folder, forks=shell.forks, environ={"DATABASE_URL": there.url})
    assert "pg_basebackup" in (await on_server("backup", str(shell.folder))).sentence
