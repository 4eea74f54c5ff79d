"""Hours of sale, as values: what a clock on the wall says, over midnight and where the clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.access import hours
from portal.access.hours import GRACE_MS, WEEK, Hours
from portal.clock import DAY, HOUR, MINUTE, Moment, as_datetime

NAIROBI = "Africa/Nairobi"
ZONES = (NAIROBI, "Africa/Cairo", "Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")
WEEK_MS = 7 * DAY
NIGHT = Hours(days=WEEK, begin=22 * 60, end=6 * 60)
WEEKEND = Hours(days=(5, 6), begin=8 * 60, end=18 * 60)

minutes = st.integers(0, 24 * 60 - 1)
days = st.sets(st.integers(0, 6), min_size=1).map(lambda found: tuple(sorted(found)))
sales = st.builds(Hours, days=days, begin=minutes, end=minutes)
moments = st.integers(1_700_000_000_000, 1_900_000_000_000)


def at(zone: str, year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> Moment:
    return round(datetime(year, month, day, hour, minute, tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def wall(sale: Hours, moment: Moment, zone: str) -> bool:
    """What somebody says who looks at a clock and a calendar."""
    local = as_datetime(moment).astimezone(ZoneInfo(zone))
    minute, day = local.hour * 60 + local.minute, local.weekday()
    if not sale.overnight:
        return day in sale.days and sale.begin <= minute < sale.end
    return (day in sale.days and minute >= sale.begin) or ((day - 1) % 7 in sale.days and minute < sale.end)


def even(moment: Moment, zone: str) -> bool:
    """Whether the clocks stay as they are around this moment."""
    offsets = {as_datetime(moment + n * 6 * HOUR).astimezone(ZoneInfo(zone)).utcoffset() for n in range(-8, 9)}
    return len(offsets) == 1


@given(sales, moments, st.sampled_from(ZONES))
def test_a_clock_on_the_wall_says_the_same(sale: Hours, moment: Moment, zone: str) -> None:
    if even(moment, zone):
        assert hours.is_open(sale, moment, zone) == wall(sale, moment, zone)


@given(sales, moments, st.sampled_from(ZONES))
def test_nothing_changes_before_the_next_change_and_then_it_does(sale: Hours, moment: Moment, zone: str) -> None:
    now = hours.is_open(sale, moment, zone)
    change = hours.next_change(sale, moment, zone)
    if change is None:
        assert now, "a sale that has days begins some time"
        assert all(hours.is_open(sale, moment + n * HOUR, zone) for n in range(0, 8 * 24, 3))
        return
    assert moment < change <= moment + WEEK_MS + 2 * HOUR
    assert hours.is_open(sale, change, zone) != now
    assert hours.is_open(sale, change - 1, zone) == now
    step = max(MINUTE, (change - moment) // 50)
    assert all(hours.is_open(sale, between, zone) == now for between in range(moment, change, step))


@given(sales, moments, st.sampled_from(ZONES))
def test_a_week_sells_as_long_as_it_says_give_or_take_a_clock_change(sale: Hours, moment: Moment, zone: str) -> None:
    length = (sale.end - sale.begin) % (24 * 60) or 24 * 60
    sold, here = 0, moment
    while here < moment + WEEK_MS:
        change = min(hours.next_change(sale, here, zone) or here + WEEK_MS, moment + WEEK_MS)
        sold += change - here if hours.is_open(sale, here, zone) else 0
        here = change
    assert abs(sold - len(sale.days) * length * MINUTE) <= (0 if even_week(moment, zone) else 2 * HOUR)


def even_week(moment: Moment, zone: str) -> bool:
    return all(even(moment + n * DAY, zone) for n in range(-1, 9))


@given(sales, moments, st.sampled_from(ZONES))
def test_the_grace_is_only_for_who_saw_it(sale: Hours, moment: Moment, zone: str) -> None:
    assert hours.still_sold(sale, moment, zone) >= hours.is_open(sale, moment, zone)
    lately = any(hours.is_open(sale, moment - n, zone) for n in (0, GRACE_MS))
    assert hours.still_sold(sale, moment, zone) == lately


@given(sales)
def test_what_is_stored_is_read_again_and_the_picture_shows_each_minute(sale: Hours) -> None:
    assert hours.read(hours.text(sale)) == sale
    drawn = sum(end - begin for parts in hours.segments(sale).values() for begin, end in parts)
    assert drawn == len(sale.days) * ((sale.end - sale.begin) % (24 * 60) or 24 * 60)


def test_a_plan_without_hours_is_always_on_sale() -> None:
    assert hours.is_open(None, 0, NAIROBI)
    assert hours.next_change(None, 0, NAIROBI) is None
    assert (hours.text(None), hours.read(None)) == (None, None)


def test_a_night_runs_over_midnight() -> None:
    evening = at(NAIROBI, 2026, 11, 28, 21, 59)
    assert not hours.is_open(NIGHT, evening, NAIROBI)
    assert hours.next_change(NIGHT, evening, NAIROBI) == evening + MINUTE
    assert hours.is_open(NIGHT, evening + MINUTE, NAIROBI)
    assert hours.next_change(NIGHT, evening + 3 * HOUR, NAIROBI) == at(NAIROBI, 2026, 11, 29, 6)


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    friday = Hours(days=(4,), begin=22 * 60, end=6 * 60)
    assert hours.is_open(friday, at(NAIROBI, 2026, 11, 28, 5, 59), NAIROBI), "Saturday morning"
    assert not hours.is_open(friday, at(NAIROBI, 2026, 11, 27, 5, 59), NAIROBI), "Friday morning"
    assert not hours.is_open(friday, at(NAIROBI, 2026, 11, 28, 22, 0), NAIROBI), "Saturday evening"


def test_whole_days_follow_each_other_without_a_break() -> None:
    weekend = Hours(days=(5, 6), begin=0, end=0)
    saturday = at(NAIROBI, 2026, 11, 28, 12)
    assert hours.next_change(weekend, saturday, NAIROBI) == at(NAIROBI, 2026, 11, 30, 0)
    assert hours.next_change(weekend, saturday + 2 * DAY, NAIROBI) == at(NAIROBI, 2026, 12, 5, 0)


def test_where_the_clocks_change_a_night_is_an_hour_shorter_or_longer() -> None:
    for day, length in (((2026, 3, 28), 7), ((2026, 10, 24), 9), ((2026, 6, 1), 8)):
        begin = at("Europe/Berlin", *day, 22)
        assert hours.next_change(NIGHT, begin, "Europe/Berlin") == begin + length * HOUR


def test_what_the_clocks_skip_is_sold_after_it_and_what_comes_twice_is_sold_once() -> None:
    skipped = Hours(days=WEEK, begin=2 * 60 + 15, end=2 * 60 + 45)
    twice = Hours(days=WEEK, begin=2 * 60, end=2 * 60 + 30)
    for sale, day, expected in ((skipped, (2026, 3, 29), 30), (twice, (2026, 10, 25), 30)):
        midnight = at("Europe/Berlin", *day, 0)
        sold = sum(hours.is_open(sale, midnight + n * MINUTE, "Europe/Berlin") for n in range(6 * 60))
        assert sold == expected


@pytest.mark.parametrize(
    ("sale", "words"),
    [
        (None, "always"),
        (NIGHT, "daily 22:00\u201306:00"),
        (WEEKEND, "Sat\u2013Sun 08:00\u201318:00"),
        (Hours(days=(0, 1, 2, 4), begin=0, end=0), "Mon\u2013Wed, Fri"),
    ],
)
def test_hours_in_words(sale: Hours | None, words: str) -> None:
    assert hours.in_words(sale) == words


def test_a_day_begins_at_its_own_midnight() -> None:
    assert hours.midnight(date(2026, 11, 28), NAIROBI) == round(
        datetime(2026, 11, 27, 21, tzinfo=UTC).timestamp() * 1000
    )
    assert hours.local_day(at(NAIROBI, 2026, 11, 28, 23, 59), NAIROBI) == date(2026, 11, 28)
    assert hours.local_day(at(NAIROBI, 2026, 11, 28, 23, 59) + MINUTE, NAIROBI) == date(2026, 11, 28) + timedelta(1)
