"""The connection to a thermal printer: bytes out, and what its answers mean."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
import struct
import termios

from portal.clock import Clock
from portal.errors import BandoError

PORT = 9100
CONNECT_S = 5.0
ANSWER_S = 1.0  # a printer that answers does so in a few ms; over slow serial lines in some hundred
LOOK_MS = 5
UNASKED = 4_096  # bytes that nobody asked for; some printers tell of paper and cover by themselves


class PrinterError(BandoError):
    """The printer cannot print."""


def host_and_port(address: str) -> tuple[str, int]:
    """``192.168.88.9``, ``printer.lan:9100``, ``[fe80::1]:9100``."""
    host, colon, port = address.rpartition(":")
    if not colon or "]" in port or (":" in host and not host.startswith("[")):
        host, port = address, str(PORT)
    if not host.strip("[]") or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise PrinterError(f"{address!r} is no address of a printer; write HOST or HOST:{PORT}")
    try:
        host.encode("idna")
    except UnicodeError:  # no name can be so long, or hold such letters
        raise PrinterError(f"{address!r} is no address of a printer; write HOST or HOST:{PORT}") from None
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


class Line:
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
                if self._at_once.qsize() + self._in_turn.qsize() > UNASKED:
                    self._broken = "What answers there is no printer"
                    return
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


def _why(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "no such host"
    return os.strerror(error.errno).lower() if error.errno else "not reached"


async def connected(address: str, clock: Clock, stall_s: float) -> Line:
    host, port = host_and_port(address)
    try:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        raise PrinterError(f"No printer answers at {host}:{port}") from None
    except OSError as error:
        raise PrinterError(f"No printer at {host}:{port} ({_why(error)})") from error
    return Line(reader, writer, clock, stall_s)
