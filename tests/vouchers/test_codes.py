"""Codes: drawn from the whole space, written in groups, read as people type them; each mistake is noticed."""

from __future__ import annotations

import os
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from portal.errors import Refused
from portal.vouchers import codes
from portal.vouchers.codes import DIGITS, LETTERS, STYLES, Style, check_of, draw, masked, read, shown
from portal.vouchers.unwanted import is_unwanted

LETTERS_10, DIGITS_15 = STYLES["letters-10"], STYLES["digits-15"]
DEFAULTS = pytest.mark.parametrize("style", [LETTERS_10, DIGITS_15], ids=lambda style: style.name)
EVERY = pytest.mark.parametrize("style", STYLES.values(), ids=lambda style: style.name)

CODES = 10_000 if os.environ.get("BANDO_SWEEP") else 2_000
PARTS = 8  # of the test of mistakes, for several processes
FOLDED = {"O": "0", "I": "1", "L": "1"}
# Letters outside of the alphabets: of the keyboard, and some that look like one inside.
OUTSIDE = {"letters": "UOIL*ÄАС٣€", "digits": "AEGSTZOIL*٣б"}


def is_typo(text: str) -> bool:
    """Whether `read` reports a mistake of typing."""
    try:
        read(text)
    except Refused as refused:
        return refused.key == "voucher-typo"
    return False


def wrong_characters(code: str, style: Style, turn: int) -> Iterator[str]:
    """The code with one character exchanged: for every other letter of its alphabet, and one outside of it in turn."""
    outside = OUTSIDE[style.kind]
    for at, right in enumerate(code):
        for wrong in style.alphabet + outside[(turn + at) % len(outside)]:
            if FOLDED.get(wrong, wrong) != right:
                yield f"{code[:at]}{wrong}{code[at + 1 :]}"


def swaps(code: str) -> Iterator[str]:
    """The code with two neighbours exchanged, where that makes a difference."""
    for at in range(len(code) - 1):
        if code[at] != code[at + 1]:
            yield f"{code[:at]}{code[at + 1]}{code[at]}{code[at + 2 :]}"


