"""Delays of the line and of the router's processor.

These are real seconds on purpose, also when the sandbox's clock runs fast: a round trip is a property of
the wire between two programs, and the client's own timeouts for real connections are real too.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from sandbox.routeros.faults import Faults

T = TypeVar("T")


class DelayLine(Generic[T]):
    """First in, first out, each item not before its time; nothing waiting and no delay is no timer at all."""

    def __init__(self, deliver: Callable[[T], None]) -> None:
        self._deliver = deliver
        self._waiting: deque[tuple[float, T]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def push(self, item: T, at: float) -> None:
        """Deliver at the loop's time `at`, or now if that is past."""
        loop = asyncio.get_running_loop()
        if not self._waiting and at <= loop.time():
            self._deliver(item)
            return
        self._waiting.append((at, item))
        if self._timer is None:
            self._timer = loop.call_at(at, self._due)

    def _due(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        now = loop.time()
        while self._waiting and self._waiting[0][0] <= now and not self._closed:
            self._deliver(self._waiting.popleft()[1])
        if self._waiting and not self._closed:
            self._timer = loop.call_at(self._waiting[0][0], self._due)

    def close(self) -> None:
        self._closed = True
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Processor:
    """When the router is done with a request: one processor for all connections, with its knee (facts 1.6)."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._free_at = 0.0
        self._in_a_row = 0

    def done_at(self, now: float) -> float:
        faults = self._faults
        if now - self._free_at > faults.knee_rest_s:
            self._in_a_row = 0
        self._in_a_row += 1
        over = faults.knee_after is not None and self._in_a_row > faults.knee_after
        self._free_at = max(now, self._free_at) + (faults.knee_ms if over else faults.service_ms) / 1000
        return self._free_at
