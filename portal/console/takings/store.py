"""The statements of the takings. Each day is one range of an index that holds all that is summed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from portal.console.vouchers.store import COUNTER
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
    """The cards of one plan that somebody sold at the counter on one day, without those that were taken back by now."""

    day: int
    plan_id: int
    seller: str
    staff_id: int | None
    count: int
    minor: int
    void: int


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


# Its price went back to who bought it. A card that was void after its redemption, or past its use-by, was paid for.
_TAKEN_BACK = (
    "v.state = 'void' AND v.redeemed_at IS NULL AND NOT EXISTS (SELECT 1 FROM transfers x WHERE x.tenant_id = :tenant"
    " AND x.kind = 'expired' AND x.cause = v.label)"
)


def sold(days: Sequence[Span], currency: str) -> Unit[list[Sold]]:
    """Cards sold at the counter: what stands on them."""
    made: list[Sold] = []
    for day, (since, until) in enumerate(days):
        found = yield from rows(
            "SELECT b.plan_id AS plan_id, b.staff_id AS staff_id, b.made_by AS made_by,"
            f" SUM(CASE WHEN {_TAKEN_BACK} THEN 0 ELSE 1 END) AS n,"
            f" SUM(CASE WHEN {_TAKEN_BACK} THEN 0 ELSE b.price_minor END) AS minor,"
            f" SUM(CASE WHEN {_TAKEN_BACK} THEN 1 ELSE 0 END) AS void"
            " FROM batches b JOIN vouchers v ON v.tenant_id = b.tenant_id AND v.batch_id = b.id AND v.serial = 1"
            " WHERE b.tenant_id = :tenant AND b.note = :counter AND b.created_at >= :since AND b.created_at < :until"
            " AND b.count = 1 AND b.currency = :currency GROUP BY b.plan_id, b.staff_id, b.made_by",
            counter=COUNTER,
            since=since,
            until=until,
            currency=currency,
        )
        made += [
            Sold(
                day=day,
                plan_id=row["plan_id"],
                seller=row["made_by"],
                staff_id=row["staff_id"],
                count=int(row["n"]),
                minor=int(row["minor"]),
                void=int(row["void"]),
            )
            for row in found
        ]
    return made
