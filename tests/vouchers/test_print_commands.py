"""`bando voucher print` and `poster`: what gets on paper, what is written down, and each refusal as one sentence."""

from __future__ import annotations

import asyncio
import csv
import signal
import sys
from pathlib import Path
from subprocess import DEVNULL, PIPE

import pytest

from tests.forks import Forks
from tests.shell import Shell
from tests.support import fresh_file
from tests.vouchers.counter import acts_in, codes_in
from tests.vouchers.sheets import codes_of_sheet, decoded, rendered
from tests.vouchers.test_sheets import texts_of


@pytest.fixture
async def shell(tmp_path: Path, forks: Forks) -> Shell:
    """With an ISP that has a batch of forty."""
    fresh_file(tmp_path)
    made = Shell(folder=tmp_path, forks=forks)
    await made.well("tenant", "add", "Kilimani Wi-Fi")
    await made.well("tenant", "set", "--ssid", "Kilimani")
    await made.well("plan", "add", "1 hour", "--price", "20", "--time", "1h")
    await made.well("voucher", "make", "1 hour", "--count", "40", "--by", "Asha")
    return made


def printed(shell: Shell, *words: str) -> tuple[str, ...]:
    return ("voucher", "print", "B1", *words, "--by", "Asha")


async def test_a_batch_is_printed_and_written_down(shell: Shell) -> None:
    file = shell.folder / "sheets.pdf"
    said = await shell.well(*printed(shell, "--pdf", str(file)))

    assert "40 vouchers of B1: " in said
    assert codes_of_sheet(file.read_bytes(), 300) == codes_in(shell)
    assert file.stat().st_mode & 0o777 == 0o600
    assert acts_in(shell) == [("printed", "sheet 4x9", 1, 40, "Asha")]


async def test_only_the_cards_that_were_printed_before_are_marked_as_copies(shell: Shell) -> None:
    await shell.well(*printed(shell, "--serials", "1-10", "--pdf", str(shell.folder / "a.pdf")))
    said = await shell.well(*printed(shell, "--serials", "9-12", "--pdf", str(shell.folder / "b.pdf"), "--grid", "3x8"))
    texts = [text for text, _ in texts_of((shell.folder / "b.pdf").read_bytes())]

    assert "4 vouchers of B1, 2 of them copies" in said
    assert [text.strip() for text in texts if "COPY" in text] == ["COPY B1-0009", "COPY B1-0010"]
    assert not any("COPY" in text for text, _ in texts_of((shell.folder / "a.pdf").read_bytes()))
    assert acts_in(shell) == [("printed", "sheet 4x9", 1, 10, "Asha"), ("reprinted", "sheet 3x8", 9, 12, "Asha")]


async def test_one_card_is_spoken_of_as_one(shell: Shell) -> None:
    one = printed(shell, "--serials", "7", "--pdf", str(shell.folder / "a.pdf"))

    assert "1 voucher of B1: " in await shell.well(*one)
    assert "1 voucher of B1, a copy: " in await shell.well(*one)
    few = await shell.well(*printed(shell, "--serials", "7-8", "--pdf", str(shell.folder / "b.pdf")))
    assert "2 vouchers of B1, 1 of them a copy: " in few
    assert "reprinted  7  " in await shell.well("voucher", "show", "B1", "--serials", "7")


async def test_what_nobody_can_redeem_is_left_out_and_counted(shell: Shell) -> None:
    await shell.well("voucher", "void", "B1", "--serials", "3-5", "--reason", "stolen")
    said = await shell.well(*printed(shell, "--pdf", str(shell.folder / "a.pdf")))
    gone = await shell(*printed(shell, "--serials", "4", "--pdf", str(shell.folder / "b.pdf")))

    assert "Left out: 3 void." in said
    assert len(codes_of_sheet((shell.folder / "a.pdf").read_bytes(), 300)) == 37
    assert "Nothing of B1, 4 can be printed: 1 void" in gone.sentence
    assert not (shell.folder / "b.pdf").exists()


async def test_a_table_has_the_codes_and_is_written_down_as_such(shell: Shell) -> None:
    file = shell.folder / "vouchers.csv"
    await shell.well(*printed(shell, "--csv", str(file)))
    with file.open(encoding="utf-8-sig", newline="") as opened:
        table = list(csv.DictReader(opened))

    assert [row["code"].replace("-", "") for row in table] == codes_in(shell)
    assert acts_in(shell) == [("exported", "csv", 1, 40, "Asha")]


async def test_a_page_in_the_language_that_was_asked_for(shell: Shell) -> None:
    file = shell.folder / "page.html"
    await shell.well(*printed(shell, "--html", str(file), "--lang", "sw", "--serials", "1-2"))

    assert "Jiunge na Wi-Fi ya Kilimani" in file.read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    (
        ((), "--pdf FILE, --html FILE, --csv FILE"),
        (("--pdf", "a", "--csv", "b"), "one of: --pdf FILE"),
        (("--pdf", "/missing/a.pdf"), "name a file elsewhere"),
        (("--pdf", "."), "is a folder; name a file in it"),
        (("--pdf", "a.pdf", "--serials", "41"), "which has 1-40"),
        (("--pdf", "a.pdf", "--serials", "5-2"), "which has 1-40"),
        (("--pdf", "a.pdf", "--printer", "10.0.0.9"), "add --slips 58"),
    ),
)
async def test_each_refusal_is_one_sentence_and_nothing_is_written_down(
    shell: Shell, words: tuple[str, ...], said: str
) -> None:
    ran = await shell(*printed(shell, *words))

    assert said in ran.sentence
    assert acts_in(shell) == []


async def test_an_unknown_batch_is_answered_with_where_to_look(shell: Shell) -> None:
    ran = await shell("voucher", "print", "B7", "--pdf", "a.pdf", "--by", "Asha")

    assert "has no batch B7; see: bando voucher list" in ran.sentence


async def test_a_poster_joins_the_wifi_and_needs_its_name(shell: Shell) -> None:
    file = shell.folder / "poster.pdf"
    await shell.well("voucher", "poster", str(file), "--lang", "sw")
    await shell.well("tenant", "set", "--ssid", "")
    nameless = await shell("voucher", "poster", str(shell.folder / "other.pdf"))

    assert decoded(rendered(file.read_bytes(), 72)[0]) == "WIFI:T:nopass;S:Kilimani;;"
    assert "bando tenant set --ssid NAME" in nameless.sentence
    assert not (shell.folder / "other.pdf").exists()


async def test_ctrl_c_leaves_nothing_and_nothing_is_written_down(shell: Shell) -> None:
    await shell.well("voucher", "make", "1 hour", "--count", "20000", "--by", "Asha")
    words = ("voucher", "print", "B2", "--pdf", str(shell.folder / "all.pdf"), "--by", "Asha")
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bando", *words),
        env=shell.env,
        cwd=shell.folder,
        stdout=DEVNULL,
        stderr=PIPE,
    )
    async with asyncio.timeout(60):
        while not list(shell.folder.glob(".all.pdf.*.part")):
            await asyncio.sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, said = await running.communicate()

    assert running.returncode != 0
    assert b"Stopped: nothing was printed" in said
    assert not list(shell.folder.glob("*all.pdf*"))
    assert not list(shell.folder.glob(".all.pdf*"))
    assert acts_in(shell) == []
