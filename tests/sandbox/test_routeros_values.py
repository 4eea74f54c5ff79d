from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.routeros import values


@pytest.mark.parametrize(
    "text, seconds",
    [  # facts/mikrotik.md 3.1
        ("1h58m10s", 7090),
        ("5m", 300),
        ("4m42s", 282),
        ("2d20h12m20s", 245_540),
        ("1w2d", 777_600),
        ("0s", 0),
        ("7200", 7200),
        ("1:00:00", 3600),
        ("00:05:00", 300),
        ("1d02:03:04", 93_784),
    ],
)
def test_the_router_reads_every_form_of_a_duration(text: str, seconds: int) -> None:
    assert values.parse_span(text) == seconds


@given(st.integers(0, 10**9))
def test_a_duration_printed_is_read_again(seconds: int) -> None:
    assert values.parse_span(values.format_span(seconds)) == seconds


@pytest.mark.parametrize("text", ["", "x", "-5", "1h 5m", "5m1h", "1:2"])
def test_nonsense_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError):
        values.parse_span(text)


@pytest.mark.parametrize(
    "rate, reason",
    [  # facts/mikrotik.md 3.1
        ("", None),
        ("2M", None),
        ("2M/5M", None),
        ("2M/5M 4M/8M", None),
        ("2M/5M 4M/4M", "download-burst-limit less than download-max-limit"),
        ("2M/5M 1M/8M", "upload-burst-limit less than upload-max-limit"),
        ("512k/1M 1M/2M 256k/512k 8/8 8", None),
    ],
)
def test_a_burst_below_the_rate_makes_no_queue(rate: str, reason: str | None) -> None:
    assert values.queue_refusal(rate) == reason


@pytest.mark.parametrize("text", ["abc", "2X", "2M/5M 1 2 3 4 5 6", "2M 2M 2M 1s 9"])
def test_nonsense_is_no_rate(text: str) -> None:
    with pytest.raises(ValueError):
        values.parse_rate_limit(text)


def test_a_mac_is_written_in_capitals_with_colons() -> None:
    assert {values.clean_mac(m) for m in ("aa-bb-cc-dd-ee-ff", "aabbccddeeff", "AA:BB:cc:DD:EE:FF")} == {
        "AA:BB:CC:DD:EE:FF"
    }
