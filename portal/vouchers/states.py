"""What staff see of a voucher: the stored state, its use-by and its pass taken together. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from portal.money import Money

State = Literal["printed", "redeemed", "spent", "void", "expired"]

STATES: tuple[State, ...] = ("printed", "redeemed", "spent", "void", "expired")
SOLD: tuple[State, ...] = ("redeemed", "spent")


def shown_state(stored: str, *, past: bool, over: bool) -> State:
    """`past`: its use-by is past; `over`: its pass has ended."""
    if stored == "printed":
        return "expired" if past else "printed"
    if stored == "redeemed":
        return "spent" if over else "redeemed"
    return "void"


@dataclass(frozen=True, kw_only=True)
class Group:
    """So many vouchers of a batch that are alike."""

    state: str
    past: bool
    over: bool
    count: int


@dataclass(frozen=True, kw_only=True)
class Tally:
    """How many vouchers of a batch are in each state."""

    counts: Mapping[State, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def sold(self) -> int:
        return sum(self.counts[each] for each in SOLD)

    def value(self, price: Money) -> Money:
        """What the sold ones came to."""
        return Money(price.minor * self.sold, price.currency)


def tally(groups: Iterable[Group]) -> Tally:
    """Groups added up by the state that is shown."""
    counts = dict.fromkeys(STATES, 0)
    for each in groups:
        counts[shown_state(each.state, past=each.past, over=each.over)] += each.count
    return Tally(counts=counts)
