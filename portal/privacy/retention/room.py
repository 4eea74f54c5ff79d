"""The purge: once a day for each ISP, at night by its calendar, in small transactions between those of guests."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from portal import spans
from portal.clock import HOUR, Clock, Moment
from portal.db import Database
from portal.loops import Every, for_each
from portal.privacy.retention import service, store
from portal.privacy.retention.rules import Rule
from portal.privacy.retention.service import Purge
from portal.seal import Vault
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant

log = structlog.get_logger("bando.retention")

NIGHT_MS = 3 * HOUR  # after midnight, when the fewest guests are there; later when Bando did not run then
BATCH = 50  # rows in one transaction: a few milliseconds, between which others get in
AHEAD = 20_000  # rows that are looked for at once, by a reader

Tell = Callable[[Rule, int], None]


def in_silence(_: Rule, __: int) -> None:
    """Nobody watches the progress."""


def _failing(tenant: Tenant, broken: Exception) -> None:
    log.error("purge failed", tenant=tenant.public, error=type(broken).__name__)


class Retention:
    """Purges what is older than it may be. One run goes on where a broken one stopped, since it looks again."""

    def __init__(self, db: Database, vault: Vault, clock: Clock) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self.loop = Every("retention", HOUR, self.run_once, clock)
        db.listen(service.WAKE, lambda _tenant, _run: self.loop.wake())

    async def run_once(self) -> int:
        """How many rows were taken. An ISP at which it fails does not keep the data of the others."""
        return await for_each(await self.everybody(), self._when_due, _failing)

    async def _when_due(self, tenant: Tenant) -> int:
        cleared, now = await self.clear_asked(tenant), self._clock.now()
        if not await self.due(tenant, now):
            return cleared
        return cleared + sum((await self.purge(tenant, now, "clock")).values())

    async def clear_asked(self, tenant: Tenant) -> int:
        """Clear what somebody asked to be cleared, or what broke off when it was being cleared."""
        asked = await self._db.read(tenant.id, service.clearings, tenant)
        return sum([sum((await self._run(purge, by, in_silence)).values()) for purge, by in asked])

    async def everybody(self) -> Sequence[Tenant]:
        """All ISPs of which anything is left, also those that are off, and the platform with its staff."""
        platform = await self._db.read(None, tenancy.platform)
        isps = [each for each in await self._db.read(None, tenancy.tenants) if each.erased_at is None]
        return [*isps, *([platform] if platform else [])]

    async def due(self, tenant: Tenant, now: Moment) -> bool:
        """Whether it is late enough today, and no run of today came to its end."""
        today = spans.midnight(spans.today(now, tenant.timezone), tenant.timezone)
        return now >= today + NIGHT_MS and not await self._db.read(tenant.id, store.ended_since, today)

    async def purge(self, tenant: Tenant, now: Moment, by: str, tell: Tell = in_silence) -> dict[str, int]:
        """Take what is too old; gives how many rows were taken by each rule."""
        return await self._run(await self._db.write(tenant.id, service.begin, tenant, by, now), by, tell)

    async def clear_sessions(
        self, tenant: Tenant, reason: str, now: Moment, by: str, tell: Tell = in_silence
    ) -> dict[str, int]:
        """Take all that is known of sessions, but of those that go on. Raises `Refused`."""
        purge = await self._db.write(tenant.id, service.begin_clearing, self._vault, tenant, reason, by, now)
        return await self._run(purge, by, tell)

    async def _run(self, purge: Purge, by: str, tell: Tell) -> dict[str, int]:
        for rule in purge.rules:
            await self._by(rule, purge, tell)
        return await self._db.write(purge.tenant.id, service.finish, self._vault, purge, by, self._clock.now())

    async def _by(self, rule: Rule, purge: Purge, tell: Tell) -> None:
        tenant, taken, last = purge.tenant.id, 0, 0
        while ids := await self._db.read(tenant, service.search, purge, rule, self._clock.now(), AHEAD, last):
            before, last = taken, ids[-1]
            for start in range(0, len(ids), BATCH):
                some, now = ids[start : start + BATCH], self._clock.now()
                taken += await self._db.write(tenant, service.batch, self._vault, purge, rule, some, now)
                tell(rule, taken)
            if taken == before:  # they were held in between, or guests came back
                return
