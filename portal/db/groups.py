"""Units that are committed together: one transaction of SQLite, in which each of them can be undone alone."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from time import perf_counter
from typing import Any

from portal.db.base import Execute, Observe, quiet
from portal.db.fences import Fence
from portal.units import Conflict, Row, Signal, Unit, drive, picker

PATIENCE_S = 5.0  # for the turn to write; nobody holds it for longer than some ms
ENGINE_FAILS = (sqlite3.Error, MemoryError)  # what a statement of the engine raises; it may find no memory, too


def of_the_machine(failed: BaseException) -> bool:
    """Whether the engine failed for want of room, memory or its turn, and not for what it was given."""
    if isinstance(failed, sqlite3.OperationalError):
        return failed.sqlite_errorcode & 0xFF != sqlite3.SQLITE_ERROR
    return isinstance(failed, MemoryError)


def begin(connection: sqlite3.Connection) -> None:
    """Begin to write; waits its turn when another process (a command beside `bando serve`) is writing.

    SQLite's own waiting sleeps longer and longer, up to 100 ms, so that a neighbour who always writes comes first:
    beside 32 clients 50 000 vouchers were stored at a third of the pace. Looking every millisecond is fair to both.
    """
    patience = perf_counter() + PATIENCE_S
    while not begun(connection):
        if perf_counter() > patience:
            raise sqlite3.OperationalError("database is locked")


def begun(connection: sqlite3.Connection) -> bool:
    """Begin to write at once; False when another process is writing."""
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as busy:
        if busy.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True


@lru_cache(maxsize=4096)
def positional(text: str) -> tuple[str, Callable[[Mapping[str, Any]], Sequence[Any]]]:
    """A statement with numbers for its names (``?1``), and what picks its parameters in their order.

    The library looks each name up for each call, which for a pass of 27 columns costs as much as storing it.
    """
    names = list(dict.fromkeys(_NAMED.findall(text)))
    numbers = {name: f"?{number}" for number, name in enumerate(names, start=1)}
    return _NAMED.sub(lambda match: numbers[match[1]], text), picker(names)


_NAMED = re.compile(r"(?<![\w:]):([a-z_][a-z_0-9]*)")


def executor(connection: sqlite3.Connection, observe: Observe) -> Execute:
    """How one statement runs on a connection."""

    def plain(text: str, params: Mapping[str, Any]) -> Sequence[Row]:
        marked, pick = positional(text)
        try:
            return connection.execute(marked, pick(params)).fetchall()
        except sqlite3.IntegrityError as broken:
            if not connection.in_transaction:  # OR ROLLBACK: no unit may mend this, and go on outside of a transaction
                raise
            raise Conflict(str(broken)) from broken

    def observed(text: str, params: Mapping[str, Any]) -> Sequence[Row]:
        observe("db:before")
        found = plain(text, params)
        observe("db:after")
        return found

    return plain if observe is quiet else observed


@dataclass
class Job:
    """A unit that somebody waits for."""

    tenant: int | None
    unit: Callable[..., Unit[Any]]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any] | None  # None: whoever asked runs it
    signals: list[Signal] = field(default_factory=list)
    fence: Fence | None = None
    result: Any = None
    error: BaseException | None = None

    def give_up(self, broken: BaseException) -> None:
        """Nothing of it was written."""
        self.error = broken
        self.signals.clear()


class Group:
    """A transaction that has begun, and the jobs in it."""

    def __init__(self, connection: sqlite3.Connection, execute: Execute, observe: Observe) -> None:
        self.jobs: list[Job] = []
        self._connection = connection
        self._execute = execute
        self._observe = observe
        self._broken: BaseException | None = None

    def run_together(self, jobs: Sequence[Job]) -> bool:
        """Run jobs without a savepoint each, which is a tenth of a redemption; False when one of them was refused.

        Then all is undone, the transaction is over, and each is to be run again by `run`, which undoes one alone.
        """
        try:
            for job in jobs:
                self._drive(job)
        except BaseException:  # each of them hears its own error the second time
            for job in jobs:
                job.signals.clear()
            self._roll_back()
            return False
        self.jobs.extend(jobs)
        return True

    def run(self, job: Job) -> None:
        """Run a job in a savepoint; what it raises undoes this job alone."""
        self.jobs.append(job)
        if self._broken is not None:
            job.error = self._broken
            return
        try:
            self._run(job)
        except BaseException as broken:
            self.give_up(broken)

    def _run(self, job: Job) -> None:
        self._connection.execute("SAVEPOINT unit")
        try:
            self._drive(job)
        except BaseException as refused:  # whatever stops a unit belongs to its caller, and half of it to nobody
            job.error = refused
            job.signals.clear()
            if not self._connection.in_transaction:
                raise sqlite3.OperationalError("the transaction was lost") from refused
            self._connection.execute("ROLLBACK TO unit")
        self._connection.execute("RELEASE unit")

    def _drive(self, job: Job) -> None:
        job.result = drive(job.unit(*job.args, **job.kwargs), job.tenant, self._execute, job.signals)

    def commit(self) -> None:
        """Commit what ran; what cannot be committed is given up as a whole."""
        if self._broken is not None:
            return
        try:
            self._observe("commit:before")
            self._connection.execute("COMMIT")
            self._observe("commit:after")
        except BaseException as broken:  # whatever it is, nobody may be told that it was written
            self.give_up(broken)

    def give_up(self, broken: BaseException) -> None:
        """Nothing of this group was written, and nothing will be."""
        self._broken = broken
        for job in self.jobs:
            job.give_up(broken)
        self._roll_back()

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            with suppress(*ENGINE_FAILS):  # then the next group cannot begin, and tries this again
                self._connection.execute("ROLLBACK")
