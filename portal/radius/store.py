"""The statements of RADIUS. The first is what every login asks: one statement, a look-up in each table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from portal.access import passes
from portal.access.allowance import Hold
from portal.access.passes import Pass
from portal.access.store import Presence
from portal.clock import Moment
from portal.units import Row, Unit, one, picker, rows


@dataclass(frozen=True, kw_only=True)
class Found:
    """A device as one statement finds it."""

    device_id: int
    hold: Hold
    queue: Sequence[Pass]  # its own passes that have not ended
    seen: Sequence[Presence]  # where it was ever seen, without its counters
    alone: bool  # nobody else uses its passes, and it may use nobody else's
    last_end: str | None  # without a pass: why the one it bought last ended
    ticket_at: Moment | None  # when the one-time login was made that it used last, and by which session
    ticket_session: str | None


# MAX and not COUNT, which SQLite would count in an index that covers it: through all pass_devices of the ISP.
# The columns of the pass come first: they are the most, and are looked for by their names.
_PASS = ", ".join(f"p.{name}" for name in passes.FIELDS)
_DEVICE = (
    f"SELECT {_PASS}, d.id AS d_id, d.held_by, d.held_until, d.held_at, d.blocked_at, d.ticket_at, d.ticket_session,"
    " s.router_id AS s_router_id, s.seen_at AS s_seen_at, s.online_since AS s_online_since,"
    " s.patience_ms AS s_patience_ms,"
    " CASE WHEN p.max_devices > 1 THEN (SELECT COUNT(*) FROM pass_devices u WHERE u.tenant_id = p.tenant_id"
    " AND u.pass_id = p.id AND u.device_id <> d.id) END AS others,"
    " CASE WHEN p.id IS NULL THEN (SELECT MAX(v.added_at) FROM pass_devices v JOIN passes w"
    " ON +w.tenant_id = v.tenant_id AND w.id = v.pass_id"
    " WHERE v.tenant_id = d.tenant_id AND v.device_id = d.id AND w.state <> 'ended') END"
    " AS shared,"
    " CASE WHEN p.id IS NULL THEN (SELECT e.end_reason FROM passes e WHERE e.tenant_id = d.tenant_id"
    " AND e.device_id = d.id AND e.state = 'ended' ORDER BY e.bought_at DESC LIMIT 1) END AS last_end FROM devices d"
    " LEFT JOIN passes p ON p.tenant_id = d.tenant_id AND p.device_id = d.id AND p.state <> 'ended'"
    " LEFT JOIN presence s ON s.tenant_id = d.tenant_id AND s.device_id = d.id"
    " WHERE d.tenant_id = :tenant AND d.mac = :mac"
)


def device(mac: str) -> Unit[Found | None]:
    """The device with this MAC, and all that its allowance comes from; None when it was never here."""
    found = yield from rows(_DEVICE, mac=mac)
    return _found(found) if found else None


_of_device = picker(
    ("d_id", "held_by", "held_until", "held_at", "blocked_at", "ticket_at", "ticket_session", "shared", "last_end")
)
_of_presence = picker(("s_router_id", "s_seen_at", "s_online_since", "s_patience_ms"))


def _found(found: Sequence[Row]) -> Found:
    """Each row is one of its passes, if it has any, with one of the places where it was seen, if there are any."""
    device_id, by, until, at, blocked_at, ticket_at, session, shared, last_end = _of_device(found[0])
    queue: dict[int, Pass] = {}
    seen: dict[int, Presence] = {}
    others = 0
    for row in found:
        if row["id"] is not None and row["id"] not in queue:
            queue[row["id"]] = passes.from_row(row)
            others += row["others"] or 0
        router_id, seen_at, online_since, patience_ms = _of_presence(row)
        if router_id is not None:
            seen[router_id] = Presence(
                router_id=router_id,
                device_id=device_id,
                seen_at=seen_at,
                online_since=online_since,
                reading=None,
                patience_ms=patience_ms,
            )
    return Found(
        device_id=device_id,
        hold=Hold(by=by, until=until, blocked=blocked_at is not None, at=at),
        queue=list(queue.values()),
        seen=list(seen.values()),
        alone=shared is None and not others,
        last_end=last_end,
        ticket_at=ticket_at,
        ticket_session=session,
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
