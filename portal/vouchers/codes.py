"""Voucher codes: how they are drawn, written and read. Pure but for the draw.

Two kinds. Letters: Crockford's base32 (no I, L, O, U) with a check character over GF(32), whose weights are
distinct powers of a primitive element, so that every single wrong character and every swap is noticed. Digits:
with a Damm check digit, which notices the same. The length says which kind a code is, so a guest never has to.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from dataclasses import dataclass
from typing import Literal

from portal.errors import Refused

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
DIGITS = "0123456789"
MAX_TEXT = 300  # a pasted address; what is longer is no code

Kind = Literal["letters", "digits"]


@dataclass(frozen=True, kw_only=True)
class Style:
    """How the codes of a batch look: `size` random characters and one to check them, shown in `groups`."""

    name: str
    kind: Kind
    size: int
    groups: tuple[int, ...]

    @property
    def alphabet(self) -> str:
        return LETTERS if self.kind == "letters" else DIGITS

    @property
    def space(self) -> int:
        """How many codes there are."""
        return int(len(self.alphabet) ** self.size)


def _style(kind: Kind, size: int, groups: str) -> Style:
    return Style(name=f"{kind}-{size}", kind=kind, size=size, groups=tuple(int(each) for each in groups.split("-")))


STYLES = {
    style.name: style
    for style in (
        _style("letters", 10, "4-4-3"),
        _style("digits", 15, "4-4-4-4"),
        _style("letters", 8, "3-3-3"),
        _style("letters", 9, "3-4-3"),
        _style("letters", 11, "4-4-4"),
        _style("digits", 12, "4-4-5"),
        _style("digits", 13, "4-5-5"),
        _style("digits", 14, "5-5-5"),
        _style("digits", 17, "4-5-5-4"),
    )
}
_BY_LENGTH = {style.size + 1: style for style in STYLES.values()}

# --- the check character ---

_PRIMITIVE = 0b100101  # x^5 + x^2 + 1


def _powers() -> tuple[int, ...]:
    found, each = [], 1
    for _ in range(31):
        found.append(each)
        each <<= 1
        if each & 32:
            each ^= _PRIMITIVE
    return tuple(found)


_POWER = _powers()
_LOG = {value: n for n, value in enumerate(_POWER)}
_VALUE = {letter: n for n, letter in enumerate(LETTERS)}

# The quasigroup of order 10 that H. M. Damm gave: totally anti-symmetric, so swaps show.
_DAMM = (
    "0317598642", "7092154863", "4206871359", "1750983426", "6123045978",
    "3674209581", "5869720134", "8945362017", "9438617205", "2581436790",
)  # fmt: skip


def _check_letter(text: str) -> str:
    total = 0
    for n, letter in enumerate(text, start=1):
        if value := _VALUE[letter]:
            total ^= _POWER[(_LOG[value] + n) % 31]
    return LETTERS[total]


def _check_digit(text: str) -> str:
    row = 0
    for digit in text:
        row = int(_DAMM[row][int(digit)])
    return DIGITS[row]


def check_of(kind: Kind, text: str) -> str:
    """The check character of these random characters."""
    return _check_letter(text) if kind == "letters" else _check_digit(text)


# --- drawing and writing ---

# What a card should not spell, in English and Swahili, as it reads with digits for letters.
_UNWANTED = tuple(
    word.replace("O", "0").replace("I", "1").replace("L", "1")
    for word in (
        "ANAL", "ANUS", "ARSE", "ASS", "BASTARD", "BITCH", "BOOB", "CLIT", "COCK", "CRAP", "DAMN", "DICK", "DILDO",
        "DYKE", "FAG", "FART", "GAY", "HELL", "HOMO", "JIZZ", "KAFIR", "KILL", "KKK", "MALAYA", "MAVI", "MKUNDU",
        "NAZI", "NEGRO", "NIGA", "NIGGER", "PAEDO", "PEDO", "PENIS", "PISS", "PORN", "RAPE", "SATAN", "SEX",
        "SHIT", "SHENZI", "TIT", "TOMBA", "TWAT", "WANK", "KUMA", "MBORO", "MATAKO", "KINYA", "JINGA", "PUMBA",
        "MSENGE",
    )
)  # fmt: skip
_LEET = str.maketrans({"0": "0", "1": "1", "3": "E", "4": "A", "5": "S", "7": "T", "8": "B"})


def is_unwanted(code: str) -> bool:
    """Whether a code spells something that nobody wants on a card."""
    read = code.translate(_LEET)
    return any(word in code or word in read for word in _UNWANTED)


def draw(style: Style) -> str:
    """A fresh code, without groups; the caller's unique index decides whether it is new."""
    while True:
        text = "".join(secrets.choice(style.alphabet) for _ in range(style.size))
        code = text + check_of(style.kind, text)
        if style.kind == "digits" or not is_unwanted(code):
            return code


def shown(code: str) -> str:
    """The code in groups, as on the card: ``7KQ9-M2XD-AB4``."""
    parts, at = [], 0
    for size in _BY_LENGTH[len(code)].groups:
        parts.append(code[at : at + size])
        at += size
    return "-".join(parts)


# --- reading ---

_IN_ADDRESS = re.compile(r"/V/([^/?#\s]+)", re.IGNORECASE)
_FOLD = str.maketrans({"O": "0", "I": "1", "L": "1"})
_BETWEEN = re.compile(r"[\s\-–—_.]+")


def read(text: str) -> str:
    """The code in what a guest typed, pasted or scanned; raises `Refused("voucher-typo")` when there is none.

    A code whose check character does not fit is a typing mistake and no guess: nobody needs the database for it.
    """
    if len(text) > MAX_TEXT:
        raise Refused("voucher-typo", status=422)
    plain = unicodedata.normalize("NFKC", text)  # full-width digits of some keyboards
    found = _IN_ADDRESS.search(plain)
    code = _BETWEEN.sub("", found[1] if found else plain).upper().translate(_FOLD)
    if not _is_whole(code):
        raise Refused("voucher-typo", status=422)
    return code


def _is_whole(code: str) -> bool:
    style = _BY_LENGTH.get(len(code))
    if style is None or any(letter not in style.alphabet for letter in code):
        return False
    return check_of(style.kind, code[:-1]) == code[-1]
