"""Rows of the hotspot's menus, made from the router's words (facts/mikrotik.md 3.2).

"In" is what came from the client, as the router counts. A property that the router leaves out reads as
empty, zero or None.
"""

from __future__ import annotations

from dataclasses import dataclass

from portal.mikrotik.link import Row
from portal.mikrotik.values import Rate, flag, mac, number, rate, seconds

NO_MAC = "00:00:00:00:00:00"
NO_RATE = Rate()


@dataclass(frozen=True, kw_only=True, slots=True)
class UserRow:
    """A hotspot user; limits of 0 are no limits, and the counters leave out the running session."""

    id: str
    name: str
    mac: str = ""
    profile: str = ""
    comment: str = ""
    limit_uptime_s: int = 0
    limit_bytes: int = 0
    uptime_s: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    disabled: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ActiveRow:
    """A device that is online; `session_time_left_s` is None when nothing limits its time."""

    id: str
    user: str
    mac: str
    address: str
    uptime_s: int = 0
    session_time_left_s: int | None = None
    idle_s: int = 0
    limit_bytes: int | None = None  # of this session, what it has used included
    bytes_in: int = 0
    bytes_out: int = 0
    login_by: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class HostRow:
    """A device that the hotspot has seen, online or not."""

    id: str
    mac: str
    address: str
    to_address: str = ""
    authorized: bool = False
    bypassed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ProfileRow:
    """A user profile; `rate` as the client sees it, `rate_limit` as the router wrote it."""

    id: str
    name: str
    rate: Rate = NO_RATE
    rate_limit: str = ""
    shared_users: str = ""
    idle_timeout_s: int | None = None
    keepalive_timeout_s: int | None = None
    add_mac_cookie: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class BindingRow:
    """An ip-binding: `kind` is regular, bypassed or blocked."""

    id: str
    mac: str
    address: str = ""
    kind: str = "regular"
    comment: str = ""
    disabled: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class CookieRow:
    """A cookie, of a browser or of a MAC, that would log a device in again."""

    id: str
    user: str
    mac: str = ""
    mac_cookie: bool = False


def _mac_of(row: Row) -> str:
    """The row's hardware address; a foreign row's nonsense is kept as it stands, since nothing of ours equals it."""
    text = row.get("mac-address", "")
    try:
        found = mac(text)
    except ValueError:
        return text
    return "" if found == NO_MAC else found


def _rate(text: str) -> Rate:
    """A profile that is not ours may hold anything; what it means is not our business then."""
    try:
        return rate(text)
    except ValueError:
        return NO_RATE


def _time(row: Row, key: str) -> int | None:
    return seconds(row.get(key, ""))


def user(row: Row) -> UserRow:
    return UserRow(
        id=row[".id"],
        name=row.get("name", ""),
        mac=_mac_of(row),
        profile=row.get("profile", ""),
        comment=row.get("comment", ""),
        limit_uptime_s=_time(row, "limit-uptime") or 0,
        limit_bytes=number(row.get("limit-bytes-total")),
        uptime_s=_time(row, "uptime") or 0,
        bytes_in=number(row.get("bytes-in")),
        bytes_out=number(row.get("bytes-out")),
        disabled=flag(row.get("disabled")),
    )


def active(row: Row) -> ActiveRow:
    return ActiveRow(
        id=row[".id"],
        user=row.get("user", ""),
        mac=_mac_of(row),
        address=row.get("address", ""),
        uptime_s=_time(row, "uptime") or 0,
        session_time_left_s=_time(row, "session-time-left"),
        idle_s=_time(row, "idle-time") or 0,
        limit_bytes=number(row.get("limit-bytes-total")) or None,
        bytes_in=number(row.get("bytes-in")),
        bytes_out=number(row.get("bytes-out")),
        login_by=row.get("login-by", ""),
    )


def host(row: Row) -> HostRow:
    return HostRow(
        id=row[".id"],
        mac=_mac_of(row),
        address=row.get("address", ""),
        to_address=row.get("to-address", ""),
        authorized=flag(row.get("authorized")),
        bypassed=flag(row.get("bypassed")),
    )


def profile(row: Row) -> ProfileRow:
    limit = row.get("rate-limit", "")
    return ProfileRow(
        id=row[".id"],
        name=row.get("name", ""),
        rate=_rate(limit),
        rate_limit=limit,
        shared_users=row.get("shared-users", ""),
        idle_timeout_s=_time(row, "idle-timeout"),
        keepalive_timeout_s=_time(row, "keepalive-timeout"),
        add_mac_cookie=flag(row.get("add-mac-cookie")),
    )


def binding(row: Row) -> BindingRow:
    return BindingRow(
        id=row[".id"],
        mac=_mac_of(row),
        address=row.get("address", ""),
        kind=row.get("type", "regular"),
        comment=row.get("comment", ""),
        disabled=flag(row.get("disabled")),
    )


def cookie(row: Row) -> CookieRow:
    return CookieRow(
        id=row[".id"],
        user=row.get("user", ""),
        mac=_mac_of(row),
        mac_cookie=flag(row.get("mac-cookie")),
    )
