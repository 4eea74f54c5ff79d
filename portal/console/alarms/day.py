"""Payments of each hour of today beside what is usual on such a day. Pure but for its two readings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from portal import spans
from portal.clock import Moment
from portal.console.times import Calendar
from portal.units import Unit
from portal.watch import store
from portal.watch.silence import WEEKS

Chart = dict[str, object]  # what charts.js draws, and the table beside it


def read(now: Moment, zone: str) -> Unit[list[list[Moment]]]:
    """When payments began today, and on the same day of the weeks before."""
    today = spans.today(now, zone)
    days: list[list[Moment]] = []
    for week in range(WEEKS + 1):
        days += [(yield from store.began_at(spans.day_span(today - timedelta(days=7 * week), zone)))]
    return days


def chart(days: Sequence[Sequence[Moment]], calendar: Calendar) -> Chart | None:
    """Today's hours until now as bars, what is usual as a line; None when there was nothing in five weeks."""
    if not any(days):
        return None
    hours = [Counter(calendar.local(each).hour for each in day) for day in days]
    this = calendar.local(calendar.now).hour
    return {
        "kind": "bars",
        "what": "Today",
        "unit": "",
        "over": "From",
        "labels": [f"{hour:02}:00" for hour in range(24)],
        "values": [hours[0][hour] if hour <= this else None for hour in range(24)],
        "beside": [middle([each[hour] for each in hours[1:]]) for hour in range(24)],
        "beside_what": "Usual",
        "links": [],
    }


def middle(counts: Sequence[int]) -> float:
    """The middle of four, so that one odd day does not count."""
    ordered = sorted(counts)
    return sum(ordered[1:-1]) / (len(ordered) - 2)
