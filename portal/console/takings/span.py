"""The days that staff ask for: today, a week, a month, or from one day to another. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from portal import spans
from portal.clock import Moment
from portal.console import asked
from portal.errors import Refused

CHOICES = (
    ("month", "This month"),
    ("today", "Today"),
    ("week", "This week"),
    ("30", "30 days"),
    ("custom", "Other days"),
)
LONGEST = 366  # days


@dataclass(frozen=True, kw_only=True)
class Days:
    """From the first to the last day."""

    name: str
    first: date
    last: date

    @property
    def fields(self) -> dict[str, str]:
        """As forms carry it."""
        if self.name != "custom":
            return {"span": self.name}
        return {"span": "custom", "since": self.first.isoformat(), "until": self.last.isoformat()}

    def all(self, timezone: str) -> list[spans.Span]:
        return spans.days_between(self.first, self.last, timezone)

    def named(self, day: int) -> date:
        return self.first + timedelta(days=day)


def days(fields: Mapping[str, str], now: Moment, timezone: str) -> Days:
    """The days that were asked for; raises `Refused`."""
    name = asked.one_of(fields.get("span", ""), tuple(each for each, _ in CHOICES))
    today = spans.today(now, timezone)
    if name == "custom":
        return _custom(fields, today)
    first = {
        "today": today,
        "week": today - timedelta(days=today.weekday()),
        "month": today.replace(day=1),
        "30": today - timedelta(days=29),
    }[name]
    return Days(name=name, first=first, last=today)


def shown(query: Mapping[str, str], now: Moment, timezone: str) -> tuple[Days, str]:
    """The days that a page shows: those that were asked for, or this month and what was wrong with the others."""
    try:
        return days(query, now, timezone), ""
    except Refused as refused:
        if refused.key not in ("span", "span-long"):
            raise
        return days({}, now, timezone), refused.key


def _custom(fields: Mapping[str, str], today: date) -> Days:
    since, until = asked.day(fields.get("since", "")), asked.day(fields.get("until", ""))
    first = spans.named_day(since) if since else today
    last = spans.named_day(until) if until else today
    if last < first:
        raise Refused("span")
    if (last - first).days >= LONGEST:
        raise Refused("span-long")
    return Days(name="custom", first=first, last=last)


def address(name: str) -> str:
    return f"/console/takings?{urlencode({'span': name})}"
