"""Silence is told when it cannot be chance, and never because a night is quiet."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from math import exp
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.access.hours import WEEK, Hours
from portal.clock import DAY, HOUR, MINUTE, Moment
from portal.watch import silence
from portal.watch.silence import Begun, Finished, nothing_begun, nothing_finished, selling_since
from tests.support import a_plan

ZONE = "Africa/Nairobi"
NOW: Moment = 1_795_000_000_000


def begun(**changes: object) -> Begun:
    fields: dict[str, object] = {
        "now": NOW,
        "zone": ZONE,
        "since": NOW - 30 * MINUTE,
        "counts": (20, 22, 18, 25),
        "gaps": 4_000,
        **changes,
    }
    return Begun(**fields)  # type: ignore[arg-type]


def finished(**changes: object) -> Finished:
    fields: dict[str, object] = {
        "now": NOW,
        "zone": ZONE,
        "since": NOW - 30 * MINUTE,
        "guests": 12,
        "begun": 4_000,
        "paid": 3_000,
        **changes,
    }
    return Finished(**fields)  # type: ignore[arg-type]


def test_nobody_begins_in_a_busy_half_hour_and_it_is_said_what_is_usual() -> None:
    alarm = nothing_begun(begun())

    assert alarm is not None
    assert (alarm.kind, alarm.severity, alarm.since) == ("silence-begun", "grave", NOW - 30 * MINUTE)
    assert "about 20" in alarm.text
    assert "30 min" in alarm.text


@pytest.mark.parametrize(
    "changes",
    [
        {"since": NOW - 19 * MINUTE, "counts": (500, 500, 500, 500)},
        {"counts": (1, 0, 2, 3)},
        {"counts": (0, 0, 60, 60)},
        {"counts": (60,)},
        {"counts": (14, 15, 14, 14)},
    ],
    ids=["too short a gap", "a quiet hour", "two weeks old", "one week old", "likely among so many gaps"],
)
def test_what_may_be_chance_is_no_alarm(changes: dict[str, object]) -> None:
    assert nothing_begun(begun(**changes)) is None


def test_an_isp_with_few_payments_needs_less_to_be_heard() -> None:
    """With fewer gaps between payments a long one is less likely to come about by chance."""
    assert nothing_begun(begun(counts=(12, 12, 12, 12), gaps=100)) is not None
    assert nothing_begun(begun(counts=(12, 12, 12, 12), gaps=4_000)) is None


@given(st.lists(st.integers(0, 400), min_size=4, max_size=4), st.integers(0, 100_000))
def test_an_alarm_is_less_likely_by_chance_than_one_in_a_thousand(counts: list[int], gaps: int) -> None:
    if nothing_begun(begun(counts=counts, gaps=gaps)) is not None:
        assert exp(-sorted(counts)[1]) < 1 / 1_000


def test_guests_try_and_nobody_is_done() -> None:
    alarm = nothing_finished(finished())

    assert alarm is not None
    assert alarm.kind == "silence-paid"
    assert "12 guests" in alarm.text
    assert "75 of 100" in alarm.text


@pytest.mark.parametrize(
    "changes",
    [{"guests": 3}, {"guests": 5}, {"paid": 10, "begun": 12}, {"paid": 400}, {"since": NOW - 2 * MINUTE}],
    ids=["few guests", "may be chance", "a young tenant", "most never pay here", "only just now"],
)
def test_guests_who_do_not_pay_by_their_own_doing_are_no_alarm(changes: dict[str, object]) -> None:
    assert nothing_finished(finished(**changes)) is None


# --- hours of sale ---


def test_a_plan_without_hours_is_always_on_sale() -> None:
    assert selling_since([a_plan()], NOW - DAY, NOW, ZONE) == NOW - DAY


def test_before_the_opening_nothing_could_be_bought() -> None:
    nine = Hours(days=WEEK, begin=9 * 60, end=18 * 60)
    plan = a_plan(hours=nine)
    day = NOW - NOW % DAY  # 03:00 in Nairobi
    at_ten = day + 7 * HOUR

    found = selling_since([plan], at_ten - DAY, at_ten, ZONE)

    assert found is not None
    assert at_ten - HOUR <= found <= at_ten - HOUR + 15 * MINUTE
    assert selling_since([plan], at_ten - DAY, day + 20 * HOUR, ZONE) is None, "closed"


@pytest.mark.parametrize("changes", [{"hidden": True}, {"on_sale": False}, {"trial_days": 1}])
def test_what_guests_cannot_buy_is_not_on_sale(changes: dict[str, object]) -> None:
    assert selling_since([a_plan(**changes)], NOW - DAY, NOW, ZONE) is None


# --- months of traffic ---

# Payments in each hour of a day at a middling site: quiet nights, a busy evening.
SHAPE = (1, 0.5, 0.2, 0.1, 0.1, 0.3, 1, 3, 6, 8, 9, 10, 12, 11, 10, 10, 12, 16, 22, 28, 30, 24, 12, 4)


def traffic(seed: int, days: int, scale: float) -> list[Moment]:
    """Moments at which payments begin, over so many days; quieter on Sundays, and no two days alike."""
    chance, found = Random(seed), []
    for day in range(days):
        mood = chance.uniform(0.75, 1.25) * (0.6 if day % 7 == 6 else 1)
        for hour in range(24):
            rate, at = SHAPE[hour] * scale * mood / HOUR, float(day * DAY + hour * HOUR)
            while rate > 0 and (at := at + chance.expovariate(rate)) < day * DAY + (hour + 1) * HOUR:
                found.append(int(at))
    return found


def silences(moments: list[Moment], first: Moment, last: Moment) -> list[Moment]:
    """When the rule would speak, looked at once a minute, as the watch does."""

    def count(since: Moment, until: Moment) -> int:
        return bisect_left(moments, until) - bisect_left(moments, since)

    said = []
    for now in range(first, last, MINUTE):
        at = bisect_left(moments, now)
        since = max(moments[at - 1] if at else 0, now - silence.LONGEST_MS)
        if now - since < silence.LEAST_MS:
            continue
        counts = [count(*each) for each in silence.windows(since, now)]
        gaps = count(now - silence.WEEKS * silence.WEEK_MS, now)
        look = Begun(now=now, zone="UTC", since=since, counts=counts, gaps=gaps)
        if nothing_begun(look) is not None:
            said.append(now)
    return said


SEEDS = (1, 2, 3)


@pytest.mark.parametrize("scale", [0.05, 0.5, 2], ids=["a kiosk", "a site", "a town"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_month_of_traffic_raises_no_false_alarm(seed: int, scale: float) -> None:
    moments = traffic(seed, 63, scale)

    assert silences(moments, 33 * DAY, 63 * DAY) == [], f"seed {seed}"


@pytest.mark.parametrize("seed", SEEDS)
def test_an_outage_in_a_busy_hour_is_told_within_half_an_hour(seed: int) -> None:
    broken = 40 * DAY + 19 * HOUR
    moments = [each for each in traffic(seed, 42, 2) if not broken <= each < broken + 3 * HOUR]

    (first, *_) = silences(moments, broken, broken + 3 * HOUR)

    assert first - broken <= 30 * MINUTE, f"seed {seed}"


def test_a_fixed_limit_would_cry_every_night() -> None:
    """What the rule is for: to speak after half an hour without a payment is to speak in each quiet night."""
    moments = traffic(1, 40, 0.5)
    gaps = [(one, other) for one, other in pairwise(moments) if other - one > 30 * MINUTE]

    assert len({one // DAY for one, _ in gaps}) > 20
