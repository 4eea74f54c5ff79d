"""One router: its tables, its hotspot and its switches, without any socket.

The servers (binary API, hotspot pages, phones' gateways) ask this object and never keep state of their own.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from portal.clock import Clock, Moment, as_datetime
from sandbox.routeros import garden, system
from sandbox.routeros.columns import Trap
from sandbox.routeros.faults import Faults
from sandbox.routeros.hotspot import Hotspot
from sandbox.routeros.menus import MENUS, absent_properties
from sandbox.routeros.radius import Numbers, Proof, rows_of
from sandbox.routeros.refusals import LoginRefused
from sandbox.routeros.tables import Row, Table
from sandbox.routeros.timing import Processor
from sandbox.routeros.values import clean_mac

__all__ = ["Faults", "LoginRefused", "SandboxRouter", "Trap"]

if TYPE_CHECKING:
    from sandbox.routeros.radius_line import RadiusLine

_LOG_ROWS = 1000
_VOLATILE = ("/ip/hotspot/active", "/ip/hotspot/host")


class SandboxRouter:
    """The state of one router.

    `hotspot=True` gives a router that is set up and has an API account; `hotspot=False` one as it leaves the factory.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        name: str = "site-1",
        version: str = "7.20.8",
        seed: int = 1,
        faults: Faults | None = None,
        dns_name: str = "login.wifi.test",
        hotspot_address: str = "10.5.50.1",
        hotspot: bool = True,
        api_user: str = "bando",
        api_password: str = "sandbox",
    ) -> None:
        self.clock = clock
        self.version_text = version
        self.faults = faults or Faults()
        self.random = random.Random(seed)
        self.own_certificate = ""  # SHA-256 of what its `api-ssl` shows, where a server in front of it has a real one
        self.files: dict[str, bytes] = {}
        self.globals: dict[str, Any] = {}  # variables of scripts; a reboot forgets them
        self.processor = Processor(self.faults)  # one for all services and connections
        self.cut: list[Callable[[], None]] = []  # called when power or a reboot breaks all connections
        self.numbers = Numbers()
        self.radius: RadiusLine | None = None  # its RADIUS client, where it has sockets
        self._powered = True
        self._booted: Moment = clock.now()
        self.tables: dict[str, Table] = {}
        self._make_tables()
        self.hotspot = Hotspot(clock, self.tables, self.faults, self.log)
        system.furnish(self)
        self.tables["/system/identity"].set("", {"name": name if hotspot else "MikroTik"})
        if hotspot:
            self._set_up(dns_name, hotspot_address, api_user, api_password)

    @classmethod
    def factory_hotspot(cls, clock: Clock) -> SandboxRouter:
        """A ready router with hotspot server `hs1`."""
        return cls(clock, hotspot=True)

    # -- the API's side ------------------------------------------------------------------------

    @property
    def version(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.version_text.split("."))

    @property
    def uptime_ms(self) -> int:
        return self.clock.now() - self._booted

    def table(self, path: str) -> Table:
        """The menu, if this router has it; brought up to date."""
        table = self.tables.get(path)
        if table is None or not self._is_there(path):
            raise self.no_such_menu(path)
        if path.startswith("/ip/hotspot"):
            self.tick()
        elif path == "/file":
            system.show_files(self)
        return table

    def no_such_menu(self, path: str) -> Trap:
        """What the router says to a path it does not know: two traps in one reply (facts 1.7)."""
        if not self.faults.double_trap:
            return Trap("no such command prefix", 0)
        missing = self._first_unknown(path)
        return Trap(f"no such command or directory ({missing})", 0, also=(Trap("no such command prefix", 0),))

    def _first_unknown(self, path: str) -> str:
        parts = path.strip("/").split("/")
        known = [there for there in self.tables if self._is_there(there)]
        for count in range(1, len(parts) + 1):
            start = "/" + "/".join(parts[:count])
            if not any(there == start or there.startswith(start + "/") for there in known):
                return parts[count - 1]
        return parts[-1]

    def _is_there(self, path: str) -> bool:
        if path.startswith("/ip/hotspot") and not self.faults.hotspot_package:
            return False
        return self.version >= MENUS[path].since

    # -- the hotspot's side --------------------------------------------------------------------

    @property
    def profile(self) -> Row:
        """The hotspot server profile in force; the default one while no server runs."""
        return self.hotspot.profile() or self.tables["/ip/hotspot/profile"].row("default")

    def host_seen(self, mac: str, address: str, *, to_address: str | None = None) -> None:
        self.hotspot.host_seen(mac, address, to_address)

    def host_gone(self, mac: str) -> None:
        self.hotspot.host_gone(mac)

    async def ask_radius(self, *, ip: str, user: str, password: Proof, by: str) -> None:
        """Ask RADIUS about a login that follows, if it is not for the router alone to decide."""
        host = self.hotspot.host(ip)
        if host and host.session is None and self.radius is not None and self.hotspot.asks_radius(user, host):
            await self.radius.decide(host, user, password, by)

    def challenge(self, address: str) -> tuple[int, bytes] | None:
        """What the login page of this host asks md5.js to mix into the password."""
        host = self.hotspot.host(address)
        if host is None:
            return None
        host.chap = host.chap or (self.random.randrange(256), self.random.randbytes(16))
        return host.chap

    def radius_source(self) -> str:
        """The address that its RADIUS packets come from."""
        rows = rows_of(self.tables["/radius"].rows.values())
        said = rows[0]["src-address"] if rows else "0.0.0.0"
        return "127.0.0.1" if said == "0.0.0.0" else said

    def own_time(self) -> Moment:
        """What the router takes for the time."""
        return system.BOOT_WITHOUT_CLOCK + self.uptime_ms if self.faults.clock_1970 else self.clock.now()

    def login(self, *, ip: str, user: str, password: Proof, mac: str | None = None, by: str) -> None:
        """A login from the device's own side; raises LoginRefused. Its address may be the untranslated one."""
        host = self.hotspot.host(ip)
        self.hotspot.login(host.to_address if host else ip, user, password, mac, by)

    def logout(self, ip: str, cause: str) -> None:
        self.hotspot.logout(ip, cause)

    def is_authorized(self, mac: str, address: str) -> bool:
        """May this device reach the internet? Without a running hotspot anyone may."""
        if self.hotspot.server() is None:
            return True
        mac = clean_mac(mac)
        kind = self.hotspot.binding(mac, address)
        return kind == "bypassed" or (kind == "regular" and self.hotspot.session(mac, address) is not None)

    def is_blocked(self, mac: str) -> bool:
        return self.hotspot.binding(clean_mac(mac)) == "blocked"

    def count(self, mac: str, address: str, *, up: int, down: int) -> None:
        self.hotspot.count(mac, address, up, down)

    def active_of(self, mac: str, address: str) -> dict[str, str] | None:
        """The active row as print shows it."""
        session = self.hotspot.session(clean_mac(mac), address)
        table = self.tables["/ip/hotspot/active"]
        return table.view(table.rows[session.row]) if session else None

    def host_of(self, address: str) -> dict[str, str] | None:
        self.tick()
        host = self.hotspot.host(address)
        table = self.tables["/ip/hotspot/host"]
        return table.view(table.rows[host.row]) if host else None

    def garden_host_allows(self, host: str, port: int, path: str) -> bool:
        row = garden.host_garden(self.tables["/ip/hotspot/walled-garden"].rows.values(), host, port, path)
        if row is None:
            return False
        hits = self.tables["/ip/hotspot/walled-garden"].rows[row[".id"]]
        hits["hits"] = str(int(hits["hits"]) + 1)
        return row["action"] == "allow"

    def garden_ip_allows(self, host: str, address: str | None, port: int) -> bool:
        row = garden.ip_garden(self.tables["/ip/hotspot/walled-garden/ip"].rows.values(), host, address, port)
        return row is not None and row["action"] == "accept"

    def tick(self) -> None:
        self.hotspot.tick()

    # -- power ---------------------------------------------------------------------------------

    @property
    def powered(self) -> bool:
        """False: nothing answers. Taking the power away loses what is not saved; giving it boots."""
        return self._powered

    @powered.setter
    def powered(self, on: bool) -> None:
        if self._powered and not on:
            self._lose()
        boots = on and not self._powered
        self._powered = on
        if boots:
            self._boot()

    def reboot(self) -> None:
        """Off and on again, in no time."""
        if self.radius is not None:
            self.radius.going_down()
        self._lose()
        self._boot()

    def _boot(self) -> None:
        self._booted = self.clock.now()
        self.numbers.boot(restart=self.faults.radius.ids_restart)
        if self.radius is not None:
            self.radius.booted()

    def _lose(self) -> None:
        self.hotspot.tick()
        self.hotspot.power_cut()
        self.globals.clear()
        self.tables["/user/active"].clear()
        for path, table in self.tables.items():
            if path in _VOLATILE or self.faults.ids_change_on_reboot:
                table.renumber(self._first_id(path) if path in _VOLATILE else self.random.randrange(1, 0x40))
        for cut in list(self.cut):
            cut()

    def log(self, topics: str, message: str) -> None:
        table = self.tables["/log"]
        when = f"{as_datetime(self.clock.now()):%Y-%m-%d %H:%M:%S}"
        table.add({"time": when, "topics": topics, "message": message}, dynamic=True)
        if len(table.rows) > _LOG_ROWS:
            table.remove(next(iter(table.rows)), dynamic=True)

    # -- building ------------------------------------------------------------------------------

    def _first_id(self, path: str) -> int:
        """Ids of active and host rows are large and different after each boot (facts 1.2)."""
        return self.random.randrange(0xA00_0000, 0xAFF_0000) if path in _VOLATILE else 1

    def _make_tables(self) -> None:
        for path, menu in MENUS.items():
            table = menu.make(path, self.tables, self._first_id(path))
            table.show_defaults = lambda: self.faults.show_defaults
            for name in absent_properties(path, self.version):
                table.forget_column(name)
            self.tables[path] = table
        certificates = self.tables["/certificate"]
        certificates.live = lambda row: system.certificate_words(self, row)

    def _set_up(self, dns_name: str, address: str, api_user: str, api_password: str) -> None:
        network = address.rsplit(".", 1)[0]
        add = {
            "/interface/bridge": {"name": "br-hs"},
            "/interface/bridge/port": {"bridge": "br-hs", "interface": "ether2"},
            "/ip/address": {"address": f"{address}/24", "interface": "br-hs"},
            "/ip/pool": {"name": "hs-pool", "ranges": f"{network}.10-{network}.250"},
            "/ip/dhcp-server": {"name": "hs-dhcp", "interface": "br-hs", "address-pool": "hs-pool"},
            "/ip/dhcp-server/network": {"address": f"{network}.0/24", "gateway": address, "dns-server": address},
            "/ip/hotspot/profile": {
                "name": "hs-prof",
                "hotspot-address": address,
                "dns-name": dns_name,
                "html-directory": "hotspot",
                "login-by": "http-pap,mac-cookie",
            },
            "/ip/hotspot": {"name": "hs1", "interface": "br-hs", "profile": "hs-prof"},
            "/user/group": {"name": "bando", "policy": "api,read,write,test"},
            "/user": {"name": api_user, "group": "bando", "password": api_password},
        }
        for path, props in add.items():
            self.tables[path].add(props)
        self.tables["/ip/dns"].set("", {"allow-remote-requests": "yes", "servers": "9.9.9.9"})
