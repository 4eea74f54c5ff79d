"""A thermal printer on the counter's network: a TCP socket, usually port 9100, and paper that comes out as pictures.

It is as unpleasant as it is asked to be: out of paper, open, slow, silent, deaf, or gone in the middle of a slip.

    python -m sandbox.printer 9100 slips/        # prints what is sent to it into a folder
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from PIL import Image

from portal.clock import Clock, SystemClock
from sandbox.escpos import Firmware, Interpreter
from sandbox.net import Listener
from sandbox.thermal import Roll, Wear

ASK = re.compile(rb"\x10\x04([\x01-\x04])", re.DOTALL)
BITS_OF_A_BYTE = 10  # start, eight, stop
PORTION = 4096  # bytes taken from the network at once


@dataclass(kw_only=True)
class Mood:
    """What may go wrong, changeable while it runs."""

    slips_left: int | None = None  # how many slips until the paper is out
    cover_open: bool = False
    overheated: bool = False  # the head rests until this is taken back
    cutter_jam: bool = False
    near_end: bool = False
    hang_up_after: int | None = None  # bytes of one connection, then it breaks
    baud: int | None = None  # how slowly bytes are taken
    silent: bool = False  # answers nothing, as many cheap ones
    says_garbage: bool = False  # answers, but nonsense
    no_turn: bool = False  # answers asked in real time, not what is to be answered in its turn
    deaf: bool = False  # accepts a connection and reads nothing
    memory: int = 65_536  # bytes it keeps while it cannot print; more waits in the network


@dataclass
class SandboxPrinter:
    """One printer; `pictures` are the slips that lie on the counter, `texts` what is written on each."""

    dots: int = 384
    mood: Mood = field(default_factory=Mood)
    firmware: Firmware = field(default_factory=Firmware)
    wear: Wear = field(default_factory=Wear)
    clock: Clock = field(default_factory=SystemClock)
    window: int | None = None  # bytes that its network part takes ahead of it

    def __post_init__(self) -> None:
        self.roll = Roll(self.dots, self.wear)
        self.head = Interpreter(self.roll, self.firmware, paper_byte=lambda: 0x0C if self._is_out() else 0)
        self.connections = 0
        self.received = 0
        self._memory = bytearray()  # taken from the network, not yet printed
        self._wire: asyncio.StreamWriter | None = None
        self._plug: Plug | None = None

    @property
    def pictures(self) -> list[Image.Image]:
        return self.roll.pictures

    @property
    def texts(self) -> list[str]:
        return self.roll.texts

    @property
    def address(self) -> str:
        assert self._plug is not None, "the printer is off"
        return f"{self._plug.host}:{self._plug.port}"

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> Self:
        self._plug = Plug(self.serve)
        await self._plug.open_small(host, port, self.window)
        return self

    async def stop(self) -> None:
        if self._plug is not None:
            await self._plug.aclose()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # --- what staff do at it ---

    async def new_paper(self, slips: int | None = None) -> None:
        """A fresh roll: what waits in the memory is printed."""
        self.mood.slips_left = slips
        self._work()

    async def close_cover(self) -> None:
        self.mood.cover_open = False
        self._work()

    def switch_off_and_on(self) -> None:
        """The memory is empty; half a slip stays on the roll."""
        self._memory.clear()
        self.head = Interpreter(self.roll, self.firmware, paper_byte=self.head.paper_byte)

    # --- the wire ---

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._wire = writer
        here, tail = 0, b""
        while piece := await self._read(reader):
            here += len(piece)
            if self.mood.hang_up_after is not None and here >= self.mood.hang_up_after:
                self._take(piece[: len(piece) - (here - self.mood.hang_up_after)])
                writer.transport.abort()
                return
            await self._pace(len(piece))
            whole = tail + piece
            for found in ASK.finditer(whole):
                self._say(self._status(found[1][0]))
            tail = b"" if ASK.search(whole[-3:]) else whole[-2:]
            self._take(piece)

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        while self.mood.deaf or len(self._memory) > self.mood.memory:
            await self.clock.sleep(20)  # what it cannot take, the network keeps
        return await reader.read(self._portion())

    def _portion(self) -> int:
        return PORTION if self.mood.baud is None else max(16, self.mood.baud // BITS_OF_A_BYTE // 20)

    async def _pace(self, count: int) -> None:
        if self.mood.baud is not None:
            await self.clock.sleep(1000 * count * BITS_OF_A_BYTE / self.mood.baud)

    def _say(self, byte: int) -> None:
        if self._wire is not None and not self.mood.silent:
            self._wire.write(b"\xff\x01" if self.mood.says_garbage else bytes([byte]))

    def _answer_in_turn(self) -> None:
        """What the head said when it came to it."""
        for byte in self.head.answers:
            if not self.mood.no_turn:
                self._say(byte)
        self.head.answers.clear()

    # --- the work ---

    def _take(self, data: bytes) -> None:
        self.received += len(data)
        self._memory += data
        self._work()

    def _work(self) -> None:
        """Print byte for byte until something is in the way."""
        while self._memory and not self._is_stuck():
            cuts = len(self.pictures)
            step = min(self._next_cut(), len(self._memory))
            self.head.feed(bytes(self._memory[:step]))
            del self._memory[:step]
            if len(self.pictures) > cuts and self.mood.slips_left is not None:
                self.mood.slips_left -= 1
            self._answer_in_turn()

    def _next_cut(self) -> int:
        """So many bytes at once that no slip is begun behind a cut before it is counted."""
        at = self._memory.find(b"\x1dV")
        if at < 0:
            return len(self._memory)
        return at + (4 if bytes(self._memory[at + 2 : at + 3]) in (b"A", b"B") else 3)

    def _is_out(self) -> bool:
        return self.mood.slips_left is not None and self.mood.slips_left <= 0

    def _is_stuck(self) -> bool:
        return self._is_out() or self.mood.cover_open or self.mood.overheated or self.mood.cutter_jam

    def _status(self, kind: int) -> int:
        """The byte of DLE EOT; bits 1 and 4 are always set."""
        mood, byte = self.mood, 0b0001_0010
        if kind == 1:
            byte |= 0x08 if self._is_stuck() else 0
        elif kind == 2:
            byte |= (0x04 if mood.cover_open else 0) | (0x20 if self._is_out() else 0)
            byte |= 0x40 if mood.overheated or mood.cutter_jam else 0
        elif kind == 3:
            byte |= (0x08 if mood.cutter_jam else 0) | (0x40 if mood.overheated else 0)
        elif kind == 4:
            byte |= (0x0C if mood.near_end or self._is_out() else 0) | (0x60 if self._is_out() else 0)
        return byte


class Plug(Listener):
    """A listener that reads little ahead, so that a slow printer is felt at the other end."""

    async def open_small(self, host: str, port: int, window: int | None) -> None:
        plug = socket.create_server((host, port))
        if window is not None:
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self._server = await asyncio.start_server(self._accept, sock=plug, limit=512)
        self.host, self.port = plug.getsockname()[:2]


async def main(port: int, folder: Path) -> None:
    """Print until stopped, each slip into a file."""
    folder.mkdir(parents=True, exist_ok=True)
    printer = SandboxPrinter()
    await printer.start(port=port)
    try:
        print(f"a 58 mm printer listens on {printer.address}; slips come out in {folder}/")
        done = 0
        while True:
            await printer.clock.sleep(300)
            for n, picture in enumerate(printer.pictures[done:], start=done + 1):
                picture.save(folder / f"slip-{n:04d}.png")
            done = len(printer.pictures)
    finally:
        await printer.stop()


if __name__ == "__main__":
    if len(sys.argv) != 3 or not sys.argv[1].isdigit():
        sys.exit("usage: python -m sandbox.printer PORT FOLDER")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))
