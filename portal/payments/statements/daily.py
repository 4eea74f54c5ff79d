"""The loop that checks the last days once a day, after the night's sweep of the statements."""

from __future__ import annotations

from datetime import date, timedelta

from portal import spans
from portal.access.catalog import Catalog, TenantView
from portal.clock import HOUR, MINUTE, Clock, Moment
from portal.db import Database
from portal.payments.statements import checking, store
from portal.payments.statements.checking import Day

AFTER_MS = HOUR  # past midnight: late messages have come by then
LOOK_EVERY_MS = 10 * MINUTE
DAYS = 3  # what is late may change the days before, too


def day_ago(now: Moment, timezone: str, ago: int) -> Day:
    """A day of the ISP's calendar; it may have 23 or 25 hours."""
    return day_of(spans.today(now, timezone) - timedelta(days=ago), timezone)


def day_of(day: date, timezone: str) -> Day:
    """The whole of a day."""
    since, until = spans.day_span(day, timezone)
    return Day(name=day.isoformat(), since=since, until=until)


class DailyCheck:
    """Checks each ISP's last days. A `Loop`."""

    name = "payments check"

    def __init__(self, db: Database, clock: Clock, catalog: Catalog) -> None:
        self._db = db
        self._clock = clock
        self._catalog = catalog
        self._from = clock.now() + MINUTE  # after a start the statement is read first

    async def run_once(self) -> int:
        """Check what was not checked since its day was over; how many days that were."""
        done = 0
        if self._clock.now() < self._from:
            return done
        for view in self._catalog.all():
            today = day_ago(self._clock.now(), view.tenant.timezone, 0)
            for ago in range(1, DAYS + 1):
                day = day_ago(self._clock.now(), view.tenant.timezone, ago)
                row = await self._db.read(view.tenant.id, store.check_of, day.name)
                since = today.since + AFTER_MS
                if self._clock.now() >= since and (row is None or row["checked_at"] < since):
                    await self.check(view, day)
                    done += 1
        return done

    async def check(self, view: TenantView, day: Day) -> int:
        """Check a day now; how much does not agree."""
        tenant, now = view.tenant, self._clock.now()
        looked = await self._db.read(tenant.id, checking.look, day, now)
        found: int = await self._db.write(tenant.id, checking.write_down, looked, tenant.currency, now)
        return found

    async def wait(self) -> None:
        await self._clock.sleep(LOOK_EVERY_MS)
