"""bando import on the command line: says what it would do, does it when asked, and once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.forks import Forks
from tests.shell import Shell
from tests.support import fresh_file

TABLE = "plan,price,time,code\n1 day,50,1d,ab12cd34\n1 day,,,4711\n"


@pytest.fixture
async def shell(tmp_path: Path, forks: Forks) -> Shell:
    """An installation with an ISP."""
    fresh_file(tmp_path)
    made = Shell(folder=tmp_path, forks=forks)
    await made.well("tenant", "add", "Kilimani Wi-Fi")
    (tmp_path / "cards.csv").write_text(TABLE)
    return made


async def test_a_dry_run_changes_nothing_and_says_what_would_be_done(shell: Shell) -> None:
    told = await shell.well("import", "csv", str(shell.folder / "cards.csv"))

    assert "Left:" in told
    assert "1 unused code (47**): Codes like this are too easy to guess" in told
    assert told.rstrip().endswith("Nothing is changed. To do it, add: --take --by NAME")
    assert "1 day" not in await shell.well("plan", "list")


async def test_it_is_taken_once_and_leaves_its_line(shell: Shell) -> None:
    words = ("import", "csv", str(shell.folder / "cards.csv"), "--take", "--by", "Amina")

    first, second = await shell.well(*words), await shell.well(*words)

    assert "Imported: 1 plan, 1 unused code." in first
    assert "There is nothing to take." in second
    assert "KES 0.00" in await shell.well("voucher", "list")  # their money was taken elsewhere
    assert (await shell.well("audit", "list")).count("import.take") == 1
    await shell.well("audit", "verify")
    await shell.well("check")


@pytest.mark.parametrize(
    ("words", "body", "part"),
    [
        (("csv",), b"", "The file is empty."),
        (("csv",), b"\xff\xfa", "not plain text"),
        (("phpnuxbill",), b"SELECT 1;", "neither a plan nor a voucher"),
        (("csv", "--take"), TABLE.encode(), "say who with --by"),
    ],
)
async def test_what_cannot_be_is_one_sentence(shell: Shell, words: tuple[str, ...], body: bytes, part: str) -> None:
    (shell.folder / "odd").write_bytes(body)

    assert part in (await shell("import", *words, str(shell.folder / "odd"))).sentence
