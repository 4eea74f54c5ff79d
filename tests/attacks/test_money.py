"""Money: credited once and never lost, in whatever order and shape the word of it comes."""

from __future__ import annotations

import pytest

from portal.payments.claims import find_receipt


@pytest.mark.parametrize(
    "text", ["UKMCJQHGGW", " ukmcjqhggw ", "UKMC JQHGGW", "UKMCJQHGGW Confirmed. Ksh20.00 paid to ISP"]
)
def test_one_receipt_in_ten_has_no_digit_and_is_found_all_the_same(text: str) -> None:
    assert find_receipt(text) == "UKMCJQHGGW"
