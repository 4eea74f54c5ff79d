"""What an agent sold, by day and plan: taps on a screen, and cards that guests redeemed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from portal.clock import Moment
from portal.console.stock import store
from portal.spans import Span
from portal.units import Row, Unit
from portal.vouchers.store import Batch


@dataclass(frozen=True, kw_only=True)
class Sum:
    """What comes together under one name; minor units."""

    name: str
    tapped: int
    redeemed: int
    minor: int  # of what was redeemed


@dataclass(frozen=True, kw_only=True)
class Sales:
    """What was sold in some days: for each of them, and for each plan."""

    days: Sequence[Sum]  # every day, the oldest first; its name is its number
    plans: Sequence[Sum]

    @property
    def whole(self) -> Sum:
        return Sum(
            name="",
            tapped=sum(each.tapped for each in self.days),
            redeemed=sum(each.redeemed for each in self.days),
            minor=sum(each.minor for each in self.days),
        )


def sales(agent_id: int, days: Sequence[Span]) -> Unit[Sales]:
    """What an agent sold in these days, which follow each other."""
    since, until = days[0][0], days[-1][1]
    batches = yield from store.batches_of(agent_id)
    redeemed = yield from store.redeemed_by_slot(agent_id, batches, since, until)
    tapped = yield from store.tapped_by_slot(agent_id, since, until)
    counts = _Counts(days, batches)
    counts.add(redeemed, "redeemed")
    counts.add(tapped, "tapped")
    return Sales(days=[counts.day(n) for n in range(len(days))], plans=counts.plans())


class _Counts:
    """Cards by day and plan."""

    def __init__(self, days: Sequence[Span], batches: Mapping[int, Batch]) -> None:
        self._days, self._batches = days, batches
        self._counts: Counter[tuple[int | str, str]] = Counter()  # a day by its number, a plan by its name

    def add(self, found: Sequence[Row], what: str) -> None:
        for row in found:
            batch, n = self._batches[row["batch_id"]], int(row["n"])
            for key in (self._day_of(int(row["slot"]) * store.SLOT_MS), batch.plan.name):
                self._counts[key, what] += n
                self._counts[key, "minor"] += n * batch.plan.price.minor if what == "redeemed" else 0

    def _day_of(self, at: Moment) -> int:
        return next((n for n, (_, until) in enumerate(self._days) if at < until), len(self._days) - 1)

    def day(self, n: int) -> Sum:
        return self._sum(n)

    def _sum(self, key: int | str) -> Sum:
        tapped, redeemed, minor = (self._counts[key, what] for what in ("tapped", "redeemed", "minor"))
        return Sum(name=str(key), tapped=tapped, redeemed=redeemed, minor=minor)

    def plans(self) -> list[Sum]:
        """The largest first."""
        names = dict.fromkeys(key for key, _ in self._counts if isinstance(key, str))
        return sorted((self._sum(each) for each in names), key=lambda each: (-each.minor, each.name))
