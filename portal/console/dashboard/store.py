"""The statements of the first page. Each is carried by an index; days and hours come as moments, from the calendar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from portal.clock import Moment
from portal.console.vouchers.store import unused
from portal.tenancy.store import Router, routers
from portal.units import Unit, value

MANY = 100  # of the lines for staff no more than this are counted
Span = tuple[Moment, Moment]  # from, and before


@dataclass(frozen=True, kw_only=True)
class Times:
    """The spans that the page speaks of."""

    now: Moment
    month: Span
    days: Sequence[Span]  # oldest first; the last one is today
    seen_since: Moment  # what a router said before this is old


@dataclass(frozen=True, kw_only=True)
class Overview:
    """All numbers of the first page, of one snapshot."""

    days: Sequence[int]  # takings in minor units
    month: int
    online: int
    unused: int
    lines: int
    routers: Sequence[Router]

    @property
    def today(self) -> int:
        return self.days[-1]


def overview(currency: str, times: Times) -> Unit[Overview]:
    """Everything at once."""
    days: list[int] = []
    for span in times.days:
        days += [(yield from takings(currency, span))]
    return Overview(
        days=days,
        month=(yield from takings(currency, times.month)),
        online=(yield from online(times.seen_since)),
        unused=(yield from unused(times.now)),
        lines=(yield from open_lines()),
        routers=(yield from routers()),
    )


def takings(currency: str, span: Span) -> Unit[int]:
    """What guests paid from here on, and before there.

    Whatever is paid has a receipt, here or to come; by that the index finds it, so the state only confirms.
    """
    found = yield from value(
        "SELECT SUM(CASE WHEN state = 'paid' THEN amount_minor ELSE 0 END) FROM payments WHERE tenant_id = :tenant"
        " AND receipt_state IN ('here', 'to come', 'overdue') AND settled_at >= :since AND settled_at < :until"
        " AND currency = :currency",
        since=span[0],
        until=span[1],
        currency=currency,
    )
    return int(found or 0)


def has_been_paid() -> Unit[bool]:
    """Whether any guest has ever paid."""
    found = yield from value(
        "SELECT id FROM payments WHERE tenant_id = :tenant AND receipt_state IN ('here', 'to come', 'overdue') LIMIT 1"
    )
    return found is not None


def online(seen_since: Moment) -> Unit[int]:
    """How many devices are online at routers that answer."""
    return int(
        (
            yield from value(
                "SELECT COUNT(*) FROM presence WHERE tenant_id = :tenant AND online_since > 0"
                " AND seen_at + patience_ms >= :seen_since",
                seen_since=seen_since,
            )
        )
    )


def open_lines() -> Unit[int]:
    """How many lines wait for somebody, up to `MANY`."""
    return int(
        (
            yield from value(
                "SELECT COUNT(*) FROM (SELECT id FROM exceptions WHERE tenant_id = :tenant AND closed_at IS NULL"
                " LIMIT :most) AS open_ones",
                most=MANY,
            )
        )
    )
