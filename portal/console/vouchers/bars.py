"""What became of a batch as a bar of coloured parts. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from portal.vouchers.states import STATES, State, Tally

NAMES: dict[State, str] = {
    "printed": "unused",
    "redeemed": "redeemed",
    "spent": "spent",
    "void": "void",
    "expired": "expired",
}
KINDS: dict[State, str] = {"printed": "good", "redeemed": "warn", "spent": "", "void": "bad", "expired": ""}
WIDTH = 100.0


@dataclass(frozen=True, kw_only=True)
class Part:
    """One colour of the bar."""

    state: State
    name: str
    count: int
    x: float
    width: float


def parts(tally: Tally) -> list[Part]:
    """Side by side, in the order of a voucher's life; nothing of a state that no voucher is in."""
    found, x = [], 0.0
    for state in STATES:
        count = tally.counts[state]
        width = WIDTH * count / max(1, tally.total)
        if count:
            found.append(Part(state=state, name=NAMES[state], count=count, x=round(x, 2), width=round(width, 2)))
        x += width
    return found


def words(tally: Tally) -> str:
    """``3 unused, 1 void``."""
    return ", ".join(f"{each.count:,} {each.name}" for each in parts(tally)) or "none yet"
