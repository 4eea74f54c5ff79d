"""Work that goes on after its request was answered: a batch of thousands that is drawn or voided.

Each piece is named by what it works on, so that nobody begins it twice. It keeps what it has done in the database
and can be begun again, so that a process that ends in between loses nothing but the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import structlog

from portal.errors import Refused

PATIENCE_S = 1.5  # a browser waits so long for the end before it is told that the work goes on
PRESSES = 2  # children that lay out sheets at the same time
WAITING = 4  # further ones that wait for them; each waits some seconds, and browsers give up after a minute

_log = structlog.get_logger("bando.console")


class Work:
    """What is being done, by tenant and subject."""

    def __init__(self) -> None:
        self._going: dict[tuple[int, str], asyncio.Task[Any]] = {}
        self._held: set[tuple[int, str]] = set()
        self._presses = asyncio.Semaphore(PRESSES)
        self._waiting = 0

    def going(self, tenant_id: int, subject: str) -> bool:
        """Whether it is still worked on."""
        return (tenant_id, subject) in self._going or (tenant_id, subject) in self._held

    def must_be_free(self, tenant_id: int, subject: str) -> None:
        """Raise `Refused("busy")` while it is."""
        if self.going(tenant_id, subject):
            raise Refused("busy", status=409)

    @asynccontextmanager
    async def press(self) -> AsyncIterator[None]:
        """A place to lay out cards. Raises `Refused("press-busy")` rather than let many wait long."""
        if self._presses.locked() and self._waiting >= WAITING:
            raise Refused("press-busy", status=503)
        self._waiting += 1
        try:
            await self._presses.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._presses.release()

    @contextmanager
    def held(self, tenant_id: int, subject: str) -> Iterator[None]:
        """Nobody else begins it meanwhile; for what is written down before the work. Raises `Refused("busy")`."""
        self.must_be_free(tenant_id, subject)
        self._held.add((tenant_id, subject))
        try:
            yield
        finally:
            self._held.discard((tenant_id, subject))

    async def begin(self, tenant_id: int, subject: str, job: Coroutine[Any, Any, Any]) -> None:
        """Begin it, and wait a little for its end."""
        if (tenant_id, subject) in self._going:
            job.close()
            raise Refused("busy", status=409)
        task = asyncio.create_task(self._worked(tenant_id, subject, job))
        self._going[tenant_id, subject] = task
        await asyncio.wait([task], timeout=PATIENCE_S)

    async def _worked(self, tenant_id: int, subject: str, job: Coroutine[Any, Any, Any]) -> None:
        try:
            await job
        except Exception as error:  # of whatever kind: nobody awaits this task; its page says that it stopped
            _log.error("work stopped", tenant=tenant_id, subject=subject, kind=type(error).__name__, exc_info=error)
        finally:
            del self._going[tenant_id, subject]
