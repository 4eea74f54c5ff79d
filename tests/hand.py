"""One connection that a test keeps, on either engine: its units run one by one, and nobody has to await them.

What a unit asks goes the way of the house: on PostgreSQL as the role that serves, which sees its own tenant alone. What
the test itself asks (`execute`) goes past all that, in the same transaction.
"""

from __future__ import annotations

import itertools
import re
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from portal.db import Execute, executor, open_connection, quiet
from portal.db import connections as server_side
from portal.db.aside import Aside
from portal.db.dialect import numbered
from portal.place import Place, Server
from portal.schema import metadata
from portal.units import Row, Unit, drive
from tests import postgres
from tests.raw import Found, asked, changed
from tests.support import fresh_place

T = TypeVar("T")
Params = Sequence[Any] | Mapping[str, Any]


class Hand(ABC):
    """`run(unit, tenant)`, and `execute(text, params)` with ``?`` or ``:name``."""

    def run(self, unit: Unit[T], tenant: int | None, within: Execute | None = None) -> T:
        """One unit, alone or not at all; `within` stands between it and the database."""
        with self.alone(tenant):
            return drive(unit, tenant, within or self.ask)

    @abstractmethod
    def ask(self, text: str, params: Mapping[str, Any]) -> Sequence[Row]:
        """A statement of a unit."""

    @abstractmethod
    def execute(self, text: str, params: Params = ()) -> Found:
        """A statement of the test's own, whoever the rows belong to."""

    @abstractmethod
    def fill(self, text: str, rows: Iterable[Params]) -> None:
        """The same statement for many rows."""

    @abstractmethod
    def alone(self, tenant: int | None) -> AbstractContextManager[None]:
        """What is asked in here is undone if something is raised."""

    @abstractmethod
    def trial(self) -> AbstractContextManager[None]:
        """What happens here has not happened afterwards."""

    def orphans(self) -> list[Any]:
        """What refers to something that is not there; a server lets no such thing in."""
        return []

    @abstractmethod
    def iterdump(self) -> Iterator[str]:
        """All that stands in the tables, as text."""

    @abstractmethod
    def close(self) -> None:
        """Whoever opened it closes it."""


class _File(Hand):
    def __init__(self, path: Path) -> None:
        self._connection = open_connection(path)
        self._connection.execute("PRAGMA synchronous=OFF")  # no test with a hand asks what is durable
        self.ask = executor(self._connection, quiet)  # type: ignore[method-assign, assignment]

    def ask(self, text: str, params: Mapping[str, Any]) -> Sequence[Row]:
        raise AssertionError

    def execute(self, text: str, params: Params = ()) -> Found:
        return Found(self._connection.execute(text, params).fetchall())

    def fill(self, text: str, rows: Iterable[Params]) -> None:
        with self.alone(None):
            self._connection.executemany(text, rows)

    @contextmanager
    def alone(self, tenant: int | None) -> Iterator[None]:
        self._connection.execute("SAVEPOINT alone")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK TO alone")
            raise
        finally:
            self._connection.execute("RELEASE alone")

    @contextmanager
    def trial(self) -> Iterator[None]:
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("ROLLBACK")

    def orphans(self) -> list[Any]:
        return self.execute("PRAGMA foreign_key_check").fetchall()

    def iterdump(self) -> Iterator[str]:
        return self._connection.iterdump()

    def close(self) -> None:
        self._connection.close()


def _named(text: str, params: Params) -> tuple[str, Mapping[str, Any]]:
    """With names for question marks."""
    if isinstance(params, Mapping):
        return text, params
    names = itertools.count(1)
    return re.sub(r"\?", lambda _: f":p{next(names)}", text), {f"p{n}": each for n, each in enumerate(params, start=1)}


SERVES, HIMSELF = "SET ROLE bando_app", "RESET ROLE"


