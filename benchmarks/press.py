"""Vouchers to A4 sheets: the whole child process, from its start until the file has its name, and what memory it took.

The reference is what the library alone needs for the same symbols, one after the other, with its mask fixed as ours is:
no page, no text, no file.
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Figure, at_most, show
from portal.vouchers import codes
from portal.vouchers.grids import DEFAULT_GRID
from portal.vouchers.paper import Card, Face
from portal.vouchers.press import Job, press
from portal.vouchers.qr import plain

FEW, MANY = 1_000, 10_000
FACE = Face(
    lang="en",
    isp="Savanna Net",
    logo=None,
    plan="3 hours",
    price="KSh\u00a020",
    validity="3 hours",
    line="Up to 5\u00a0Mbps · for 2 devices",
    ssid="Savanna",
    address="portal.savanna.co.ke",
    base_url="HTTPS://PORTAL.SAVANNA.CO.KE/V/",
    steps=("Join the Wi-Fi Savanna", "Scan, or enter the code at portal.savanna.co.ke"),
    typed="Enter the code at portal.savanna.co.ke",
    use_by="Use by 31 Dec 2026",
    support="Help: 0712 345 678",
    copy="COPY",
)


@dataclass(frozen=True, kw_only=True)
class Pressed:
    """One run of the press."""

    seconds: float
    megabytes: float  # of the child, at its highest


async def run(repeats: int) -> None:
    """Few and many in turn, and the library in between."""
    drawn = [Card(label=f"B12-{n:05d}", code=codes.draw(codes.DEFAULT["letters"])) for n in range(1, MANY + 1)]
    few, many, alone = [], [], []
    for _ in range(repeats):
        few.append(await _pressed(drawn[:FEW]))
        alone.append(_library(drawn[:FEW]))
        many.append(await _pressed(drawn))
    show(
        "Vouchers to A4 sheets (4x9) as PDF, in a child process of their own",
        [
            Figure(name=f"{FEW:,} vouchers", unit="s", values=[e.seconds for e in few], goal=at_most(1.5, "s")),
            Figure(name=f"{MANY:,} vouchers", unit="s", values=[e.seconds for e in many], goal=at_most(12, "s")),
            Figure(
                name=f"memory of the child, {MANY:,}",
                unit="MB",
                values=[e.megabytes for e in many],
                goal=at_most(100, "MB", 1),
            ),
            Figure(name=f"qrcode alone, {FEW:,} symbols", unit="s", values=alone),
        ],
    )


async def _pressed(cards: list[Card]) -> Pressed:
    highest = 0

    def look(done: int) -> None:
        nonlocal highest
        highest = max([highest, *_peaks()])

    with tempfile.TemporaryDirectory() as folder:
        job = Job(
            form="pdf", target=Path(folder) / "sheets.pdf", face=FACE, cards=cards, options={"grid": DEFAULT_GRID}
        )
        begun = time.perf_counter()

        async def agree() -> None:  # the file is whole and the child still there: its peak is known
            look(len(cards))

        await press(job, look, agree)
        return Pressed(seconds=time.perf_counter() - begun, megabytes=highest / 1000)


def _peaks() -> list[int]:
    """The highest resident size of each child of ours that is a press, in kB."""
    task = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    return [_peak(int(pid)) for pid in task.read_text().split()]


def _peak(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def _library(cards: list[Card]) -> float:
    begun = time.perf_counter()
    for card in cards:
        plain(FACE.url(card))
    return time.perf_counter() - begun
