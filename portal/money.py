"""Money is an integer of minor units with a currency (R1)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation


@dataclass(frozen=True, order=True)
class Money:
    """An amount, e.g. ``Money(2000, "KES")`` is KSh 20."""

    minor: int
    currency: str = "KES"

    @property
    def whole(self) -> int:
        """Whole units; M-Pesa takes no fractions."""
        return self.minor // 100

    def __str__(self) -> str:
        return f"{self.currency} {self.minor / 100:,.2f}"


def from_decimal(text: object, currency: str = "KES") -> Money | None:
    """Read a provider's amount (``1.00``, ``"5.00"``, ``20``); None when it is not an exact amount of cents."""
    if isinstance(text, bool) or text is None:
        return None
    try:
        cents = Decimal(str(text)) * 100
    except InvalidOperation:
        return None
    if not cents.is_finite() or cents != cents.to_integral_value() or abs(cents) >= 10**15:
        return None
    return Money(int(cents), currency)
