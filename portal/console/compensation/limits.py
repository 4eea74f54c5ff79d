"""How much free time somebody may give: by role, and as their ISP has set it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from portal.clock import MINUTE
from portal.console.vouchers.form import whole

MOST_MINUTES = 10_000_000
MOST_GUESTS = 100_000


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What one of a role may give."""

    guest_minutes: int  # to one guest in a day
    day_minutes: int  # in a day, to all guests together
    guests: int  # at once, after an outage

    @property
    def guest_ms(self) -> int:
        return self.guest_minutes * MINUTE

    @property
    def day_ms(self) -> int:
        return self.day_minutes * MINUTE


# An owner has none. Whoever takes money at the counter gives least: free time could be sold there.
DEFAULTS: Mapping[str, Limit] = {
    "manager": Limit(guest_minutes=7 * 1440, day_minutes=100_000, guests=1_000),
    "cashier": Limit(guest_minutes=120, day_minutes=1_200, guests=20),
    "support": Limit(guest_minutes=1_440, day_minutes=4 * 1_440, guests=50),
}
FIELDS = ("guest_minutes", "day_minutes", "guests")
NOTHING = Limit(guest_minutes=0, day_minutes=0, guests=0)


def read(fields: Mapping[str, str]) -> dict[str, Limit]:
    """The limits that were typed, of every role; raises `Refused("gift-limits")`."""
    return {role: Limit(**{name: _number(fields, role, name) for name in FIELDS}) for role in DEFAULTS}


def _number(fields: Mapping[str, str], role: str, name: str) -> int:
    most = MOST_GUESTS if name == "guests" else MOST_MINUTES
    return whole(fields.get(f"{role}_{name}", ""), 0, most, "gift-limits")
