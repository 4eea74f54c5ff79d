"""A code makes one pass, however many phones show it at the same moment; and the same without the guards does not.

Three things stand in the way of a second pass: a voucher is taken by one statement that finds it only while it is
printed, the table of passes has one place for each cause, and one thread writes. The tests take them away one by
one: either of the first two alone still keeps it at one pass, and two processes that write show that the third
is not needed.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from portal import check
from portal.clock import Moment
from portal.units import Unit, rows
from tests.support import Seed, seed
from tests.vouchers.cards import print_cards
from tests.vouchers.crowd import PHONES, Crowd, crowd, plan_for, print_at
from tests.vouchers.rivals import compete
from tests.vouchers.unguarded import PLACE, TAKE, free_the_place

GUESSES = "SELECT COUNT(*) FROM guesses"
ALL = pytest.mark.skipif(os.environ.get("BANDO_SWEEP") != "1", reason="a thousand codes take minutes: make sweep")


def passes() -> Unit[dict[str, list[int]]]:
    """For each voucher how many devices each of its passes has."""
    found = yield from rows(
        "SELECT p.cause_ref AS label, (SELECT COUNT(*) FROM pass_devices d WHERE d.tenant_id = :tenant"
        " AND d.pass_id = p.id) AS devices FROM passes p WHERE p.tenant_id = :tenant AND p.cause_kind = 'voucher'"
    )
    made: dict[str, list[int]] = {}
    for row in found:
        made.setdefault(row["label"], []).append(row["devices"])
    return made


async def rush(made: Crowd, codes: Sequence[str]) -> list[Counter[str]]:
    """One code after the other is shown by all phones at once; what they were told."""
    begun = time.perf_counter()
    told = [Counter(await made.show(code)) for code in codes]
    took = time.perf_counter() - begun
    print(f"{len(codes)} codes shown by {PHONES} phones each: {took:.1f} s, {len(codes) * PHONES / took:.0f}/s")
    return told


def broken(made: Crowd) -> list[str]:
    return made.look(check.breaches, made.site.clock.now())


@pytest.mark.parametrize("count", [24, pytest.param(1_000, marks=[pytest.mark.slow, ALL])])
@pytest.mark.parametrize("devices", [1, 3])
async def test_64_phones_that_show_a_code_at_once_get_one_pass(tmp_path: Path, devices: int, count: int) -> None:
    async with crowd(tmp_path) as made:
        codes = print_at(made.site, plan_for(made.site, devices), count)

        told = await rush(made, codes)

        own = {"redeemed": 1, "added": devices - 1, "asked": PHONES - devices}
        assert told == [Counter(own)] * count
        assert list(made.look(passes).values()) == [[devices]] * count
        assert made.count(GUESSES) == 0, "to come too late is no guess"
        assert broken(made) == []


async def test_without_its_guards_a_code_makes_many_passes(tmp_path: Path) -> None:
    """The same rush, and the same looks at what came of it."""
    async with crowd(tmp_path, without=[TAKE, PLACE]) as made:
        told = await rush(made, print_at(made.site, plan_for(made.site, 1), 3))

        assert told == [Counter(redeemed=PHONES)] * 3
        assert [len(each) for each in made.look(passes).values()] == [PHONES] * 3
        assert any(each.startswith("I2") for each in broken(made))


async def test_the_place_for_one_pass_alone_keeps_it_at_one(tmp_path: Path) -> None:
    """Then all are told that they have it, which is wrong; but nobody has more than was paid for."""
    async with crowd(tmp_path, without=[TAKE]) as made:
        told = await rush(made, print_at(made.site, plan_for(made.site, 1), 3))

        assert told == [Counter(redeemed=PHONES)] * 3
        assert list(made.look(passes).values()) == [[1]] * 3
        assert broken(made) == []


async def test_the_statement_that_takes_it_alone_keeps_it_at_one(tmp_path: Path) -> None:
    async with crowd(tmp_path, without=[PLACE]) as made:
        told = await rush(made, print_at(made.site, plan_for(made.site, 1), 3))

        assert told == [Counter(redeemed=1, asked=PHONES - 1)] * 3
        assert list(made.look(passes).values()) == [[1]] * 3
        assert broken(made) == []


# --- two processes that write ---


@pytest.fixture
async def s(tmp_path: Path) -> AsyncIterator[Seed]:
    made = await seed(tmp_path)
    yield made
    await made.db.aclose()


async def found(s: Seed) -> tuple[list[list[int]], list[str]]:
    now: Moment = s.clock.now()
    made = await s.read(passes)
    return list(made.values()), await s.read(check.breaches, now)


RIVAL_CODES = 300


async def test_two_processes_that_show_the_same_codes_make_one_pass_each(s: Seed) -> None:
    told = await compete(s, await print_cards(s, RIVAL_CODES))

    assert all(sorted(each) == ["connected", "voucher-move"] for each in told)
    assert len(set(told)) == 2, "both of them won some"
    assert await found(s) == ([[1]] * RIVAL_CODES, [])


async def test_two_processes_without_guards_both_make_a_pass(s: Seed) -> None:
    """Both had seen the voucher as printed; whoever writes second does not look again."""
    codes = await print_cards(s, RIVAL_CODES)
    free_the_place(s.db.place)

    told = await compete(s, codes, without=[TAKE, PLACE])

    assert set(told) == {("connected", "connected")}
    made, breaches = await found(s)
    assert made == [[1, 1]] * RIVAL_CODES
    assert len(breaches) == RIVAL_CODES


@pytest.mark.parametrize("without", [TAKE, PLACE])
async def test_two_processes_with_either_guard_make_one_pass_each(s: Seed, without: str) -> None:
    codes = await print_cards(s, RIVAL_CODES)
    if without == PLACE:
        free_the_place(s.db.place)

    await compete(s, codes, without=[without])

    assert await found(s) == ([[1]] * RIVAL_CODES, [])
