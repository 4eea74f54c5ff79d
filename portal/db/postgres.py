"""The PostgreSQL engine: any number of processes, and row-level security below the tenant filter (R6).

The units of one tenant that write run one after another, as on SQLite, whatever process they come from: each
transaction first takes the tenant's advisory lock. Tenants do not wait for each other. Those of one tenant that wait
in one process run as one group and are committed together (`pg_groups`). So a unit need not know of races, and a lock
costs one round trip for many units. A unit is an ordinary generator; it runs in a greenlet, in which a statement may
wait for the server.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar, cast

import asyncpg
from sqlalchemy.util import greenlet_spawn

from portal.db.aside import Aside
from portal.db.base import Database, DatabaseClosed, Execute, Observe, quiet
from portal.db.connections import (
    AGAIN,
    AWAY,
    Connections,
    DatabaseAway,
    begin,
    begin_add,
    executor,
    waiting,
)
from portal.db.fences import current
from portal.db.groups import Job
from portal.db.pg_beside import Beside, NotAlone, Queue, run_one, run_some
from portal.db.pg_groups import run_group
from portal.db.wakeups import Wakeups
from portal.place import Server
from portal.units import Signal, Unit, drive

T = TypeVar("T")

READING, WRITING = 8, 8  # connections of one process
# What a transaction of its own cannot mend, and a group can.
ALONE_INSTEAD = (*AGAIN, asyncpg.InFailedSQLTransactionError)
TRIES = 4  # of a unit that met another one


class Postgres(Database):
    """A database of a PostgreSQL server."""

    def __init__(self, server: Server, *, observe: Observe = quiet) -> None:
        super().__init__(server)
        self._server = server
        self._observe = observe
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: dict[int | None, deque[Job]] = {}
        self._besides: dict[int | None, Queue] = defaultdict(Queue)
        self._running: set[asyncio.Task[None]] = set()
        self._aside = Aside(server)
        self._wakeups: Wakeups | None = None

    def _here(self) -> asyncio.AbstractEventLoop:
        """The event loop; connections belong to the one that made them."""
        if self._closed:
            raise DatabaseClosed
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop = loop
            self._readers, self._writers = Connections(self._server, READING), Connections(self._server, WRITING)
        return loop

    async def write(self, tenant: int | None, unit: Callable[..., Unit[T]], *args: Any, **kwargs: Any) -> T:
        loop = self._here()
        future: asyncio.Future[T] = loop.create_future()
        queue = self._waiting.get(tenant)
        if queue is None:
            queue = self._waiting[tenant] = deque()
            self._keep(loop.create_task(self._drain(tenant, queue)))
        queue.append(Job(tenant, unit, args, kwargs, loop, future, fence=current()))
        return await future

    async def write_here(self, tenant: int | None, unit: Callable[..., Unit[T]], *args: Any, **kwargs: Any) -> T:
        return await self.write(tenant, unit, *args, **kwargs)

    async def write_beside(
        self, tenant: int | None, subjects: Collection[str], unit: Callable[..., Unit[T]], *args: Any, **kwargs: Any
    ) -> T:
        loop = self._here()
        future: asyncio.Future[T] = loop.create_future()
        job = Job(tenant, unit, args, kwargs, loop, future, fence=current())
        if self._besides[tenant].put(Beside(job, subjects)):
            self._keep(loop.create_task(self._drain_beside(tenant)))
        try:
            return await future
        except (NotAlone, *ALONE_INSTEAD):
            return await self.write(tenant, unit, *args, **kwargs)

    async def add(self, tenant: int | None, unit: Callable[..., Unit[T]], *args: Any, **kwargs: Any) -> T:
        job = Job(tenant, unit, args, kwargs, self._here(), None, fence=current())
        try:
            async with self._writers.one() as connection:
                await run_one(connection, job, begin_add(tenant), self._observe)
        except AWAY as gone:
            raise DatabaseAway from gone
        except ALONE_INSTEAD:
            return await self.write(tenant, unit, *args, **kwargs)
        self._tell(tenant, job.signals)
        return cast(T, job.result)

    async def read(self, tenant: int | None, unit: Callable[..., Unit[T]], *args: Any, **kwargs: Any) -> T:
        self._here()
        for attempt in range(TRIES):
            try:
                return await self._read(tenant, unit, args, kwargs)
            except AGAIN:
                if attempt == TRIES - 1:
                    raise
        raise AssertionError

    async def read_here(self, tenant: int | None, unit: Callable[..., Unit[T]], *args: Any) -> T:
        return await self.read(tenant, unit, *args)

    async def _read(
        self, tenant: int | None, unit: Callable[..., Unit[T]], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> T:
        try:
            async with self._readers.one() as connection:
                await connection.execute(begin(tenant, write=False))
                try:
                    run = executor(waiting(connection), tenant, quiet)
                    found: T = await greenlet_spawn(drive, unit(*args, **kwargs), tenant, run)
                except AWAY:
                    connection.terminate()  # nobody answers on it any more
                    raise
                finally:
                    if not connection.is_closed():
                        await connection.execute("ROLLBACK")
                return found
        except AWAY as gone:
            raise DatabaseAway from gone

    async def _drain(self, tenant: int | None, queue: deque[Job]) -> None:
        """Run what waits for this tenant, group by group."""
        try:
            while queue:
                await run_group(self._writers, tenant, queue, self._observe, self._tell)
        finally:
            del self._waiting[tenant]

    async def _drain_beside(self, tenant: int | None) -> None:
        await self._besides[tenant].drain(
            lambda waiting: run_some(self._writers, tenant, waiting, self._observe, self._tell)
        )

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def share(self) -> None:
        self._here()
        if self._wakeups is None:
            self._wakeups = Wakeups(self._server, self._heard)

    def _tell(self, tenant: int | None, signals: Sequence[Signal]) -> None:
        super()._tell(tenant, signals)
        if signals and self._wakeups is not None:
            self._wakeups.post((each.topic, tenant or 0, each.key) for each in signals)

    @contextmanager
    def beside(self) -> Iterator[Execute]:
        yield self._aside.execute

    def at_once(self, tenant: int | None = None, *, write: bool = False) -> AbstractContextManager[Execute]:
        return at_once(self._server, tenant, write=write)

    async def empty_log(self) -> bool:
        """A server's own log is its operator's: what it keeps, and for how long, is set there."""
        return True

    async def aclose(self) -> None:
        if self._closed:
            return
        while self._running:
            await asyncio.gather(*self._running, return_exceptions=True)
        self._closed = True
        if self._wakeups is not None:
            await self._wakeups.aclose()
        if self._loop is not None:
            await self._readers.aclose()
            await self._writers.aclose()
        self._aside.close()


@contextmanager
def at_once(server: Server, tenant: int | None = None, *, write: bool = False) -> Iterator[Execute]:
    """A transaction on a connection of its own, for a thread that may wait."""
    aside = Aside(server)
    try:
        with aside.transaction(tenant, write=write) as run:
            yield run
    finally:
        aside.close()
