"""The statements of usage: sums of hours, in which no person stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal

from portal.spans import Span
from portal.units import Row, Unit, rows

Cut = Literal["hour", "router_id", "plan_name"]
_COLUMN: Mapping[Cut, str] = MappingProxyType({"hour": "hour", "router_id": "router_id", "plan_name": "plan_name"})


def used(by: Cut, span: Span, router_id: int | None) -> Unit[Sequence[Row]]:
    """``about``, ``guests`` (of each hour added up), ``online_ms``, ``bytes_up`` and ``bytes_down``; at one router,
    or at all of them."""
    return (
        yield from rows(
            f"SELECT {_COLUMN[by]} AS about, SUM(guests) AS guests, SUM(online_ms) AS online_ms,"
            " SUM(bytes_up) AS bytes_up, SUM(bytes_down) AS bytes_down FROM usage_hours WHERE tenant_id = :tenant"
            " AND hour >= :since AND hour < :until AND (:every = 1 OR router_id = :router_id)"
            f" GROUP BY {_COLUMN[by]} ORDER BY 1",
            since=span[0],
            until=span[1],
            every=int(router_id is None),
            router_id=router_id or 0,
        )
    )
