"""The hotspot's menus over one connection: typed reads and acts (facts/mikrotik.md 3.2, 3.3).

Nothing here decides anything. Every act takes `urgent`: somebody waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from portal.errors import RouterError
from portal.mikrotik import rows
from portal.mikrotik.memory import Told
from portal.mikrotik.rows import ActiveRow, BindingRow, CookieRow, HostRow, ProfileRow, UserRow
from portal.mikrotik.values import Rate, duration, mac, rate_limit
from portal.mikrotik.wire import Row, Wire

__all__ = ["ActiveRow", "BindingRow", "CookieRow", "HostRow", "Hotspot", "ProfileRow", "UserRow"]

MENU = "/ip/hotspot"

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
    properties=".id,user,mac-address,address,uptime,session-time-left,idle-time,limit-bytes-total,bytes-in,bytes-out,login-by",
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
        return await self._read(_USERS, rows.user, "name", names, urgent)

    async def active(self, macs: Iterable[str] | None = None, *, urgent: bool = False) -> list[ActiveRow]:
        return await self._read(_ACTIVE, rows.active, "mac-address", _macs(macs), urgent)

    async def hosts(self, macs: Iterable[str] | None = None, *, urgent: bool = False) -> list[HostRow]:
        return await self._read(_HOSTS, rows.host, "mac-address", _macs(macs), urgent)

    async def profiles(self, *, urgent: bool = False) -> list[ProfileRow]:
        return await self._read(_PROFILES, rows.profile, "", None, urgent)

    async def bindings(self, macs: Iterable[str] | None = None, *, urgent: bool = False) -> list[BindingRow]:
        return await self._read(_BINDINGS, rows.binding, "mac-address", _macs(macs), urgent)

    async def cookies(self, macs: Iterable[str] | None = None, *, urgent: bool = False) -> list[CookieRow]:
        return await self._read(_COOKIES, rows.cookie, "mac-address", _macs(macs), urgent)

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
        path, words, timeout_s = f"{menu.path}/print", {".proplist": menu.properties}, self.timeout_s
        if values is None:
            found = await self.wire.whole(path, words, urgent=urgent, timeout_s=timeout_s)
        else:
            queries = _any_of(key, values)
            rows = await self.wire.talk(path, words, queries, urgent=urgent, timeout_s=timeout_s) if queries else []
            found = [Told(b"", row) for row in rows]
        try:
            return [_made(each, make) for each in found if each.made is not None or ".id" in each.row]
        except ValueError as error:
            raise RouterError(f"{menu.path}: {error}") from error

    async def _add(self, menu: _Menu, words: Mapping[str, str], urgent: bool) -> str:
        return await self.wire.add(menu.path, words, urgent=urgent, timeout_s=self.timeout_s)

    async def _remove(self, menu: _Menu, ids: Iterable[str], urgent: bool) -> None:
        if joined := ",".join(ids):
            await self._do(f"{menu.path}/remove", {".id": joined}, urgent)

    async def _do(self, command: str, words: Mapping[str, str], urgent: bool) -> None:
        await self.wire.talk(command, words, urgent=urgent, timeout_s=self.timeout_s)


def _made(told: Told, make: Callable[[Row], RowT]) -> RowT:
    """A row as it is meant; one that came in the same bytes before is made already."""
    if told.made is None:
        told.made, told.row = make(told.row), {}  # its words need not be kept as well
    made: RowT = told.made
    return made


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
