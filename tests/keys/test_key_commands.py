"""bando keys show, rotate and master, and what check, doctor and backups say of keys, as an operator runs them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from portal.audit import store as audit
from portal.clock import SystemClock
from portal.db import Database, open_database
from portal.keys.ring import vault_of
from portal.people import store as people
from portal.phone import Phone
from tests import raw
from tests.backup.samples import change
from tests.forks import Forks
from tests.keys.everything import all_cells, opened, planted
from tests.shell import KEY, Shell
from tests.support import fresh_file

NEW = "f" * 64
PHONE = Phone("254712345678")


@asynccontextmanager
async def database(shell: Shell, name: str = "") -> AsyncIterator[Database]:
    db = open_database(shell.folder / name if name else shell.place)
    yield db
    await db.aclose()


@pytest.fixture
async def shell(tmp_path: Path, forks: Forks) -> Shell:
    """An ISP with values of every kind, a person, and staff."""
    fresh_file(tmp_path)
    (tmp_path / "backups").mkdir()
    made = Shell(folder=tmp_path, forks=forks)
    await made.well("tenant", "add", "Kilimani Wi-Fi", "--support-phone", "0700 123 456")
    await made.well("staff", "add", "asha@isp.test", "Asha", "--role", "owner")
    async with database(made) as db:
        vault = vault_of(KEY.encode(), db, SystemClock())
        await db.write(1, planted, vault, 1, "x", 3, act=True)
        await db.write(1, people.person_for, vault, 1, PHONE, 1)
    return made


def with_new_key(shell: Shell, mode: int = 0o600, text: str = NEW) -> str:
    path = shell.folder / "new.key"
    path.write_text(f"{text}\n")
    path.chmod(mode)
    return str(path)


async def everything(shell: Shell, key: str, name: str = "") -> int:
    """How many cells open with this master key, a number that is found by its hash among them."""
    async with database(shell, name) as db:
        vault = vault_of(key.encode(), db, SystemClock())
        some = await db.read(1, all_cells)
        for cells, row in some:
            opened(vault.of(1), cells, row)
        assert await db.read(1, audit.verify_all, vault) is None
        person = await db.write(1, people.person_for, vault, 1, PHONE, 2)
        found = await db.read(1, people.person, vault, person)
        assert found is not None
        assert found.phone == PHONE
    return len(some)


def keys_of(shell: Shell) -> list[tuple[bytes, bool]]:
    with raw.opened(shell.place) as connection:
        found = connection.execute("SELECT name, replaced_at IS NULL AS newest FROM sealing_keys ORDER BY id")
        return [(row["name"], bool(row["newest"])) for row in found]


def keys_at(shell: Shell) -> object:
    """The whole file, or whatever a server has of keys."""
    if isinstance(shell.place, Path):
        return shell.place.read_bytes()
    return [raw.asked(shell.place, f"SELECT * FROM {table} ORDER BY id") for table in ("root_keys", "sealing_keys")]


async def test_keys_are_shown_with_how_much_is_under_each_and_never_themselves(shell: Shell) -> None:
    ((name, _),) = keys_of(shell)
    said = await shell.well("keys", "show")

    assert "Kilimani Wi-Fi" in said
    assert f"{name.hex()}" in said
    assert "seals" in said
    with raw.opened(shell.place) as connection:
        ((wrapped,),) = connection.execute("SELECT wrapped FROM sealing_keys").fetchall()
    assert wrapped.hex() not in said
    assert KEY not in said


async def test_a_rotation_says_what_it_did_and_the_old_key_is_shown_as_replaced(shell: Shell) -> None:
    cells = await everything(shell, KEY)
    said = await shell.well("keys", "rotate")

    assert f"Kilimani Wi-Fi: {cells - 1} values sealed anew under {keys_of(shell)[1][0].hex()}." in said
    assert [newest for _, newest in keys_of(shell)] == [False, True]
    shown = await shell.well("keys", "show")
    assert "replaced; is destroyed after" in shown
    assert shown.split()[-2:] == ["seals", str(cells)]
    assert await everything(shell, KEY) == cells
    assert "All invariants hold." in await shell.well("check")


async def test_one_isp_is_named(shell: Shell) -> None:
    await shell.well("tenant", "add", "Westlands Net")
    said = await shell.well("keys", "rotate", "--tenant", "Westlands Net")

    assert "Kilimani" not in said
    assert len(keys_of(shell)) == 2  # one of each
    assert "Say which ISP" in (await shell("keys", "rotate", "--tenant", "Nobody")).sentence


@pytest.mark.sqlite_only(reason="a server is backed up by its own tools")
async def test_a_backup_from_before_a_rotation_opens_after_it_is_put_back(shell: Shell) -> None:
    await shell.well("backup", "backups")
    (file,) = (shell.folder / "backups").iterdir()
    await shell.well("keys", "rotate")
    change(shell.folder / "bando.db", "UPDATE sealing_keys SET wrapped = NULL WHERE replaced_at IS NOT NULL")
    await shell.well("restore", str(file), "--to", "bando.db", "--replace")

    assert await everything(shell, KEY) > 0
    assert "All invariants hold." in await shell.well("check")


@pytest.mark.sqlite_only(reason="a server is backed up by its own tools")
async def test_a_backup_from_after_a_rotation_opens_too(shell: Shell) -> None:
    await shell.well("keys", "rotate")
    await shell.well("backup", "backups", "--drill")
    (file,) = (shell.folder / "backups").iterdir()
    await shell.well("restore", str(file), "--to", "again.db")

    assert await everything(shell, KEY, "again.db") > 0


# --- another master key ---


async def test_after_an_exchange_only_the_new_master_key_fits_and_everything_is_as_it_was(shell: Shell) -> None:
    before = await everything(shell, KEY)
    said = await shell.well("keys", "master", with_new_key(shell))

    assert "1 key wrapped with the master key" in said
    assert NEW not in said
    assert "not the key that this database was sealed with" in (await shell("check")).sentence
    assert await everything(shell, NEW) == before
    shell.environ["BANDO_SECRET_KEY"] = NEW
    assert "All invariants hold." in await shell.well("check")
    assert "asha@isp.test" in await shell.well("staff", "list")
    assert await everything(shell, NEW) == before


async def test_keys_are_rotated_and_exchanged_again_after_an_exchange(shell: Shell) -> None:
    before = await everything(shell, KEY)
    await shell.well("keys", "master", with_new_key(shell))
    shell.environ["BANDO_SECRET_KEY"] = NEW
    await shell.well("keys", "rotate")
    assert await everything(shell, NEW) == before
    await shell.well("keys", "master", with_new_key(shell, text="e" * 64))

    assert await everything(shell, "e" * 64) == before
    assert len(raw.asked(shell.place, "SELECT id FROM root_keys")) == 1


async def test_the_old_master_key_opens_no_key_in_the_database_after_an_exchange(shell: Shell) -> None:
    """Whoever has the old key and a new copy of the database has what is older than the keys of ISPs, at most."""
    await shell.well("keys", "master", with_new_key(shell))
    raw.changed(shell.place, "DELETE FROM root_keys")  # so that it is not refused at once
    found = await shell("check")

    assert found.code == 1
    assert "Kilimani Wi-Fi: 1 of 1 keys do not open with this master key" in found.out


@pytest.mark.sqlite_only(reason="a server is backed up by its own tools")
async def test_backups_need_the_master_key_of_their_time(shell: Shell) -> None:
    await shell.well("backup", "backups")
    (file,) = (shell.folder / "backups").iterdir()
    await shell.well("keys", "master", with_new_key(shell))

    assert "not the key of this backup" in (await shell("drill", str(file), SECRET_KEY=NEW)).sentence
    assert "The backup is good" in await shell.well("drill", str(file), SECRET_KEY=KEY)
    await shell.well("restore", str(file), "--to", "old.db", SECRET_KEY=KEY)
    assert await everything(shell, KEY, "old.db") > 0


@pytest.mark.sqlite_only(reason="a server is backed up by its own tools")
async def test_a_backup_after_an_exchange_is_made_tried_and_put_back(shell: Shell) -> None:
    await shell.well("keys", "master", with_new_key(shell))
    shell.environ["BANDO_SECRET_KEY"] = NEW
    await shell.well("backup", "backups", "--drill")
    (file,) = (shell.folder / "backups").iterdir()
    await shell.well("restore", str(file), "--to", "again.db")

    assert await everything(shell, NEW, "again.db") > 0


@pytest.mark.parametrize(
    ("mode", "text", "said"),
    [
        (0o644, NEW, "chmod 600"),
        (0o600, "short", "too short"),
        (0o600, KEY, "is the present master key"),
        (0o600, "", "is empty"),
    ],
)
async def test_a_bad_master_key_is_refused_and_nothing_is_changed(
    shell: Shell, mode: int, text: str, said: str
) -> None:
    before = keys_at(shell)

    assert said in (await shell("keys", "master", with_new_key(shell, mode, text))).sentence
    assert "does not exist" in (await shell("keys", "master", "nowhere")).sentence
    assert keys_at(shell) == before


async def test_with_another_master_key_than_the_databases_nothing_is_exchanged(shell: Shell) -> None:
    refused = await shell("keys", "master", with_new_key(shell), SECRET_KEY="9" * 32)

    assert "not the key that this database was sealed with" in refused.sentence
    assert await everything(shell, KEY) > 0


# --- what is wrong ---


async def test_check_says_what_is_sealed_under_a_key_that_is_gone(shell: Shell) -> None:
    raw.changed(shell.place, "UPDATE sealing_keys SET wrapped = NULL, destroyed_at = 1")
    found = await shell("check")

    assert found.code == 1
    assert "sealed values are under a key that is not there" in found.out


OF_ANOTHER_KIND = pytest.mark.sqlite_only(reason="a column of a server takes no other kind of value")


@pytest.mark.parametrize(
    "odd", [bytes(61), b"", pytest.param("text", marks=OF_ANOTHER_KIND), pytest.param(7, marks=OF_ANOTHER_KIND)]
)
async def test_check_and_doctor_say_that_a_key_does_not_open(shell: Shell, odd: object) -> None:
    raw.changed(shell.place, "UPDATE sealing_keys SET wrapped = ?", (odd,))

    assert "1 of 1 keys do not open with this master key" in (await shell("check")).out
    assert "keys do not open with this master key" in (await shell("doctor")).out
