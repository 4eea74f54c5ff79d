"""Days, months and hours of an ISP's calendar as spans of moments. Pure; a day may have 23 or 25 hours."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from portal.clock import HOUR, Moment, as_datetime
from portal.errors import Refused

Span = tuple[Moment, Moment]  # from, and before
EARLIEST, LATEST = date(2000, 1, 1), date(2200, 1, 1)


def today(now: Moment, timezone: str) -> date:
    return as_datetime(now).astimezone(ZoneInfo(timezone)).date()


def midnight(day: date, timezone: str) -> Moment:
    """When a day begins there."""
    return int(datetime.combine(day, time.min, ZoneInfo(timezone)).timestamp() * 1000)


def day_span(day: date, timezone: str) -> Span:
    return midnight(day, timezone), midnight(day + timedelta(days=1), timezone)


def last_days(now: Moment, timezone: str, count: int) -> list[Span]:
    """The last days, the oldest first; the last one is today."""
    end = today(now, timezone)
    return [day_span(end - timedelta(days=ago), timezone) for ago in reversed(range(count))]


def month_span(now: Moment, timezone: str) -> Span:
    """This month, until the end of today."""
    day = today(now, timezone)
    return midnight(day.replace(day=1), timezone), midnight(day + timedelta(days=1), timezone)


def days_between(first: date, last: date, timezone: str) -> list[Span]:
    """Each day from the first to the last."""
    return [day_span(first + timedelta(days=n), timezone) for n in range((last - first).days + 1)]


def last_hours(now: Moment, count: int) -> list[Span]:
    """The last hours by the clock, the oldest first; the last one is not over yet."""
    begin = now - now % HOUR
    return [(begin - ago * HOUR, begin - ago * HOUR + HOUR) for ago in reversed(range(count))]


def named_day(text: str) -> date:
    """``2026-11-22``; raises `Refused("form")`."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise Refused("form") from None
    if not EARLIEST <= found <= LATEST:
        raise Refused("form")
    return found


Stage = Literal["", "half", "most", "over"]
STAGES: tuple[tuple[int, Stage], ...] = ((100, "over"), (80, "most"), (50, "half"))  # per cent of the time


def stage(since: Moment, due_at: Moment, now: Moment) -> Stage:
    """How much of the time for something is over: half of it, most of it, all of it."""
    gone, whole = (now - since) * 100, max(due_at - since, 1)
    return next((word for share, word in STAGES if now >= due_at or gone >= share * whole), "")
