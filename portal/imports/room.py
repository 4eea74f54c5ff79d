"""What was read of another system and never taken is thrown away after a day."""

from __future__ import annotations

from collections.abc import Callable

from portal.clock import HOUR, Clock
from portal.db import Database
from portal.imports import store
from portal.imports.service import KEPT_MS
from portal.loops import Every
from portal.tenancy.store import Tenant


class Imports:
    """Looks every hour; `tenants` gives those that are kept in memory."""

    def __init__(self, db: Database, clock: Clock, tenants: Callable[[], list[Tenant]]) -> None:
        self._db = db
        self._clock = clock
        self._tenants = tenants
        self.loop = Every("imports", HOUR, self.run_once, clock)

    async def run_once(self) -> int:
        before = self._clock.now() - KEPT_MS
        for each in self._tenants():
            if await self._db.read(each.id, store.any_before, before):
                await self._db.write(each.id, store.forget, before)
        return 0
