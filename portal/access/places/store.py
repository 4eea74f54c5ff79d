"""The statements of where devices are: their addresses, and how many were online at each router."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from portal.access.many.store import chunks
from portal.access.places.sights import Told
from portal.access.store import Presence, read_presence
from portal.clock import DAY, MINUTE, Moment
from portal.sql import any_of
from portal.units import Row, Sql, Unit, one, rows

SLOT_MS = 15 * MINUTE
KEPT_MS = 396 * DAY  # thirteen months, so that a month can be held against that of a year ago


def online_at(router_id: int) -> Unit[list[int]]:
    """Whoever was online at this router when it was last read."""
    found = yield from rows(
        "SELECT device_id FROM presence WHERE tenant_id = :tenant AND router_id = :router_id"
        " AND online_since IS NOT NULL",
        router_id=router_id,
    )
    return [row["device_id"] for row in found]


def still_here(router_id: int, device_ids: Sequence[int], now: Moment) -> Unit[None]:
    """These are online as they were; what they have used meanwhile is written down later."""
    text = (  # with the plus each is looked up, instead of everybody who is online anywhere
        "UPDATE presence SET seen_at = :now WHERE tenant_id = :tenant AND router_id = :router_id"
        " AND +online_since IS NOT NULL AND device_id IN ({})"
    )
    for chunk in chunks(device_ids):
        marks, bound = any_of(chunk)
        yield Sql(text.format(marks), {**bound, "router_id": router_id, "now": now})


def present_lately(router_id: int, since: Moment) -> Unit[list[int]]:
    """Devices that this router saw after `since`."""
    found = yield from rows(
        "SELECT device_id FROM presence WHERE tenant_id = :tenant AND router_id = :router_id AND seen_at >= :since",
        router_id=router_id,
        since=since,
    )
    return [row["device_id"] for row in found]


def set_address(router_id: int, device_id: int, address: str) -> Unit[None]:
    """By which address a router knows a device; a statement of its own, since it seldom changes and has an index."""
    yield Sql(
        "UPDATE presence SET address = :address WHERE tenant_id = :tenant AND router_id = :router_id"
        " AND device_id = :device_id",
        {"router_id": router_id, "device_id": device_id, "address": address},
    )


def with_address(address: str, limit: int) -> Unit[list[Presence]]:
    """Which devices have this address, or had it when they were last seen; the latest first."""
    found = yield from rows(
        "SELECT * FROM presence WHERE tenant_id = :tenant AND address = :address ORDER BY seen_at DESC LIMIT :limit",
        address=address,
        limit=limit,
    )
    return [read_presence(row) for row in found]


def count_online(router_id: int, slot: Moment, devices: int) -> Unit[None]:
    """How many devices are online at a router at the first reading of a slot; later ones of it change nothing."""
    yield Sql(
        "INSERT INTO online_counts (tenant_id, slot, router_id, online) VALUES (:tenant, :slot, :router_id, :devices)"
        " ON CONFLICT (tenant_id, slot, router_id) DO NOTHING",
        {"slot": slot, "router_id": router_id, "devices": devices},
    )
    yield Sql("DELETE FROM online_counts WHERE tenant_id = :tenant AND slot < :before", {"before": slot - KEPT_MS})


def online_counts(since: Moment) -> Unit[Sequence[Row]]:
    """Of each slot that a router was read in: how many devices were online at all of those routers."""
    return (
        yield from rows(
            "SELECT slot, SUM(online) AS online FROM online_counts WHERE tenant_id = :tenant AND slot >= :since"
            " GROUP BY slot ORDER BY slot",
            since=since,
        )
    )


# --- what keepers tell other processes ---


def tell(router_id: int, columns: Mapping[str, Any]) -> Unit[None]:
    """What the keeper of a router saw there just now."""
    yield Sql(
        "INSERT INTO sights (tenant_id, router_id, read_at, marks, told)"
        " VALUES (:tenant, :router_id, :read_at, :marks, :told) ON CONFLICT (tenant_id, router_id) DO UPDATE SET"
        " read_at = excluded.read_at, marks = excluded.marks, told = excluded.told",
        {"router_id": router_id, **columns},
    )


def told_of(router_id: int) -> Unit[Told | None]:
    """What was told last; None when nothing was."""
    text = "SELECT * FROM sights WHERE tenant_id = :tenant AND router_id = :router_id"
    row = yield from one(text, router_id=router_id)
    if row is None:
        return None
    return Told(read_at=row["read_at"], marks=bytes(row["marks"]), more=json.loads(row["told"]))
