"""A router's settings as they were read, for looking at: nothing here is changed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from portal.clock import Moment
from portal.errors import RouterTrap
from portal.mikrotik.link import Row
from portal.mikrotik.replies import Answer, answer_of
from portal.mikrotik.values import flag
from portal.mikrotik.wire import Wire

_FIREWALL = (
    "chain,action,src-address,dst-address,in-interface,out-interface,in-interface-list,out-interface-list,"
    "connection-mark,connection-state,protocol,dst-port,hotspot,disabled,dynamic"
)
MENUS: Mapping[str, str] = {
    "/system/resource": "version,board-name,uptime,free-memory,total-memory,free-hdd-space,total-hdd-space",
    "/system/clock": "",
    "/system/ntp/client": "enabled",
    "/system/device-mode": "",
    "/ip/hotspot": "",
    "/ip/hotspot/profile": "name,login-by,dns-name,hotspot-address,html-directory,html-directory-override",
    "/ip/hotspot/user/profile": "name,keepalive-timeout",
    "/ip/hotspot/walled-garden": "dst-host,dst-port,path,src-address,method,server,action,disabled",
    "/ip/hotspot/walled-garden/ip": "",
    "/ip/service": "name,disabled,address,certificate,max-sessions",
    "/user": "name,group,address,disabled",
    "/user/group": "name,policy",
    "/user/active": "name,via",
    "/ip/firewall/filter": _FIREWALL,
    "/ip/address": "address,interface,disabled",
    "/ip/dns": "allow-remote-requests,servers",
    "/ip/dhcp-server": "name,interface,disabled",
    "/ip/dhcp-server/network": "address,gateway,dns-server",
    "/ipv6/settings": "disable-ipv6",
    "/ipv6/nd": "interface,ra-lifetime,disabled",
    "/ipv6/firewall/filter": _FIREWALL,
}


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What Bando knows of the router. `files` are its pages, `hotspot_host` the host that link-login must name."""

    portal_host: str
    hotspot_host: str
    api_user: str
    now: Moment
    files: Mapping[str, bytes] = field(default_factory=dict)
    portal_addresses: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Picture:
    """All menus; one that the router does not have is missing, one that may not be read is in `forbidden`."""

    menus: Mapping[str, Sequence[Row]]
    forbidden: frozenset[str] = frozenset()
    pages: Mapping[str, str] = field(default_factory=dict)

    def rows(self, menu: str) -> Sequence[Row]:
        """The rows in force."""
        return [row for row in self.menus.get(menu, ()) if not flag(row.get("disabled"))]

    def only(self, menu: str) -> Row:
        """The values of a menu without rows."""
        return next(iter(self.menus.get(menu, ())), {})

    @property
    def version(self) -> tuple[int, ...]:
        found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", self.only("/system/resource").get("version", ""))
        return tuple(int(part or 0) for part in found.groups()) if found else ()

    @property
    def server(self) -> Row | None:
        """The hotspot server: ours, or the first that runs, or the first."""
        servers = sorted(self.menus.get("/ip/hotspot", ()), key=lambda row: flag(row.get("disabled")))
        ours = [row for row in servers if "bando" in (row.get("name"), row.get("profile"))]
        return next(iter([*ours, *servers]), None)

    @property
    def profile(self) -> Row:
        """The server's profile."""
        name = self.server.get("profile", "default") if self.server else ""
        return next((row for row in self.rows("/ip/hotspot/profile") if row.get("name") == name), {})

    @property
    def interface(self) -> str:
        """The interface of the guests."""
        return self.server.get("interface", "") if self.server else ""

    @property
    def folder(self) -> str:
        """Where the profile looks for pages."""
        return self.profile.get("html-directory-override") or self.profile.get("html-directory", "hotspot")


async def take(wire: Wire, expected: Expected) -> Picture:
    """Read the router; a router that breaks off raises RouterUnreachable."""
    replies = await asyncio.gather(*(_read(wire, menu, names) for menu, names in MENUS.items()))
    read = dict(zip(MENUS, replies, strict=True))
    menus = {menu: rows for menu, rows in read.items() if isinstance(rows, list)}
    forbidden = frozenset(menu for menu, answer in read.items() if answer is Answer.NOT_PERMITTED)
    first = Picture(menus=menus, forbidden=forbidden)
    return Picture(menus=menus, forbidden=forbidden, pages=await _pages(wire, first.folder, expected.files))


async def _read(wire: Wire, menu: str, names: str, *queries: str) -> list[Row] | Answer:
    try:
        return await wire.talk(f"{menu}/print", {".proplist": names} if names else None, queries)
    except RouterTrap as trap:
        return answer_of(trap)


async def _pages(wire: Wire, folder: str, files: Mapping[str, bytes]) -> dict[str, str]:
    """Contents of our pages by name, those that are there."""
    asked = [_read(wire, "/file", "name,contents", f"?name={folder}/{name}") for name in files]
    found = await asyncio.gather(*asked)
    return {
        name: rows[0].get("contents", "")
        for name, rows in zip(files, found, strict=True)
        if isinstance(rows, list) and rows
    }
