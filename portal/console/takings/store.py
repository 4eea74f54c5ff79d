"""The statements of the takings. Each day is one range of an index that holds all that is summed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from portal.spans import Span
from portal.units import Unit, rows


@dataclass(frozen=True, kw_only=True)
class Took:
    """What one plan took by M-Pesa at one site on one day."""

    day: int  # which of the days
    plan_id: int
    router_id: int | None
    count: int
    minor: int


@dataclass(frozen=True, kw_only=True)
class Sold:
    """The cards of one plan that somebody sold at the counter on one day, and whose price they gave back."""

    day: int
    plan_id: int
    staff_id: int
    count: int  # sold
    minor: int  # what came into the drawer, less what went back out of it
    undone: int


def took(days: Sequence[Span], currency: str) -> Unit[list[Took]]:
    """What guests paid by M-Pesa."""
    made: list[Took] = []
    for day, (since, until) in enumerate(days):
        found = yield from rows(
            "SELECT plan_id, router_id, COUNT(*) AS n, SUM(amount_minor) AS minor FROM payments"
            " WHERE tenant_id = :tenant AND settled_at >= :since AND settled_at < :until AND state || '' = 'paid'"
            " AND currency = :currency GROUP BY plan_id, router_id",
            since=since,
            until=until,
            currency=currency,
        )
        made += [
            Took(
                day=day,
                plan_id=row["plan_id"],
                router_id=row["router_id"],
                count=int(row["n"]),
                minor=int(row["minor"]),
            )
            for row in found
        ]
    return made


def sold(days: Sequence[Span], currency: str) -> Unit[list[Sold]]:
    """Cards sold at the counter, by the books: a sale that is undone counts on the day on which its price went back."""
    made: list[Sold] = []
    for day, (since, until) in enumerate(days):
        found = yield from rows(
            "SELECT plan_id, staff_id, SUM(CASE kind WHEN 'sold' THEN 1 ELSE 0 END) AS n,"
            " SUM(CASE kind WHEN 'sold' THEN amount_minor ELSE -amount_minor END) AS minor,"
            " SUM(CASE kind WHEN 'sold' THEN 0 ELSE 1 END) AS undone FROM transfers"
            " WHERE tenant_id = :tenant AND kind IN ('sold', 'sale-undone') AND posted_at >= :since"
            " AND posted_at < :until AND currency = :currency GROUP BY plan_id, staff_id",
            since=since,
            until=until,
            currency=currency,
        )
        made += [
            Sold(
                day=day,
                plan_id=row["plan_id"],
                staff_id=row["staff_id"],
                count=int(row["n"]),
                minor=int(row["minor"]),
                undone=int(row["undone"]),
            )
            for row in found
        ]
    return made
