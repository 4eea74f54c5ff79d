"""Each rule by itself, on values."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.clock import DAY, HOUR, MINUTE
from portal.money import Money
from portal.tenancy.papers import TITLES, Paper
from portal.watch import rules
from portal.watch.alarm import KINDS, Alarm, lasted
from portal.watch.rules import Balance, Callbacks, Expiring, Failing

NOW = 1_795_000_000_000
ZONE = "Africa/Nairobi"

# --- failures ---


def failed(paid: int = 0, **reasons: int) -> Alarm | None:
    named = {name.replace("_", "-"): count for name, count in reasons.items()}
    return rules.failing(Failing(now=NOW, reasons=named, paid=paid))


def test_an_account_that_m_pesa_refuses_is_told_with_the_second_guest() -> None:
    alarm = failed(config=2)

    assert alarm is not None
    assert alarm.kind == "failing"
    assert "refuses the settings" in alarm.text


@pytest.mark.parametrize(
    "reasons",
    [
        {"config": 1},
        {"config": 3, "paid": 1},
        {"cancelled": 40, "no_money": 40, "wrong_pin": 9},
        {"provider_busy": 4},
        {"provider_busy": 9, "paid": 9},
    ],
    ids=["one guest", "others pay", "guests' own doing", "few", "as many pay"],
)
def test_guests_own_failures_and_single_ones_are_no_alarm(reasons: dict[str, int]) -> None:
    assert failed(**reasons) is None


def test_m_pesa_being_down_is_told_when_more_fail_than_pay() -> None:
    alarm = failed(provider_down=4, unanswered=3, paid=5)

    assert alarm is not None
    assert "7 guests" in alarm.text


# --- callbacks ---


def reported(told: int, asked: int, told_before: int = 900, asked_before: int = 20) -> Alarm | None:
    return rules.callbacks_missing(
        Callbacks(now=NOW, since=NOW - HOUR, told=told, asked=asked, told_before=told_before, asked_before=asked_before)
    )


def test_reports_that_stop_are_told() -> None:
    none, few = reported(0, 8), reported(3, 9)

    assert none is not None
    assert none.severity == "grave"
    assert few is not None
    assert few.severity == "warn"


@pytest.mark.parametrize(
    ("told", "asked", "before"),
    [(20, 4, (900, 20)), (0, 4, (900, 20)), (6, 5, (900, 20)), (0, 8, (0, 300)), (4, 8, (300, 500))],
    ids=["few", "too few to say", "not most", "never had any", "as ever"],
)
def test_what_is_as_ever_is_no_alarm(told: int, asked: int, before: tuple[int, int]) -> None:
    assert reported(told, asked, *before) is None


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.01, 1))
def test_the_chance_of_so_many_or_more_is_a_chance(hits: int, more: int, share: float) -> None:
    found = rules.at_least(hits, hits + more, share)

    assert -1e-9 <= found <= 1 + 1e-9
    assert found >= rules.at_least(hits + 1, hits + more + 1, share) - 1e-9 or share > 0
    assert rules.at_least(0, more, share) == pytest.approx(1)


def test_one_report_that_m_pesa_does_not_know_may_be_a_late_one_and_two_are_told() -> None:
    assert rules.odd_reports(1, NOW) is None
    alarm = rules.odd_reports(2, NOW)
    assert alarm is not None
    assert alarm.severity == "grave"


# --- guesses, balance, what expires ---


def test_a_burst_of_wrong_codes_is_told_and_what_a_counter_mistypes_is_not() -> None:
    assert rules.guess_burst(59, NOW) is None
    alarm = rules.guess_burst(60, NOW)
    assert alarm is not None
    assert "60 wrong codes" in alarm.text


def balance(held: int, limit: int | None, age_ms: int = 0) -> Alarm | None:
    account = Balance(
        name="Paybill 600100",
        available=Money(held),
        limit=None if limit is None else Money(limit),
        read_at=NOW - age_ms,
    )
    return rules.balance_full(account, NOW)


def test_an_account_that_is_nearly_full_is_told_and_a_full_one_is_grave() -> None:
    nearly, full = balance(90, 100), balance(100, 100)

    assert nearly is not None
    assert nearly.severity == "warn"
    assert full is not None
    assert full.severity == "grave"
    assert balance(89, 100) is None
    assert balance(100, None) is None
    assert balance(100, 0) is None
    assert balance(100, 100, age_ms=25 * HOUR) is None, "an old reading says nothing"


def test_guests_refused_for_a_full_account_are_told() -> None:
    assert rules.account_full(1, NOW) is None
    alarm = rules.account_full(2, NOW)
    assert alarm is not None
    assert alarm.kind == "balance"


@pytest.mark.parametrize(
    ("age_days", "severity"), [(75, None), (77, "warn"), (88, "grave"), (90, "grave"), (400, "grave")]
)
def test_a_password_of_the_api_lives_for_90_days(age_days: int, severity: str | None) -> None:
    """facts/mpesa.md 6.1: the password of an API user expires after 90 days."""
    password = Expiring.password("The password of the API user", "api:1", NOW - age_days * DAY)
    alarm = rules.expires(password, NOW, ZONE)

    assert (alarm.severity if alarm else None) == severity
    if age_days >= 90:
        assert alarm is not None
        assert "has expired" in alarm.text


@pytest.mark.parametrize(("days", "severity"), [(None, None), (31, None), (30, "warn"), (7, "grave"), (-3, "grave")])
def test_a_paper_is_told_a_month_before_its_end(days: int | None, severity: str | None) -> None:
    until = None if days is None else date(2026, 11, 28) + timedelta(days=days)
    paper = Paper(kind="licence", title=TITLES["licence"], number="CA-1", until=until, days_left=days)
    alarm = rules.paper_ends(paper, NOW)

    assert (alarm.severity if alarm else None) == severity


def test_each_kind_says_what_to_do() -> None:
    assert all(each.title and each.do.endswith(".") for each in KINDS.values())


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (0, "1 min"),
        (42 * MINUTE, "42 min"),
        (3 * HOUR, "3 h"),
        (185 * MINUTE, "3 h 5 min"),
        (3 * DAY, "3 days"),
    ],
)
def test_a_span_is_said_in_words(span: int, said: str) -> None:
    assert lasted(span) == said
