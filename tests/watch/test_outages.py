"""Routers that do not answer: who counts, and what comes together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from portal.clock import DAY, HOUR, MINUTE, SECOND, Moment
from portal.watch.alarm import Alarm
from portal.watch.outages import Contact, Routers, routers_down

NOW: Moment = 1_795_000_000_000


def routers(*ages: int | None, **changes: object) -> Routers:
    """Routers that last answered so long ago."""
    contacts = [
        Contact(id=n, name=f"Site {n}", at=None if age is None else NOW - age) for n, age in enumerate(ages, start=1)
    ]
    fields = {"now": NOW, "zone": "Africa/Nairobi", "watched_since": 0, "contacts": contacts, **changes}
    return Routers(**fields)  # type: ignore[arg-type]


def found(*ages: int | None, **changes: object) -> list[tuple[str, str]]:
    return [(each.kind, each.subject) for each in routers_down(routers(*ages, **changes))]


def test_a_router_is_down_after_five_minutes() -> None:
    assert found(5 * MINUTE - SECOND) == []
    assert found(5 * MINUTE) == [("router-down", "router:1")]


def test_one_that_was_never_reached_or_is_dead_for_weeks_is_no_news() -> None:
    assert found(None, 8 * DAY) == []


def test_a_known_outage_goes_on_however_long_it_lasts() -> None:
    assert found(30 * DAY, alone=frozenset({"router:1"})) == [("router-down", "router:1")]
    assert found(30 * DAY, 30 * DAY, together_since=NOW - 30 * DAY) == [("routers-down", "")]


def test_after_a_restart_routers_have_time_to_be_heard() -> None:
    assert found(HOUR, watched_since=NOW - 4 * MINUTE) == []
    assert found(HOUR, watched_since=NOW - 6 * MINUTE) == [("router-down", "router:1")]


def test_a_known_outage_is_not_over_because_of_a_restart() -> None:
    assert found(HOUR, watched_since=NOW, alone=frozenset({"router:1"})) == [("router-down", "router:1")]


def test_many_at_once_are_one_alarm_that_names_them() -> None:
    (alarm,) = routers_down(routers(6 * MINUTE, 7 * MINUTE, 8 * MINUTE, 0))

    assert (alarm.kind, alarm.since) == ("routers-down", NOW - 8 * MINUTE)
    assert "3 of 4 routers do not answer" in alarm.text
    assert "Site 1, Site 2, Site 3" in alarm.text


def test_two_at_once_are_two_alarms() -> None:
    assert found(6 * MINUTE, 6 * MINUTE, 0) == [("router-down", "router:1"), ("router-down", "router:2")]


def test_the_last_one_of_many_is_still_the_same_outage() -> None:
    assert found(0, 0, HOUR, together_since=NOW - HOUR) == [("routers-down", "")]


def test_one_that_goes_later_is_an_outage_of_its_own() -> None:
    assert found(6 * MINUTE, HOUR, HOUR, together_since=NOW - HOUR) == [
        ("router-down", "router:1"),
        ("routers-down", ""),
    ]


def test_one_whose_alarm_is_open_is_not_told_again_with_the_others() -> None:
    ages = (6 * MINUTE, 6 * MINUTE, 6 * MINUTE, 6 * MINUTE)

    assert found(*ages, alone=frozenset({"router:1"})) == [("router-down", "router:1"), ("routers-down", "")]


AGES = st.one_of(st.none(), st.integers(0, 40 * DAY))


@given(st.lists(AGES, max_size=12), st.one_of(st.none(), st.integers(0, 10 * DAY)))
def test_each_router_stands_in_one_alarm_at_most_and_no_silent_one_in_none(
    ages: list[int | None], together: int | None
) -> None:
    look = routers(*ages, together_since=None if together is None else NOW - together)
    alarms: list[Alarm] = routers_down(look)
    alone = {each.subject for each in alarms if each.kind == "router-down"}
    many = [each for each in alarms if each.kind == "routers-down"]
    down = [each for each in ages if each is not None and 5 * MINUTE <= each <= 7 * DAY]

    assert len(many) <= 1
    assert len(alone) == len(alarms) - len(many)
    if together is None:
        assert bool(alarms) == bool(down)
        counted = int(many[0].text.split(" ")[0]) if many else 0
        assert counted + len(alone) == len(down)
