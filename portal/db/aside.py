"""A connection for whoever cannot wait as the event loop does: commands, exports, a key that is looked up in a hurry.

asyncpg lives on an event loop, so it gets one of its own, in a thread; whoever asks waits for the answer.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import asyncpg

from portal.db.base import Execute, quiet
from portal.db.connections import AWAY, DatabaseAway, begin, connect, executor
from portal.place import Server
from portal.units import Row, running

T = TypeVar("T")

PATIENCE_S = 30.0


class Aside:
    """One connection, made when it is first needed, and again when it broke."""

    def __init__(self, server: Server, *, patience_s: float | None = PATIENCE_S) -> None:
        self._server = server
        self._patience_s = patience_s
        self._one = threading.RLock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection: asyncpg.Connection | None = None

    def execute(self, text: str, params: Mapping[str, Any]) -> Sequence[Row]:
        """One statement of the unit that runs, in a transaction of its own; raises `DatabaseAway`."""
        unit = running()
        with self._one:
            self._await(self._begin(begin(unit.tenant if unit else None, write=False)))
            try:
                return executor(self._fetch, unit.tenant if unit else None, quiet)(text, params)
            finally:
                self._await(self._finish("ROLLBACK"))

    @contextmanager
    def transaction(self, tenant: int | None, *, write: bool) -> Iterator[Execute]:
        """One transaction: committed if nothing is raised."""
        with self._one:
            self._await(self._begin(begin(tenant, write=write)))
            try:
                yield executor(self._fetch, tenant, quiet)
            except BaseException:
                self._await(self._finish("ROLLBACK"))
                raise
            self._await(self._finish("COMMIT"))

    def copy(self, table: str, columns: Sequence[str], records: Sequence[Sequence[Any]]) -> None:
        """Rows of a table, in the transaction that is open."""
        assert self._connection is not None
        self._await(self._connection.copy_records_to_table(table, columns=columns, records=records))

    def close(self) -> None:
        with self._one:
            if self._loop is None:
                return
            if self._connection is not None:
                self._await(self._connection.close(timeout=2))
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
            self._loop = None

    # --- on the thread of its own ---

    async def _begin(self, statements: str) -> None:
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._server)
        await self._connection.execute(statements)

    async def _finish(self, statement: str) -> None:
        if self._connection is not None and not self._connection.is_closed():
            await self._connection.execute(statement)

    def _fetch(self, text: str, values: Sequence[Any]) -> Sequence[Row]:
        assert self._connection is not None
        found: Sequence[Row] = self._await(self._connection.fetch(text, *values))
        return found

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="bando-aside", daemon=True)
            self._thread.start()
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result(self._patience_s)
        except AWAY as gone:
            raise DatabaseAway(f"{self._server} cannot be reached: {type(gone).__name__}.") from gone
