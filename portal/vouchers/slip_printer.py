"""Sending slips to a thermal printer on the network, and knowing which of them it has.

One slip after the other, so that a run can be stopped between two and goes on where it ended. What is known about a
slip depends on the printer, and is found out before the first one:

    turn     it answers GS r in its turn: the slip is on paper
    now      it answers DLE EOT only: it has taken all bytes of the slip
    silent   it answers nothing: its network part has all bytes, and the connection was alive after the next slip too

What a silent printer's network part holds cannot be called back. So such a printer is given slips no faster than a
cheap one prints them: a stop then is one, and what is lost with its power is little.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from portal.clock import Clock
from portal.vouchers.press import named_whole
from portal.vouchers.printer_line import ANSWER_S, Line, PrinterError, connected

STALL_S = 20.0  # without a byte moving
SLOWEST = 300  # bytes a second that the slowest printer takes (9600 baud are 960)
PACE_S = 1.5  # a slip of 95 mm at 60 mm/s, for printers that do not say when they are done
PAPER_S = 300.0  # how long a run waits for staff to put in paper

Proof = Literal["turn", "now", "silent"]


@dataclass(frozen=True, kw_only=True)
class Slip:
    """One slip: the label of its voucher and all its bytes."""

    label: str
    data: bytes


@dataclass(frozen=True, kw_only=True)
class Run:
    """What became of a run."""

    sent: tuple[str, ...]  # labels the printer surely has
    doubtful: tuple[str, ...] = ()  # labels that may be out, whole or in part
    next: str | None = None  # where to go on; None when all were sent
    why: str | None = None  # what ended it before its end
    verb: str = "sent"

    def said(self) -> str:
        """For staff, in sentences."""
        parts = [f"{_span(self.sent)} {self.verb}." if self.sent else f"No slip was {self.verb}."]
        if self.why:
            parts.insert(0, f"{self.why}.")
        if self.doubtful:
            parts.append(f"If {_span(self.doubtful, 'or')} came out, whole or in part, tear it up.")
        if self.next:
            parts.append(f"Go on from {self.next}.")
        return " ".join(parts)


def _span(labels: tuple[str, ...], between: str = "to") -> str:
    first, last = labels[0], labels[-1]
    if between == "or":
        return " or ".join(labels)
    return f"{first} was" if len(labels) == 1 else f"{len(labels)} slips, {first} {between} {last}, were"


# --- a run ---


@dataclass(kw_only=True)
class SlipPrinter:
    """One printer on the network.

    `tell` hears what staff should do while a run goes on; `out` each label as soon as the printer surely has it.
    """

    address: str
    clock: Clock
    tell: Callable[[str], None] = lambda note: None
    out: Callable[[str], None] = lambda label: None
    paper_s: float = PAPER_S
    pace_s: float = PACE_S
    stall_s: float = STALL_S

    async def print(self, slips: Iterable[Slip], stop: asyncio.Event | None = None) -> Run:
        """Print them all, or until `stop` is set: then the present slip is finished and no further begun."""
        self._sent: list[str] = []
        self._doubtful: list[str] = []
        self._next: str | None = None
        self._is_stuck = False
        stop = stop or asyncio.Event()
        try:
            why = await self._run(iter(slips), stop)
        except PrinterError as error:
            why = str(error)
        resume = self._doubtful[0] if self._doubtful else self._next
        return Run(sent=tuple(self._sent), doubtful=tuple(self._doubtful), next=resume, why=why)

    async def _run(self, slips: Iterable[Slip], stop: asyncio.Event) -> str | None:
        line: Line | None = None
        proof: Proof = "silent"
        try:
            for slip in slips:
                self._next = slip.label
                if stop.is_set():
                    await self._settle(line, proof)
                    return "Stopped"
                if line is None:
                    line = await connected(self.address, self.clock, self.stall_s)
                    proof = await self._proof(line)
                await self._one(line, proof, slip, stop)
                self._next = None
            await self._settle(line, proof)
            return None
        finally:
            if line is not None:
                await line.close()

    async def _proof(self, line: Line) -> Proof:
        """What this printer lets us know; raises when it says that it cannot print."""
        if await line.ask(1) is None:
            return "silent"
        if trouble := await line.trouble():
            raise PrinterError(trouble)
        line.write(b"\x1dr\x01")
        return "turn" if await line.asked_in_turn(ANSWER_S) else "now"

    async def _one(self, line: Line, proof: Proof, slip: Slip, stop: asyncio.Event) -> None:
        earlier = list(self._doubtful)
        line.write(slip.data)
        self._doubtful.append(slip.label)
        if proof == "turn":
            await self._printed(line, slip, stop)
        elif proof == "now":
            await self._taken(line, slip, stop)
        else:
            await line.arrived()
            self._mark(earlier)  # this one is sure when the connection has outlived the next
            await line.rest(self.pace_s)
            return
        self._mark([slip.label])

    async def _printed(self, line: Line, slip: Slip, stop: asyncio.Event) -> None:
        """Until the printer has come to the end of the slip."""
        line.write(b"\x1dr\x01")
        patience = self.stall_s + len(slip.data) / SLOWEST
        while not await line.asked_in_turn(ANSWER_S):
            patience = await self._wait(line, patience, stop)
        self._is_stuck = False

    async def _taken(self, line: Line, slip: Slip, stop: asyncio.Event) -> None:
        """Until the printer has all bytes of the slip and says that it can print."""
        patience = self.stall_s + len(slip.data) / SLOWEST
        await line.arrived()
        while (await line.ask(1) or 0x08) & 0x08:
            patience = await self._wait(line, patience, stop)
            await self.clock.sleep(200)
        self._is_stuck = False

    async def _wait(self, line: Line, patience: float, stop: asyncio.Event) -> float:
        """The patience that is left; staff are told once what is in the way."""
        trouble = await line.trouble()
        if trouble and not self._is_stuck:
            self._is_stuck = True
            self.tell(f"{trouble}; the run waits")
            patience = self.paper_s
        if patience <= 0 or (trouble and stop.is_set()):
            raise PrinterError(trouble or "The printer does not go on")
        return patience - ANSWER_S

    async def _settle(self, line: Line | None, proof: Proof) -> None:
        """The last slip of a silent printer."""
        if line is not None and proof == "silent" and self._doubtful:
            await line.farewell()
            self._mark(list(self._doubtful))

    def _mark(self, labels: list[str]) -> None:
        for label in labels:
            self._doubtful.remove(label)
            self._sent.append(label)
            self.out(label)


# --- a file instead ---


class _Stopped(Exception):
    """Staff want no more."""


async def _nothing() -> None:
    """Nothing to agree."""


async def write_file(
    path: Path,
    slips: Iterable[Slip],
    *,
    stop: asyncio.Event | None = None,
    out: Callable[[str], None] = lambda label: None,
    agree: Callable[[], Awaitable[None]] = _nothing,
) -> Run:
    """All slips into one file for a printer that hangs elsewhere; whole, or not there.

    `agree` is awaited when it is whole and before it has its name; if it raises, there is no file.
    """
    labels: list[str] = []

    def fill(part: Path) -> None:
        with part.open("wb") as file:
            for slip in slips:
                labels.append(slip.label)
                if stop is not None and stop.is_set():
                    raise _Stopped
                file.write(slip.data)
                out(slip.label)
            file.flush()
            os.fsync(file.fileno())

    try:
        with named_whole(path) as part:
            await asyncio.to_thread(fill, part)
            await agree()
    except _Stopped:
        return Run(sent=(), next=labels[0], why="Stopped", verb="written")
    return Run(sent=tuple(labels), verb="written")
