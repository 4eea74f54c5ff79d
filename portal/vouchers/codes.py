"""Voucher codes: how they are drawn, written and read. Pure but for the draw.

Two kinds. Letters: Crockford's base32 (no I, L, O, U) with a check character over GF(32), whose weights are
distinct powers of a primitive element, so that every single wrong character and every swap is noticed. Digits:
with a Damm check digit, which notices the same. The length says which kind a code is, so a guest never has to; no two
lengths are neighbours, so a character too few or too many is noticed as well.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from dataclasses import dataclass
from typing import Literal

from portal.errors import Refused
from portal.vouchers.unwanted import is_unwanted

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
DIGITS = "0123456789"
MAX_TEXT = 1_000  # a pasted message with the address in it; what is longer is no code

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
        _style("letters", 8, "3-3-3"),
        _style("letters", 10, "4-4-3"),
        _style("digits", 13, "4-5-5"),
        _style("digits", 15, "4-4-4-4"),
        _style("digits", 17, "4-5-5-4"),
    )
}
DEFAULT = {"letters": STYLES["letters-10"], "digits": STYLES["digits-15"]}
_BY_LENGTH = {style.size + 1: style for style in STYLES.values()}

# --- the check character ---

_PRIMITIVE = 0b100101  # x^5 + x^2 + 1


def _times_x(value: int) -> int:
    """A value of GF(32) times the primitive element."""
    doubled = value << 1
    return doubled ^ _PRIMITIVE if doubled & 32 else doubled


def _weighted() -> tuple[dict[str, int], ...]:
    """For each place what a letter there adds to the check: its value times the next power of the element."""
    found, values = [], list(range(32))
    for _ in range(max(style.size for style in STYLES.values())):
        values = [_times_x(each) for each in values]
        found.append(dict(zip(LETTERS, values, strict=True)))
    return tuple(found)


_WEIGHTED = _weighted()

# The quasigroup of order 10 that H. M. Damm gave: totally anti-symmetric, so swaps show.
_DAMM = (
    "0317598642", "7092154863", "4206871359", "1750983426", "6123045978",
    "3674209581", "5869720134", "8945362017", "9438617205", "2581436790",
)  # fmt: skip
_STEP = {str(row): dict(zip(DIGITS, line, strict=True)) for row, line in enumerate(_DAMM)}


def _check_letter(text: str) -> str:
    total = 0
    for weighted, letter in zip(_WEIGHTED, text, strict=False):
        total ^= weighted[letter]
    return LETTERS[total]


def _check_digit(text: str) -> str:
    row = "0"
    for digit in text:
        row = _STEP[row][digit]
    return row


def check_of(kind: Kind, text: str) -> str:
    """The check character of these random characters."""
    return _check_letter(text) if kind == "letters" else _check_digit(text)


# --- drawing and writing ---


def draw(style: Style) -> str:
    """A fresh code, without groups; the caller's unique index decides whether it is new."""
    while True:
        text = _random_letters(style.size) if style.kind == "letters" else _random_digits(style.size)
        code = text + check_of(style.kind, text)
        if style.kind == "digits" or not is_unwanted(code):
            return code


def _random_letters(size: int) -> str:
    bits = secrets.randbits(5 * size)
    return "".join([LETTERS[bits >> shift & 31] for shift in range(0, 5 * size, 5)])


def _random_digits(size: int) -> str:
    return f"{secrets.randbelow(10**size):0{size}d}"


def shown(code: str) -> str:
    """The code in groups, as on the card: ``7KQ9-M2XD-AB4``."""
    style = _BY_LENGTH.get(len(code))
    if style is None:  # another system's: as it stands on the card
        return code
    parts, at = [], 0
    for size in style.groups:
        parts.append(code[at : at + size])
        at += size
    return "-".join(parts)


def masked(code: str) -> str:
    """What a list may show of it: ``7KQ9-****-***``."""
    if len(code) not in _BY_LENGTH:
        return code[:2] + "*" * (len(code) - 2)
    first, *rest = shown(code).split("-")
    return "-".join([first, *("*" * len(each) for each in rest)])


# --- reading ---

_IN_ADDRESS = re.compile(r"/V/([^/?#\s]+)", re.IGNORECASE)
_FOLD = str.maketrans("OIL", "011")
# Blanks, dashes and dots between the groups; and what nobody sees but phones paste along (joiners, direction marks).
BETWEEN = re.compile(r"[ \t\r\n_.\-\u2010-\u2015\u2212\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")
_AFTER = ".,;:!)]}>\"'"  # what follows an address in a message


def read(text: str) -> str:
    """The code in what a guest typed, pasted or scanned; raises `Refused("voucher-typo")` when there is none.

    A code whose check character does not fit is a typing mistake and no guess: nobody needs the database for it.
    """
    code = text.upper().translate(_FOLD) if text.isascii() and text.isalnum() else _unwrapped(text)
    if not _is_whole(code):
        raise Refused("voucher-typo", status=422)
    return code


def _unwrapped(text: str) -> str:
    """What may be a code, without an address around it and groups in it."""
    if len(text) > MAX_TEXT:
        return ""
    plain = unicodedata.normalize("NFKC", text)  # full-width digits of some keyboards
    found = _IN_ADDRESS.search(plain)
    return BETWEEN.sub("", found[1].rstrip(_AFTER) if found else plain).upper().translate(_FOLD)


def _is_whole(code: str) -> bool:
    style = _BY_LENGTH.get(len(code))
    if style is None:
        return False
    try:
        return check_of(style.kind, code[:-1]) == code[-1]
    except KeyError:  # a letter of another alphabet
        return False
