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
import contextlib
import fcntl
import os
import struct
import termios
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from portal.clock import Clock
from portal.errors import BandoError
from portal.vouchers.press import named_whole

PORT = 9100
CONNECT_S = 5.0
ANSWER_S = 1.0  # a printer that answers does so in a few ms; over slow serial lines in some hundred
STALL_S = 20.0  # without a byte moving
SLOWEST = 300  # bytes a second that the slowest printer takes (9600 baud are 960)
LOOK_MS = 5
PACE_S = 1.5  # a slip of 95 mm at 60 mm/s, for printers that do not say when they are done
PAPER_S = 300.0  # how long a run waits for staff to put in paper

Proof = Literal["turn", "now", "silent"]


class PrinterError(BandoError):
    """The printer cannot print."""


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


def host_and_port(address: str) -> tuple[str, int]:
    """``192.168.88.9``, ``printer.lan:9100``, ``[fe80::1]:9100``."""
    host, colon, port = address.rpartition(":")
    if not colon or "]" in port or (":" in host and not host.startswith("[")):
        host, port = address, str(PORT)
    if not host.strip("[]") or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise PrinterError(f"{address!r} is no address of a printer; write HOST or HOST:{PORT}")
    return host.strip("[]"), int(port)


# --- what a printer says ---


def trouble_in(answers: dict[int, int]) -> str | None:
    """What the status bytes say in words for staff; None when it can print."""
    cause, error, paper = answers.get(2, 0), answers.get(3, 0), answers.get(4, 0)
    if paper & 0x60 or cause & 0x20:
        return "The printer is out of paper"
    if cause & 0x04:
        return "The printer's cover is open"
    if error & 0x08:
        return "The printer's cutter is stuck"
    if error & 0x20:
        return "The printer has a fault; switch it off and on"
    if error & 0x40:
        return "The printer's head is hot and rests"
    return "The printer is not ready" if answers.get(1, 0) & 0x08 else None


