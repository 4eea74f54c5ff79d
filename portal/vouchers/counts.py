"""What happened at the voucher door since this process began, by the router's public name; for /metrics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Counts:
    """Plain counters; a restart begins anew, which is what a counter of Prometheus expects."""

    redemptions: Counter[str] = field(default_factory=Counter)
    guesses: Counter[str] = field(default_factory=Counter)
    slow: Counter[str] = field(default_factory=Counter)

    def redeemed(self, router: str) -> None:
        """A code put a device online."""
        self.redemptions[router] += 1

    def guessed(self, router: str) -> None:
        """A code was of no use and counted as a guess."""
        self.guesses[router] += 1

    def slowed(self, router: str) -> None:
        """Somebody was asked to wait."""
        self.slow[router] += 1
