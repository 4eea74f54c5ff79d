"""The press: a whole file or none, in a child that does not stay."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from portal.errors import Misconfigured
from portal.vouchers.press import HOME, Job, PressFailed, press
from tests.vouchers.sheets import FACE, a_face, addresses_of_sheet, cards, logo

GRID = {"grid": "4x9"}


def a_job(target: Path, count: int = 40, form: str = "pdf", **changes: Any) -> Job:
    return Job(form=form, target=target, face=a_face(**changes), cards=cards(count), options=GRID)


def children() -> list[int]:
    """Children of this process."""
    found = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True)
    return [int(line.split()[0]) for line in found.stdout.splitlines() if "workbench" in line]


async def test_a_file_is_whole_and_for_its_owner_only(tmp_path: Path) -> None:
    job, heard = a_job(tmp_path / "sheet.pdf"), list[int]()
    await press(job, heard.append)

    assert [each for each in addresses_of_sheet(job.target.read_bytes(), 203) if each] == [
        FACE.url(card) for card in job.cards
    ]
    assert job.target.stat().st_mode & 0o777 == 0o600
    assert heard == [36, 40]
    assert [each.name for each in tmp_path.iterdir()] == ["sheet.pdf"]
    assert children() == []


@pytest.mark.parametrize(("form", "start"), (("html", b"<!DOCTYPE html>"), ("csv", b"\xef\xbb\xbfserial")))
async def test_other_forms_are_made_the_same_way(form: str, start: bytes, tmp_path: Path) -> None:
    job = a_job(tmp_path / "file", form=form)
    await press(job)

    assert job.target.read_bytes().startswith(start)
    assert job.target.stat().st_mode & 0o777 == 0o600


async def test_a_press_that_is_stopped_leaves_no_file_and_no_child(tmp_path: Path) -> None:
    begun = asyncio.Event()
    running = asyncio.create_task(press(a_job(tmp_path / "sheet.pdf", 4_000), lambda done: begun.set()))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert list(tmp_path.iterdir()) == []
    assert children() == []


async def test_a_press_that_is_stopped_leaves_the_file_of_before(tmp_path: Path) -> None:
    job = a_job(tmp_path / "sheet.pdf", 2_000)
    job.target.write_text("of before")
    begun = asyncio.Event()
    running = asyncio.create_task(press(job, lambda done: begun.set()))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert job.target.read_text() == "of before"
    assert len(list(tmp_path.iterdir())) == 1


async def test_nothing_gets_its_name_before_the_caller_agrees(tmp_path: Path) -> None:
    job = a_job(tmp_path / "sheet.pdf")

    async def agree() -> None:
        assert not job.target.exists()
        raise RuntimeError("the database is gone")

    with pytest.raises(RuntimeError, match="the database is gone"):
        await press(job, agree=agree)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("broken", (b"no picture", logo()[:150]))
async def test_a_broken_logo_is_answered_with_what_to_do(broken: bytes, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="bando tenant set --logo"):
        await press(a_job(tmp_path / "sheet.pdf", logo=broken))

    assert list(tmp_path.iterdir()) == []


async def test_what_breaks_in_the_child_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(PressFailed, match="KeyError: 'origami'"):
        await press(a_job(tmp_path / "sheet.pdf", form="origami"))

    assert list(tmp_path.iterdir()) == []
    assert children() == []


@pytest.mark.parametrize("where", ("missing/sheet.pdf", ""))
async def test_a_target_that_cannot_be_written_is_answered_before_any_work(where: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="name a file"):
        await press(a_job(tmp_path / where))

    assert children() == []


PARENT = """
import asyncio, sys
from pathlib import Path
from portal.vouchers.press import press
from tests.vouchers.test_press import a_job
asyncio.run(press(a_job(Path(sys.argv[1]), 10_000), lambda done: print(done, flush=True)))
"""


@pytest.mark.parametrize("how", (signal.SIGINT, signal.SIGTERM, signal.SIGKILL))
async def test_a_parent_that_is_gone_takes_file_and_child_along(how: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C, a stop by the system, and what nobody can catch."""
    target = tmp_path / "sheet.pdf"
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(target), cwd=HOME, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert parent.stdout is not None
    await parent.stdout.readline()
    assert len(list(tmp_path.iterdir())) == 1
    parent.send_signal(how)
    await parent.wait()
    async with asyncio.timeout(60):
        while list(tmp_path.iterdir()):
            await asyncio.sleep(0.02)
    left = subprocess.run(["ps", "-eo", "args="], capture_output=True, text=True).stdout

    assert str(target) not in left


async def test_the_child_has_neither_key_nor_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANDO_SECRET_KEY", "k" * 64)
    begun, seen = asyncio.Event(), list[bytes]()

    def look(done: int) -> None:
        if not begun.is_set():
            seen.extend(Path(f"/proc/{child}/environ").read_bytes() for child in children())
        begun.set()

    await press(a_job(tmp_path / "sheet.pdf", 500), look)

    assert len(seen) == 1
    assert b"BANDO_" not in seen[0]
