"""The statements of watching RADIUS routers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from portal.access.many.store import chunks
from portal.clock import Moment
from portal.radius.metering.take import sealed_row
from portal.radius.terms import Terms, read_terms
from portal.radius.watching.wants import Running
from portal.seal import Vault
from portal.sessions.meter import Use
from portal.sql import any_of
from portal.units import Row, Sql, Unit, rows

_RUNNING = (
    "SELECT id, device_id, router_id, started_at, seen_at, acct_id, login_sealed, address, terms, online_ms, bytes_up,"
    " bytes_down FROM sessions WHERE tenant_id = :tenant AND router_id = :router_id AND ended_at IS NULL"
    " AND acct_id IS NOT NULL"
)
MOST = 500  # devices that are named in one statement; beyond that all of the router are read


def running(vault: Vault, router_id: int, device_ids: Sequence[int] | None) -> Unit[list[Running]]:
    """The sessions that run at a router, of these devices or of all."""
    if device_ids is None or len(device_ids) > MOST:
        found = yield from rows(_RUNNING, router_id=router_id)
    else:
        marks, bound = any_of(device_ids)
        found = yield from rows(f"{_RUNNING} AND device_id IN ({marks})", router_id=router_id, **bound)
    return [_running(vault, row) for row in found]


def _running(vault: Vault, row: Row) -> Running:
    return Running(
        id=row["id"],
        device_id=row["device_id"],
        router_id=row["router_id"],
        started_at=row["started_at"],
        seen_at=row["seen_at"],
        acct_id=row["acct_id"],
        name=_name(vault, row),
        address=row["address"] or "",
        terms=read_terms(row["terms"]),
        total=Use(ms=row["online_ms"], bytes_up=row["bytes_up"], bytes_down=row["bytes_down"]),
    )


def _name(vault: Vault, row: Row) -> str:
    sealed: Any = row["login_sealed"]
    if sealed is None:
        return ""
    place = sealed_row(row["device_id"], row["started_at"], row["router_id"])
    return vault.open(bytes(sealed), table="sessions", row=place, column="login_sealed").decode()


def kept(session_ids: Sequence[int]) -> Unit[list[int]]:
    """Those of these sessions that stand in the books."""
    found: list[int] = []
    for chunk in chunks(session_ids):
        marks, bound = any_of(chunk)
        text = f"SELECT id FROM sessions WHERE +tenant_id = :tenant AND id IN ({marks})"
        found += [row["id"] for row in (yield from rows(text, **bound))]
    return found


def told(session_id: int, terms: Terms) -> Unit[None]:
    """The router knows these terms of a session."""
    yield Sql(
        "UPDATE sessions SET terms = :terms WHERE tenant_id = :tenant AND id = :id",
        {"id": session_id, "terms": terms.text},
    )


def online_here(router_id: int, mac: str, since: Moment) -> Unit[bool]:
    """Whether this router has told of this MAC's being online, and not of its end."""
    found = yield from rows(
        "SELECT y.id FROM devices d JOIN presence y ON y.tenant_id = d.tenant_id AND y.device_id = d.id"
        " AND y.router_id = :router_id AND y.online_since IS NOT NULL AND y.seen_at + y.patience_ms >= :since"
        " WHERE d.tenant_id = :tenant AND d.mac = :mac",
        router_id=router_id,
        mac=mac,
        since=since,
    )
    return bool(found)
