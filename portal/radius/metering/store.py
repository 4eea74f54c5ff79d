"""The statements of sessions at RADIUS routers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from portal.clock import MINUTE, Moment
from portal.radius.metering.merge import Known, News
from portal.sessions.meter import Use
from portal.units import Row, Sql, Unit, one, rows, value

_KNOWN = (
    "SELECT s.id, s.device_id, s.pass_id, s.started_at, s.seen_at, s.ended_at, s.let_in_at, s.online_ms, s.bytes_up,"
    " s.bytes_down FROM sessions s JOIN devices d ON d.tenant_id = s.tenant_id AND d.id = s.device_id AND d.mac = :mac"
    " WHERE s.tenant_id = :tenant AND s.router_id = :router_id AND s.acct_id = :acct_id ORDER BY s.started_at DESC"
)


def named(router_id: int, acct_id: str, mac: str) -> Unit[list[Known]]:
    """The sessions of this name that this device has had at a router, the latest first."""
    found = yield from rows(_KNOWN, router_id=router_id, acct_id=acct_id, mac=mac)
    return [_known(row) for row in found]


def _known(row: Row) -> Known:
    return Known(
        id=row["id"],
        device_id=row["device_id"],
        pass_id=row["pass_id"],
        started_at=row["started_at"],
        seen_at=row["seen_at"],
        ended_at=row["ended_at"],
        let_in_at=row["let_in_at"],
        total=Use(ms=row["online_ms"], bytes_up=row["bytes_up"], bytes_down=row["bytes_down"]),
    )


def device_with(mac: str) -> Unit[int | None]:
    """The device with this MAC."""
    found = yield from value("SELECT id FROM devices WHERE tenant_id = :tenant AND mac = :mac", mac=mac)
    return None if found is None else int(found)


def begin(columns: Mapping[str, Any]) -> Unit[int | None]:
    """Write a session down for the first time; None when one stands there that began at this moment."""
    row = yield from one(
        "INSERT INTO sessions (tenant_id, router_id, device_id, pass_id, started_at, seen_at, ended_at, end_cause,"
        " online_ms, bytes_up, bytes_down, address, acct_id, let_in_at, login_sealed, terms) VALUES (:tenant,"
        " :router_id, :device_id, :pass_id, :started_at, :seen_at, :ended_at, :cause, :ms, :up, :down, :address,"
        " :acct_id, :let_in_at, :login_sealed, :terms) ON CONFLICT DO NOTHING RETURNING id",
        **columns,
    )
    return None if row is None else int(row["id"])


def go_on(known: Known, news: News, cause: str | None, address: str | None) -> Unit[bool]:
    """Write down what is new of a session; False when another packet has changed it since it was read."""
    row = yield from one(
        "UPDATE sessions SET seen_at = :seen_at, ended_at = :ended_at, end_cause = :cause, online_ms = :ms,"
        " bytes_up = :up, bytes_down = :down, address = COALESCE(:address, address),"
        " login_sealed = CASE WHEN :is_over = 1 THEN NULL ELSE login_sealed END"
        " WHERE tenant_id = :tenant AND id = :id AND online_ms = :was_ms AND bytes_up = :was_up"
        " AND bytes_down = :was_down AND ended_at IS NOT DISTINCT FROM :was_ended RETURNING id",
        id=known.id,
        seen_at=news.seen_at,
        ended_at=news.ended_at,
        cause=cause,
        ms=news.total.ms,
        up=news.total.bytes_up,
        down=news.total.bytes_down,
        address=address,
        is_over=int(news.ended_at is not None),
        was_ms=known.total.ms,
        was_up=known.total.bytes_up,
        was_down=known.total.bytes_down,
        was_ended=known.ended_at,
    )
    return row is not None


EARLY_MS = 10 * MINUTE  # a session begins no longer before it was let in, by whatever clock


def later_one(router_id: int, device_id: int, let_in_at: Moment) -> Unit[bool]:
    """Whether this device was let in at this router later, and had a session."""
    found = yield from one(
        "SELECT id FROM sessions WHERE tenant_id = :tenant AND device_id = :device_id AND started_at > :from_at"
        " AND router_id = :router_id AND let_in_at > :let_in_at LIMIT 1",
        router_id=router_id,
        device_id=device_id,
        from_at=let_in_at - EARLY_MS,
        let_in_at=let_in_at,
    )
    return found is not None


def end_earlier(router_id: int, device_id: int, let_in_at: Moment) -> Unit[None]:
    """What this device had running here before is over: of its end nothing was heard."""
    yield Sql(
        "UPDATE sessions SET ended_at = seen_at, end_cause = 'router', login_sealed = NULL"
        " WHERE tenant_id = :tenant AND router_id = :router_id AND ended_at IS NULL AND device_id = :device_id"
        " AND (let_in_at IS NULL OR let_in_at < :let_in_at)",
        {"router_id": router_id, "device_id": device_id, "let_in_at": let_in_at},
    )


def running(router_id: int, seen_before: Moment, limit: int) -> Unit[Sequence[Row]]:
    """Sessions that run at a router as far as anybody knows, and were not heard of since then."""
    return (
        yield from rows(
            "SELECT id, device_id, started_at, seen_at FROM sessions WHERE tenant_id = :tenant"
            " AND router_id = :router_id AND ended_at IS NULL AND seen_at < :seen_before ORDER BY id LIMIT :limit",
            router_id=router_id,
            seen_before=seen_before,
            limit=limit,
        )
    )


def end(session_id: int, cause: str) -> Unit[None]:
    """It ended when it was last heard of."""
    yield Sql(
        "UPDATE sessions SET ended_at = seen_at, end_cause = :cause, login_sealed = NULL"
        " WHERE tenant_id = :tenant AND id = :id AND ended_at IS NULL",
        {"id": session_id, "cause": cause},
    )


def off(router_id: int, device_id: int, started_at: Moment) -> Unit[None]:
    """The device is not online by this session any more."""
    yield Sql(
        "UPDATE presence SET online_since = NULL, active_uptime_s = NULL, active_bytes_in = 0, active_bytes_out = 0,"
        " rate_up = NULL, rate_down = NULL WHERE tenant_id = :tenant AND router_id = :router_id"
        " AND device_id = :device_id AND online_since = :started_at",
        {"router_id": router_id, "device_id": device_id, "started_at": started_at},
    )
