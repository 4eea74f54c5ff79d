"""What a disk would hold if the power failed: the shim's log, played up to any moment.

What was written before the beginning of a sync that has ended is there; what was written later may be there or
not, in any mixture.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

_RECORD = struct.Struct("=ciqi")
DATABASE, LOG = 1, 2  # the watched files
_FRAME = 24  # bytes of the header of a frame in the write-ahead log


def compiled(folder: Path) -> Path:
    """The shim as a library; without a compiler the test is skipped, or fails where nothing may be missing."""
    compiler = shutil.which("cc")
    if compiler is None:
        missing = "no C compiler (cc) for the shim"
        if os.environ.get("BANDO_REQUIRE_BROWSER") == "1" or os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    made = folder / "shim.so"
    source = Path(__file__).with_name("shim.c")
    subprocess.run(
        [compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", made, source, "-ldl", "-lpthread"],
        check=True,
    )
    return made


@dataclass(frozen=True, kw_only=True)
class Event:
    """One record of the shim; `what` is a watched file, or a socket."""

    kind: str
    what: int
    offset: int
    data: bytes

    @property
    def is_commit(self) -> bool:
        """A header in the write-ahead log that ends a transaction: it names the size of the database."""
        head = self.kind == "W" and self.what == LOG and len(self.data) == _FRAME and self.offset > 0
        return head and self.data[4:8] != b"\0\0\0\0"


def events(path: Path) -> list[Event]:
    """The shim's log."""
    raw, at = path.read_bytes(), 0
    found: list[Event] = []
    while at < len(raw):
        kind, what, offset, size = _RECORD.unpack_from(raw, at)
        at += _RECORD.size
        found.append(Event(kind=kind.decode(), what=what, offset=offset, data=raw[at : at + size]))
        at += size
    return found


@dataclass(kw_only=True)
class _File:
    """One file: what is certainly on the disk, and what came after."""

    safe: bytearray
    later: list[Event] = field(default_factory=list)
    begun: int = 0

    def play(self, event: Event) -> None:
        if event.kind == "B":
            self.begun = len(self.later)
        elif event.kind == "S":
            for each in self.later[: self.begun]:
                change(self.safe, each)
            del self.later[: self.begun]
            self.begun = 0
        else:
            self.later.append(event)


def change(content: bytearray, event: Event) -> None:
    """Do a write or a truncation."""
    end = event.offset + len(event.data)
    if event.kind == "T":
        del content[event.offset :]
        content.extend(bytes(event.offset - len(content)))
        return
    content.extend(bytes(max(0, end - len(content))))
    content[event.offset : end] = event.data


class Disk:
    """A database's two files, event by event."""

    def __init__(self, before: bytes) -> None:
        self._files = {DATABASE: _File(safe=bytearray(before)), LOG: _File(safe=bytearray())}

    def play(self, event: Event) -> None:
        if event.kind in "WTBS":
            self._files[event.what].play(event)

    @contextlib.contextmanager
    def after_power_loss(self, folder: Path, lucky: Random | None = None) -> Iterator[sqlite3.Connection]:
        """The database as it comes up again; with `lucky`, some of what was not synced is there as well."""
        path = folder / "after.db"
        for name in ("after.db", "after.db-wal", "after.db-shm"):
            (folder / name).unlink(missing_ok=True)
        path.write_bytes(self._found(DATABASE, lucky))
        (folder / "after.db-wal").write_bytes(self._found(LOG, lucky))
        with contextlib.closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            yield connection

    def _found(self, name: int, lucky: Random | None) -> bytes:
        content = bytearray(self._files[name].safe)
        for each in self._files[name].later:
            if lucky is not None and lucky.random() < 0.5:
                change(content, each)
        return bytes(content)


@dataclass(frozen=True, kw_only=True)
class Said:
    """Something said to the world, at an index of the log, and the request that it answers."""

    at: int
    text: str
    request: str

    @property
    def status(self) -> str:
        return self.text[9:12]

    @property
    def path(self) -> str:
        return self.request.split(" ")[1] if self.request else ""

    @property
    def let_in(self) -> list[str]:
        """The MACs that this tells the router to log in; many commands may leave in one write."""
        return re.findall(r"=mac-address=([0-9A-F:]{17})", self.text) if "/active/login" in self.text else []

    def found(self, pattern: str) -> str | None:
        """The first group of a pattern in what was said."""
        match = re.search(pattern, self.text)
        return match[1] if match else None


def said(log: list[Event]) -> list[Said]:
    """Every answer and login in the log, with the request that came last on that socket."""
    asked: dict[int, str] = {}
    found: list[Said] = []
    for at, event in enumerate(log):
        if event.kind == "R":
            asked[event.what] = event.data.decode("latin-1")
        elif event.kind == "A":
            found.append(Said(at=at, text=event.data.decode("latin-1"), request=asked.pop(event.what, "")))
    return found


def is_durable(log: list[Event], needle: bytes, before: int) -> bool:
    """Whether the transaction that first wrote `needle` was synced before an index of the log.

    Its frames, then the header of its last frame and that frame's page, then a sync begun and ended.
    """
    logged = [at for at, event in enumerate(log[:before]) if event.kind == "W" and event.what == LOG]
    first = next((n for n, at in enumerate(logged) if needle in log[at].data), None)
    if first is None:
        return False
    commit = next((n for n in range(max(0, first - 1), len(logged)) if log[logged[n]].is_commit), None)
    if commit is None or commit + 1 >= len(logged):
        return False
    last = logged[commit + 1]
    begun = next((at for at in range(last + 1, before) if log[at].kind == "B" and log[at].what == LOG), before)
    return any(event.kind == "S" and event.what == LOG for event in log[begun:before])
