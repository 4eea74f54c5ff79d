"""bando retention: what an operator sees, and that what is foreseen is what is done."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from portal.clock import DAY
from tests.forks import Forks
from tests.privacy.rows import Planted
from tests.raw import opened
from tests.shell import Shell
from tests.support import fresh_file

LONG_AGO = 1_500_000_000_000  # 2017


@pytest.fixture
async def shell(tmp_path: Path, forks: Forks) -> Shell:
    fresh_file(tmp_path)
    made = Shell(folder=tmp_path, forks=forks)
    await made.well("tenant", "add", "Kilimani Wi-Fi")
    return made


def old_rows(shell: Shell, tenant: int = 1) -> None:
    """Two notes and a pass of long ago."""
    planted = Planted(shell.place)
    with closing(planted.connection):
        for _ in range(2):
            planted.row("notes", tenant, written_at=LONG_AGO)
        planted.row("passes", tenant, ended_at=LONG_AGO, started_at=LONG_AGO - DAY)


def notes(shell: Shell) -> int:
    with opened(shell.place) as raw:
        return int(raw.execute("SELECT COUNT(*) FROM notes").fetchone()[0])


async def test_classes_bounds_and_the_last_run_are_shown(shell: Shell) -> None:
    said = await shell.well("retention", "show")
    assert "payment   2557  2557         2557      7305" in said
    assert "session   365   365          90        730" in said
    assert "Nothing was removed so far" in said


async def test_a_preview_says_by_table_what_a_run_removes(shell: Shell) -> None:
    old_rows(shell)
    foreseen = await shell.well("retention", "preview")
    assert "this will remove 3 rows." in foreseen
    assert "2     support  notes about devices" in foreseen
    assert notes(shell) == 2

    done = await shell.well("retention", "run")
    assert "Kilimani Wi-Fi: 3 rows removed." in done
    assert foreseen.splitlines()[1:] == done.splitlines()[1:]
    assert notes(shell) == 0
    assert "removed 3 rows." in await shell.well("retention", "show")
    assert "this will remove 0 rows." in await shell.well("retention", "preview")
    assert "retention.run" in await shell.well("audit", "list")
    assert "All invariants hold." in await shell.well("check")


async def test_one_year_for_payments_is_refused_in_a_sentence(shell: Shell) -> None:
    assert "not less than 2557 days" in (await shell("retention", "keep", "payment", "365")).sentence
    assert "180 days from now on; it was 365 days" in await shell.well("retention", "keep", "session", "180")
    assert "session   180   365" in await shell.well("retention", "show")
    assert (await shell("retention", "keep", "everything", "5")).code != 0


async def test_while_a_hold_stands_nothing_of_its_classes_is_removed(shell: Shell) -> None:
    old_rows(shell)
    assert "stands until it is lifted" in await shell.well("retention", "hold", "support", "--reason", "Case 12")
    assert "1095 (held)" in await shell.well("retention", "show")
    assert "1 row removed." in await shell.well("retention", "run")
    assert notes(shell) == 2

    assert "is lifted" in await shell.well("retention", "lift", "1")
    assert "No hold 1" in (await shell("retention", "lift", "1")).sentence
    assert "2 rows removed." in await shell.well("retention", "run")
    listed = await shell.well("audit", "list")
    assert "hold.place" in listed
    assert "hold.lift" in listed


async def test_a_hold_needs_its_reason(shell: Shell) -> None:
    for reason in (" ", "x" * 301, "two\nlines"):
        assert "one line" in (await shell("retention", "hold", "support", "--reason", reason)).sentence
    assert (await shell("retention", "hold", "support", "--reason", "x", "--days", "9" * 30)).code == 2
    assert (await shell("retention", "hold", "--reason", "Case 12")).code != 0


async def test_one_isp_is_meant_by_its_name_and_all_without_one(shell: Shell) -> None:
    await shell.well("tenant", "add", "Langata Wi-Fi")
    old_rows(shell, 1)
    old_rows(shell, 2)
    assert "Langata" not in await shell.well("retention", "run", "--tenant", "Kilimani Wi-Fi")
    assert notes(shell) == 2
    whole = await shell.well("retention", "run")
    assert "Kilimani Wi-Fi: 0 rows removed." in whole
    assert "Langata Wi-Fi: 3 rows removed." in whole
    assert "Say which ISP" in (await shell("retention", "preview", "--tenant", "Nowhere")).sentence


async def test_the_log_of_sessions_is_cleared_when_it_is_meant(shell: Shell) -> None:
    old_rows(shell)
    assert "add --yes" in (await shell("retention", "clear", "--reason", "asked to")).sentence
    assert "one line" in (await shell("retention", "clear", "--reason", " ", "--yes")).sentence
    assert "1 row removed." in await shell.well("retention", "clear", "--reason", "asked to", "--yes")
    assert notes(shell) == 2
    assert "asked to" in await shell.well("audit", "list")
    await shell.well("retention", "hold", "session", "--reason", "Case 12")
    assert "A hold stands" in (await shell("retention", "clear", "--reason", "asked to", "--yes")).sentence