class _Server(Hand):
    """The superuser, who takes the role that serves while a unit runs."""

    def __init__(self, server: Server) -> None:
        self._one = _Plain(postgres.cluster().at(server.database, "postgres"))
        self._one.plainly("SET synchronous_commit = off")
        self._deep = 0
        self._bare = server_side.executor(self._one.fetch, None, quiet)
        self._run = self._bare

    def ask(self, text: str, params: Mapping[str, Any]) -> Sequence[Row]:
        return self._run(text, params)

    def execute(self, text: str, params: Params = ()) -> Found:
        with self._himself():
            return Found(self._bare(*_named(text, params)))

    def fill(self, text: str, rows: Iterable[Params]) -> None:
        with self._himself():
            for marked, same in itertools.groupby((numbered(*_named(text, row)) for row in rows), lambda each: each[0]):
                self._one.fill(marked, [values for _, values in same])

    @contextmanager
    def _himself(self) -> Iterator[None]:
        if self._run is self._bare:
            yield
            return
        self._one.plainly(HIMSELF)
        yield
        self._one.plainly(SERVES)

    @contextmanager
    def alone(self, tenant: int | None) -> Iterator[None]:
        bind = f"SELECT set_config('app.tenant_id', '{tenant or server_side.NOBODY:d}', true)"
        before = self._run
        self._one.plainly(f"{'SAVEPOINT alone' if self._deep else 'BEGIN'}; {SERVES}; {bind}")
        self._run = server_side.executor(self._one.fetch, tenant, quiet)
        self._deep += 1
        try:
            yield
        except BaseException:
            self._one.plainly("ROLLBACK TO SAVEPOINT alone" if self._deep > 1 else "ROLLBACK")
            if self._deep == 1:
                self._one.plainly("BEGIN")
            raise
        finally:
            self._deep -= 1
            self._run = before
            end = "RELEASE SAVEPOINT alone" if self._deep else "COMMIT"
            self._one.plainly(f"{end}; {HIMSELF if before is self._bare else SERVES}")

    @contextmanager
    def trial(self) -> Iterator[None]:
        self._one.plainly("BEGIN")
        self._deep += 1
        try:
            yield
        finally:
            self._deep -= 1
            self._one.plainly(f"ROLLBACK; {HIMSELF}")

    def iterdump(self) -> Iterator[str]:
        for table in sorted(metadata.tables):
            yield from (f"{table} {sorted(dict(row).items())}" for row in self.execute(f"SELECT * FROM {table}"))

    def close(self) -> None:
        self._one.close()


class _Plain(Aside):
    """A connection that begins nothing by itself."""

    def plainly(self, statements: str) -> None:
        self._await(self._begin(statements))

    def fetch(self, text: str, values: Sequence[Any]) -> Sequence[Row]:
        found: Sequence[Row] = self._await(self._rows(text, values))
        return found

    def fill(self, text: str, rows: Sequence[Sequence[Any]]) -> None:
        assert self._connection is not None
        self._await(self._connection.executemany(text, rows))

    async def _rows(self, text: str, values: Sequence[Any]) -> Sequence[Any]:
        if self._connection is None:
            self._connection = await server_side.connect(self._server)
        found: Sequence[Any] = await self._connection.fetch(text, *values)
        return found


def hand_on(place: Place) -> Hand:
    return _Server(place) if isinstance(place, Server) else _File(place)


@contextmanager
def fresh_hand() -> Iterator[Hand]:
    """On an empty, migrated database that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="bando-hand-"))
    made = hand_on(fresh_place(folder))
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(folder)


def on_disk(place: Place) -> bytes:
    """All that the files of a database hold, once the engine has written everything."""
    if not isinstance(place, Server):
        return b"".join(each.read_bytes() for each in sorted(place.parent.glob(f"{place.name}*")))
    changed(place, "CHECKPOINT")
    (row,) = asked(place, "SELECT oid FROM pg_database WHERE datname = ?", place.database)
    files = (postgres.cluster().folder / "data" / "base" / str(row["oid"])).iterdir()
    return b"".join(each.read_bytes() for each in sorted(files) if each.is_file())
