"""What staff see of a voucher, and how a batch adds up."""

from __future__ import annotations

from typing import get_args

import pytest

from portal.money import Money
from portal.vouchers.states import SOLD, STATES, Group, State, shown_state, tally

TABLE = [
    # stored, use-by past, pass over -> shown
    ("printed", False, False, "printed"),
    ("printed", True, False, "expired"),
    ("redeemed", False, False, "redeemed"),
    ("redeemed", True, False, "redeemed"),
    ("redeemed", False, True, "spent"),
    ("redeemed", True, True, "spent"),
    ("void", False, False, "void"),
    ("void", True, False, "void"),
    ("void", False, True, "void"),
    ("void", True, True, "void"),
]


@pytest.mark.parametrize(("stored", "past", "over", "shown"), TABLE)
def test_what_is_shown_follows_from_state_use_by_and_pass(stored: str, past: bool, over: bool, shown: str) -> None:
    assert shown_state(stored, past=past, over=over) == shown


def test_every_state_can_be_seen() -> None:
    assert {shown for *_, shown in TABLE} == set(STATES) == set(get_args(State))


def test_a_batch_adds_up() -> None:
    found = tally(
        Group(state=state, past=past, over=over, count=n) for n, (state, past, over, _) in enumerate(TABLE, 1)
    )

    assert found.counts == {"printed": 1, "expired": 2, "redeemed": 7, "spent": 11, "void": 34}
    assert found.total == sum(range(1, 11))


def test_what_was_redeemed_is_sold_and_what_was_voided_is_not() -> None:
    found = tally([Group(state=state, past=False, over=over, count=1) for state, _, over, _ in TABLE])

    assert SOLD == ("redeemed", "spent")
    assert found.sold == 4
    assert found.value(Money(2_000)) == Money(8_000)


def test_an_empty_batch_has_each_state_at_zero() -> None:
    assert tally([]).counts == dict.fromkeys(STATES, 0)
