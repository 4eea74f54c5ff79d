"""What staff type of vouchers, on the command line or in a form: a range of serials, a last day. Pure."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from portal.clock import Moment

_RANGE = re.compile(r"([0-9]{1,6})(?:[-\u2013]([0-9]{1,6}))?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def serials(text: str, count: int) -> tuple[int, int] | None:
    """``10-36``, ``10`` or, when empty, all of `count`; None when it is no part of them."""
    if not text:
        return 1, count
    match = _RANGE.fullmatch(text.replace(" ", ""))
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    return (first, last) if 1 <= first <= last <= count else None


def day(text: str) -> date | None:
    """The day that ``2027-03-31`` names, if there is one."""
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def end_of(day: date, timezone: str) -> Moment | None:
    """The last moment of a day there; None beyond the end of the calendar."""
    try:
        end = datetime.combine(day + timedelta(days=1), time(), ZoneInfo(timezone)).astimezone(UTC)
    except OverflowError:
        return None
    return round(end.timestamp() * 1000) - 1
