"""The hotspot's menus as typed rows and acts over one connection (facts/mikrotik.md 3.2, 3.3).

"In" is what came from the client, as the router counts. A row or property that the router leaves out reads as empty, zero or
None; nothing here decides anything. Every act takes `urgent`: a guest waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from portal.mikrotik.values import Rate, duration, flag, mac, number, rate, rate_limit, seconds
from portal.mikrotik.wire import Row, Wire

MENU = "/ip/hotspot"
NO_MAC = "00:00:00:00:00:00"


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
    rate: Rate = Rate()
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


RowT = TypeVar("RowT")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Menu:
    path: str
    properties: str


_USERS = _Menu(
    path=f"{MENU}/user",
    properties=".id,name,mac-address,profile,comment,limit-uptime,limit-bytes-total,uptime,bytes-in,bytes-out,disabled",
)
_ACTIVE = _Menu(
    path=f"{MENU}/active",
    properties=".id,user,mac-address,address,uptime,session-time-left,bytes-in,bytes-out,login-by",
)
_HOSTS = _Menu(path=f"{MENU}/host", properties=".id,mac-address,address,to-address,authorized,bypassed")
_PROFILES = _Menu(
    path=f"{MENU}/user/profile",
    properties=".id,name,rate-limit,shared-users,idle-timeout,keepalive-timeout,add-mac-cookie",
)
_BINDINGS = _Menu(path=f"{MENU}/ip-binding", properties=".id,mac-address,address,type,comment,disabled")
_COOKIES = _Menu(path=f"{MENU}/cookie", properties=".id,user,mac-address,mac-cookie")


class Hotspot:
    """One router's hotspot. Reads return whole tables, or with `names`, `macs` only the rows asked for."""

    def __init__(self, wire: Wire, *, timeout_s: float = 10) -> None:
        self.wire = wire
        self.timeout_s = timeout_s

    # reading

    async def users(self, names: Iterable[str] | None = None, *, urgent: bool = False) -> list[UserRow]:
        return await self._read(_USERS, _user, "name", names, urgent)

    async def active(self, macs: Iterable[str] | None = None, *, urgent: bool = False) -> list[ActiveRow]:
        return await self._read(_ACTIVE, _active, "mac-address", _macs(macs), urgent)

    async def hosts(self, macs: Iterable[str] | None = None, *, urgent: bool = False) -> list[HostRow]:
        return await self._read(_HOSTS, _host, "mac-address", _macs(macs), urgent)

    async def profiles(self, *, urgent: bool = False) -> list[ProfileRow]:
        return await self._read(_PROFILES, _profile, "", None, urgent)

    async def bindings(self, *, urgent: bool = False) -> list[BindingRow]:
        return await self._read(_BINDINGS, _binding, "", None, urgent)

    async def cookies(self, macs: Iterable[str] | None = None, *, urgent: bool = False) -> list[CookieRow]:
        return await self._read(_COOKIES, _cookie, "mac-address", _macs(macs), urgent)

    # users

    async def add_user(
        self,
        *,
        name: str,
        password: str,
        mac: str,
        profile: str,
        comment: str,
        limit_uptime_s: int,
        limit_bytes: int = 0,
        urgent: bool = False,
    ) -> str:
        """Add a user and return its id ("" on old versions). Limits are cumulative; 0 is none."""
        words = _user_words(
            name=name,
            password=password,
            mac=mac,
            profile=profile,
            comment=comment,
            limit_uptime_s=limit_uptime_s,
            limit_bytes=limit_bytes,
        )
        return await self._add(_USERS, words, urgent)

    async def set_user(
        self,
        id: str,
        *,
        name: str | None = None,
        password: str | None = None,
        mac: str | None = None,
        profile: str | None = None,
        comment: str | None = None,
        limit_uptime_s: int | None = None,
        limit_bytes: int | None = None,
        disabled: bool | None = None,
        urgent: bool = False,
    ) -> None:
        """Change what is given and leave the rest."""
        words = _user_words(
            name=name,
            password=password,
            mac=mac,
            profile=profile,
            comment=comment,
            limit_uptime_s=limit_uptime_s,
            limit_bytes=limit_bytes,
        )
        if disabled is not None:
            words["disabled"] = "yes" if disabled else "no"
        await self._do(f"{_USERS.path}/set", {".id": id, **words}, urgent)

    async def remove_user(self, *ids: str, urgent: bool = False) -> None:
        await self._remove(_USERS, ids, urgent)

    # profiles

    async def add_profile(
        self,
        *,
        name: str,
        rate: Rate,
        idle_timeout_s: int | None = None,
        mac_cookie: bool = True,
        urgent: bool = False,
    ) -> str:
        """Add a profile for one device at a time that no sleeping phone is thrown out of (design 3b)."""
        words = {
            "name": name,
            "shared-users": "1",
            "keepalive-timeout": "none",
            "idle-timeout": "none" if idle_timeout_s is None else duration(idle_timeout_s),
            "add-mac-cookie": "yes" if mac_cookie else "no",
        }
        if limit := rate_limit(rate):
            words["rate-limit"] = limit
        return await self._add(_PROFILES, words, urgent)

    # being online

    async def login(self, *, ip: str, mac: str, user: str, password: str, urgent: bool = False) -> None:
        """Put a device online that stands in the host table (`ip` is its `to-address` where that differs)."""
        words = {"ip": ip, "mac-address": mac, "user": user, "password": password}
        # an empty ip would be read as 0.0.0.0 (facts/mikrotik.md 3.3)
        await self._do(f"{_ACTIVE.path}/login", {key: word for key, word in words.items() if word}, urgent)

    async def remove_active(self, ids: Iterable[str], *, urgent: bool = False) -> None:
        await self._remove(_ACTIVE, ids, urgent)

    async def remove_cookies(self, ids: Iterable[str], *, urgent: bool = False) -> None:
        await self._remove(_COOKIES, ids, urgent)

    # bindings

    async def add_binding(self, *, mac: str, comment: str, kind: str = "blocked", urgent: bool = False) -> str:
        return await self._add(_BINDINGS, {"mac-address": mac, "type": kind, "comment": comment}, urgent)

    async def remove_binding(self, *ids: str, urgent: bool = False) -> None:
        await self._remove(_BINDINGS, ids, urgent)

    # words

    async def _read(
        self,
        menu: _Menu,
        make: Callable[[Row], RowT],
        key: str,
        values: Iterable[str] | None,
        urgent: bool,
    ) -> list[RowT]:
        queries = () if values is None else _any_of(key, values)
        if values is not None and not queries:
            return []
        rows = await self.wire.talk(
            f"{menu.path}/print",
            {".proplist": menu.properties},
            queries,
            urgent=urgent,
            timeout_s=self.timeout_s,
        )
        return [make(row) for row in rows if ".id" in row]

    async def _add(self, menu: _Menu, words: Mapping[str, str], urgent: bool) -> str:
        return await self.wire.add(menu.path, words, urgent=urgent, timeout_s=self.timeout_s)

    async def _remove(self, menu: _Menu, ids: Iterable[str], urgent: bool) -> None:
        if joined := ",".join(ids):
            await self._do(f"{menu.path}/remove", {".id": joined}, urgent)

    async def _do(self, command: str, words: Mapping[str, str], urgent: bool) -> None:
        await self.wire.talk(command, words, urgent=urgent, timeout_s=self.timeout_s)


