"""What is asked of a copy: whether it is whole, what it holds, and whose key it was sealed with."""

from __future__ import annotations

import sqlite3


def damage(connection: sqlite3.Connection) -> str | None:
    """What is wrong with the file or with its references; None when nothing is."""
    (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        return str(verdict).splitlines()[-1]
    orphan = connection.execute("PRAGMA foreign_key_check").fetchone()
    return f"a row of {orphan[0]} refers to one that is not there" if orphan else None


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """How many rows each table has."""
    named = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name"
    names = [str(name) for (name,) in connection.execute(named).fetchall()]
    return {name: int(connection.execute(f'SELECT COUNT(*) FROM "{name}"').fetchone()[0]) for name in names}


def key_mark(connection: sqlite3.Connection) -> str | None:
    """The mark of the key that the database was first used with; None when none was yet."""
    kept = connection.execute("SELECT value FROM installation WHERE name = 'key'").fetchone()
    return str(kept[0]) if kept else None


def root(connection: sqlite3.Connection) -> bytes | None:
    """The wrapped root of hashes, if the master key was ever exchanged; an older schema knows of no such thing."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'root_keys'").fetchone() is None:
        return None
    kept = connection.execute("SELECT wrapped FROM root_keys ORDER BY id DESC LIMIT 1").fetchone()
    return bytes(kept[0]) if kept else None
