"""The guess arithmetic: which batch would be too easy to guess, and what the refusal says."""

from __future__ import annotations

import pytest

from portal.vouchers.codes import DEFAULT, STYLES
from portal.vouchers.guesses import TENANT_AN_HOUR
from portal.vouchers.odds import LIKELY, MONTH_H, Odds, in_words, longer, odds_of

SHORT = STYLES["letters-8"]


def odds(**changes: object) -> Odds:
    fields: dict[str, object] = {"style": SHORT, "live": 0, "new": 1_000, "guesses_an_hour": 600, **changes}
    return Odds(**fields)  # type: ignore[arg-type]


def test_hits_are_live_codes_times_guesses_over_the_space() -> None:
    found = odds(live=500, new=500)

    assert found.guesses == 600 * 24 * 30
    assert found.hits == pytest.approx(1_000 * 432_000 / 32**8)


@pytest.mark.parametrize("style", STYLES.values(), ids=lambda style: style.name)
@pytest.mark.parametrize("live", [0, 100])
@pytest.mark.parametrize("an_hour", [60, 600, TENANT_AN_HOUR])
def test_the_room_is_the_last_count_that_is_fine(style: object, live: int, an_hour: int) -> None:
    room = odds(style=style, live=live, guesses_an_hour=an_hour).room

    assert odds(style=style, live=live, guesses_an_hour=an_hour, new=room).fine
    assert not odds(style=style, live=live, guesses_an_hour=an_hour, new=room + 1).fine


def test_the_room_is_never_negative() -> None:
    assert odds(live=10**6).room == 0


@pytest.mark.parametrize("style", DEFAULT.values(), ids=lambda style: style.name)
def test_the_largest_batch_of_a_default_style_is_fine_beside_others_at_the_enforced_limit(style: object) -> None:
    assert odds(style=style, live=250_000, new=50_000, guesses_an_hour=TENANT_AN_HOUR).fine


@pytest.mark.parametrize("style", DEFAULT.values(), ids=lambda style: style.name)
def test_a_default_style_is_refused_as_well_when_there_are_too_many(style: object) -> None:
    assert not odds(style=style, live=10**7, guesses_an_hour=TENANT_AN_HOUR).fine


def test_a_short_style_fits_a_small_isp_only() -> None:
    assert odds(new=100, guesses_an_hour=TENANT_AN_HOUR).fine
    assert not odds(new=1_000, guesses_an_hour=TENANT_AN_HOUR).fine


def test_each_style_is_judged_by_its_own_codes() -> None:
    live = {"letters-10": 200_000, "letters-8": 100}

    assert odds_of(SHORT, live, 10, 600).live == 100
    assert odds_of(STYLES["digits-15"], live, 10, 600).live == 0


def test_the_next_longer_style_of_the_same_kind_is_named() -> None:
    style = longer(odds(new=10_000), {})
    assert style is not None
    assert style.name == "letters-10"
    style = longer(odds(style=STYLES["digits-13"], new=50_000, guesses_an_hour=3_600), {})
    assert style is not None
    assert style.name == "digits-15"


def test_a_longer_style_that_is_full_is_passed_over() -> None:
    style = longer(odds(new=10_000), {"letters-10": 10**7})
    assert style is not None
    assert style.kind == "digits"
    assert longer(odds(new=10_000), dict.fromkeys(STYLES, 10**13)) is None


def test_the_refusal_shows_the_arithmetic_and_what_would_do() -> None:
    text = in_words(odds(live=2_000, new=10_000), {"letters-8": 2_000})

    assert text.splitlines() == [
        "10,000 codes of the style letters-8 would be too easy to guess:",
        "  possible codes       1,099,511,627,776 (8 random letters and digits)",
        "  live codes           12,000 (2,000 there, 10,000 new)",
        "  wrong guesses        600 an hour are let through, 432,000 in 30 days",
        "  expected hits        0.0047 in 30 days; it must stay below 0.001",
        "  what would do        --style letters-10, or --count 545",
    ]


def test_when_nothing_would_do_it_says_so() -> None:
    text = in_words(odds(live=10**13, new=1), dict.fromkeys(STYLES, 10**13))

    assert "void batches" in text


def test_the_numbers_of_the_rule_are_those_of_the_manual() -> None:
    assert (MONTH_H, LIKELY) == (720, 1e-3)
