"""The SQLite engine: one writing connection that commits in groups, and a small pool of readers.

Design 5: BEGIN IMMEDIATE, the waiting units (see `groups`), COMMIT, and only then is anyone acknowledged (R5: WAL
with synchronous=FULL, so the commit has reached the disk). The units of `write` run in the writer's thread, those
of `write_here` on the event loop's; `_turn` says whose turn it is. Reads run a whole unit in one thread hop, in one
snapshot.

Nothing else opens a transaction.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from portal.db.base import Database, DatabaseClosed, Execute, Observe, quiet
from portal.db.groups import ENGINE_FAILS, Group, Job, begin, begun, executor
from portal.units import Unit, drive

T = TypeVar("T")

GROUP = 128  # units in one commit; more only lengthens the wait of the first
READERS = 4
GATHER_S = 0.001  # how long a group stays open while many write at once: one commit costs as much as a unit

PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "busy_timeout=5000",
    "secure_delete=ON",  # what is deleted is overwritten, whatever the engine was built with
    "temp_store=MEMORY",  # each savepoint keeps copies of pages; they need no file
    "cache_size=-32768",  # KiB: codes lie scattered over their index, and 2 MB hold too little of it
    "wal_autocheckpoint=4000",  # pages; scattered pages are written once for many commits
)


def open_connection(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection with every pragma that Bando relies on."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512)
    connection.row_factory = sqlite3.Row
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    if read_only:
        connection.execute("PRAGMA query_only=ON")
    return connection


def _next(jobs: deque[Job]) -> Job | None:
    try:
        return jobs.popleft()
    except IndexError:
        return None


@contextmanager
def at_once(path: Path, *, write: bool = False) -> Iterator[Execute]:
    """A transaction on a connection of its own: one snapshot, or alone in writing; committed if nothing is raised."""
    with closing(open_connection(path, read_only=not write)) as connection:
        if write:
            begin(connection)
        else:
            connection.execute("BEGIN")
        try:
            yield executor(connection, quiet)
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


class Sqlite(Database):
    """A database file of this machine, served by one process."""

    def __init__(self, path: Path, *, observe: Observe = quiet) -> None:
        super().__init__(path)
        self._observe = observe
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._closed = False
        self._local = threading.local()
        self._kept: list[sqlite3.Connection] = []
        self._one_beside = threading.Lock()
        self._beside: sqlite3.Connection | None = None
        self._turn = threading.Lock()  # whoever holds it may use the writing connection
        self._writing: sqlite3.Connection | None = None
        self._pending: deque[Job] = deque()  # to be run here, or by the writer thread if it comes first
        self._expected = False  # whether `_run_pending` will be called
        self._apart = False  # whether one of the last group was refused: then the next one is not run twice either
        self._crowd = False  # whether the last group was of more than one
        self._home: asyncio.AbstractEventLoop | None = None  # the one event loop whose thread is meant by "here"
        self._groups: queue.SimpleQueue[Group | None] = queue.SimpleQueue()
        self._committer = threading.Thread(target=self._commit_loop, name="bando-commit", daemon=True)
        self._committer.start()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="bando-read")
        self._writer = threading.Thread(target=self._write_loop, name="bando-write", daemon=True)
        self._writer.start()

    async def write(self, tenant: int | None, unit: Callable[..., Unit[T]], *args: Any, **kwargs: Any) -> T:
        """Run a unit in a durable transaction; what it raises rolls back this unit alone."""
        if self._closed:
            raise DatabaseClosed
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put(Job(tenant, unit, args, kwargs, loop, future))
        return await future

    async def write_here(self, tenant: int | None, unit: Callable[..., Unit[T]], *args: Any, **kwargs: Any) -> T:
        """`write` for a unit of a few indexed statements, which runs on the event loop's own thread.

        Two threads that hand Python's lock to and fro at each statement lose more time than such a unit takes. Units
        that come at the same time run one right after the other, while all that they need is in the processor's
        cache; when one of them is refused, they all run a second time, each in a savepoint. Only BEGIN and COMMIT ever
        wait for the disk or for another process, and they wait in threads.
        """
        if self._closed:
            raise DatabaseClosed
        loop = asyncio.get_running_loop()
        if self._home is None or self._home.is_closed():
            self._home, self._expected = loop, False
        if self._home is not loop:
            return await self.write(tenant, unit, *args, **kwargs)
        future: asyncio.Future[T] = loop.create_future()
        self._pending.append(Job(tenant, unit, args, kwargs, loop, future))
        if not self._expected:
            self._expected = True
            loop.call_later(GATHER_S if self._crowd else 0, self._run_pending)
        return await future

    async def read(self, tenant: int | None, unit: Callable[..., Unit[T]], *args: Any, **kwargs: Any) -> T:
        """Run a unit that only reads, in one snapshot."""
        if self._closed:
            raise DatabaseClosed
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._read, tenant, unit, args, kwargs)

    async def read_here(self, tenant: int | None, unit: Callable[..., Unit[T]], *args: Any) -> T:
        """Run a unit that reads a few indexed rows on the event loop's own thread.

        A thread hop costs more than such a read (design 5 measured 0.86 against 0.76 of a static answer), and WAL
        readers never wait for the writer. For the landing page; whatever may read many rows uses `read`.
        """
        if self._closed:
            raise DatabaseClosed
        return self._read(tenant, unit, args, {})

    def _read(
        self, tenant: int | None, unit: Callable[..., Unit[T]], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> T:
        connection = self._reading_connection()
        connection.execute("BEGIN")
        try:
            return drive(unit(*args, **kwargs), tenant, executor(connection, quiet))
        finally:
            connection.execute("ROLLBACK")

    @contextmanager
    def beside(self) -> Iterator[Execute]:
        """A connection for a row or two, whatever this thread is in the midst of, and even when all is closed.

        It sees what is committed, and nothing of a unit that runs.
        """
        with self._one_beside:
            if self._closed:
                with closing(open_connection(self.path)) as once:
                    yield executor(once, quiet)
                return
            if self._beside is None:
                self._beside = open_connection(self.path)
            yield executor(self._beside, quiet)

    def at_once(self, tenant: int | None = None, *, write: bool = False) -> AbstractContextManager[Execute]:
        return at_once(self.path, write=write)

    def _reading_connection(self) -> sqlite3.Connection:
        if not hasattr(self._local, "connection"):
            self._local.connection = open_connection(self.path, read_only=True)
            self._kept.append(self._local.connection)
        connection: sqlite3.Connection = self._local.connection
        return connection

    async def empty_log(self) -> bool:
        """Move what the -wal file holds into the database, and cut that file to nothing; False while somebody reads it.

        What was deleted is overwritten in the database (`secure_delete`); in the -wal file older pages would stay.
        """
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._empty_log)

    def _empty_log(self) -> bool:
        with closing(open_connection(self.path)) as connection:  # which waits for readers as long as for writers
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    async def aclose(self) -> None:
        """Finish what waits, then close."""
        if self._closed:
            return
        self._closed = True
        self._hand_over()  # what came during a commit would find nobody who commits it
        self._jobs.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._writer.join)
        self._groups.put(None)  # not earlier: the writer ends in its turn, and a group that still has it must end first
        await asyncio.get_running_loop().run_in_executor(None, self._committer.join)
        self._readers.shutdown(wait=True)
        for connection in self._kept:
            connection.close()
        with self._one_beside:
            if self._beside is not None:
                self._beside.close()

    # --- on the event loop's thread ---

    def _run_pending(self) -> None:
        """Run what waits as one group, if the connection is free, and have it committed by a thread."""
        self._expected = False
        connection = self._take_turn() if self._pending else None
        if connection is None:
            return
        jobs = list(islice(iter(partial(_next, self._pending), None), GROUP))
        self._crowd = len(jobs) > 1
        group = self._group(connection)
        if self._ran(group, jobs, connection):
            self._groups.put(group)
            return
        self._turn.release()
        self._pending.extendleft(reversed(jobs))
        self._hand_over()

    def _ran(self, group: Group, jobs: list[Job], connection: sqlite3.Connection) -> bool:
        """Run these together, or each by itself; False when another process has begun to write in between."""
        if not self._apart:
            if group.run_together(jobs):
                return True
            if not self._begun(connection):
                return False
        for job in jobs:
            group.run(job)
        self._apart = any(job.error is not None for job in jobs)
        return True

    def _take_turn(self) -> sqlite3.Connection | None:
        """The connection in a transaction; None while a commit, the writer thread or another process has it."""
        if not self._turn.acquire(blocking=False):
            return None
        connection = self._writing
        if connection is None or not self._begun(connection):
            self._turn.release()
            self._hand_over()  # the thread waits for its turn
            return None
        return connection

    @staticmethod
    def _begun(connection: sqlite3.Connection) -> bool:
        try:
            return begun(connection)
        except ENGINE_FAILS:  # the thread meets it too, and tells everyone
            return False

    def _hand_over(self) -> None:
        """The writer thread runs what waits."""
        while (job := _next(self._pending)) is not None:
            self._jobs.put(job)

    def _group(self, connection: sqlite3.Connection) -> Group:
        return Group(connection, self._execute, self._observe)

    def _commit_loop(self) -> None:
        while (group := self._groups.get()) is not None:
            try:
                group.commit()
            finally:
                self._turn.release()
                self._acknowledge(group.jobs)

    # --- the writer thread ---

    def _write_loop(self) -> None:
        connection = open_connection(self.path)
        connection.execute("PRAGMA busy_timeout=1")  # ms; `begin` does the waiting
        self._execute = executor(connection, self._observe)
        self._writing = connection
        open_for_work = True
        while open_for_work:
            jobs, open_for_work = self._next_jobs()
            if jobs:
                with self._turn:
                    group = self._run_group(connection, jobs)
                self._acknowledge(group.jobs)
        with self._turn:
            self._writing = None
            connection.close()

    def _next_jobs(self) -> tuple[list[Job], bool]:
        jobs: list[Job] = []
        job = self._jobs.get()
        while True:
            if job is None:
                return jobs, False
            jobs.append(job)
            if len(jobs) >= GROUP:
                return jobs, True
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return jobs, True

    def _run_group(self, connection: sqlite3.Connection, jobs: list[Job]) -> Group:
        while (job := _next(self._pending)) is not None:
            jobs.append(job)  # or a stream of work for this thread would keep them waiting
        group = self._group(connection)
        try:
            begin(connection)
        except ENGINE_FAILS as broken:
            group.give_up(broken)
        for job in jobs:
            group.run(job)
        group.commit()
        return group

    def _acknowledge(self, group: list[Job]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[Job]] = defaultdict(list)
        for job in group:
            by_loop[job.loop].append(job)
        for loop, jobs in by_loop.items():
            with suppress(RuntimeError):  # the loop has ended: nobody waits there
                loop.call_soon_threadsafe(self._deliver, jobs)
        if self._pending and self._home is not None:
            with suppress(RuntimeError):
                self._home.call_soon_threadsafe(self._run_pending)  # whoever came while the connection was not free

    def _deliver(self, jobs: list[Job]) -> None:
        for job in jobs:
            if job.error is None:
                self._tell(job.tenant, job.signals)
            assert job.future is not None
            if job.future.cancelled():
                continue
            if isinstance(job.error, StopIteration):  # no future takes it, and the others would wait for ever
                job.future.set_exception(RuntimeError("a unit raised StopIteration"))
            elif job.error is not None:
                job.future.set_exception(job.error)
            else:
                job.future.set_result(job.result)
