"""bando backup, restore and drill, as an operator runs them."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from portal.backup.make import name_at
from tests.backup.samples import change, names
from tests.forks import Forks
from tests.shell import Shell
from tests.support import fresh_file

pytestmark = pytest.mark.sqlite_only(reason="a server is backed up by its own tools")


@pytest.fixture
async def shell(tmp_path: Path, forks: Forks) -> Shell:
    fresh_file(tmp_path)
    (tmp_path / "backups").mkdir()
    made = Shell(folder=tmp_path, forks=forks)
    await made.well("tenant", "add", "Kilimani Wi-Fi", "--support-phone", "0700 123 456")
    return made


def only(shell: Shell) -> str:
    (found,) = (shell.folder / "backups").iterdir()
    return str(found)


async def test_a_backup_is_made_tried_and_put_back(shell: Shell) -> None:
    said = await shell.well("backup", "backups", "--drill")
    await shell.well("tenant", "add", "Too late")
    back = await shell.well("restore", only(shell), "--to", "bando.db", "--replace")

    assert re.search(r"^backups/bando-\d{8}T\d{6}Z\.backup: \d+\.\d MB of \d+\.\d MB, \d+ rows\.$", said, re.M)
    assert "The backup is good: it opens, is whole, and all invariants hold." in said
    assert "The old file is kept as" in back
    assert "bando.db.before-restore-" in back
    assert "Next: bando check, then start bando serve." in back
    assert "All invariants hold." in await shell.well("check")
    assert "BANDO_DATABASE names another one" not in back
    tenants = await shell("router", "add", "Site", "--host", "10.9.0.2", "--hotspot-host", "login.test")
    assert "Say which ISP" not in tenants.err  # there is one again


async def test_without_the_word_nothing_is_replaced(shell: Shell) -> None:
    await shell.well("backup", "backups")
    before = (shell.folder / "bando.db").read_bytes()

    assert "with --replace" in (await shell("restore", only(shell), "--to", "bando.db")).sentence
    assert (shell.folder / "bando.db").read_bytes() == before


async def test_another_place_is_named(shell: Shell) -> None:
    await shell.well("backup", "backups")
    said = await shell.well("restore", only(shell), "--to", "other.db")

    assert "BANDO_DATABASE names another one" in said
    assert "All invariants hold." in await shell.well("check", DATABASE=str(shell.folder / "other.db"))


async def test_while_it_is_served_a_backup_is_made_and_nothing_put_back(shell: Shell) -> None:
    with shell.serve(LISTEN="127.0.0.1:0", MODE="sandbox") as serving:
        for _ in range(3000):
            if (shell.folder / "bando.db.serve.lock").exists() and serving.poll() is None:
                break
            await asyncio.sleep(0.05)
        await shell.well("backup", "backups")
        refused = await shell("restore", only(shell), "--to", "bando.db", "--replace")

        assert serving.poll() is None
    assert "Another bando serve already runs" in refused.sentence


async def test_another_key_is_one_sentence(shell: Shell) -> None:
    await shell.well("backup", "backups")
    other = "f" * 32

    assert "not the key of this backup" in (await shell("drill", only(shell), SECRET_KEY=other)).sentence
    assert "not the key" in (await shell("backup", "backups", SECRET_KEY=other)).sentence


async def test_old_ones_go_after_a_good_one_only(shell: Shell) -> None:
    old = shell.folder / "backups" / name_at(1_600_000_000_000)
    old.write_bytes(b"old")
    change(shell.folder / "bando.db", "INSERT INTO audit_heads (tenant_id, number, seal) VALUES (1, 3, x'00')")
    breached = await shell("backup", "backups")

    assert breached.code == 1
    assert "no older one is removed" in breached.out
    assert old.exists()


async def test_old_ones_go_after_a_good_one(shell: Shell) -> None:
    old = shell.folder / "backups" / name_at(1_600_000_000_000)
    old.write_bytes(b"old")
    said = await shell.well("backup", "backups", "--keep-days", "7")

    assert "1 backup older than 7 days removed." in said
    assert old.name not in names(shell.folder / "backups")


async def test_odd_words_are_refused(shell: Shell) -> None:
    (shell.folder / "noise").write_bytes(bytes(range(256)) * 9)

    assert "no backup of Bando" in (await shell("drill", "noise")).sentence
    assert "make it first" in (await shell("restore", "noise", "--to", "nowhere/bando.db")).sentence
    assert (await shell("backup", "nowhere")).code == 2
    assert (await shell("backup", "backups", "--keep-days", "0")).code == 2
    assert names(shell.folder / "backups") == set()