class _Line:
    """The connection: bytes out, answers sorted into those given at once and those given in their turn."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, clock: Clock, stall_s: float
    ) -> None:
        self._reader, self._writer, self._clock, self._stall_s = reader, writer, clock, stall_s
        self._at_once: asyncio.Queue[int] = asyncio.Queue()
        self._in_turn: asyncio.Queue[int] = asyncio.Queue()
        self._owed = 0  # answers that did not come in time and would be taken for the next one's
        self._broken: str | None = None
        self.ended = asyncio.Event()
        writer.transport.set_write_buffer_limits(0)
        self._listener = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        try:
            while data := await self._reader.read(64):
                for byte in data:
                    if byte & 0x93 == 0x12:
                        self._at_once.put_nowait(byte)
                    elif byte & 0x90 == 0:
                        self._in_turn.put_nowait(byte)
        except OSError:
            self._broken = "The connection to the printer broke"
        finally:
            self.ended.set()

    def write(self, data: bytes) -> None:
        if self.ended.is_set():
            raise PrinterError(self._broken or "The printer closed the connection")
        self._writer.write(data)

    async def ask(self, kind: int) -> int | None:
        """One status byte (DLE EOT), or None when it does not come."""
        self.write(bytes((0x10, 0x04, kind)))
        self._owed += 1
        try:
            async with asyncio.timeout(ANSWER_S):
                while self._owed:
                    byte = await self._or_end(self._at_once)
                    self._owed -= 1
                return byte
        except TimeoutError:
            return None

    async def asked_in_turn(self, seconds: float) -> bool:
        """Whether an answer that was asked for in its turn (GS r) came in so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._or_end(self._in_turn)
                return True
        except TimeoutError:
            return False

    async def _or_end(self, queue: asyncio.Queue[int]) -> int:
        """The next answer; raises when the connection ends first."""
        getting, ending = asyncio.create_task(queue.get()), asyncio.create_task(self.ended.wait())
        try:
            await asyncio.wait((getting, ending), return_when=asyncio.FIRST_COMPLETED)
            if not getting.done():
                raise PrinterError(self._broken or "The printer closed the connection")
            return getting.result()
        finally:
            getting.cancel()
            ending.cancel()

    async def trouble(self) -> str | None:
        """What keeps it from printing; None when nothing does, or nobody says."""
        answers: dict[int, int] = {}
        for kind in (1, 2, 3, 4):
            if (byte := await self.ask(kind)) is None:
                return None
            answers[kind] = byte
        return trouble_in(answers)

    def left(self) -> int:
        """Bytes that the other side has not confirmed to have."""
        waiting = self._writer.transport.get_write_buffer_size()
        plug = self._writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            waiting += struct.unpack("i", fcntl.ioctl(plug.fileno(), termios.TIOCOUTQ, bytes(4)))[0]
        return int(waiting)

    async def arrived(self) -> None:
        """Until the other side has every byte; raises when none moves for long, or the connection ends."""
        before, loop = self.left(), asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._stall_s) as limit:
                while (now := self.left()) and not self.ended.is_set():
                    if now < before:
                        limit.reschedule(loop.time() + self._stall_s)
                    before = now
                    await self._clock.sleep(LOOK_MS)
        except TimeoutError:
            raise PrinterError("The printer takes no more") from None
        if self.ended.is_set():
            raise PrinterError(self._broken or "The printer closed the connection")

    async def rest(self, seconds: float) -> None:
        """Let it print; raises when the connection ends meanwhile."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.ended.wait()
                raise PrinterError(self._broken or "The printer closed the connection")

    async def farewell(self) -> None:
        """Say that nothing more comes and give it a moment to close; raises when it breaks off instead."""
        with contextlib.suppress(OSError):
            self._writer.write_eof()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_S):
                await self.ended.wait()
        if self._broken:
            raise PrinterError(self._broken)

    async def close(self) -> None:
        self._listener.cancel()
        self._writer.transport.abort() if self._broken else self._writer.close()
        with contextlib.suppress(OSError, asyncio.CancelledError, TimeoutError):
            async with asyncio.timeout(ANSWER_S):
                await self._listener
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(ANSWER_S):
                await self._writer.wait_closed()


async def _connected(address: str, clock: Clock, stall_s: float) -> _Line:
    host, port = host_and_port(address)
    try:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        raise PrinterError(f"No printer answers at {host}:{port}") from None
    except OSError as error:
        raise PrinterError(f"No printer at {host}:{port} ({error.strerror or 'no such host'})") from error
    return _Line(reader, writer, clock, stall_s)


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
        line: _Line | None = None
        proof: Proof = "silent"
        try:
            for slip in slips:
                self._next = slip.label
                if stop.is_set():
                    await self._settle(line, proof)
                    return "Stopped"
                if line is None:
                    line = await _connected(self.address, self.clock, self.stall_s)
                    proof = await self._proof(line)
                await self._one(line, proof, slip, stop)
                self._next = None
            await self._settle(line, proof)
            return None
        finally:
            if line is not None:
                await line.close()

    async def _proof(self, line: _Line) -> Proof:
        """What this printer lets us know; raises when it says that it cannot print."""
        if await line.ask(1) is None:
            return "silent"
        if trouble := await line.trouble():
            raise PrinterError(trouble)
        line.write(b"\x1dr\x01")
        return "turn" if await line.asked_in_turn(ANSWER_S) else "now"

    async def _one(self, line: _Line, proof: Proof, slip: Slip, stop: asyncio.Event) -> None:
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

    async def _printed(self, line: _Line, slip: Slip, stop: asyncio.Event) -> None:
        """Until the printer has come to the end of the slip."""
        line.write(b"\x1dr\x01")
        patience = self.stall_s + len(slip.data) / SLOWEST
        while not await line.asked_in_turn(ANSWER_S):
            patience = await self._wait(line, patience, stop)
        self._is_stuck = False

    async def _taken(self, line: _Line, slip: Slip, stop: asyncio.Event) -> None:
        """Until the printer has all bytes of the slip and says that it can print."""
        patience = self.stall_s + len(slip.data) / SLOWEST
        await line.arrived()
        while (await line.ask(1) or 0x08) & 0x08:
            patience = await self._wait(line, patience, stop)
            await self.clock.sleep(200)
        self._is_stuck = False

    async def _wait(self, line: _Line, patience: float, stop: asyncio.Event) -> float:
        """The patience that is left; staff are told once what is in the way."""
        trouble = await line.trouble()
        if trouble and not self._is_stuck:
            self._is_stuck = True
            self.tell(f"{trouble}; the run waits")
            patience = self.paper_s
        if patience <= 0 or (trouble and stop.is_set()):
            raise PrinterError(trouble or "The printer does not go on")
        return patience - ANSWER_S

    async def _settle(self, line: _Line | None, proof: Proof) -> None:
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
