"""The numbers M-Pesa gives out: they look like the real ones, down to what they leak.

A CheckoutRequestID holds the time in East Africa and the subscriber's number; the first three characters
of a receipt hold its date (facts/mpesa.md 2.2 and 3.2).
"""

from __future__ import annotations

import string
from datetime import datetime, timedelta, timezone
from random import Random

from portal.clock import Moment, as_datetime

EAT = timezone(timedelta(hours=3), "EAT")
_UPPER = string.ascii_uppercase + string.digits


def east_africa(moment: Moment) -> datetime:
    """The moment as Kenyan wall-clock time."""
    return as_datetime(moment).astimezone(EAT)


def stamp(moment: Moment) -> str:
    """`YYYYMMDDHHmmss` in East Africa."""
    return east_africa(moment).strftime("%Y%m%d%H%M%S")


def receipt_prefix(moment: Moment) -> str:
    """Year letter (M is 2018), month A-L, day 1-9 and then A for the tenth."""
    day = east_africa(moment)
    year = string.ascii_uppercase[(day.year - 2018 + 12) % 26]
    return year + string.ascii_uppercase[day.month - 1] + (string.digits + string.ascii_uppercase)[day.day]


class Ids:
    """Every number is given once; the same seed gives the same numbers."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._given: set[str] = set()

    def _fresh(self, candidate: str) -> bool:
        if candidate in self._given:
            return False
        self._given.add(candidate)
        return True

    def _hex(self, length: int) -> str:
        return f"{self._random.getrandbits(4 * length):0{length}x}"

    def checkout(self, moment: Moment, phone: str) -> str:
        """`ws_CO_` + DDMMYYYYHHmmss + milliseconds without leading zeros + the nine-digit number."""
        while True:
            when = east_africa(moment).strftime("%d%m%Y%H%M%S")
            candidate = f"ws_CO_{when}{moment % 1000}{phone[-9:]}"
            if self._fresh(candidate):
                return candidate
            moment += 1

    def merchant_request(self) -> str:
        digits = self._random.randrange(10**4)
        return f"{self._hex(4)}-{self._hex(4)}-{self._hex(4)}-{self._hex(12)}{digits:04}"

    def conversation(self, moment: Moment) -> str:
        return f"AG_{east_africa(moment):%Y%m%d}_{self._hex(20)}"

    def receipt(self, moment: Moment) -> str:
        while True:
            candidate = receipt_prefix(moment) + "".join(self._random.choices(_UPPER, k=7))
            if self._fresh(candidate):
                return candidate

    def token(self) -> str:
        return "".join(self._random.choices(string.ascii_letters + string.digits, k=28))
