"""The check of passes that ran for too long reads the broken ones alone, and finds each of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portal import check
from portal.clock import HOUR, MINUTE
from tests.raw import changed
from tests.support import Seed, seed
from tests.vouchers.cards import print_cards, show


@pytest.fixture
async def s(tmp_path: Path) -> AsyncIterator[Seed]:
    """An ISP with one running pass of an hour."""
    made = await seed(tmp_path)
    await show(made, (await print_cards(made))[0], 1)
    changed(made.db.place, "UPDATE passes SET state = 'running', started_at = 1000, ends_at = 1000 + span_ms")
    yield made
    await made.db.aclose()


RULES = [
    ("used_ms = 0", ""),
    (f"ends_at = 1000 + {HOUR} + 1", "runs for longer than was bought"),
    (f"used_ms = {MINUTE}, ends_at = 1000 + {HOUR - MINUTE}", ""),
    (f"used_ms = {MINUTE}, ends_at = 1000 + {HOUR - MINUTE} + 1", "runs for longer than was bought"),
    (f"used_ms = {2 * HOUR}", "runs for longer than was bought"),
    ("ends_at = NULL", ""),
    (f"kind = 'used', used_ms = {HOUR + 2 * MINUTE}", ""),
    (f"kind = 'used', used_ms = {HOUR + 2 * MINUTE} + 1", "was used for 3720 s of 3600 s"),
    (f"kind = 'used', ends_at = {9 * HOUR}", ""),
]


@pytest.mark.parametrize("what, sentence", RULES, ids=[what for what, _ in RULES])
async def test_a_pass_of_an_hour(s: Seed, what: str, sentence: str) -> None:
    changed(s.db.place, f"UPDATE passes SET {what}")
    found = await s.read(check.more_than_bought, 0)

    assert [each.partition("pass 1 ")[2].rstrip(".") for each in found] == ([sentence] if sentence else [])
