"""The statements of sessions at RADIUS routers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portal.access import passes
from portal.access.passes import Pass
from portal.access.store import Presence, read_presence
from portal.clock import MINUTE, Moment
from portal.radius.metering.merge import Known, News
from portal.sessions.meter import Use
from portal.units import Row, Sql, Unit, one, rows


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A device, its sessions of a name, where it is and what it goes by: all of it by one statement."""

    device_id: int
    sessions: Sequence[Known]
    places: Sequence[Presence]  # the latest first
    queue: Sequence[Pass]  # its own passes that have not ended, in their order


_SESSION = (
    *("id", "device_id", "pass_id", "started_at", "seen_at", "ended_at", "let_in_at", "online_ms", "bytes_up"),
    "bytes_down",
)
_PLACE = (
    *("router_id", "device_id", "seen_at", "online_since", "read_at", "user_uptime_s", "user_bytes_in"),
    *("user_bytes_out", "active_uptime_s", "active_bytes_in", "active_bytes_out", "address", "rate_up", "rate_down"),
    "patience_ms",
)


def _listed(table: str, names: Sequence[str]) -> str:
    return ", ".join(f"{table}.{name} AS {table}_{name}" for name in names)


def _looked_up(first: str, source: str, router_id: str, acct_id: str, mac: str) -> str:
    """The statement that finds a device, what is named so of it, where it is and what it goes by."""
    return (
        f"SELECT {first}d.id AS d_id, {_listed('s', _SESSION)}, {_listed('y', _PLACE)}, {_listed('p', passes.FIELDS)}"
        f" FROM {source}devices d LEFT JOIN sessions s ON s.tenant_id = d.tenant_id AND s.router_id = {router_id}"
        f" AND s.acct_id = {acct_id} AND s.device_id = d.id"
        " LEFT JOIN presence y ON y.tenant_id = d.tenant_id AND y.device_id = d.id"
        " LEFT JOIN passes p ON p.tenant_id = d.tenant_id AND p.device_id = d.id AND p.state <> 'ended'"
        f" WHERE d.tenant_id = :tenant AND d.mac = {mac}"
    )


_FOUND = _looked_up("", "", ":router_id", ":acct_id", ":mac")
# For a server alone: to a file no question is a journey.
_SEVERAL = (
    "unnest(CAST(:router_ids AS bigint[]), CAST(:acct_ids AS text[]), CAST(:macs AS text[]))"
    " WITH ORDINALITY AS w(router_id, acct_id, mac, n) CROSS JOIN "
)
_FOUND_FOR_SEVERAL = _looked_up("w.n AS w_n, ", _SEVERAL, "w.router_id", "w.acct_id", "w.mac")


def found(router_id: int, acct_id: str, mac: str) -> Unit[Found | None]:
    """The device with this MAC, and its sessions of this name at a router; None when nobody knows it."""
    lines = yield from rows(_FOUND, router_id=router_id, acct_id=acct_id, mac=mac)
    return _found(lines) if lines else None


def found_for_several(asked: Sequence[tuple[int, str, str]]) -> Unit[list[Found | None]]:
    """`found` for each of these (router, name of the session, MAC), in their order; for PostgreSQL."""
    routers, names, macs = zip(*asked, strict=True)
    lines = yield from rows(_FOUND_FOR_SEVERAL, router_ids=list(routers), acct_ids=list(names), macs=list(macs))
    of_each: dict[int, list[Row]] = {}
    for row in lines:
        of_each.setdefault(row["w_n"], []).append(row)
    return [_found(of_each[n]) if n in of_each else None for n in range(1, len(asked) + 1)]


def _found(lines: Sequence[Row]) -> Found:
    """What the rows about one device tell."""
    own = {row["s_id"]: row for row in lines if row["s_id"] is not None}
    places = {row["y_router_id"]: row for row in lines if row["y_router_id"] is not None}
    queue = {row["p_id"]: row for row in lines if row["p_id"] is not None}
    return Found(
        device_id=lines[0]["d_id"],
        sessions=[_known(row) for row in own.values()],
        places=sorted((read_presence(_cut(row, "y", _PLACE)) for row in places.values()), key=_latest),
        queue=sorted((passes.from_row(_cut(row, "p", passes.FIELDS)) for row in queue.values()), key=_turn),
    )


def _cut(row: Row, table: str, names: Sequence[str]) -> Row:
    """What one table gave to a row."""
    return {name: row[f"{table}_{name}"] for name in names}


def _latest(each: Presence) -> int:
    return -each.seen_at


def _turn(each: Pass) -> tuple[int, int]:
    return each.position, each.id


def _known(row: Row) -> Known:
    return Known(
        id=row["s_id"],
        device_id=row["s_device_id"],
        pass_id=row["s_pass_id"],
        started_at=row["s_started_at"],
        seen_at=row["s_seen_at"],
        ended_at=row["s_ended_at"],
        let_in_at=row["s_let_in_at"],
        total=Use(ms=row["s_online_ms"], bytes_up=row["s_bytes_up"], bytes_down=row["s_bytes_down"]),
    )


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


def end_earlier(router_id: int, device_id: int, let_in_at: Moment, but: int) -> Unit[None]:
    """What this device had running here before is over: of its end nothing was heard."""
    yield Sql(
        "UPDATE sessions SET ended_at = seen_at, end_cause = 'router', login_sealed = NULL"
        " WHERE tenant_id = :tenant AND router_id = :router_id AND ended_at IS NULL AND device_id = :device_id"
        " AND (let_in_at IS NULL OR let_in_at <= :let_in_at) AND id <> :but",
        {"router_id": router_id, "device_id": device_id, "let_in_at": let_in_at, "but": but},
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
