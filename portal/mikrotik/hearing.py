"""Which wake-ups of a router were not heard. Pure.

Each wake-up moves the version of the router's row, and is told to whoever keeps it. Now and then the version is read:
what it has moved more often than was heard is on its way, or lost. What was told before the last reading is not on its
way any more.
"""

from __future__ import annotations


class Hearing:
    """Of one router."""

    def __init__(self) -> None:
        self._heard = 0
        self._since = self._last = -1  # the version at which nothing was missing, and that of the last reading

    def heard(self) -> None:
        """A wake-up came."""
        self._heard += 1

    def missed(self, version: int) -> bool:
        """Whether one was lost for certain; it is not told again."""
        if self._last < 0:
            self._since = self._last = version
            self._heard = 0
            return False
        missing = version - self._since - self._heard
        lost = missing - (version - self._last)
        self._heard += max(lost, 0) + min(missing, 0)  # fewer than none: what was taken for lost was only late
        self._last = version
        return lost > 0
