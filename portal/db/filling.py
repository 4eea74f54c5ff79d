"""A transaction in which many rows come in, in any order: they may refer to rows that come later. It may take long."""

from __future__ import annotations

import re
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any

from portal.db.aside import Aside
from portal.db.base import Execute, quiet
from portal.db.groups import begin, executor
from portal.db.sqlite import open_connection
from portal.place import Place, Server
from portal.units import Conflict


class Filling(ABC):
    """`run` is one statement of the transaction; it is committed at its end if nothing was raised."""

    run: Execute

    @abstractmethod
    def orphan(self) -> str | None:
        """What refers to something that is not there; from now on each row is looked at when it comes."""

    @abstractmethod
    def go_on(self, tables: Iterable[str]) -> None:
        """The next ids of these tables come after those that are in use."""


def filling(place: Place) -> AbstractContextManager[Filling]:
    """Begin; nobody else writes to a file meanwhile, and to a server whoever may write writes."""
    return filling_server(place) if isinstance(place, Server) else _filling_file(place)


class _File(Filling):
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.run = executor(connection, quiet)

    def orphan(self) -> str | None:
        found = self._connection.execute("PRAGMA foreign_key_check").fetchone()
        return f"a row of {found[0]}" if found else None

    def go_on(self, tables: Iterable[str]) -> None:
        """The engine looks at the ids that are there."""


@contextmanager
def _filling_file(path: Any) -> Iterator[Filling]:
    with closing(open_connection(path)) as connection:
        begin(connection)
        try:
            connection.execute("PRAGMA defer_foreign_keys=ON")
            yield _File(connection)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


class ServerFilling(Filling):
    """With COPY, for a million rows."""

    def __init__(self, run: Execute, aside: Aside) -> None:
        self.run = run
        self._aside = aside

    def copy(self, table: str, columns: Sequence[str], records: Sequence[Sequence[Any]]) -> None:
        """These rows, each value of the kind that its column has."""
        self._aside.copy(table, columns, records)

    def orphan(self) -> str | None:
        try:
            self.run("SET CONSTRAINTS ALL IMMEDIATE", {})
        except Conflict as broken:  # insert or update on table "plans" violates foreign key constraint …
            named = re.search(r'table "([a-z_]+)"', str(broken))
            return f"a row of {named[1]}" if named else "a row"
        return None

    def go_on(self, tables: Iterable[str]) -> None:
        for table in tables:
            last = self.run(f"SELECT MAX(id) AS last FROM {table}", {})[0]["last"]
            if last is not None:
                self.run(_GO_ON, {"named": table, "last": last})


_GO_ON = "SELECT setval(pg_get_serial_sequence(:named, 'id'), :last)"
_PATIENT = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")


@contextmanager
def filling_server(server: Server) -> Iterator[ServerFilling]:
    """The same on a server; the role must see all ISPs."""
    aside = Aside(server, patience_s=None)
    try:
        with aside.transaction(None, write=True) as run:
            for each in _PATIENT:
                run(f"SET LOCAL {each} = 0", {})
            run("SET CONSTRAINTS ALL DEFERRED", {})
            yield ServerFilling(run, aside)
    finally:
        aside.close()
