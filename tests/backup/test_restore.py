"""A backup comes back whole or not at all; a database that is there is never overwritten."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from portal import migrate as migrations
from portal.backup import sealed
from portal.backup.copying import blocks, digest
from portal.backup.make import Made
from portal.backup.manifest import Manifest, split
from portal.backup.restore import Breached, drill
from portal.backup.sealed import Unusable
from portal.db import open_connection
from portal.errors import Misconfigured
from portal.migrate import is_current, revision_of
from tests.backup.samples import NOW, backed_up, change, count, names, put_back, silent
from tests.support import MASTER, Seed, fresh_file, seed
from tests.vouchers.cards import print_cards, show

pytestmark = pytest.mark.sqlite_only(reason="a server is backed up by its own tools")

REDEEMED = "SELECT COUNT(*) FROM vouchers WHERE state = 'redeemed'"


@pytest.fixture
async def s(tmp_path: Path) -> AsyncIterator[Seed]:
    made = await seed(tmp_path)
    for n, code in enumerate(await print_cards(made, 3)):
        await show(made, code, n)
    yield made
    await made.db.aclose()


@pytest.fixture
def made(s: Seed, tmp_path: Path) -> Made:
    return backed_up(s.db.path, tmp_path / "backups", s.clock.now())


@pytest.fixture
def house(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


def test_it_comes_back_elsewhere_with_every_row(made: Made, house: Path, s: Seed) -> None:
    found = put_back(made.path, house / "bando.db")

    assert names(house) == {"bando.db"}
    assert (house / "bando.db").stat().st_mode & 0o777 == 0o600
    assert (count(house / "bando.db", REDEEMED), found.breaches, found.aside) == (3, [], [])
    for table, rows in made.manifest.rows.items():
        assert count(house / "bando.db", f'SELECT COUNT(*) FROM "{table}"') == rows


def test_what_is_there_is_not_overwritten(made: Made, house: Path) -> None:
    (house / "bando.db").write_bytes(b"another one")

    with pytest.raises(Misconfigured, match="is there already; with --replace"):
        put_back(made.path, house / "bando.db")
    assert (house / "bando.db").read_bytes() == b"another one"
    assert names(house) == {"bando.db"}


@pytest.mark.parametrize("end", ["-wal", "-shm"])
def test_what_an_old_database_left_beside_it_is_noticed(made: Made, house: Path, end: str) -> None:
    """An old -wal would be played into the new database."""
    (house / f"bando.db{end}").write_bytes(b"of another one")

    with pytest.raises(Misconfigured, match="is there already"):
        put_back(made.path, house / "bando.db")
    put_back(made.path, house / "bando.db", replace=True)
    assert names(house) == {"bando.db", f"bando.db.before-restore-{NOW}{end}"}


def killed(database: Path, place: Path) -> None:
    """A database as a killed process leaves it: its last commit is in the -wal alone."""
    shutil.copyfile(database, place)
    with closing(open_connection(place)) as writing:
        writing.execute("CREATE TABLE last_words (x)")
        writing.execute("INSERT INTO last_words VALUES (42)")
        for end in ("", "-wal", "-shm"):
            shutil.copyfile(f"{place}{end}", f"{place}{end}.kept")
    for end in ("", "-wal", "-shm"):
        shutil.move(f"{place}{end}.kept", f"{place}{end}")


def test_an_old_database_is_kept_with_what_lies_beside_it(made: Made, house: Path, tmp_path: Path) -> None:
    killed(fresh_file(tmp_path, "empty.db"), house / "bando.db")
    found = put_back(made.path, house / "bando.db", replace=True)
    aside = house / f"bando.db.before-restore-{NOW}"

    assert found.aside == [Path(f"{aside}{end}") for end in ("", "-wal", "-shm")]
    assert count(aside, "SELECT x FROM last_words") == 42
    assert count(house / "bando.db", REDEEMED) == 3


def test_a_database_in_use_is_left_alone(made: Made, house: Path, tmp_path: Path) -> None:
    shutil.copyfile(fresh_file(tmp_path, "empty.db"), house / "bando.db")
    user = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM tenants').fetchall();"

    words = [sys.executable, "-c", f"{user} print('open', flush=True); input()", str(house / "bando.db")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(Misconfigured, match="in use by another command"):
            put_back(made.path, house / "bando.db", replace=True)
        other.communicate("\n")
    assert names(house) == {"bando.db"}
    assert count(house / "bando.db", REDEEMED) == 0
    put_back(made.path, house / "bando.db", replace=True)  # the control: it has ended
    assert count(house / "bando.db", REDEEMED) == 3


@pytest.mark.parametrize("at", [0.001, 0.3, 0.6, 0.95])
def test_after_a_failure_nothing_is_there(made: Made, house: Path, at: float) -> None:
    file = house / "altered.backup"
    whole = bytearray(made.path.read_bytes())
    whole[int(len(whole) * at)] ^= 1
    file.write_bytes(whole)
    (house / "bando.db").write_bytes(b"old")

    with pytest.raises(Unusable):
        put_back(file, house / "bando.db", replace=True)
    assert names(house) == {"altered.backup", "bando.db"}
    assert (house / "bando.db").read_bytes() == b"old"


def test_when_it_cannot_be_put_in_place_the_old_one_comes_back(made: Made, house: Path) -> None:
    """The name for the old -wal is taken, which shows after the database itself was moved."""
    for end in ("", "-wal"):
        (house / f"bando.db{end}").write_bytes(b"old")
    (house / f"bando.db.before-restore-{NOW}-wal").write_bytes(b"older")
    before = names(house)

    with pytest.raises(Misconfigured, match="move it away"):
        put_back(made.path, house / "bando.db", replace=True)
    assert names(house) == before
    assert (house / "bando.db").read_bytes() == b"old"


def test_another_key_is_named(made: Made, house: Path) -> None:
    with pytest.raises(Unusable, match="BANDO_SECRET_KEY is not the key of this backup"):
        put_back(made.path, house / "bando.db", key=b"another key, of 32 bytes and more")
    assert names(house) == set()


def forged(house: Path, database: Path, **changes: object) -> Path:
    """A backup of this database, sealed with the right key, that says something else of it."""
    found: dict[str, Any] = {
        "moment": NOW,
        "revision": revision_of(database),
        "size": database.stat().st_size,
        "rows": {},
    }
    fields: dict[str, Any] = {**found, "digest": digest(database, silent), "breaches": 0, **changes}
    with (house / "forged.backup").open("wb") as file:
        line = Manifest(**fields).line()
        sealed.write(file, MASTER, [line, *blocks(database, "", silent)])
    return house / "forged.backup"


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"revision": "9999"}, "schema 9999, which a newer Bando made"),
        ({"size": 5}, "another database than it says"),
        ({"digest": "00"}, "another database than it says"),
        ({"rows": {"tenants": 7}}, "not hold the rows"),
    ],
    ids=["a newer schema", "size", "digest", "rows"],
)
def test_what_does_not_agree_with_its_manifest_is_refused(
    tmp_path: Path, house: Path, change: dict[str, object], sentence: str
) -> None:
    file = forged(house, fresh_file(tmp_path), **change)

    with pytest.raises(Unusable, match=sentence):
        put_back(file, house / "bando.db")
    assert names(house) == {"forged.backup"}


def test_a_manifest_of_another_kind_is_refused(house: Path) -> None:
    for line in (b"", b"\n", b"[]\n", b'{"moment": 1}\n', b"x" * (3 << 20)):
        (house / "odd.backup").unlink(missing_ok=True)
        with (house / "odd.backup").open("wb") as file:
            sealed.write(file, MASTER, [line])
        with pytest.raises(Unusable):
            put_back(house / "odd.backup", house / "bando.db")


def test_an_older_schema_is_migrated(tmp_path: Path, house: Path) -> None:
    old = tmp_path / "old.db"
    config = Config()
    config.set_main_option("script_location", str(migrations.HOME))
    engine = create_engine(f"sqlite:///{old}")
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        connection.commit()
    engine.dispose()
    change(old, "PRAGMA journal_mode=WAL")
    made = backed_up(old, tmp_path / "backups")
    found = put_back(made.path, house / "bando.db")

    assert (made.breaches, made.manifest.revision) == (None, "0004")
    assert is_current(house / "bando.db")
    assert found.revision != "0004"
    assert not is_current(old)


def test_a_backup_with_a_breach_is_put_back_only_if_it_is_said(s: Seed, tmp_path: Path, house: Path) -> None:
    change(s.db.path, "UPDATE passes SET cause_ref = 'nothing' WHERE id = 2")
    made = backed_up(s.db.path, tmp_path / "backups", s.clock.now())

    with pytest.raises(Breached) as refused:
        put_back(made.path, house / "bando.db")
    assert names(house) == set()
    found = put_back(made.path, house / "bando.db", breached=True)
    assert made.breaches == refused.value.breaches == found.breaches
    assert "redeemed and has no pass" in found.breaches[0]


def test_a_drill_leaves_nothing(made: Made, house: Path) -> None:
    found = drill(made.path, house, MASTER, silent)

    assert (found.breaches, found.manifest) == ([], made.manifest)
    assert names(house) == set()
    assert set(found.took) == {"unpacked", "checked", "migrated", "looked for breaches"}


def test_the_manifest_tells_what_is_in_it(made: Made, s: Seed) -> None:
    with made.path.open("rb") as file:
        manifest, _ = split(sealed.read(file, MASTER))

    assert manifest == made.manifest
    assert manifest.rows["vouchers"] == 3
    assert manifest.all_rows == sum(manifest.rows.values()) > 3
