"""A backup is whole while somebody writes; what is not finished never looks good; old ones go to the day."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portal.backup.make import make, moment_of, name_at, prune
from portal.clock import DAY
from portal.errors import Misconfigured
from portal.tenancy import store as tenancy
from tests.backup.samples import NOW, backed_up, change, count, names, put_back, silent
from tests.support import MASTER, Seed, fresh_file, seed
from tests.vouchers.cards import print_cards, show

pytestmark = pytest.mark.sqlite_only(reason="a server is backed up by its own tools")

HOME = Path(__file__).parent.parent.parent
REDEEMED = "SELECT COUNT(*) FROM vouchers WHERE state = 'redeemed'"


@pytest.fixture
async def s(tmp_path: Path) -> AsyncIterator[Seed]:
    made = await seed(tmp_path)
    yield made
    await made.db.aclose()


async def redeem(s: Seed, codes: list[str], done: list[str]) -> None:
    """Guests, one after the other; what is in `done` was acknowledged."""
    for n, code in enumerate(codes):
        await show(s, code, n)
        done.append(code)


async def test_a_backup_under_load_holds_what_was_acknowledged_before(s: Seed, tmp_path: Path) -> None:
    codes, done = await print_cards(s, 400), list[str]()
    guests = asyncio.create_task(redeem(s, codes, done))
    folder, meanwhile = tmp_path / "backups", 0
    for n in range(4):
        while len(done) < 20 * (n + 1):
            await asyncio.sleep(0.005)
        before = len(done)
        made = await asyncio.to_thread(backed_up, s.db.path, folder, s.clock.now() + n * 1000)
        after = len(done)
        meanwhile += after - before
        place = tmp_path / f"restored-{n}.db"
        found = await asyncio.to_thread(put_back, made.path, place)

        assert made.breaches == found.breaches == []
        assert before <= count(place, REDEEMED) <= after + 1
    guests.cancel()
    assert meanwhile > 0  # a slow machine may be through with its cards before the last one


async def test_a_copy_of_the_file_would_not_hold_it(s: Seed, tmp_path: Path) -> None:
    """The control: what is acknowledged stands in the -wal file first."""
    codes, done = await print_cards(s, 5), list[str]()
    await redeem(s, codes, done)
    careless = shutil.copyfile(s.db.path, tmp_path / "careless.db")
    made = backed_up(s.db.path, tmp_path / "backups", s.clock.now())
    put_back(made.path, tmp_path / "restored.db")

    assert count(tmp_path / "restored.db", REDEEMED) == 5
    with pytest.raises((sqlite3.Error, AssertionError)):
        assert count(careless, REDEEMED) == 5


async def test_a_writer_does_not_wait_and_the_copy_does_not_begin_anew(s: Seed, tmp_path: Path) -> None:
    """Between any two steps of the copy something is committed, and it is finished all the same."""
    change(s.db.path, "CREATE TABLE filling (x)")
    change(
        s.db.path,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)"
        " INSERT INTO filling SELECT randomblob(4000) FROM n",
    )
    steps, slowest = list[int](), 0.0

    def write(doing: str, at: int, whole: int) -> None:
        nonlocal slowest
        if doing == "copying":
            begun = time.monotonic()
            change(s.db.path, f"INSERT INTO filling VALUES ({len(steps)})")
            slowest = max(slowest, time.monotonic() - begun)
            steps.append(at)

    (tmp_path / "backups").mkdir()
    made = make(s.db.path, tmp_path / "backups", MASTER, NOW, write)

    assert len(steps) > 3
    assert steps == sorted(steps)
    assert made.manifest.rows["filling"] == 4000
    assert slowest < 2


def test_it_is_private_and_has_its_moment_in_its_name(tmp_path: Path) -> None:
    made = backed_up(fresh_file(tmp_path), tmp_path / "backups")

    assert made.path.name == "bando-20261128T210640Z.backup"
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert names(tmp_path / "backups") == {made.path.name}


def test_a_second_one_of_the_same_second_overwrites_nothing(tmp_path: Path) -> None:
    made = backed_up(fresh_file(tmp_path), tmp_path / "backups")
    before = made.path.read_bytes()

    with pytest.raises(Misconfigured, match="is there already"):
        backed_up(tmp_path / "bando.db", tmp_path / "backups")
    assert made.path.read_bytes() == before
    assert names(tmp_path / "backups") == {made.path.name}


async def test_nothing_can_be_read_in_it(s: Seed, tmp_path: Path) -> None:
    """Not even what the database itself has in plain text."""
    await s.write(
        tenancy.add_router,
        s.vault,
        NOW,
        name="PLANTED-NAME",
        host="10.0.0.9",
        port=1,
        username="bando",
        password="PLANTED-SECRET",
        hotspot_host="login.test",
        tunnel=True,
    )
    await s.db.write(None, tenancy.add_tenant, "PLANTED-ISP", NOW, support_phone="0712345678")
    made = backed_up(s.db.path, tmp_path / "backups", s.clock.now())
    put_back(made.path, tmp_path / "restored.db")
    file, plain = made.path.read_bytes(), (tmp_path / "restored.db").read_bytes()

    assert b"PLANTED-ISP" in plain  # the control
    for secret in (b"PLANTED", b"0712345678", b"712345678", b"SQLite", b"vouchers", b"tenant", MASTER):
        assert secret not in file


def test_a_damaged_database_makes_no_backup(tmp_path: Path) -> None:
    database = fresh_file(tmp_path)
    size = database.stat().st_size
    with database.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * 8192)

    with pytest.raises((Misconfigured, sqlite3.Error)):
        backed_up(database, tmp_path / "backups")
    assert names(tmp_path / "backups") == set()


def test_a_row_that_refers_to_nothing_makes_no_backup(tmp_path: Path) -> None:
    database = fresh_file(tmp_path)
    change(database, "CREATE TABLE child (id INTEGER PRIMARY KEY, tenant_id INTEGER REFERENCES tenants (id))")
    backed_up(database, tmp_path / "backups")  # the control
    change(database, "INSERT INTO child (tenant_id) VALUES (4711)")

    with pytest.raises(Misconfigured, match="a row of child"):
        backed_up(database, tmp_path / "backups", NOW + 1000)
    assert len(names(tmp_path / "backups")) == 1


def test_another_key_makes_no_backup(tmp_path: Path) -> None:
    database = fresh_file(tmp_path)
    change(database, "INSERT INTO installation (name, value) VALUES ('key', 'the mark of another one')")

    with pytest.raises(Misconfigured, match="BANDO_SECRET_KEY"):
        backed_up(database, tmp_path / "backups")
    assert names(tmp_path / "backups") == set()


MAKING = """
import sys, time
from pathlib import Path
from portal.backup.make import make
def slowly(doing, done, whole):
    print(doing, flush=True)
    if doing == sys.argv[3]:
        time.sleep(60)
