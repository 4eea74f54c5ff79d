"""Time is an argument (R9): one clock object gives `now` and does the waiting.

A `Moment` is an integer, milliseconds since 1970 in UTC, from the database to the page; spans are
integers whose names end in ``_ms`` or ``_s``. Only this module reads the machine's clock.
"""

from __future__ import annotations

import asyncio
import mmap
import struct
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

Moment = int

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def as_datetime(moment: Moment) -> datetime:
    """The moment as an aware UTC datetime, for showing only."""
    return datetime.fromtimestamp(moment / 1000, UTC)


class Clock(Protocol):
    """What tells the time and waits."""

    def now(self) -> Moment: ...

    async def sleep_until(self, moment: Moment) -> None: ...

    async def sleep(self, span_ms: float) -> None: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> Moment:
        return time.time_ns() // 1_000_000

    async def sleep_until(self, moment: Moment) -> None:
        await asyncio.sleep(max(0, moment - self.now()) / 1000)

    async def sleep(self, span_ms: float) -> None:
        await asyncio.sleep(span_ms / 1000)


class TravelClock:
    """A clock that can be moved and sped up, shared between processes through a small file.

    The file holds three doubles: a real anchor (ms), the virtual time at that anchor (ms) and the rate.
    Sleepers look again every `GRAIN` real seconds, so a jump of a month wakes everyone at once.
    """

    GRAIN = 0.01
    _LAYOUT = struct.Struct("<ddd")

    def __init__(self, path: Path | None = None, *, start: Moment | None = None) -> None:
        if path is None:
            self._memory: mmap.mmap = mmap.mmap(-1, self._LAYOUT.size)
            fresh = True
        else:
            fresh = not path.exists() or path.stat().st_size < self._LAYOUT.size
            if fresh:
                path.write_bytes(bytes(self._LAYOUT.size))
            with path.open("r+b") as file:
                self._memory = mmap.mmap(file.fileno(), self._LAYOUT.size)
        if fresh:
            real = time.time() * 1000
            self._store(real, real if start is None else float(start), 1.0)

    def _store(self, real: float, virtual: float, rate: float) -> None:
        self._memory[:] = self._LAYOUT.pack(real, virtual, rate)

    def _exact(self) -> float:
        real, virtual, rate = self._LAYOUT.unpack(self._memory[:])
        return float(virtual + (time.time() * 1000 - real) * rate)

    def now(self) -> Moment:
        return int(self._exact())

    def advance(self, span_ms: float) -> None:
        """Jump forward by `span_ms`; the rate stays."""
        _, _, rate = self._LAYOUT.unpack(self._memory[:])
        self._store(time.time() * 1000, self._exact() + span_ms, rate)

    def run_at(self, rate: float) -> None:
        """From now on let `rate` virtual seconds pass in one real second."""
        self._store(time.time() * 1000, self._exact(), rate)

    async def sleep_until(self, moment: Moment) -> None:
        while (left := moment - self._exact()) > 0:
            rate = self._LAYOUT.unpack(self._memory[:])[2]
            await asyncio.sleep(min(self.GRAIN, left / 1000 / rate) if rate > 0 else self.GRAIN)

    async def sleep(self, span_ms: float) -> None:
        await self.sleep_until(int(self._exact() + span_ms))
