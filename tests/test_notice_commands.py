"""bando notice: a text of the operator for everybody who works at an ISP."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.forks import Forks
from tests.shell import Shell
from tests.support import fresh_file


@pytest.fixture
async def shell(tmp_path: Path, forks: Forks) -> Shell:
    fresh_file(tmp_path)
    made = Shell(folder=tmp_path, forks=forks)
    await made.well("tenant", "add", "Kilimani Wi-Fi")
    return made


def text(shell: Shell, content: bytes) -> str:
    path = shell.folder / "notice.txt"
    path.write_bytes(content)
    return str(path)


async def test_a_text_is_published_and_listed(shell: Shell) -> None:
    assert "Nothing was published yet" in await shell.well("notice", "list")
    path = text(shell, b"Bando moves to Mombasa.\n\nFrom May on.\n")
    said = await shell.well("notice", "publish", "--title", "A new place", "--file", path)
    assert hashlib.sha256(b"A new place\n\nBando moves to Mombasa.\n\nFrom May on.\n").hexdigest() in said
    assert "A new place" in await shell.well("notice", "list")


@pytest.mark.parametrize(
    ("title", "content", "word"),
    [(" ", b"text", "title"), ("T", b"  \n", "text"), ("T", b"\xff\xfe", "UTF-8"), ("T", b"x" * 6001, "6,000")],
)
async def test_what_cannot_be_published_is_said_in_a_sentence(
    shell: Shell, title: str, content: bytes, word: str
) -> None:
    ran = await shell("notice", "publish", "--title", title, "--file", text(shell, content))
    assert word in ran.sentence
    assert "Nothing was published yet" in await shell.well("notice", "list")


async def test_a_file_that_is_not_there_is_said(shell: Shell) -> None:
    ran = await shell("notice", "publish", "--title", "T", "--file", str(shell.folder / "none.txt"))
    assert ran.code != 0
    assert "Traceback" not in ran.err
