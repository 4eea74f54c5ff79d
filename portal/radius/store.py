"""The statements of RADIUS. The first is what every login asks: one statement, a look-up in each table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from portal.access import passes
from portal.access.allowance import Hold
from portal.access.passes import Pass
from portal.clock import Moment
from portal.units import Row, Unit, one, rows


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """Since when a device is online at a router, and how fresh that is."""

    router_id: int
    seen_at: Moment
    online_since: Moment | None


@dataclass(frozen=True, kw_only=True)
class Found:
    """A device as one statement finds it."""

    device_id: int
    hold: Hold
    queue: Sequence[Pass]  # its own passes that have not ended
    seen: Sequence[Seen]
    alone: bool  # nobody else uses its passes, and it may use nobody else's
    last_end: str | None  # without a pass: why the one it bought last ended
    ticket_at: Moment | None  # when the one-time login was made that it used last, and by which session
    ticket_session: str | None


_PASS = ", ".join(f"p.{name} AS p_{name}" for name in passes.FIELDS)
_DEVICE = (
    "SELECT d.id AS d_id, d.held_by, d.held_until, d.held_at, d.blocked_at, d.ticket_at, d.ticket_session,"
    " s.router_id AS s_router_id, s.seen_at AS s_seen_at, s.online_since AS s_online_since,"
    " (SELECT COUNT(*) FROM pass_devices u WHERE u.tenant_id = p.tenant_id AND u.pass_id = p.id"
    " AND u.device_id <> d.id) AS others,"
    " CASE WHEN p.id IS NULL THEN (SELECT COUNT(*) FROM pass_devices v JOIN passes w ON w.tenant_id = v.tenant_id"
    " AND w.id = v.pass_id WHERE v.tenant_id = d.tenant_id AND v.device_id = d.id AND w.state <> 'ended') END"
    " AS shared,"
    " CASE WHEN p.id IS NULL THEN (SELECT e.end_reason FROM passes e WHERE e.tenant_id = d.tenant_id"
    " AND e.device_id = d.id AND e.state = 'ended' ORDER BY e.bought_at DESC LIMIT 1) END AS last_end,"
    f" {_PASS} FROM devices d"
    " LEFT JOIN passes p ON p.tenant_id = d.tenant_id AND p.device_id = d.id AND p.state <> 'ended'"
    " LEFT JOIN presence s ON s.tenant_id = d.tenant_id AND s.device_id = d.id"
    " WHERE d.tenant_id = :tenant AND d.mac = :mac"
)


def device(mac: str) -> Unit[Found | None]:
    """The device with this MAC, and all that its allowance comes from; None when it was never here."""
    found = yield from rows(_DEVICE, mac=mac)
    return _found(found) if found else None


def _found(found: Sequence[Row]) -> Found:
    first = found[0]
    queue = {row["p_id"]: row for row in found if row["p_id"] is not None}
    seen = {row["s_router_id"]: row for row in found if row["s_router_id"] is not None}
    blocked = first["blocked_at"] is not None
    return Found(
        device_id=first["d_id"],
        hold=Hold(by=first["held_by"], until=first["held_until"], blocked=blocked, at=first["held_at"]),
        queue=[passes.from_row({name: row[f"p_{name}"] for name in passes.FIELDS}) for row in queue.values()],
        seen=[
            Seen(router_id=row["s_router_id"], seen_at=row["s_seen_at"], online_since=row["s_online_since"])
            for row in seen.values()
        ],
        alone=not first["shared"] and not any(row["others"] for row in queue.values()),
        last_end=first["last_end"],
        ticket_at=first["ticket_at"],
        ticket_session=first["ticket_session"],
    )


def use_ticket(mac: str, issued_at: Moment, session: str) -> Unit[bool]:
    """A device uses a one-time login; False when it has used this one in another session, or a later one."""
    row = yield from one(
        "UPDATE devices SET ticket_at = :issued_at, ticket_session = :session WHERE tenant_id = :tenant AND mac = :mac"
        " AND (ticket_at IS NULL OR ticket_at < :issued_at OR (ticket_at = :issued_at AND ticket_session = :session))"
        " RETURNING id",
        mac=mac,
        issued_at=issued_at,
        session=session,
    )
    return row is not None