make(Path(sys.argv[1]), Path(sys.argv[2]), b"k" * 32, 1795900000000, slowly)
"""


@pytest.mark.parametrize("doing", ["copying", "checking", "digesting", "sealing", "reading it back"])
def test_a_killed_backup_leaves_no_file_that_looks_good(tmp_path: Path, doing: str) -> None:
    database, folder = fresh_file(tmp_path), tmp_path / "backups"
    folder.mkdir()
    words = [sys.executable, "-c", MAKING, str(database), str(folder), doing]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=HOME) as process:
        assert process.stdout is not None
        while process.stdout.readline().strip() != doing:
            pass
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    left = names(folder)
    made = backed_up(database, folder)

    assert len(left) == 1  # the control: it was in the midst of it
    assert [each for each in left if moment_of(each) is not None or not each.startswith(".")] == []
    assert names(folder) == {made.path.name}  # what was left is swept


def test_what_another_one_works_on_is_not_swept(tmp_path: Path) -> None:
    folder, seen = tmp_path / "backups", list[set[str]]()
    database = fresh_file(tmp_path)

    def meanwhile(doing: str, done: int, whole: int) -> None:
        if doing == "checking" and not seen:
            seen.append(names(folder))
            make(database, folder, MASTER, NOW + 5000, silent)
            seen.append(names(folder))

    folder.mkdir()
    make(database, folder, MASTER, NOW, meanwhile)

    assert seen[0] <= seen[1]
    assert names(folder) == {name_at(NOW), name_at(NOW + 5000)}


def test_old_ones_are_removed_to_the_day(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    made = backed_up(fresh_file(tmp_path), folder)
    ages = [1, 34 * DAY, 35 * DAY, 35 * DAY + 1000, 36 * DAY, 900 * DAY]
    for age in ages:
        (folder / name_at(NOW - age)).touch()
    (folder / "notes.txt").touch()
    (folder / "bando-20260231T000000Z.backup").touch()  # no day
    (folder / f"{name_at(NOW - 900 * DAY)}.old").touch()
    gone = prune(folder, made.path, 35, NOW)

    assert {each.name for each in gone} == {name_at(NOW - age) for age in ages[3:]}
    assert len(names(folder)) == 1 + 3 + 3  # the new one, three that are not too old, and three that are no backups


def test_the_one_that_was_just_made_is_never_removed(tmp_path: Path) -> None:
    """Not even by a clock that jumped meanwhile."""
    made = backed_up(fresh_file(tmp_path), tmp_path / "backups")

    assert prune(tmp_path / "backups", made.path, 1, NOW + 900 * DAY) == []
    assert made.path.exists()


@pytest.mark.parametrize("moment", [0, NOW, NOW + 400 * DAY])
def test_a_name_tells_its_moment(moment: int) -> None:
    assert moment_of(name_at(moment)) == moment - moment % 1000


MEMORY = """
import resource, sys
from pathlib import Path
from portal.backup.make import make
from portal.backup.restore import drill
say = lambda *_: None
made = make(Path(sys.argv[1]), Path(sys.argv[2]), b"k" * 32, 1795900000000, say)
drill(made.path, Path(sys.argv[2]), b"k" * 32, say)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def used(database: Path, folder: Path) -> int:
    """MiB that a backup and a drill take at most."""
    folder.mkdir()
    words = [sys.executable, "-c", MEMORY, str(database), str(folder)]
    return int(subprocess.run(words, capture_output=True, text=True, check=True, cwd=HOME).stdout)


def test_memory_stays_flat(tmp_path: Path) -> None:
    database = fresh_file(tmp_path)
    small = used(database, tmp_path / "small")
    change(database, "CREATE TABLE filling (x)")
    change(
        database,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)"
        " INSERT INTO filling SELECT randomblob(1000000) FROM n",
    )
    big = used(database, tmp_path / "big")

    assert database.stat().st_size > 280 << 20
    assert big - small < 80, (small, big)
