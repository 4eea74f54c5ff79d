"""ISPs that sell and are used: what retention and erasing must leave as it was."""

from __future__ import annotations

from pathlib import Path

from portal import check
from portal.access import record
from portal.access import store as access
from portal.books import ledger as books
from portal.books import store as sums
from portal.clock import DAY, MINUTE, TravelClock
from portal.db import open_database
from portal.place import Place
from portal.privacy.erasing.room import Erasing
from portal.privacy.retention.room import Retention
from portal.sessions.meter import Reading
from tests.payments.story import START, Ledger, Story

YEARS = 365 * DAY


class Trade:
    """Two ISPs that sold, in a year long past."""

    def __init__(self, place: Place, listed: Path) -> None:
        """`listed`: where the file of a database would be, beside which the list of who was erased lies."""
        self.ledger = Ledger(place)
        self.clock = TravelClock(start=START)
        self.clock.run_at(0)
        self.db = open_database(place)
        self.room = Retention(self.db, self.ledger.vault, self.clock)
        self.erasing = Erasing(self.db, self.ledger.vault, self.clock, listed)

    def asked(self, n: int) -> Story:
        """A prompt rang."""
        story = Story(self.ledger, n=n, now=self.clock.now(), tenant=self.ledger.tenant)
        story.claimed()
        story.pushed()
        return story

    def sell(self, n: int, *, used: bool = True) -> Story:
        """A payment and its pass; used up, unless it is still to be."""
        story = self.asked(n)
        assert story.callback() == "success"
        self.clock.advance(MINUTE)
        if used:
            self.online(n)
            self.clock.advance(70 * MINUTE)
            story.run(record.let_time_act(self.clock.now()))
        return story

    def online(self, n: int) -> None:
        """A keeper sees the device, which starts the clock of its pass."""
        now = self.clock.now()
        device = self.ledger.run(access.device_by_mac(f"02:00:00:00:00:{n:02X}"))
        assert device is not None
        reading = Reading(
            read_at=now, user_uptime_s=60, user_bytes_in=9, user_bytes_out=9,
            active_uptime_s=60, active_bytes_in=9, active_bytes_out=9,
        )  # fmt: skip
        seen = record.Sighting(device_id=device.id, reading=reading, address="10.5.50.9")
        self.ledger.run(record.record(self.router, [seen], now))

    @property
    def router(self) -> int:
        """The only one of the first ISP."""
        return self.ledger.views[self.ledger.tenant.id][0].id

    def balances(self) -> dict[str, int]:
        stands = books.balances(self.ledger.run(sums.sums(0, sums.EVER)), "KES")
        return {str(account): minor for account, minor in stands.items()}

    def breaches(self) -> list[str]:
        return self.ledger.run(check.breaches(self.clock.now()))

    def all_of(self, table: str) -> list[dict[str, object]]:
        return [dict(row) for row in self.ledger.connection.execute(f"SELECT * FROM {table} ORDER BY id")]

    async def purge(self) -> dict[str, int]:
        return await self.room.purge(self.ledger.tenant, self.clock.now(), "clock")
