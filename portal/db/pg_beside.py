"""The units of one tenant that may run beside each other: some transactions at once, each with what waited for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

import asyncpg
from sqlalchemy.util import greenlet_spawn

from portal.db.base import Execute, Observe
from portal.db.connections import AWAY, BUSY, Connections, DatabaseAway, begin_beside, executor, waiting
from portal.db.fences import under
from portal.db.groups import Job
from portal.db.merging import merging
from portal.db.pg_groups import Tell, deliver
from portal.units import drive

GROUP = 16  # units in one commit; more keep the locks of their subjects for longer than others like to wait
# Transactions of one tenant in one process. Several cost the server half as much again for the same work as one, since
# all lock the rows that they refer to; a further one begins when as many wait as one takes: when answers are slow.
AT_ONCE = 4
LOST = (*AWAY, *BUSY)


class NotAlone(Exception):
    """A unit wants its tenant to itself, and ran beside others."""


@dataclass(frozen=True)
class Beside:
    """A unit that waits, and whom it must not run beside."""

    job: Job
    subjects: Collection[str]


class Queue:
    """The units of one tenant that wait, and how many transactions take from them."""

    def __init__(self) -> None:
        self._waiting: deque[Beside] = deque()
        self._at_work = 0

    def put(self, beside: Beside) -> bool:
        """Whether somebody is to come and `drain`."""
        self._waiting.append(beside)
        wanted = not self._at_work or (self._at_work < AT_ONCE and len(self._waiting) >= GROUP)
        self._at_work += wanted
        return wanted

    async def drain(self, run: Callable[[deque[Beside]], Awaitable[None]]) -> None:
        """Run what waits, group by group."""
        try:
            while self._waiting:
                await run(self._waiting)
        finally:
            self._at_work -= 1


async def run_some(
    connections: Connections, tenant: int | None, queue: deque[Beside], observe: Observe, tell: Tell
) -> None:
    """Run some of those that wait now, in one transaction, and tell them what came of theirs."""
    some: list[Beside] = []
    try:
        async with connections.one() as connection:
            while queue and len(some) < GROUP:
                some.append(queue.popleft())
            await _run(connection, tenant, some, observe)
    except BaseException as broken:  # whatever it is, nobody may be told that it was written
        some = some or _all(queue)
        for each in some:
            each.job.give_up(DatabaseAway() if isinstance(broken, AWAY) else broken)
        if not isinstance(broken, Exception):
            raise
    finally:
        for each in some:
            deliver(each.job, tell)


def _all(queue: deque[Beside]) -> list[Beside]:
    """Nobody gets a connection: all of them hear it, instead of each waiting for a try of their own."""
    found = list(queue)
    queue.clear()
    return found


async def _run(connection: asyncpg.Connection, tenant: int | None, some: list[Beside], observe: Observe) -> None:
    """All together, else each by itself: then what one raises concerns no other, and what is written stays so."""
    if len(some) > 1 and await _together(connection, tenant, some, observe):
        return
    for at, each in enumerate(some):
        try:
            await run_one(connection, each.job, begin_beside(tenant, each.subjects), observe)
        except LOST:
            for left in some[at:]:
                left.job.give_up(DatabaseAway())
            return
        except Exception as refused:  # whatever it is, it belongs to whoever asked, and the others go on
            each.job.give_up(refused)


async def _together(connection: asyncpg.Connection, tenant: int | None, some: list[Beside], observe: Observe) -> bool:
    subjects = {subject for each in some for subject in each.subjects}
    try:  # a lock may be refused, and that leaves a transaction too
        await connection.execute(begin_beside(tenant, subjects))
        execute = executor(waiting(connection), tenant, observe)
        for each in some:
            await _drive(each.job, execute)
        await _commit(connection, observe)
    except AWAY:
        connection.terminate()
        raise
    except BUSY:  # it will be busy the second time, too
        await _roll_back(connection)
        raise
    except Exception:  # each of them hears its own error the second time
        await _roll_back(connection)
        return False
    except BaseException:
        await _roll_back(connection)
        raise
    return True


async def run_one(connection: asyncpg.Connection, job: Job, begin: str, observe: Observe) -> None:
    """Run a unit in a transaction of its own that begins so; raises whatever it raises."""
    try:
        await connection.execute(begin)
        await _drive(job, executor(waiting(connection), job.tenant, observe))
        await _commit(connection, observe)
    except AWAY:
        connection.terminate()
        raise
    except BaseException:
        await _roll_back(connection)
        raise


async def _drive(job: Job, execute: Execute) -> None:
    job.error = None
    job.signals.clear()
    unit = job.unit(*job.args, **job.kwargs)
    unit = unit if job.fence is None else under(job.fence, unit)
    job.result = await greenlet_spawn(drive, merging(unit), job.tenant, execute, job.signals, _not_alone)


async def _commit(connection: asyncpg.Connection, observe: Observe) -> None:
    observe("commit:before")
    if await connection.execute("COMMIT") != "COMMIT":  # of a spoilt transaction it says ROLLBACK
        raise asyncpg.InFailedSQLTransactionError
    observe("commit:after")


async def _roll_back(connection: asyncpg.Connection) -> None:
    if not connection.is_closed():
        await connection.execute("ROLLBACK")


def _not_alone() -> None:
    raise NotAlone
