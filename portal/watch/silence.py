"""Silence: nobody begins to pay, or nobody's payment is finished, against what is usual. Pure.

A silent window is compared with the same window one, two, three and four weeks ago. Payments come about independently
of each other, so where `usual` were to be expected, none at all has the chance e^-usual. A rule that looks at every gap
between two payments meets the rare ones as well: so what counts as too unlikely is one in a thousand, and one in twenty
times as many as there were gaps in four weeks, which is a false alarm in some twenty months (decision 31).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log

from portal.access import hours
from portal.access.plans import Plan
from portal.clock import DAY, MINUTE, Moment
from portal.watch.alarm import Alarm, clock_of, lasted

WEEKS = 4
WEEK_MS = 7 * DAY
LEAST_MS = 20 * MINUTE  # a shorter gap tells nobody anything, however busy the hour
LONGEST_MS = 3 * DAY  # a window need not be longer; who sells so little hears of it by themselves
WEAK = 0.75  # a slow day is no outage: rain, a holiday, the end of the month
RARE = 1_000  # at least as unlikely as one in so many
QUIET_TIMES = 20  # and once in so many spans of four weeks by mere chance
SETTLE_MS = 3 * MINUTE  # a guest who began later may still be typing the PIN
LEAST_GUESTS = 4  # who tried: a family without money is no outage
LEAST_PAID = 20  # in four weeks, to know what share is usual
MOST_SHARE = 0.9  # of payments that are finished; nobody is so regular that more may be counted on
GRAIN_MS = 15 * MINUTE


def needed(gaps: int) -> float:
    """How many must have been expected for none at all to be no chance."""
    return log(max(RARE, QUIET_TIMES * gaps))


def usual(counts: Sequence[int]) -> int:
    """What is usual after four weeks: the second smallest, so that one odd week neither raises nor ends an alarm.

    Whoever sells for less than three weeks has no usual yet: then it is 0.
    """
    return sorted(counts)[1] if len(counts) >= WEEKS else 0


def windows(since: Moment, now: Moment) -> list[tuple[Moment, Moment]]:
    """The same window in each of the weeks before."""
    return [(since - n * WEEK_MS, now - n * WEEK_MS) for n in range(1, WEEKS + 1)]


@dataclass(frozen=True, kw_only=True)
class Begun:
    """No payment has begun since then, in a time of sale."""

    now: Moment
    zone: str
    since: Moment
    counts: Sequence[int]  # payments that began in the same window of the weeks before
    gaps: int  # payments in four weeks


def nothing_begun(look: Begun) -> Alarm | None:
    """Nobody has even tried for longer than chance would have it: the portal or a router may be broken."""
    span, expected = look.now - look.since, usual(look.counts)
    if span < LEAST_MS or expected * WEAK <= needed(look.gaps):
        return None
    return Alarm(
        kind="silence-begun",
        severity="grave",
        since=look.since,
        text=f"No payment has begun since {clock_of(look.since, look.now, look.zone)}."
        f" In the same {lasted(span)} of other weeks there were about {expected}.",
    )


@dataclass(frozen=True, kw_only=True)
class Finished:
    """No payment has been finished since then, though guests tried."""

    now: Moment
    zone: str
    since: Moment
    guests: int  # different ones who began since then, and not just now
    begun: int  # payments in four weeks …
    paid: int  # … and those of them that were finished


def nothing_finished(look: Finished) -> Alarm | None:
    """So many guests in a row have not paid that it cannot be their own doing: M-Pesa may be broken."""
    if look.guests < LEAST_GUESTS or look.paid < LEAST_PAID or look.now - look.since < SETTLE_MS:
        return None
    share = min(MOST_SHARE, look.paid / look.begun)
    if look.guests * -log(1 - share) <= needed(look.begun):
        return None
    return Alarm(
        kind="silence-paid",
        severity="grave",
        since=look.since,
        text=f"{look.guests} guests have tried to pay since {clock_of(look.since, look.now, look.zone)},"
        f" and no payment was finished. Usually {round(share * 100)} of 100 are.",
    )


def selling_since(plans: Iterable[Plan], since: Moment, now: Moment, zone: str) -> Moment | None:
    """From when until now something has been on sale to guests without a break; None when nothing is now."""
    sold = [each for each in plans if each.on_sale and not each.hidden and not each.trial]
    if any(each.hours is None for each in sold):
        return since
    at, found = now, None
    while at >= since and any(hours.is_open(each.hours, at, zone) for each in sold):
        at, found = at - GRAIN_MS, at
    return since if at < since and found is not None else found
