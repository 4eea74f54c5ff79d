"""The statement behind the list of who is online."""

from __future__ import annotations

from collections.abc import Sequence

from portal.clock import Moment
from portal.units import Row, Unit, rows

Place = tuple[int, int]  # where a page of the list ends: what it is ordered by, and the row's id
# By an index; and by a look at everybody who is online, which are thousands and not a million.
_BY = {"since": "online_since", "data": "active_bytes_in + active_bytes_out"}
ORDERS = tuple(_BY)


def online(fresh: Moment, router_id: int | None, order: str, before: Place | None, limit: int) -> Unit[Sequence[Row]]:
    """Devices that a router said to be online since `fresh`: whoever came last first, or who used most."""
    narrow, by = " AND router_id = :router_id" if router_id is not None else "", _BY[order]
    if before is not None:
        narrow += f" AND ({by} < :value OR ({by} = :value AND id < :id))"
    value, row_id = before or (None, None)
    return (
        yield from rows(
            f"SELECT n.*, d.mac FROM (SELECT presence.*, {by} AS place FROM presence"
            " WHERE tenant_id = :tenant AND online_since > 0 AND seen_at + patience_ms >= :fresh"
            f"{narrow} ORDER BY {by} DESC, id DESC LIMIT :limit) n"
            " JOIN devices d ON d.tenant_id = n.tenant_id AND d.id = n.device_id WHERE d.tenant_id = :tenant"
            " ORDER BY n.place DESC, n.id DESC",
            fresh=fresh,
            router_id=router_id,
            value=value,
            id=row_id,
            limit=limit,
        )
    )
