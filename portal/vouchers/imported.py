"""Codes that another system made: short, without a check character, good at one ISP's routers and not for long. Pure.

Such a code is known by a keyed hash of its own, made with the ISP's id: the same code at two ISPs is two codes, and
no code is found from outside of a router's Wi-Fi (docs/decisions/0032). Whether guessing them may hope for a hit is
computed here, as `odds` does for Bando's own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from portal.clock import DAY, Moment
from portal.errors import Refused
from portal.seal import Vault
from portal.tenancy.store import Tenant
from portal.vouchers import codes
from portal.vouchers.batches import code_index
from portal.vouchers.guesses import AT_ROUTERS_AN_HOUR

SHORTEST, LONGEST = 4, 24
MOST_DAYS = 90
HOPELESS = 1.0  # expected hits in the whole life of a group of codes; from here on they are not taken
ENOUGH = 10  # so many codes that begin alike do not do so by chance
PREFIX = "imported-"  # of the styles of their batches, by which the books know them too

Alphabet = Literal["digits", "letters", "mixed"]
SIZES: dict[Alphabet, int] = {"digits": 10, "letters": 26, "mixed": 36}
_PLAIN = re.compile(r"[0-9A-Z]+")
_STYLE = re.compile(rf"{PREFIX}(digits|letters|mixed)-([0-9]+)")


# --- reading one ---


def fold(text: str) -> str:
    """A code as it is compared: capitals and small letters are the same. Nothing when it cannot be one."""
    if len(text) > codes.MAX_TEXT:
        return ""
    plain = codes.BETWEEN.sub("", unicodedata.normalize("NFKC", text)).upper()
    return plain if SHORTEST <= len(plain) <= LONGEST and _PLAIN.fullmatch(plain) else ""


def is_own(code: str) -> bool:
    """Whether it is read as one of Bando's own; another system's that looks like one could never be got at."""
    try:
        codes.read(code)
    except Refused:
        return False
    return True


def typed(text: str) -> str:
    """What a guest typed, as a page shows it again: one of Bando's own codes, or another system's."""
    return codes.read(text) if is_own(text) else fold(text)


def index_of(vault: Vault, tenant_id: int, code: str) -> bytes:
    """The keyed hash that finds a folded code, at this ISP alone."""
    return vault.index(tenant_id, "imported voucher", code)


def index_typed(vault: Vault, tenant: Tenant, text: str, now: Moment) -> bytes:
    """The keyed hash of what a guest typed at a router of this ISP; raises `Refused("voucher-typo")`.

    While the ISP has imported codes, what is as long as one of them is looked up, and counts as a guess if it fails.
    """
    try:
        return code_index(vault, codes.read(text))
    except Refused:
        code = fold(text)
        if not code or not takes(tenant, len(code), now):
            raise
        return index_of(vault, tenant.id, code)


def takes(tenant: Tenant, length: int, now: Moment) -> bool:
    """Whether this ISP has imported codes of this length that may still be good."""
    return tenant.imported_until is not None and now < tenant.imported_until and length in lengths(tenant)


def lengths(tenant: Tenant) -> set[int]:
    """How long its imported codes are."""
    return {int(each) for each in tenant.imported_lengths.split()}


def written(found: Iterable[int]) -> str:
    """The reverse, for the database."""
    return " ".join(map(str, sorted(set(found))))


# --- the odds of a guess ---


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How codes look to whoever guesses: `size` characters that differ, of an alphabet, after what all begin with."""

    alphabet: Alphabet
    size: int
    length: int
    prefix: str = ""

    @property
    def style(self) -> str:
        """What their batch says."""
        return f"{PREFIX}{self.alphabet}-{self.size}"

    @property
    def space(self) -> int:
        return int(SIZES[self.alphabet] ** self.size)


def shapes(found: Iterable[str]) -> dict[int, Shape]:
    """The shape of the codes of each length, seen as one: a guesser may know as much."""
    by_length: dict[int, list[str]] = {}
    for each in found:
        by_length.setdefault(len(each), []).append(each)
    return {length: _shape(length, group) for length, group in by_length.items()}


def _shape(length: int, group: Sequence[str]) -> Shape:
    prefix = _common(group) if len(group) >= ENOUGH else ""
    rest = "".join(each[len(prefix) :] for each in group)
    alphabet: Alphabet = "digits" if rest.isdigit() else "letters" if rest.isalpha() else "mixed"
    return Shape(alphabet=alphabet, size=length - len(prefix), length=length, prefix=prefix)


def _common(group: Sequence[str]) -> str:
    """What all of them begin with."""
    low, high = min(group), max(group)
    same = next((n for n, (one, other) in enumerate(zip(low, high, strict=True)) if one != other), len(low))
    return low[:same]


@dataclass(frozen=True, kw_only=True)
class Chance:
    """What guessing these codes comes to, day and night and at the limit."""

    shape: Shape
    new: int
    live: int  # of the same style, there already
    asked: int  # days of life
    guesses_a_day: int = AT_ROUTERS_AN_HOUR * 24

    @property
    def codes(self) -> int:
        return self.new + self.live

    @property
    def a_day(self) -> float:
        """Expected hits in a day."""
        return self.codes * self.guesses_a_day / self.shape.space

    def hits(self, days: int) -> float:
        """Expected hits in so many days."""
        return self.a_day * days

    @property
    def longest(self) -> int:
        """For how many days at most they would do; 0: not for one."""
        return min(MOST_DAYS, _below(HOPELESS, self.a_day))

    def days(self, *, shorten: bool) -> int:
        """For how many days they are taken; 0: not at all."""
        return self.asked if self.asked <= self.longest else self.longest if shorten else 0


def _below(limit: float, a_day: float) -> int:
    """The most whole days whose hits stay below the limit."""
    if a_day * MOST_DAYS < limit:
        return MOST_DAYS
    days = int(limit / a_day)
    return days - 1 if days * a_day >= limit else days


def chances(found: Iterable[str], live: Mapping[str, int], asked: int) -> list[Chance]:
    """The odds of each shape among these codes, the shortest first."""
    every = list(found)
    counts = {length: sum(len(each) == length for each in every) for length in {len(each) for each in every}}
    return [
        Chance(shape=shape, new=counts[length], live=live.get(shape.style, 0), asked=asked)
        for length, shape in sorted(shapes(every).items())
    ]


def end_of(days: int, now: Moment) -> Moment:
    """Until when a code is good that is taken for so many days."""
    return now + min(days, MOST_DAYS) * DAY


def is_imported(style: str) -> bool:
    """Whether a batch holds codes of another system: what was sold there is nobody's takings here."""
    return _STYLE.fullmatch(style) is not None
