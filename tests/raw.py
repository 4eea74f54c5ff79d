"""The records below everything: statements of a test's own on either engine, each committed at once.

For what no unit of ours would do: looking at each table, planting what should not be, damaging. On PostgreSQL this is
the superuser, whom no policy and no role keeps from a row.
"""

from __future__ import annotations

import itertools
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from portal.db import Execute, open_connection, quiet
from portal.db.aside import Aside
from portal.db.connections import connect, executor
from portal.place import Place, Server
from portal.units import Conflict
from tests import postgres


class Found:
    """The rows of a statement, as sqlite3 gives them; by name and by number."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self._rows = iter(rows)

    def fetchone(self) -> Any:
        return next(self._rows, None)

    def fetchall(self) -> list[Any]:
        return list(self._rows)

    def __iter__(self) -> Iterator[Any]:
        return self._rows


class Raw:
    """`execute(text, params)` with ``?`` or ``:name``."""

    def execute(self, text: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> Found:
        raise NotImplementedError

    def run(self, text: str, params: Mapping[str, Any]) -> Sequence[Any]:
        """For `drive`."""
        return self.execute(text, params).fetchall()

    def close(self) -> None:
        raise NotImplementedError

    @property
    def tables(self) -> list[str]:
        """All of them."""
        raise NotImplementedError

    def orphans(self) -> list[Any]:
        """What refers to something that is not there; a server lets no such thing in."""
        return []

    def drop_triggers(self, named: str = "") -> None:
        """Let acts be changed; one of the triggers, or all."""
        raise NotImplementedError


class _File(Raw):
    def __init__(self, path: Path) -> None:
        self._connection: sqlite3.Connection = open_connection(path)

    def execute(self, text: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> Found:
        return Found(self._connection.execute(text, params).fetchall())

    def close(self) -> None:
        self._connection.close()

    def orphans(self) -> list[Any]:
        return self.execute("PRAGMA foreign_key_check").fetchall()

    def drop_triggers(self, named: str = "") -> None:
        found = [row["name"] for row in self.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
        for name in [each for each in found if named in ("", each)]:
            self.execute(f"DROP TRIGGER {name}")

    @property
    def tables(self) -> list[str]:
        found = self.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        return [row["name"] for row in found]


class _Server(Raw):
    def __init__(self, server: Server) -> None:
        self._one = _Plain(postgres.cluster().at(server.database, "postgres"))
        self._run: Execute = executor(self._one.fetch, None, quiet)

    def execute(self, text: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> Found:
        text = text.replace("BEGIN IMMEDIATE", "BEGIN")
        if not isinstance(params, Mapping):
            names = itertools.count(1)
            text = re.sub(r"\?", lambda _: f":p{next(names)}", text)
            params = {f"p{number}": each for number, each in enumerate(params, start=1)}
        return Found(self._run(text, params))

    def close(self) -> None:
        self._one.close()

    def drop_triggers(self, named: str = "") -> None:
        found = self.execute(
            "SELECT t.tgname AS name, c.relname AS place FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
            " WHERE NOT t.tgisinternal"
        )
        for name, place in [(row["name"], row["place"]) for row in found]:
            if named in ("", name):
                self.execute(f"DROP TRIGGER {name} ON {place}")

    @property
    def tables(self) -> list[str]:
        found = self.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return [row["tablename"] for row in found]


class _Plain(Aside):
    """A connection in no transaction."""

    def fetch(self, text: str, values: Sequence[Any]) -> Sequence[Any]:
        return self._await(self._rows(text, values))

    async def _rows(self, text: str, values: Sequence[Any]) -> Sequence[Any]:
        if self._connection is None:
            self._connection = await connect(self._server)
        found: Sequence[Any] = await self._connection.fetch(text, *values)
        return found


def raw(place: Place) -> Raw:
    """Whoever opens it closes it."""
    return _Server(place) if isinstance(place, Server) else _File(place)


@contextmanager
def opened(place: Place) -> Iterator[Raw]:
    with closing(raw(place)) as made:
        yield made


BROKEN = (sqlite3.IntegrityError, Conflict)  # a constraint, or a trigger that refuses


def asked(place: Place, text: str, *params: Any) -> list[dict[str, Any]]:
    """The rows of one statement."""
    with opened(place) as made:
        return [dict(row) for row in made.execute(text, params)]


def changed(place: Place, text: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> None:
    """Run one statement that changes something."""
    with opened(place) as made:
        made.execute(text, params)
