"""`bando tenant export`: the tables in a folder, for one pair of eyes, also of an ISP that is switched off."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from portal.export.records import KINDS
from tests.forks import Forks
from tests.raw import opened
from tests.shell import Shell
from tests.support import fresh_file


@pytest.fixture
async def shell(tmp_path: Path, forks: Forks) -> Shell:
    fresh_file(tmp_path)
    made = Shell(folder=tmp_path, forks=forks)
    await made.well("tenant", "add", "Kilimani Wi-Fi")
    await made.well("plan", "add", "=1 hour", "--price", "20", "--time", "1h")
    return made


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


async def test_it_writes_every_table_for_its_owner_alone_and_leaves_an_act(shell: Shell) -> None:
    said = await shell.well("tenant", "export", "Kilimani Wi-Fi", "out")
    folder = shell.folder / "out"

    assert "personal data" in said
    assert names(folder) == {"README.txt", *(f"{name}.csv" for name in KINDS)}
    assert {stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "'=1 hour" in (folder / "plans.csv").read_text(encoding="utf-8-sig")
    assert "command,export.whole" in (folder / "acts.csv").read_text(encoding="utf-8-sig")
    assert "export.whole" in await shell.well("audit", "list")
    assert "as they were written" in await shell.well("audit", "verify")


async def test_it_works_for_an_isp_that_is_switched_off(shell: Shell) -> None:
    with opened(shell.place) as database:
        database.execute("UPDATE tenants SET active = FALSE")
    await shell.well("tenant", "export", "Kilimani Wi-Fi", "out")

    assert "'=1 hour" in (shell.folder / "out" / "plans.csv").read_text(encoding="utf-8-sig")


async def test_only_the_isp_that_is_named_leaves(shell: Shell) -> None:
    await shell.well("tenant", "add", "Next Door")
    await shell.well("tenant", "export", "Next Door", "out")

    assert "1 hour" not in (shell.folder / "out" / "plans.csv").read_text(encoding="utf-8-sig")
    assert "Say which ISP" in (await shell("tenant", "export", "Nobody", "other")).sentence
    assert not (shell.folder / "other").exists()


async def test_it_never_writes_among_other_files(shell: Shell) -> None:
    folder = shell.folder / "out"
    folder.mkdir()
    (folder / "payments.csv").write_text("mine")

    assert "not empty" in (await shell("tenant", "export", "Kilimani Wi-Fi", "out")).sentence
    assert (folder / "payments.csv").read_text() == "mine"
    assert "export" not in await shell.well("audit", "list")
