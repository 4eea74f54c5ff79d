"""Money: integers of minor units, read from whatever a provider writes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.money import Money, from_decimal


@pytest.mark.parametrize(
    ("text", "minor"),
    [("20", 2000), ("1.00", 100), ("5.0", 500), (20, 2000), (20.0, 2000), (1.5, 150), ("0.01", 1), ("-3", -300)],
)
def test_an_exact_amount_is_read_in_every_spelling(text: object, minor: int) -> None:
    assert from_decimal(text) == Money(minor)


@pytest.mark.parametrize("text", [None, "", "abc", "1.001", True, "NaN", "Infinity", "1e20", [], "1,000", "２０x"])
def test_what_is_no_exact_amount_is_none(text: object) -> None:
    assert from_decimal(text) is None


@given(st.integers(min_value=-(10**14), max_value=10**14))
def test_an_amount_survives_the_providers_spelling(minor: int) -> None:
    assert from_decimal(f"{'-' if minor < 0 else ''}{abs(minor) // 100}.{abs(minor) % 100:02}") == Money(minor)


def test_money_shows_its_currency_and_two_digits() -> None:
    assert (str(Money(2000)), str(Money(123_456_789, "UGX"))) == ("KES 20.00", "UGX 1,234,567.89")


def test_whole_units_are_what_m_pesa_takes() -> None:
    assert Money(2000).whole == 20
