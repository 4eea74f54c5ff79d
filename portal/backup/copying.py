"""A consistent copy of a database that is being written to."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from portal.backup.places import private
from portal.db import open_connection

Say = Callable[[str, int, int], None]  # what is done, how much of it, of how much

STEP = 1024  # pages, 4 MiB
BLOCK = 1 << 20


def copy(database: Path, place: Path, say: Say) -> None:
    """Everything that was acknowledged before this began, and nothing that came after.

    The copy reads one snapshot: a writer never waits for it, and it never begins anew because of a writer. What is
    written meanwhile stays in the -wal file until the copy is done.
    """
    os.close(private(place))
    with closing(open_connection(database, read_only=True)) as source, closing(sqlite3.connect(place)) as target:
        source.execute("BEGIN")
        source.execute("PRAGMA schema_version").fetchone()  # the snapshot begins with the first thing that is read
        source.backup(target, pages=STEP, progress=lambda _, left, whole: say("copying", whole - left, whole))
        target.execute("PRAGMA journal_mode=DELETE")  # one file, with nothing beside it


def blocks(path: Path, doing: str, say: Say) -> Iterator[bytes]:
    """The bytes of a file."""
    whole, done = path.stat().st_size, 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            done += len(block)
            say(doing, done, whole)
            yield block


def digest(path: Path, say: Say) -> str:
    """SHA-256 of a file."""
    found = hashlib.sha256()
    for block in blocks(path, "digesting", say):
        found.update(block)
    return found.hexdigest()
