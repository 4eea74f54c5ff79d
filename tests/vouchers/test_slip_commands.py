"""`bando voucher print --slips`: from a batch to slips on the counter, and what is written down of them."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
from pathlib import Path
from subprocess import DEVNULL, PIPE

import pytest

from portal.clock import SystemClock
from sandbox.escpos import Interpreter
from sandbox.printer import Mood, SandboxPrinter
from sandbox.thermal import Roll
from tests.forks import Forks
from tests.shell import Shell
from tests.support import fresh_file
from tests.vouchers.counter import acts_in, codes_in
from tests.vouchers.slips import codes_of_slips


@pytest.fixture
async def shell(tmp_path: Path, forks: Forks) -> Shell:
    """With an ISP that has a batch of eight."""
    fresh_file(tmp_path)
    made = Shell(folder=tmp_path, forks=forks)
    await made.well("tenant", "add", "Kilimani Wi-Fi")
    await made.well("plan", "add", "1 hour", "--price", "20", "--time", "1h")
    await made.well("voucher", "make", "1 hour", "--count", "8", "--by", "Asha")
    return made


async def test_a_batch_goes_to_a_printer_and_is_written_down(shell: Shell) -> None:
    async with SandboxPrinter() as printer:
        said = await shell.well("voucher", "print", "B1", "--slips", "58", "--printer", printer.address, "--by", "Asha")

    assert "8 slips, B1-0001 to B1-0008, were sent." in said
    assert codes_of_slips(printer.pictures) == codes_in(shell)
    assert "Kilimani Wi-Fi" in printer.texts[0]
    assert acts_in(shell) == [("printed", "slip 58", 1, 8, "Asha")]


async def test_a_part_of_it_again_on_80_mm_drawn_by_the_printer_in_swahili_is_marked_as_copies(shell: Shell) -> None:
    words = ("voucher", "print", "B1", "--slips", "80", "--qr", "native", "--lang", "sw", "--serials", "3-4")
    async with SandboxPrinter(dots=576) as printer:
        await shell.well(*words, "--printer", printer.address, "--by", "Asha")
        await shell.well(*words, "--printer", printer.address, "--by", "Ben")

    assert codes_of_slips(printer.pictures) == codes_in(shell)[2:4] * 2
    assert ["NAKALA" in text for text in printer.texts] == [False, False, True, True]
    assert acts_in(shell) == [("printed", "slip 80", 3, 4, "Asha"), ("reprinted", "slip 80", 3, 4, "Ben")]


async def test_a_file_is_for_its_owner_only_and_prints_elsewhere(shell: Shell) -> None:
    said = await shell.well("voucher", "print", "B1", "--slips", "58", "--out", "b1.bin", "--by", "Asha")

    roll = Roll(384)
    Interpreter(roll).feed((shell.folder / "b1.bin").read_bytes())
    assert "8 slips, B1-0001 to B1-0008, were written." in said
    assert stat.S_IMODE((shell.folder / "b1.bin").stat().st_mode) == 0o600
    assert codes_of_slips(roll.pictures) == codes_in(shell)
    assert acts_in(shell) == [("printed", "slip 58", 1, 8, "Asha")]


async def test_a_connection_that_breaks_leaves_a_note_of_what_is_out_and_how_to_go_on(shell: Shell) -> None:
    async with SandboxPrinter(mood=Mood(hang_up_after=15_000)) as printer:
        words = ("voucher", "print", "B1", "--slips", "58", "--printer", printer.address, "--by", "Asha")
        ran = await shell(*words)
        printer.mood.hang_up_after = None
        printer.switch_off_and_on()
        out = len(printer.pictures)
        await shell.well(*words, "--serials", f"{out + 1}-8")

    assert ran.code == 1
    assert f"Go on from B1-{out + 1:04d}." in ran.err
    assert f"--serials {out + 1}-8" in ran.err
    assert acts_in(shell) == [
        ("printed", "slip 58", 1, out, "Asha"),
        ("printed", "slip 58, unsure", out + 1, out + 1, "Asha"),
        ("reprinted", "slip 58", out + 1, 8, "Asha"),
    ]
    assert ["COPY" in text for text in printer.texts[out - 8 :]] == [n == 0 for n in range(8 - out)]
    assert codes_of_slips(printer.pictures)[-(8 - out) :] == codes_in(shell)[out:]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--slips", "58"), "Say where the slips go: --printer HOST, or --out FILE.bin."),
        (("--slips", "58", "--printer", "a:b"), "'a:b' is no address of a printer; write HOST or HOST:9100."),
        (("--printer", "192.168.88.9"), "--printer and --out are for slips; add --slips 58 or --slips 80."),
    ],
)
async def test_options_that_do_not_fit_are_said_in_a_sentence(shell: Shell, words: tuple[str, ...], said: str) -> None:
    ran = await shell("voucher", "print", "B1", *words)

    assert (ran.code, ran.err.strip().removeprefix("bando: ")) == (1, said)
    assert acts_in(shell) == []


async def test_no_paper_is_said_and_nothing_is_written_down(shell: Shell) -> None:
    async with SandboxPrinter(mood=Mood(slips_left=0)) as printer:
        ran = await shell("voucher", "print", "B1", "--slips", "58", "--printer", printer.address)

    assert ran.code == 1
    assert "The printer is out of paper." in ran.err
    assert acts_in(shell) == []


async def test_ctrl_c_stops_behind_a_slip(shell: Shell) -> None:
    """A signal to a real process, on a printer that takes its time."""
    clock = SystemClock()
    async with SandboxPrinter(mood=Mood(baud=57_600)) as printer:
        words = ("voucher", "print", "B1", "--slips", "58", "--printer", printer.address, "--by", "Asha")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bando", *words),
            cwd=shell.folder,
            env=shell.env,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
        )
        async with asyncio.timeout(60):
            while len(printer.pictures) < 2:
                await clock.sleep(5)
            os.kill(process.pid, signal.SIGINT)
            _, err = await process.communicate()

    out = len(printer.pictures)
    assert process.returncode == 1, err
    assert b"Stopping after this slip" in err
    assert f"Go on from B1-{out + 1:04d}." in err.decode()
    assert 2 <= out < 8
    assert not printer.roll.on_it()
    assert codes_of_slips(printer.pictures) == codes_in(shell)[:out]
    assert acts_in(shell) == [("printed", "slip 58", 1, out, "Asha")]
