"""Erasing closed ISPs: when their time is over, in small transactions between those of guests of others."""

from __future__ import annotations

import structlog

from portal.clock import HOUR, Clock, Moment
from portal.db import Database
from portal.errors import Refused
from portal.loops import Every, for_each
from portal.privacy.closed import store
from portal.seal import Vault
from portal.tenancy import store as tenancy
from portal.tenancy.closing import WAKE
from portal.tenancy.store import Tenant

log = structlog.get_logger("bando.closed")

BATCH = 100  # rows in one transaction
AHEAD = 20_000  # rows that are looked for at once, by a reader


def _failing(tenant: Tenant, broken: Exception) -> None:
    log.error("erasing failed", tenant=tenant.public, error=type(broken).__name__)


class Closed:
    """Erases what is due. One that breaks off begins again: to clear what is cleared changes nothing."""

    def __init__(self, db: Database, vault: Vault, clock: Clock) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self.loop = Every("closed ISPs", HOUR, self.run_once, clock)
        db.listen(WAKE, lambda _tenant, _id: self.loop.wake())

    async def run_once(self) -> int:
        """How many ISPs were erased. What a hold or a payment on its way keeps is looked at again in an hour."""
        now = self._clock.now()
        due = [each for each in await self._db.read(None, tenancy.tenants) if each.erasable(now)]
        return await for_each(due, self._when_free, _failing)

    async def _when_free(self, tenant: Tenant) -> int:
        try:
            return int(await self.erase(tenant))
        except Refused as waits:
            log.warning("erasing waits", tenant=tenant.public, why=waits.key)
            return 0

    async def erase(self, tenant: Tenant) -> bool:
        """Erase this ISP, whose time is over. Raises `Refused` beside a hold or a payment on its way."""
        now = self._clock.now()  # one for all: the log of acts says once until when its payloads went
        if not tenant.erasable(now):
            raise Refused("isp-not-due", status=409)
        for table in store.ORDER:
            await self._must_be_free(tenant)
            await self._end(tenant, table, now)
        done = await self._db.write(tenant.id, store.finish, self._vault, tenant.id, now)
        await self._db.empty_log()  # or older pages would lie there for long; `erasing` tries again where it fails
        return done

    async def _must_be_free(self, tenant: Tenant) -> None:
        """Looked at before each table: a hold that comes while it is erased keeps what is left."""
        if why := await self._db.read(tenant.id, store.waits_for, self._clock.now()):
            raise Refused(f"erase-{why}", status=409)

    async def _end(self, tenant: Tenant, table: str, now: Moment) -> None:
        last = 0
        while ids := await self._db.read(tenant.id, store.find, table, last, AHEAD):
            last = ids[-1]
            for start in range(0, len(ids), BATCH):
                some = ids[start : start + BATCH]
                await self._db.write(tenant.id, store.end, self._vault, table, some, now)
