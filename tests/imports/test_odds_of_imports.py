"""The arithmetic of short codes: what is taken, for how long, and what it says."""

from __future__ import annotations

import pytest

from portal.imports import wording
from portal.imports.work import Choice
from portal.vouchers import imported
from portal.vouchers.guesses import AT_ROUTERS_AN_HOUR, TENANT_AN_HOUR
from portal.vouchers.guesses.limits import OPEN
from portal.vouchers.imported import Chance
from tests.imports.sources import drawn
from tests.imports.taking import table, take, work
from tests.support import Seed


def chance(
    codes: int, size: int, alphabet: imported.Alphabet = "mixed", live: int = 0, days: int = 90
) -> imported.Chance:
    shape = imported.Shape(alphabet=alphabet, size=size, length=size)
    return Chance(shape=shape, new=codes, live=live, asked=days)


def test_guesses_from_outside_the_wifi_find_no_imported_code_so_they_do_not_count() -> None:
    assert AT_ROUTERS_AN_HOUR + OPEN.hard["installation"] == TENANT_AN_HOUR
    assert chance(1, 8).guesses_a_day == 3_200 * 24


@pytest.mark.parametrize(
    ("codes", "size", "alphabet", "longest"),
    [
        (1, 4, "digits", 0),
        (1, 4, "mixed", 21),
        (100, 4, "mixed", 0),
        (200, 5, "mixed", 3),
        (200, 6, "mixed", 90),
        (500, 6, "mixed", 56),
        (200, 6, "digits", 0),
        (100, 8, "digits", 13),
        (5_000, 8, "mixed", 90),
        (5_000, 12, "digits", 90),
    ],
)
def test_how_long_codes_may_live(codes: int, size: int, alphabet: imported.Alphabet, longest: int) -> None:
    one = chance(codes, size, alphabet)

    assert one.longest == longest
    assert longest in (0, 90) or one.hits(longest) < imported.HOPELESS <= one.hits(longest + 1)


def test_codes_that_are_there_count_too() -> None:
    assert chance(250, 6, live=250).longest == chance(500, 6).longest


def test_they_are_shortened_only_if_that_is_wanted() -> None:
    one = chance(500, 6)

    assert (one.days(shorten=True), one.days(shorten=False)) == (56, 0)


def test_what_all_codes_begin_with_makes_none_harder_to_guess() -> None:
    found = [f"WIFI{n:04}" for n in range(20)]

    shape = imported.shapes(found)[8]

    assert (shape.prefix, shape.size, shape.alphabet, shape.style) == ("WIFI00", 2, "digits", "imported-digits-2")


def test_the_alphabet_is_that_of_all_codes_of_a_length() -> None:
    found = imported.shapes(["ABCDEF", "123456", "1234", "WXYZQ"])

    assert {length: each.alphabet for length, each in found.items()} == {6: "mixed", 4: "digits", 5: "letters"}


async def test_hopeless_codes_are_left_and_the_page_says_why(s: Seed) -> None:
    lines = "".join(f"1 day,50,1d,{n:06}\n" for n in range(0, 200_000, 1_000))

    made = await work(s, table(s, f"plan,price,time,code\n{lines}"))

    assert made.cards == 0
    [one] = made.chances
    assert wording.verdict(one, shorten=True) == "Too easy to guess even for one day: these codes are left."
    assert wording.arithmetic(one) == "200 codes × 76,800 wrong guesses a day ÷ 1,000,000 = 15.4 hits a day"
    assert wording.odds(one, 90) == "all of them"
    assert wording.odds(chance(500, 6), 90) == "about 1.6 guessed"
    assert wording.odds(chance(12, 8), 90) == "1 in 34,012 that one is guessed"


async def test_easy_codes_are_refused_unless_their_life_is_shortened(s: Seed) -> None:
    lines = "".join(f"1 day,50,1d,{code}\n" for code in drawn(500, 6))
    found = table(s, f"plan,price,time,code\n{lines}")

    refused = await work(s, found, Choice(shorten=False))
    begin = s.clock.now()
    shortened = await work(s, found, Choice(shorten=True))

    longest = refused.chances[0].longest
    assert 0 < longest < 90
    assert (refused.cards, shortened.cards) == (0, len(found.vouchers))
    for card in (card for each in shortened.batches for card in each.cards):
        assert imported.end_of(longest, begin) <= card.use_by <= imported.end_of(longest, s.clock.now())
    assert wording.verdict(refused.chances[0], shorten=False).endswith(f"For {longest} days at most they would do.")
    assert (await work(s, found, Choice(days=longest, shorten=False))).cards == len(found.vouchers)


async def test_a_second_import_of_like_codes_is_measured_with_the_first(s: Seed) -> None:
    codes = drawn(500, 6)

    def cards(some: list[str]) -> str:
        return "plan,price,time,code\n" + "".join(f"1 day,50,1d,{code}\n" for code in some)

    await take(s, table(s, cards(codes[:250])))

    again = await work(s, table(s, cards(codes[250:])))

    assert (again.chances[0].live, again.chances[0].new) == (250, 250)
    assert again.chances[0].longest < 90
