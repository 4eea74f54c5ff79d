"""Phone numbers, in every spelling that people in Kenya use."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.errors import Refused
from portal.phone import Phone, parse


@pytest.mark.parametrize(
    "text",
    [
        "0712345678",
        "0712 345 678",
        "0712-345-678",
        "712345678",
        "254712345678",
        "+254712345678",
        "+254 712 345 678",
        " +254 (712) 345.678 ",
        "2540712345678",
        "0712\u2011345\u2011678",
        "0712\u00a0345\u00a0678",
    ],
)
def test_every_spelling_is_the_same_number(text: str) -> None:
    assert parse(text) == Phone("254712345678")


@pytest.mark.parametrize(("text", "digits"), [("0110 345 678", "254110345678"), ("0722000000", "254722000000")])
def test_new_and_old_prefixes_are_mobile_numbers(text: str, digits: str) -> None:
    assert parse(text).digits == digits


@pytest.mark.parametrize(
    "text",
    [
        "",
        "07123",
        "0712 345 6789",
        "020 2222222",  # a landline in Nairobi
        "+255712345678",  # Tanzania
        "+1 212 555 0100",
        "٠٧١٢٣٤٥٦٧٨",
        "0712345678; DROP TABLE passes",
        "<script>",
        "0" * 33,
        "999",
    ],
)
def test_what_m_pesa_could_not_call_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(text)

    assert (refused.value.key, refused.value.status) == ("phone", 400)


@given(st.text(max_size=60))
def test_any_text_is_a_number_or_refused(text: str) -> None:
    with contextlib.suppress(Refused):
        assert parse(text).digits.startswith("254")


def test_a_number_is_spoken_as_people_write_it() -> None:
    assert parse("+254712345678").spoken == "0712 345 678"


def test_a_masked_number_shows_no_more_than_a_receipt_does() -> None:
    phone = parse("0712345678")

    assert (phone.masked, phone.tail) == ("07xx xxx 678", "678")


def test_a_number_is_never_whole_in_a_traceback() -> None:
    assert "712345" not in repr(parse("0712345678"))
