"""The gate before every call to the outside: no entry in the register, no call, and staff are told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from portal.clock import Clock, Moment
from portal.db import Database
from portal.processors import store
from portal.processors.registry import Processor, usual
from portal.processors.service import LINE, subject
from portal.tenancy.store import is_open, say_again
from portal.units import Unit

# The entry of a mark at an ISP, or None; an adapter without one sends nothing.
Registered = Callable[[int, str], Awaitable[Processor | None]]


async def shut(tenant_id: int, mark: str) -> Processor | None:
    """The gate of an adapter that was given none: it lets nothing out."""
    return None


class Gate:
    """Looks into the register each time: what was removed a moment ago gets nothing any more.

    `tells`: whether staff get a line when something is held back; whoever only looks writes nothing.
    """

    def __init__(self, db: Database, clock: Clock, *, tells: bool = True) -> None:
        self._db = db
        self._clock = clock
        self._tells = tells

    async def __call__(self, tenant_id: int, mark: str) -> Processor | None:
        found, said = await self._db.read(tenant_id, _look, mark)
        if found is None and self._tells and not said:
            await self._db.write(tenant_id, _say, mark, self._clock.now())
        return found


def _look(mark: str) -> Unit[tuple[Processor | None, bool]]:
    found = yield from store.registered(mark)
    return found, found is not None or (yield from is_open(LINE, subject(mark)))


def _say(mark: str, now: Moment) -> Unit[None]:
    if (yield from store.registered(mark)) is not None:
        return  # it was put back a moment ago
    last = yield from store.last_of(mark)
    named = (last or usual(mark)).named
    text = f"{named} is not in your register of processors, so nothing was sent there."
    yield from say_again(LINE, subject(mark), text, now)
