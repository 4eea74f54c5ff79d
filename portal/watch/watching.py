"""The loop that looks: once a minute at every ISP that is switched on, and at the platform's own matters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from portal.access.catalog import Catalog, TenantView
from portal.clock import DAY, HOUR, MINUTE, Clock, Moment
from portal.db import Database
from portal.loops import Every, for_each
from portal.watch import ledger, store
from portal.watch.everybody import everybody
from portal.watch.ledger import PATIENCE, Book, Patience
from portal.watch.looking import Look, Sources, look

log = structlog.get_logger("bando.watch")

LOOK_EVERY_MS = MINUTE
MESSAGES_KEPT_MS, ALARMS_KEPT_MS = 90 * DAY, 730 * DAY


@dataclass(kw_only=True)
class Open:
    """Open alarms by kind, for the metrics: what the last look left, of each ISP."""

    of: dict[int, Counter[str]] = field(default_factory=dict)
    overdue: dict[int, Counter[str]] = field(default_factory=dict)  # muted or not: the law does not wait

    def late(self) -> Counter[str]:
        return sum(self.overdue.values(), Counter())

    def by_kind(self) -> Counter[str]:
        return sum(self.of.values(), Counter())


def _failing(view: TenantView, broken: Exception) -> None:
    log.error("look failed", tenant=view.tenant.public, error=type(broken).__name__)


class Watching:
    """Looks, and keeps the alarms; `told` is called when there are messages to be delivered."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        catalog: Catalog,
        url: str,
        *,
        told: Callable[[], None] = lambda: None,
        sources: Sources | None = None,
        patience: Patience = PATIENCE,
    ) -> None:
        self._db = db
        self._clock = clock
        self._catalog = catalog
        self._url = url
        self._told = told
        self._sources = sources or Sources()
        self._patience = patience
        self._since = clock.now()  # nobody looked before: what seems silent may only not have been heard yet
        self.open = Open()
        self.loop = Every("watch", LOOK_EVERY_MS, self.run_once, clock)
        self.tidy_loop = Every("old alarms", HOUR, self.tidy, clock)

    async def run_once(self) -> int:
        """How many messages were written. An ISP at which a look fails does not keep the others from theirs."""
        return await for_each(await everybody(self._db, self._catalog), self._when_active, _failing)

    async def _when_active(self, view: TenantView) -> int:
        if not view.tenant.active:
            self.open.of.pop(view.tenant.id, None)
            self.open.overdue.pop(view.tenant.id, None)
            return 0
        told = await self.look_at(view, self._clock.now())
        if told:
            self._told()
        return told

    async def tidy(self) -> None:
        """Forget what is too old; alarms are no books."""
        now = self._clock.now()
        for view in await everybody(self._db, self._catalog):
            await self._db.write(view.tenant.id, store.forget_old, now - MESSAGES_KEPT_MS, now - ALARMS_KEPT_MS)

    async def look_at(self, view: TenantView, now: Moment) -> int:
        """One look at one ISP."""
        tenant = view.tenant
        seen: Look = await self._db.read(tenant.id, look, view, now, self._since, self._sources)
        self.open.overdue[tenant.id] = seen.overdue
        if seen.quiet:
            self.open.of[tenant.id] = Counter()
            return 0
        book = Book(tenant=tenant, url=self._url, patience=self._patience)
        told = await self._db.write(tenant.id, ledger.keep, book, seen.found, now, seen.blind)
        kept = await self._db.read(tenant.id, store.unclosed)
        self.open.of[tenant.id] = Counter(each.kind for each in kept if each.opened_at and not each.muted_at)
        return told
