"""What was seen of routers when staff looked: kept for a moment, and never asked for twice at the same time.

A router may take its time or may never answer. Whoever looks waits a little; the look goes on by itself, is bounded by
its own patience, and the next page shows what came of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from portal.clock import Moment
from portal.errors import RouterError
from portal.mikrotik.addresses import AddressRefused

AT_ONCE = 10  # looks underway, of all ISPs together; and as many at routers that did not answer when last looked at
MOST = 2_000  # of what was seen

Key = tuple[Any, ...]  # what is looked at; the first part is the router's id


@dataclass(frozen=True, kw_only=True)
class Knock:
    """Whether something answers at an address, and with which certificate."""

    fingerprint: str = ""
    refused: str = ""  # why nobody asked: a key of a sentence

    @property
    def answered(self) -> bool:
        return bool(self.fingerprint)


async def knock(ask: Callable[[], Awaitable[str]]) -> Knock:
    """Ask for a certificate."""
    try:
        return Knock(fingerprint=await ask())
    except AddressRefused as refused:
        return Knock(refused=refused.key)
    except RouterError:
        return Knock()


class Looks:
    """The latest of each kind, and those that are underway."""

    def __init__(self) -> None:
        self._seen: dict[Key, tuple[Moment, Any]] = {}
        self._going: dict[Key, asyncio.Task[None]] = {}
        self._silent: set[Any] = set()  # the routers that did not answer
        self._gates = {silent: asyncio.Semaphore(AT_ONCE) for silent in (False, True)}

    def latest(self, key: Key) -> Any:
        """What was seen last; None when nothing was."""
        found = self._seen.get(key)
        return found[1] if found else None

    def going(self, key: Key) -> bool:
        """Whether somebody looks now."""
        return key in self._going

    async def look(
        self, key: Key, job: Callable[[], Awaitable[object]], *, now: Moment, fresh_ms: int, wait_s: float
    ) -> Any:
        """What was seen within `fresh_ms`, or else is seen within `wait_s`; or what was seen before, or None."""
        seen = self._seen.get(key)
        if key not in self._going and (seen is None or now - seen[0] > fresh_ms):
            self._going[key] = asyncio.create_task(self._one(key, job, now))
        if key in self._going:
            await asyncio.wait([self._going[key]], timeout=wait_s)
        return self.latest(key)

    def _heard(self, router: Any, answered: bool) -> None:
        if answered:
            self._silent.discard(router)
        else:
            self._silent.add(router)

    async def _one(self, key: Key, job: Callable[[], Awaitable[object]], now: Moment) -> None:
        try:
            async with self._gates[key[0] in self._silent]:
                found = await job()
            self._heard(key[0], getattr(found, "answered", True))
            for old in [each for each in self._seen if each[:2] == key[:2]] + list(self._seen)[:-MOST]:
                self._seen.pop(old, None)
            self._seen[key] = now, found
        finally:
            del self._going[key]
