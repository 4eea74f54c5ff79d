"""The statements of sessions and of the hours that are left of them."""

from __future__ import annotations

from portal.clock import Moment
from portal.sessions.fold import Stretch
from portal.sessions.meter import NO_USE, Use
from portal.units import Sql, Unit, one


def written(router_id: int, device_id: int, started_at: Moment) -> Unit[Use]:
    """What stands of a session so far; nothing when it is new."""
    row = yield from one(
        "SELECT online_ms, bytes_up, bytes_down FROM sessions WHERE tenant_id = :tenant AND router_id = :router_id"
        " AND device_id = :device_id AND started_at = :started_at",
        router_id=router_id,
        device_id=device_id,
        started_at=started_at,
    )
    if row is None:
        return NO_USE
    return Use(ms=row["online_ms"], bytes_up=row["bytes_up"], bytes_down=row["bytes_down"])


def keep(
    router_id: int, device_id: int, part: Stretch, pass_id: int | None, cause: str | None, address: str | None
) -> Unit[Use]:
    """Write down what is known of a session; gives by how much it has grown since it was written last."""
    before = yield from written(router_id, device_id, part.started_at)
    gained = part.total.beyond(before)
    now = before + gained
    yield Sql(
        "INSERT INTO sessions (tenant_id, router_id, device_id, pass_id, started_at, seen_at, ended_at, end_cause,"
        " online_ms, bytes_up, bytes_down, address) VALUES (:tenant, :router_id, :device_id, :pass_id, :started_at,"
        " :seen_at, :ended_at, :cause, :ms, :up, :down, :address)"
        " ON CONFLICT (tenant_id, router_id, device_id, started_at) DO UPDATE SET seen_at = excluded.seen_at,"
        " ended_at = excluded.ended_at, end_cause = excluded.end_cause, online_ms = excluded.online_ms,"
        " bytes_up = excluded.bytes_up, bytes_down = excluded.bytes_down,"
        " pass_id = COALESCE(sessions.pass_id, excluded.pass_id),"
        " address = COALESCE(excluded.address, sessions.address)",
        {
            "router_id": router_id,
            "device_id": device_id,
            "pass_id": pass_id,
            "started_at": part.started_at,
            "seen_at": part.seen_at,
            "ended_at": part.ended_at,
            "cause": cause,
            "ms": now.ms,
            "up": now.bytes_up,
            "down": now.bytes_down,
            "address": address,
        },
    )
    return gained


def end_of_pass(router_id: int, device_id: int, started_at: Moment) -> Unit[str | None]:
    """Why the pass ended that a session was begun under; None while it lives."""
    found = yield from one(
        "SELECT p.end_reason AS why FROM sessions s JOIN passes p ON p.tenant_id = s.tenant_id AND p.id = s.pass_id"
        " WHERE s.tenant_id = :tenant AND s.router_id = :router_id AND s.device_id = :device_id"
        " AND s.started_at = :started_at",
        router_id=router_id,
        device_id=device_id,
        started_at=started_at,
    )
    return None if found is None else found["why"]


def was_online(router_id: int, device_id: int, since: Moment) -> Unit[bool]:
    """Whether a device has had a session at a router that was seen after `since`."""
    found = yield from one(
        "SELECT id FROM sessions WHERE tenant_id = :tenant AND router_id = :router_id AND device_id = :device_id"
        " AND seen_at >= :since LIMIT 1",
        router_id=router_id,
        device_id=device_id,
        since=since,
    )
    return found is not None


def add_to_hour(hour: Moment, router_id: int, plan_name: str, guests: int, use: Use) -> Unit[None]:
    """More guests and use of a plan at a router."""
    yield Sql(
        "INSERT INTO usage_hours (tenant_id, hour, router_id, plan_name, guests, online_ms, bytes_up, bytes_down)"
        " VALUES (:tenant, :hour, :router_id, :plan_name, :guests, :ms, :up, :down)"
        " ON CONFLICT (tenant_id, hour, router_id, plan_name) DO UPDATE SET"
        " guests = usage_hours.guests + excluded.guests,"
        " online_ms = usage_hours.online_ms + excluded.online_ms, bytes_up = usage_hours.bytes_up + excluded.bytes_up,"
        " bytes_down = usage_hours.bytes_down + excluded.bytes_down",
        {
            "hour": hour,
            "router_id": router_id,
            "plan_name": plan_name,
            "guests": guests,
            "ms": use.ms,
            "up": use.bytes_up,
            "down": use.bytes_down,
        },
    )
