"""A busy minute of the portal, seen from below: the shim's log of it, and the disk at each power cut in it."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import httpx

from portal.clock import TravelClock
from sandbox.world import Site, free_port, outside
from tests.crash.disk import Disk, Event, Said, compiled, events, said
from tests.crash.portals import launcher

GUESTS = 50
Needle = tuple[str, str | bytes]  # a query that counts, and what to count


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a busy minute looked like from below."""

    before: bytes  # the database when the portal started
    log: list[Event]
    said: list[Said]
    database: Path

    @property
    def callbacks(self) -> list[Said]:
        return [each for each in self.said if each.path.startswith("/hook/") and each.status == "200"]

    @property
    def clicks(self) -> list[Said]:
        return self.led_on("/pay")

    def led_on(self, end: str) -> list[Said]:
        """The forms posted to such an address that were answered by leading the guest on."""
        return [each for each in self.said if each.path.endswith(end) and each.status == "303"]

    @property
    def let_in(self) -> set[str]:
        return {mac for each in self.said for mac in each.let_in}

    def rows(self, text: str, *params: Any) -> list[Any]:
        """Of the database as the portal left it."""
        with contextlib.closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(text, params).fetchall()


@asynccontextmanager
async def plain_world(folder: Path) -> AsyncIterator[Site]:
    """Everything without TLS, so that what is said can be seen."""
    port = free_port()
    more: Any = {
        "BANDO_CLOCK_FILE": str(folder / "clock"),
        "BANDO_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "BANDO_TLS_CERT": "",
        "BANDO_TLS_KEY": "",
    }
    clock = TravelClock(folder / "clock")
    async with outside(folder / "world", clock=clock, port=port, tls_api=False, **more) as site:
        site.mpesa.switches.https_callbacks = False
        yield site


Minute = Callable[[httpx.AsyncClient, Site], Awaitable[None]]


async def busy_minute(
    folder: Path, minute: Minute, *, before: Callable[[Site], None] = lambda _: None, careless: bool = False
) -> Seen:
    """What guests do, at once, until all of them are online; then the plug is pulled. `before`: with no portal yet."""
    shim = compiled(folder)
    log = folder / "shim.log"
    async with plain_world(folder) as site:
        before(site)
        database = site.settings.database
        was = database.read_bytes()
        env = {"LD_PRELOAD": str(shim), "BANDO_SHIM_LOG": str(log), "BANDO_SHIM_FILE": str(database)}
        async with launcher(folder / "portal.log", **env) as by:
            portal = await by.start(site.settings, careless=careless)
            try:
                async with httpx.AsyncClient(base_url=site.settings.public_url, trust_env=False, timeout=60) as http:
                    await minute(http, site)
                await until(lambda: all(on_air(site, number) for number in range(1, GUESTS + 1)))
            finally:
                await portal.kill()
                if portal.end.result() != -9:
                    print(by.written())
    found = events(log)
    return Seen(before=was, log=found, said=said(found), database=database)


def mac_of(number: int) -> tuple[str, str]:
    return f"02:00:00:00:00:{number:02X}", f"10.5.50.{10 + number}"


def on_air(site: Site, number: int) -> bool:
    return site.router.is_authorized(*mac_of(number))


async def arrive(http: httpx.AsyncClient, site: Site, number: int) -> str:
    """The path of the first page of a phone that the router sees."""
    mac, address = mac_of(number)
    site.router.host_seen(mac, address)
    claims = {
        "mac": mac,
        "ip": address,
        "link-login": "http://login.wifi.test/login",
        "link-orig": "http://example.test/",
    }
    entered = await http.get(f"/e/{site.row.public}", params=claims)
    return httpx.URL(entered.headers["location"]).path


async def until(true: Callable[[], bool], real_s: float = 60) -> None:
    for _ in range(int(real_s / 0.02)):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen")


def after_each_power_loss(seen: Seen, folder: Path, said_of: Callable[[Seen, Said], list[Needle]]) -> None:
    """Cut the power at each answer and each login: what was said stands in the database that comes up."""
    disk, lucky, at = Disk(seen.before), Random(1), 0
    for each in seen.said:
        for event in seen.log[at : each.at]:
            disk.play(event)
        at = each.at
        for query, needle in said_of(seen, each):
            for luck in (None, lucky):
                with disk.after_power_loss(folder, luck) as connection:
                    assert connection.execute(query, (needle,)).fetchone() == (1,), each.text


def let_in(each: Said) -> list[Needle]:
    """Whoever is let in has a pass."""
    passes = "SELECT COUNT(*) FROM passes WHERE device_id = (SELECT id FROM devices WHERE mac = ?)"
    return [(passes, mac) for mac in each.let_in]
