"""Guess limits of the voucher door: `admit` before a code is looked at, `count` when it was of no use."""

from portal.vouchers.guesses.limits import (
    AT_ROUTERS_AN_HOUR,
    TENANT_AN_HOUR,
    Guesser,
    admit,
    admit_open,
    count,
    count_open,
    forget_open,
    guesser,
)

__all__ = [
    "AT_ROUTERS_AN_HOUR",
    "TENANT_AN_HOUR",
    "Guesser",
    "admit",
    "admit_open",
    "count",
    "count_open",
    "forget_open",
    "guesser",
]
