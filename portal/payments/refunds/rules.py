"""Who may give back how much, and when a second person has to agree. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from portal.money import Money

CASHIER, MANAGER, ALONE = 50_000, 500_000, 200_000  # minor units
MAY_APPROVE = frozenset({"owner", "manager"})


@dataclass(frozen=True, kw_only=True)
class Rules:
    """An ISP's rules for refunds, in minor units; `most` is per role and payment, None means any amount."""

    most: Mapping[str, int | None] = field(
        default_factory=lambda: {"owner": None, "manager": MANAGER, "cashier": CASHIER}
    )
    alone: int = ALONE  # above it two persons are needed

    def may(self, role: str, amount: Money) -> bool:
        """Whether this role may give back so much at all."""
        if role not in self.most:
            return False
        most = self.most[role]
        return most is None or amount.minor <= most

    def needs_two(self, amount: Money) -> bool:
        return amount.minor > self.alone

    def as_text(self) -> str:
        return json.dumps({"most": dict(self.most), "alone": self.alone}, sort_keys=True)


def read(text: str) -> Rules:
    """The rules as the ISP has them; without any, the usual ones."""
    if not text:
        return Rules()
    found = json.loads(text)
    return Rules(most=found["most"], alone=found["alone"])