@pytest.mark.slow
@DEFAULTS
@pytest.mark.parametrize("part", range(PARTS))
def test_each_wrong_character_and_each_swap_in_thousands_of_codes_is_a_typo(style: Style, part: int) -> None:
    for turn in range(CODES // PARTS):
        code = draw(style)
        assert read(code) == code
        missed = [each for each in wrong_characters(code, style, turn) if not is_typo(each)]
        missed += [each for each in swaps(code) if not is_typo(each)]
        assert missed == []


Weak = Callable[[Style], Callable[[str], str]]


def _plain_sum(style: Style) -> Callable[[str], str]:
    alphabet = style.alphabet
    return lambda text: alphabet[sum(alphabet.index(each) for each in text) % len(alphabet)]


def _luhn(style: Style) -> Callable[[str], str]:
    """Luhn over any alphabet: the best-known check, which misses some swaps."""
    alphabet, n = style.alphabet, len(style.alphabet)

    def check(text: str) -> str:
        total = 0
        for at, each in enumerate(reversed(text)):
            doubled = alphabet.index(each) * (2 if at % 2 == 0 else 1)
            total += doubled // n + doubled % n
        return alphabet[-total % n]

    return check


@DEFAULTS
@pytest.mark.parametrize("weak", [_plain_sum, _luhn])
def test_a_weaker_check_would_miss_some_of_these_swaps(
    style: Style, weak: Callable[[Style], Callable[[str], str]]
) -> None:
    check, missed = weak(style), 0
    for _ in range(2_000):
        text = draw(style)[:-1]
        code = text + check(text)
        missed += sum(check(each[:-1]) == each[-1] for each in swaps(code))

    assert missed > 0


@EVERY
def test_a_character_too_few_or_too_many_is_a_typo(style: Style) -> None:
    for _ in range(200):
        code = draw(style)
        for at in range(len(code)):
            assert is_typo(code[:at] + code[at + 1 :])
            assert is_typo(code[:at] + code[at] + code[at:])


def test_the_length_tells_the_style_and_no_two_are_neighbours() -> None:
    lengths = sorted(style.size + 1 for style in STYLES.values())

    assert all(longer - shorter > 1 for shorter, longer in pairwise(lengths))


@EVERY
def test_a_code_is_shown_in_its_groups(style: Style) -> None:
    code = draw(style)
    parts = shown(code).split("-")

    assert "".join(parts) == code
    assert tuple(len(each) for each in parts) == style.groups
    assert sum(style.groups) == style.size + 1 == len(code)
    assert masked(code) == parts[0] + re.sub(r"[^-]", "*", shown(code)[len(parts[0]) :])


def test_the_default_styles_have_the_shapes_that_people_know() -> None:
    assert (LETTERS_10.groups, DIGITS_15.groups) == ((4, 4, 3), (4, 4, 4, 4))
    assert {kind: style.name for kind, style in codes.DEFAULT.items()} == {
        "letters": "letters-10",
        "digits": "digits-15",
    }


@EVERY
def test_every_place_takes_every_character_alike(style: Style) -> None:
    count = 20_000
    drawn = [draw(style) for _ in range(count)]
    expected = count / len(style.alphabet)

    assert len(set(drawn)) == count
    for at in range(style.size + 1):
        seen = Counter(code[at] for code in drawn)
        assert set(seen) == set(style.alphabet)
        # Chi square of 31 (or 9) degrees of freedom: above 100 in fewer than one of 10^8 fair draws. A letter is a
        # little rarer where it would spell something, which is far below this.
        assert sum((seen[each] - expected) ** 2 / expected for each in style.alphabet) < 100


def test_codes_do_not_come_from_a_generator_that_can_be_seeded() -> None:
    state = random.getstate()
    random.seed(7)
    first = [draw(style) for style in STYLES.values()]
    random.seed(7)
    second = [draw(style) for style in STYLES.values()]
    random.setstate(state)

    assert not set(first) & set(second)


def test_a_digits_code_may_begin_with_zeros() -> None:
    assert any(draw(DIGITS_15).startswith("0") for _ in range(500))


@pytest.mark.parametrize(
    "code", ["7KQ5H1TM2XD", "F4GGGGGGGGG", "225EX22222", "MA1AYA22222", "22KVMA22222", "FVCK2222222", "A55ZZZZZZZZ"]
)
def test_a_code_that_spells_something_is_unwanted(code: str) -> None:
    assert is_unwanted(code)


@pytest.mark.parametrize("code", ["7KQ9M2XDAB4", "00000000000", "BAND0XYZ234", "W1F1W1F1W1F"])
def test_an_ordinary_code_is_not(code: str) -> None:
    assert not is_unwanted(code)


def test_no_drawn_code_spells_something_and_few_are_thrown_away() -> None:
    assert not any(is_unwanted(draw(LETTERS_10)) for _ in range(20_000))
    fresh = ("".join(random.choices(LETTERS, k=10)) for _ in range(20_000))
    assert sum(is_unwanted(each) for each in fresh) < 0.06 * 20_000


# --- reading ---

CODE = "7K019M2XDB"
LETTER_CODE = CODE + check_of("letters", CODE)
DIGIT_CODE = "012345678901234" + check_of("digits", "012345678901234")
GROUPED = f"{LETTER_CODE[:4]}-{LETTER_CODE[4:8]}-{LETTER_CODE[8:]}"
WIDE = str.maketrans({chr(n): chr(n + 0xFEE0) for n in range(0x21, 0x7F)})


@pytest.mark.parametrize(
    "text",
    [
        LETTER_CODE,
        GROUPED,
        GROUPED.lower(),
        GROUPED.replace("-", " "),
        f"  {GROUPED}\n",
        GROUPED.replace("-", "–"),
        GROUPED.replace("-", "\u2011"),
        GROUPED.replace("-", "."),
        GROUPED.replace("0", "O"),
        GROUPED.replace("0", "o").replace("1", "l"),
        GROUPED.replace("1", "I"),
        GROUPED.replace("1", "i"),
        GROUPED.translate(WIDE),
        f"\u200e{GROUPED}\u200f",
        f"\ufeff{GROUPED}\u200b",
        GROUPED.replace("-", "\u00a0"),
        f"HTTPS://WIFI.EXAMPLE.CO.KE/V/{LETTER_CODE}",
        f"https://wifi.example.co.ke/v/{LETTER_CODE.lower()}",
        f"https://wifi.example.co.ke:8443/v/{GROUPED}/",
        f"https://wifi.example.co.ke/V/{LETTER_CODE}?utm=1&x=/v/ABC",
        f"https://wifi.example.co.ke/V/{LETTER_CODE}#top",
        f"wifi.example.co.ke/v/{LETTER_CODE}",
        f"/V/{LETTER_CODE}",
        f"Karibu! Fungua https://wifi.example.co.ke/v/{GROUPED} upate saa 1. Asante, Kilimani",
        f"Your Wi-Fi (https://wifi.example.co.ke/v/{LETTER_CODE}). " + "Thanks! " * 60,
        f"<https://wifi.example.co.ke/v/{LETTER_CODE}>",
        f'"https://wifi.example.co.ke/v/{LETTER_CODE}",',
    ],
)
def test_a_code_is_found_in_what_people_type_and_paste(text: str) -> None:
    assert read(text) == LETTER_CODE


@pytest.mark.parametrize(
    "text",
    [
        shown(DIGIT_CODE),
        shown(DIGIT_CODE).replace("-", " "),
        shown(DIGIT_CODE).translate(WIDE),
        DIGIT_CODE.replace("0", "O").replace("1", "l"),
        f"HTTPS://W.CO/V/{DIGIT_CODE}",
    ],
)
def test_a_digits_code_is_found_likewise(text: str) -> None:
    assert read(text) == DIGIT_CODE


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "-",
        "\x00",
        "7",
        "0" * 10_000,
        LETTER_CODE * 1_000,
        f"{GROUPED} " * 1_000,
        " " * 10_000 + LETTER_CODE,
        f"{LETTER_CODE}\x00",
        f"{LETTER_CODE[:4]}\x07{LETTER_CODE[4:]}",
        f"{LETTER_CODE[:4]}\x1c{LETTER_CODE[4:]}",
        LETTER_CODE.replace("K", "К"),  # Cyrillic
        LETTER_CODE.replace("M", "М"),
        LETTER_CODE.replace("X", "Χ"),  # Greek
        LETTER_CODE.replace("0", "О"),
        LETTER_CODE.replace("9", "٩"),
        LETTER_CODE.replace("7", "🎟"),
        "🎟" * 11,
        "ﷺ" * 999,
        "\ud800" * 11,
        f"https://wifi.example.co.ke/{LETTER_CODE}",
        "https://wifi.example.co.ke/V/",
        "https://wifi.example.co.ke/w/12ab34cd/",
        f"https://wifi.example.co.ke/V/{LETTER_CODE}%20",
        f"{LETTER_CODE}' OR 1=1 --",
        f"../../{LETTER_CODE}",
        f"{GROUPED} {GROUPED}",
    ],
)
def test_what_is_no_code_is_a_typo(text: str) -> None:
    with pytest.raises(Refused) as refused:
        read(text)

    assert (refused.value.key, refused.value.status) == ("voucher-typo", 422)


def test_random_text_does_not_break_the_reader() -> None:
    chance = random.Random(3)
    for _ in range(5_000):
        text = "".join(chr(chance.choice((chance.randrange(128), chance.randrange(0x3000)))) for _ in range(12))
        assert is_typo(text) or read(read(text)) == read(text)


def test_the_alphabets_hold_what_phones_type_easily() -> None:
    assert not set(LETTERS) & set("ILOU")
    assert (len(LETTERS), len(set(LETTERS)), DIGITS) == (32, 32, "0123456789")
