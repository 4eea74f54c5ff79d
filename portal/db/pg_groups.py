"""The units of one tenant that wait: one transaction, one lock, one commit."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import asyncpg
from sqlalchemy.util import greenlet_spawn

from portal.db.base import Execute, Observe
from portal.db.connections import AGAIN, AWAY, Connections, DatabaseAway, begin, executor, waiting
from portal.db.fences import under
from portal.db.groups import Job
from portal.db.merging import merging
from portal.units import Row, drive, several_of

GROUP = 64  # units in one commit; more only lengthens the wait of the first
TRIES = 5  # of a group that met the transaction of another tenant
UNKNOWN = -1  # no tenant has this number

Fetch = Callable[[str, Sequence[Any]], Sequence[Row]]
Tell = Callable[[int | None, Sequence[Any]], None]


async def run_group(
    connections: Connections, tenant: int | None, queue: deque[Job], observe: Observe, tell: Tell
) -> None:
    """Run the units that wait now, and tell everyone what came of theirs."""
    jobs: list[Job] = []
    try:
        async with connections.one() as connection:
            while queue and len(jobs) < GROUP:  # not earlier: those that came while none was free come along
                jobs.append(queue.popleft())
            await _Group(connection, tenant, jobs, observe).run()
    except BaseException as broken:  # whatever it is, nobody may be told that it was written
        jobs = jobs or _all(queue)
        for job in jobs:
            job.give_up(DatabaseAway() if isinstance(broken, AWAY) else broken)
        if not isinstance(broken, Exception):
            raise
    finally:
        for job in jobs:
            deliver(job, tell)


def _all(queue: deque[Job]) -> list[Job]:
    """Nobody gets a connection: all of them hear it, instead of each waiting for a try of their own."""
    found = list(queue)
    queue.clear()
    return found


def deliver(job: Job, tell: Tell) -> None:
    """Tell whoever waits what came of a job, and everyone what it signalled."""
    assert job.future is not None
    if job.error is None:
        tell(job.tenant, job.signals)
    if job.future.done():  # whoever waited has gone
        return
    if isinstance(job.error, StopIteration):  # no future takes it, and the others would wait for ever
        job.future.set_exception(RuntimeError("a unit raised StopIteration"))
    elif job.error is not None:
        job.future.set_exception(job.error)
    else:
        job.future.set_result(job.result)


class _Group:
    """A transaction, and the jobs in it."""

    def __init__(
        self, connection: asyncpg.Connection, tenant: int | None, jobs: Sequence[Job], observe: Observe
    ) -> None:
        self._connection = connection
        self._tenant = tenant
        self._jobs = jobs
        self._observe = observe
        self._mends = False  # whether a unit goes on after a statement that was refused

    async def run(self) -> None:
        """All together, else each by itself, else again."""
        for attempt in range(TRIES):
            try:
                if self._mends or len(self._jobs) == 1 or not await self._together():
                    await self._one_by_one()
                return
            except asyncpg.InFailedSQLTransactionError:  # a refused statement spoils the transaction that it was in
                if self._mends:
                    raise
                self._mends = True
            except AGAIN:
                if attempt == TRIES - 1:
                    raise

    async def _together(self) -> bool:
        """Without a savepoint each; False when one was refused: then all is undone."""
        execute = await self._begin()
        try:
            for jobs in alike(self._jobs):
                await self._drive_alike(jobs, execute)
        except AWAY:
            self._connection.terminate()  # nobody answers on it any more
            raise
        except (*AGAIN, asyncpg.InFailedSQLTransactionError):
            await self._roll_back()
            raise
        except BaseException:  # each of them hears its own error the second time
            await self._roll_back()
            return False
        await self._commit()
        return True

    async def _one_by_one(self) -> None:
        execute = await self._begin()
        try:
            for job in self._jobs:
                await self._apart(job, execute)
                if job.error is not None:  # and whose rows are to be seen was undone with it
                    execute = self._executor(UNKNOWN)
        except AWAY:
            self._connection.terminate()
            raise
        except BaseException:
            await self._roll_back()
            raise
        await self._commit()

    async def _apart(self, job: Job, execute: Execute) -> None:
        """A unit that can be undone alone."""
        alone = len(self._jobs) == 1
        if not alone:
            await self._connection.execute("SAVEPOINT unit")
        try:
            await self._drive(job, execute)
        except (*AWAY, *AGAIN, asyncpg.InFailedSQLTransactionError):
            raise
        except BaseException as refused:  # whatever stops a unit belongs to its caller, and half of it to nobody
            job.give_up(refused)
            if alone:
                await self._connection.execute("ROLLBACK AND CHAIN")
            else:
                await self._connection.execute("ROLLBACK TO SAVEPOINT unit")
        if not alone:
            await self._connection.execute("RELEASE SAVEPOINT unit")

    async def _drive_alike(self, jobs: Sequence[Job], execute: Execute) -> None:
        """Drive calls of one unit: as one if it knows how, and the first of them tells all that is signalled."""
        several = several_of(jobs[0].unit) if len(jobs) > 1 else None
        if several is None:
            for job in jobs:
                await self._drive(job, execute)
            return
        for job in jobs:
            job.error = None
            job.signals.clear()
        unit = merging(several([job.args for job in jobs]))
        results = await greenlet_spawn(drive, unit, jobs[0].tenant, execute, jobs[0].signals)
        for job, result in zip(jobs, results, strict=True):
            job.result = result

    async def _drive(self, job: Job, execute: Execute) -> None:
        job.error = None
        job.signals.clear()
        unit = job.unit(*job.args, **job.kwargs)
        unit = unit if job.fence is None else under(job.fence, unit)
        job.result = await greenlet_spawn(drive, merging(unit), job.tenant, execute, job.signals)

    async def _begin(self) -> Execute:
        await self._connection.execute(begin(self._tenant, write=True))
        return self._executor(self._tenant)

    def _executor(self, bound: int | None) -> Execute:
        fetch = waiting(self._connection)
        return executor(undoing(fetch) if self._mends else fetch, bound, self._observe)

    async def _commit(self) -> None:
        self._observe("commit:before")
        if await self._connection.execute("COMMIT") != "COMMIT":  # of a spoilt transaction it says ROLLBACK
            raise asyncpg.InFailedSQLTransactionError
        self._observe("commit:after")

    async def _roll_back(self) -> None:
        if not self._connection.is_closed():
            await self._connection.execute("ROLLBACK")


def alike(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    """The jobs in their order, plain calls of one unit that follow each other together."""
    together: list[Job] = []
    for job in jobs:
        if together and not (job.unit is together[0].unit and _plain(job) and _plain(together[0])):
            yield together
            together = []
        together.append(job)
    if together:
        yield together


def _plain(job: Job) -> bool:
    """Whether its arguments are all that it is called with, and nobody must own anything for it."""
    return not job.kwargs and job.fence is None


def undoing(fetch: Fetch) -> Fetch:
    """The same, but a statement that is refused is undone alone, and the transaction goes on."""

    def careful(text: str, values: Sequence[Any]) -> Sequence[Row]:
        fetch("SAVEPOINT statement", ())
        try:
            found = fetch(text, values)
        except asyncpg.IntegrityConstraintViolationError:
            fetch("ROLLBACK TO SAVEPOINT statement", ())
            raise
        fetch("RELEASE SAVEPOINT statement", ())
        return found

    return careful
