"""The router's spelling (facts/mikrotik.md 3.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from portal.mikrotik.values import Rate, duration, flag, mac, number, rate, rate_limit, seconds

DURATIONS = [
    ("0s", 0),
    ("5m", 300),
    ("4m42s", 282),
    ("1h58m10s", 7_090),
    ("2d20h12m20s", 245_540),
    ("1w2d", 777_600),
    ("90", 90),
    ("1:00:00", 3_600),
    ("00:05:00", 300),
    ("1d02:03:04", 93_784),
    ("1w1d00:00:01", 691_201),
    ("12:30", 45_000),
    ("1s500ms", 1),
    ("500ms", 0),
    ("1.25s", 1),
]


@pytest.mark.parametrize("text, expected", DURATIONS)
def test_durations_are_read(text: str, expected: int) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "none", "never", "unlimited"])
def test_no_duration_is_none(text: str) -> None:
    assert seconds(text) is None


@pytest.mark.parametrize("text", ["soon", "1x", "5m4h", "-5s", "1:2:3:4", "٣s"])
def test_nonsense_is_not_a_duration(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        seconds(text)


@given(some.integers(min_value=0, max_value=10**10))
def test_a_duration_written_is_read_again(span: int) -> None:
    assert seconds(duration(span)) == span


def test_durations_are_written_as_the_router_prints_them() -> None:
    assert [duration(span) for span in (0, 59, 3_600, 788_645)] == ["0s", "59s", "1h", "1w2d3h4m5s"]


def test_a_negative_duration_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="negative"):
        duration(-1)


def test_flags() -> None:
    assert [flag(text) for text in ("true", "yes", "false", "no", "", None)] == [True, True, *[False] * 4]


def test_counts() -> None:
    assert [number(text) for text in ("12", "1 234 567", "", None)] == [12, 1_234_567, 0, 0]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", Rate()),
        ("2M", Rate(up=2_000_000, down=2_000_000)),
        ("512k/1M", Rate(up=512_000, down=1_000_000)),
        ("1M/2M 2M/4M 1M/2M 10/10 8", Rate(up=1_000_000, down=2_000_000)),
        ("0/5M", Rate(down=5_000_000)),
        ("1500000/1G", Rate(up=1_500_000, down=1_000_000_000)),
    ],
)
def test_rates_are_read(text: str, expected: Rate) -> None:
    assert rate(text) == expected


def test_rates_are_written_upload_first() -> None:
    assert rate_limit(Rate(up=512_000, down=2_000_000)) == "512k/2M"
    assert rate_limit(Rate(down=1_500_001)) == "0/1500001"
    assert rate_limit(Rate()) == ""


def test_a_rate_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="not a rate"):
        rate("fast")


@pytest.mark.parametrize("text", ["aa:bb:cc:dd:ee:0f", "AA-BB-CC-DD-EE-0F", "aabb.ccdd.ee0f", "aabbccddee0f"])
def test_hardware_addresses_have_one_form(text: str) -> None:
    assert mac(text) == "AA:BB:CC:DD:EE:0F"


def test_half_a_hardware_address_is_refused() -> None:
    assert mac("") == ""
    with pytest.raises(ValueError, match="hardware address"):
        mac("aa:bb:cc")
