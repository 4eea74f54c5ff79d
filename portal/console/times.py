"""Moments as staff read them: in the ISP's time zone, near ones in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from portal.clock import DAY, HOUR, MINUTE, Moment, as_datetime


@dataclass(frozen=True)
class Calendar:
    """The tenant's clock as of one request."""

    timezone: str
    now: Moment

    def local(self, at: Moment) -> datetime:
        return as_datetime(at).astimezone(ZoneInfo(self.timezone))

    def day(self, at: Moment) -> str:
        """``22 Nov 2026``"""
        return self.local(at).strftime("%-d %b %Y")

    def clock(self, at: Moment) -> str:
        """``14:05`` today, with the day before or after it."""
        local, today = self.local(at), self.local(self.now)
        if local.date() == today.date():
            return local.strftime("%H:%M")
        return local.strftime("%-d %b, %H:%M" if local.year == today.year else "%-d %b %Y, %H:%M")

    def iso(self, at: Moment) -> str:
        """For ``<time datetime>``."""
        return self.local(at).isoformat(timespec="seconds")

    def ago(self, at: Moment) -> str:
        """``just now``, ``12 min ago``, ``3 h ago``, else the clock."""
        past = self.now - at
        if past < MINUTE:
            return "just now"
        if past < HOUR:
            return f"{past // MINUTE} min ago"
        return f"{past // HOUR} h ago" if past < DAY else self.clock(at)

    def begin_of_day(self, days_ago: int = 0) -> Moment:
        """Midnight of today, or of a day before it."""
        midnight = self.local(self.now - days_ago * DAY).replace(hour=0, minute=0, second=0, microsecond=0)
        return int(midnight.timestamp() * 1000)

    def begin_of_month(self) -> Moment:
        first = self.local(self.now).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return int(first.timestamp() * 1000)
