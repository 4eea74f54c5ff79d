"""Whether somebody who guesses may hope for a hit: the arithmetic behind each style of code. Pure.

A tenant lets a fixed number of wrong guesses through in an hour, whatever their source, so a month of guessing is a
known number. All of it spent on one style hits as often as that style's live codes fill its space; guesses that are
divided among styles hit less. A batch that would make this likely is not made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from portal.vouchers.codes import STYLES, Style

MONTH_H = 30 * 24
LIKELY = 1e-3  # expected hits in a month of guessing at one tenant; below it a style is good


@dataclass(frozen=True, kw_only=True)
class Odds:
    """What guessing at one tenant comes to in a month, once a batch is made."""

    style: Style
    live: int  # codes of this style that a guess could hit, without the new ones
    new: int
    guesses_an_hour: int

    @property
    def guesses(self) -> int:
        """Wrong guesses that are let through in a month."""
        return self.guesses_an_hour * MONTH_H

    @property
    def hits(self) -> float:
        """Expected hits in a month."""
        return (self.live + self.new) * self.guesses / self.style.space

    @property
    def fine(self) -> bool:
        return self.hits < LIKELY

    @property
    def room(self) -> int:
        """How many new codes of this style would still be fine."""
        return max(0, ceil(LIKELY * self.style.space / self.guesses) - 1 - self.live)


def odds_of(style: Style, live: Mapping[str, int], new: int, guesses_an_hour: int) -> Odds:
    """The odds of one style; `live` are the codes that a guess could hit, by the name of their style."""
    return Odds(style=style, live=live.get(style.name, 0), new=new, guesses_an_hour=guesses_an_hour)


def longer(odds: Odds, live: Mapping[str, int]) -> Style | None:
    """The next longer style for which the same batch is fine: of the same kind if there is one."""
    others = sorted(STYLES.values(), key=lambda each: (each.kind != odds.style.kind, each.space))
    fitting = (
        each
        for each in others
        if each.space > odds.style.space and odds_of(each, live, odds.new, odds.guesses_an_hour).fine
    )
    return next(fitting, None)


def in_words(odds: Odds, live: Mapping[str, int]) -> str:
    """The arithmetic line by line, and what would do."""
    kind = "letters and digits" if odds.style.kind == "letters" else "digits"
    lines = [
        f"{odds.new:,} codes of the style {odds.style.name} would be too easy to guess:",
        f"  possible codes       {odds.style.space:,} ({odds.style.size} random {kind})",
        f"  live codes           {odds.live + odds.new:,} ({odds.live:,} there, {odds.new:,} new)",
        f"  wrong guesses        {odds.guesses_an_hour:,} an hour are let through, {odds.guesses:,} in 30 days",
        f"  expected hits        {odds.hits:.2g} in 30 days; it must stay below {LIKELY:g}",
        f"  what would do        {_remedy(odds, live)}",
    ]
    return "\n".join(lines)


def _remedy(odds: Odds, live: Mapping[str, int]) -> str:
    found = []
    if (style := longer(odds, live)) is not None:
        found.append(f"--style {style.name}")
    if odds.room:
        found.append(f"--count {odds.room}")
    return ", or ".join(found) or "void batches that nobody will use any more"
