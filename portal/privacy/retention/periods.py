"""How long each class is kept: Bando's own days, how far an ISP may move them, and the moment before which rows go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from portal import spans
from portal.clock import Moment
from portal.columns import RETENTION_DAYS
from portal.errors import Refused


@dataclass(frozen=True, kw_only=True)
class Period:
    """A class of `portal/columns.py`: what it covers, and the days between which an ISP may choose."""

    keep: str
    title: str
    counted: str  # from which moment
    lowest: int
    highest: int
    why_lowest: str
    why_highest: str

    @property
    def default(self) -> int:
        return RETENTION_DAYS[self.keep]

    @property
    def fixed(self) -> bool:
        return self.lowest == self.highest


PERIODS = {
    each.keep: each
    for each in (
        Period(
            keep="payment",
            title="Payments and receipts",
            counted="after the money moved",
            lowest=RETENTION_DAYS["payment"],
            highest=20 * 365 + 5,
            why_lowest="records of payments are kept for seven years at least, as the books of a business have to be",
            why_highest="no law asks for more than twenty years",
        ),
        Period(
            keep="session",
            title="Sessions and usage",
            counted="after the device was last there",
            lowest=90,
            highest=730,
            why_lowest="who was online when must be answerable for 90 days",
            why_highest="guests are promised that it is gone after 24 months",
        ),
        Period(
            keep="person",
            title="Phone numbers and devices",
            counted="after they were last seen",
            lowest=90,
            highest=730,
            why_lowest="a guest who comes back within 90 days has to be known again",
            why_highest="guests are promised that they are forgotten after 24 months",
        ),
        Period(
            keep="evidence",
            title="Messages of payment providers, and to guests",
            counted="after they came, or were written",
            lowest=90,
            highest=365,
            why_lowest="a payment may be in dispute for 90 days",
            why_highest="what they say stands in payments and receipts by then",
        ),
        Period(
            keep="guess",
            title="Counters of wrong codes",
            counted="after the guess",
            lowest=1,
            highest=1,
            why_lowest="the limits count the guesses of a day",
            why_highest="the limits count the guesses of a day",
        ),
        Period(
            keep="act",
            title="What staff did, and from where",
            counted="afterwards; where money moved, as long as payments",
            lowest=365,
            highest=RETENTION_DAYS["payment"],
            why_lowest="what staff did must be answerable for a year",
            why_highest="it is kept no longer than payments have to be",
        ),
        Period(
            keep="staff",
            title="Names and addresses of former staff",
            counted="after they left",
            lowest=90,
            highest=730,
            why_lowest="questions about somebody who left come in the months after",
            why_highest="staff are promised that they are forgotten after 24 months",
        ),
        Period(
            keep="support",
            title="Notes about guests, and their requests",
            counted="after the last one about the same device, or of the same request",
            lowest=90,
            highest=3 * 365,
            why_lowest="whoever helps next needs what was written in the last 90 days",
            why_highest="guests are promised that it is gone after three years",
        ),
        Period(
            keep="consent",
            title="What guests agreed to",
            counted="after it was taken back, or the number was forgotten; if whoever agreed is erased, at once",
            lowest=3 * 365,
            highest=RETENTION_DAYS["payment"],
            why_lowest="whoever sent something by it has to prove it for as long as somebody may complain",
            why_highest="it is kept no longer than payments have to be",
        ),
    )
}


class OutOfBounds(Refused):
    """An ISP may not choose these days; the sentence says why."""

    def __init__(self, sentence: str) -> None:
        super().__init__("retention-bounds")
        self.sentence = sentence

    def __str__(self) -> str:
        return self.sentence


def chosen(keep: str, days: int) -> int:
    """The days that an ISP chose; raises `OutOfBounds` with the reason."""
    period = PERIODS[keep]
    if days < period.lowest:
        raise OutOfBounds(f"{period.title}: not less than {period.lowest} days, since {period.why_lowest}.")
    if days > period.highest:
        raise OutOfBounds(f"{period.title}: not more than {period.highest} days, since {period.why_highest}.")
    return days


def days_of(keep: str, own: Mapping[str, int]) -> int:
    """How long this class is kept. What was chosen under other bounds counts as the nearest that is allowed now."""
    period = PERIODS[keep]
    return min(max(own.get(keep, period.default), period.lowest), period.highest)


def limit(days: int, now: Moment, timezone: str) -> Moment:
    """What is older than this goes: the beginning of the day so many days ago, by the ISP's calendar.

    So it is the same all day long, and nothing goes a minute early.
    """
    return spans.midnight(spans.today(now, timezone) - timedelta(days=days), timezone)