def _any_of(key: str, values: Iterable[str]) -> tuple[str, ...]:
    """Query words for rows whose property is one of the values: each equality is joined to the last by an or."""
    words = [f"?={key}={value}" for value in values]
    joined = [word for each in words[1:] for word in (each, "?#|")]
    return (*words[:1], *joined)


def _macs(macs: Iterable[str] | None) -> list[str] | None:
    return None if macs is None else [mac(each) for each in macs]


def _user_words(
    *,
    name: str | None,
    password: str | None,
    mac: str | None,
    profile: str | None,
    comment: str | None,
    limit_uptime_s: int | None,
    limit_bytes: int | None,
) -> dict[str, str]:
    words = {
        "name": name,
        "password": password,
        "mac-address": mac,
        "profile": profile,
        "comment": comment,
        "limit-uptime": None if limit_uptime_s is None else duration(limit_uptime_s),
        "limit-bytes-total": None if limit_bytes is None else str(limit_bytes),
    }
    return {key: word for key, word in words.items() if word is not None}


def _mac_of(row: Row) -> str:
    """The row's hardware address; a foreign row's nonsense is kept as it stands, since nothing of ours equals it."""
    text = row.get("mac-address", "")
    try:
        found = mac(text)
    except ValueError:
        return text
    return "" if found == NO_MAC else found


def _time(row: Row, key: str) -> int | None:
    return seconds(row.get(key, ""))


def _user(row: Row) -> UserRow:
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


def _active(row: Row) -> ActiveRow:
    return ActiveRow(
        id=row[".id"],
        user=row.get("user", ""),
        mac=_mac_of(row),
        address=row.get("address", ""),
        uptime_s=_time(row, "uptime") or 0,
        session_time_left_s=_time(row, "session-time-left"),
        bytes_in=number(row.get("bytes-in")),
        bytes_out=number(row.get("bytes-out")),
        login_by=row.get("login-by", ""),
    )


def _host(row: Row) -> HostRow:
    return HostRow(
        id=row[".id"],
        mac=_mac_of(row),
        address=row.get("address", ""),
        to_address=row.get("to-address", ""),
        authorized=flag(row.get("authorized")),
        bypassed=flag(row.get("bypassed")),
    )


def _profile(row: Row) -> ProfileRow:
    limit = row.get("rate-limit", "")
    return ProfileRow(
        id=row[".id"],
        name=row.get("name", ""),
        rate=rate(limit),
        rate_limit=limit,
        shared_users=row.get("shared-users", ""),
        idle_timeout_s=_time(row, "idle-timeout"),
        keepalive_timeout_s=_time(row, "keepalive-timeout"),
        add_mac_cookie=flag(row.get("add-mac-cookie")),
    )


def _binding(row: Row) -> BindingRow:
    return BindingRow(
        id=row[".id"],
        mac=_mac_of(row),
        address=row.get("address", ""),
        kind=row.get("type", "regular"),
        comment=row.get("comment", ""),
        disabled=flag(row.get("disabled")),
    )


def _cookie(row: Row) -> CookieRow:
    return CookieRow(
        id=row[".id"],
        user=row.get("user", ""),
        mac=_mac_of(row),
        mac_cookie=flag(row.get("mac-cookie")),
    )
