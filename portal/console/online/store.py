"""The statement behind the list of who is online."""

from __future__ import annotations

from collections.abc import Sequence

from portal.clock import Moment
from portal.units import Row, Unit, rows

Place = tuple[Moment, int]  # where a page of the list ends: online since, and the row's id


def online(fresh: Moment, router_id: int | None, before: Place | None, limit: int) -> Unit[Sequence[Row]]:
    """Devices that a router said to be online since `fresh`, whoever came last first."""
    narrow = " AND n.router_id = :router_id" if router_id is not None else ""
    if before is not None:
        narrow += " AND (n.online_since < :since OR (n.online_since = :since AND n.id < :id))"
    since, row_id = before or (None, None)
    return (
        yield from rows(
            "SELECT n.id, n.router_id, n.device_id, n.online_since, n.active_bytes_in, n.active_bytes_out, d.mac"  # noqa: S608 own texts
            " FROM presence n JOIN devices d ON d.tenant_id = n.tenant_id AND d.id = n.device_id"
            " WHERE n.tenant_id = :tenant AND n.online_since IS NOT NULL AND n.seen_at >= :fresh"
            f"{narrow} ORDER BY n.online_since DESC, n.id DESC LIMIT :limit",
            fresh=fresh,
            router_id=router_id,
            since=since,
            id=row_id,
            limit=limit,
        )
    )
