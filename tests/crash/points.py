"""The points at which a portal may die, counted in a small shared file that outlives its process.

The test arms it (from now on count; kill at the k-th) and reads what was passed; the portal's process calls it
at each effect: every statement, commit, M-Pesa call and router command, before and after.
"""

from __future__ import annotations

import mmap
import os
import signal
import struct
import threading
import time
from pathlib import Path

_HEAD = struct.Struct("<qqq")  # armed and kill at, which only the test writes, and count, which only the portal writes
_NUMBER = struct.Struct("<q")
_ARMED, _KILL_AT, _COUNT = 0, 8, 16
_NAME = 40
_ROOM = 4096


class Points:
    """`points(name)` in the portal; `arm`, `disarm` and `passed` in the test."""

    def __init__(self, path: Path) -> None:
        size = _HEAD.size + _NAME * _ROOM
        if not path.exists():
            path.write_bytes(bytes(size))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), size)
        self._lock = threading.Lock()

    def close(self) -> None:
        self._memory.close()

    # --- the test ---

    def arm(self, kill_at: int) -> None:
        """Count from here; 0 never kills."""
        self.disarm()
        self._put(_KILL_AT, kill_at)
        self._put(_COUNT, 0)
        self._put(_ARMED, 1)

    def disarm(self) -> None:
        """From here nobody is counted or killed; whoever is at a point just now gets past it."""
        self._put(_ARMED, 0)
        time.sleep(0.005)

    def _put(self, at: int, number: int) -> None:
        _NUMBER.pack_into(self._memory, at, number)

    def passed(self) -> list[str]:
        """The names of the points since it was armed."""
        count = min(_HEAD.unpack_from(self._memory, 0)[2], _ROOM)
        slots = (self._memory[_HEAD.size + _NAME * n : _HEAD.size + _NAME * (n + 1)] for n in range(count))
        return [slot.rstrip(b"\0").decode() for slot in slots]

    # --- the portal ---

    def __call__(self, name: str) -> None:
        with self._lock:
            armed, kill_at, count = _HEAD.unpack_from(self._memory, 0)
            if not armed:
                return
            if count < _ROOM:
                slot = name.encode()[:_NAME].ljust(_NAME, b"\0")
                self._memory[_HEAD.size + _NAME * count : _HEAD.size + _NAME * (count + 1)] = slot
            self._put(_COUNT, count + 1)
            if count + 1 == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)


def described(names: list[str]) -> str:
    """The last point in words: ``#17 db:after (statement 4 after commit 1)``."""
    if not names:
        return "nothing"
    commits = sum(name == "commit:after" for name in names[:-1])
    since = len(names) - 1 - max((n for n, name in enumerate(names[:-1]) if name == "commit:after"), default=-1)
    return f"#{len(names)} {names[-1]} (point {since} after commit {commits})"
