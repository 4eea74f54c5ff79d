"""Hours of sale: on which days of the week, from when until when, by the ISP's clock on the wall. Pure.

A sale that runs over midnight belongs to the day on which it begins. Where the clocks change, it begins and ends when
the wall first shows these hours; what falls into a skipped hour is moved by it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from portal.clock import MINUTE, Moment, as_datetime

WEEK = tuple(range(7))  # Monday is 0
WHOLE_DAY = 24 * 60
GRACE_MS = 10 * MINUTE  # for a guest who saw the plan while it was on sale


@dataclass(frozen=True, kw_only=True)
class Hours:
    """Days of the week, and minutes of the day; an end at or before the beginning is on the next day."""

    days: tuple[int, ...]
    begin: int
    end: int

    @property
    def overnight(self) -> bool:
        return self.end <= self.begin


ALWAYS = Hours(days=WEEK, begin=0, end=0)  # stands as no hours at all


def text(hours: Hours | None) -> str | None:
    """How hours stand in the database."""
    return None if hours is None else json.dumps({"days": hours.days, "begin": hours.begin, "end": hours.end})


@lru_cache(maxsize=1024)
def read(stored: str | None) -> Hours | None:
    """The reverse of `text`."""
    if stored is None:
        return None
    found = json.loads(stored)
    return Hours(days=tuple(found["days"]), begin=found["begin"], end=found["end"])


def local_day(at: Moment, timezone: str) -> date:
    """The day that the calendar shows there."""
    return as_datetime(at).astimezone(ZoneInfo(timezone)).date()


def midnight(day: date, timezone: str) -> Moment:
    """When a day begins there."""
    return _moment(day, 0, timezone)


def _moment(day: date, minute: int, timezone: str) -> Moment:
    local = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=ZoneInfo(timezone))
    return round(local.astimezone(UTC).timestamp() * 1000)


def _sales(hours: Hours, first: date, count: int, timezone: str) -> Iterator[tuple[Moment, Moment]]:
    """From when until when it is sold on these days, in order."""
    for day in (first + timedelta(days=n) for n in range(count)):
        if day.weekday() in hours.days:
            begin = _moment(day, hours.begin, timezone)
            end = _moment(day + timedelta(days=1) if hours.overnight else day, hours.end, timezone)
            if begin < end:
                yield begin, end


def is_open(hours: Hours | None, at: Moment, timezone: str) -> bool:
    """Whether it is sold at this moment."""
    if hours is None:
        return True
    yesterday = local_day(at, timezone) - timedelta(days=1)
    return any(begin <= at < end for begin, end in _sales(hours, yesterday, 2, timezone))


def still_sold(hours: Hours | None, at: Moment, timezone: str) -> bool:
    """Whether it is sold, or was until a few minutes ago."""
    return is_open(hours, at, timezone) or is_open(hours, at - GRACE_MS, timezone)


def next_change(hours: Hours | None, at: Moment, timezone: str) -> Moment | None:
    """When the sale ends, or begins again; None when it always goes on, or never does."""
    if hours is None:
        return None
    now = is_open(hours, at, timezone)
    yesterday = local_day(at, timezone) - timedelta(days=1)
    edges = sorted({edge for sale in _sales(hours, yesterday, 11, timezone) for edge in sale if edge > at})
    return next((edge for edge in edges if is_open(hours, edge, timezone) != now), None)


def segments(hours: Hours) -> dict[int, Sequence[tuple[int, int]]]:
    """For each day of the week from which minute to which, as a picture of the week shows it."""
    found: dict[int, list[tuple[int, int]]] = {day: [] for day in WEEK}
    for day in hours.days:
        if not hours.overnight:
            found[day].append((hours.begin, hours.end))
            continue
        found[day].append((hours.begin, WHOLE_DAY))
        if hours.end:
            found[(day + 1) % 7].insert(0, (0, hours.end))
    return {day: sorted(parts) for day, parts in found.items()}


NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def clock(minute: int) -> str:
    """``22:00``"""
    return f"{minute // 60:02}:{minute % 60:02}"


def in_words(hours: Hours | None) -> str:
    """``Mon–Fri 22:00–06:00``, as staff read it."""
    if hours is None:
        return "always"
    times = "" if hours.begin == hours.end else f"{clock(hours.begin)}\u2013{clock(hours.end)}"
    days = ", ".join(_runs(hours.days)) if hours.days != WEEK else "daily"
    return f"{days} {times}".strip()


def _runs(days: Sequence[int]) -> Iterator[str]:
    """``Mon–Wed``, ``Fri``"""
    at = 0
    while at < len(days):
        last = at
        while last + 1 < len(days) and days[last + 1] == days[last] + 1:
            last += 1
        yield NAMES[days[at]] if last == at else f"{NAMES[days[at]]}\u2013{NAMES[days[last]]}"
        at = last + 1
