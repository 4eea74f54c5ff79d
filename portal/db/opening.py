"""Which engine opens a place."""

from __future__ import annotations

from contextlib import AbstractContextManager

from portal.db import postgres, sqlite
from portal.db.base import Database, Execute, Observe, quiet
from portal.place import Place, Server


def open_database(place: Place, *, observe: Observe = quiet) -> Database:
    """The engine for this place; a server is connected to when the first unit comes."""
    if isinstance(place, Server):
        return postgres.Postgres(place, observe=observe)
    return sqlite.Sqlite(place, observe=observe)


def at_once(place: Place, *, write: bool = False) -> AbstractContextManager[Execute]:
    """A transaction on a connection of its own: one snapshot to read, or alone in writing; committed at its end."""
    return postgres.at_once(place, write=write) if isinstance(place, Server) else sqlite.at_once(place, write=write)
