"""Durable before acknowledged (R5), seen from under the process: a shim writes down each write and sync of the
database and each answer, and the disk is played again as it would be after a power cut at that moment."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from portal.clock import TravelClock
from portal.seal import token_hash
from sandbox.world import Site, free_port, outside
from tests.crash.disk import Disk, Event, Said, compiled, events, is_durable, said
from tests.crash.portals import Launcher, launcher
from tests.crash.stage import hidden

GUESTS = 50


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
        return [each for each in self.said if each.path.endswith("/pay") and each.status == "303"]

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


async def busy_minute(folder: Path, *, careless: bool = False) -> Seen:
    """Fifty guests click at once, pay at once, and go online; then the plug is pulled."""
    shim = compiled(folder)
    log = folder / "shim.log"
    async with plain_world(folder) as site:
        database = site.settings.database
        before = database.read_bytes()
        env = {"LD_PRELOAD": str(shim), "BANDO_SHIM_LOG": str(log), "BANDO_SHIM_FILE": str(database)}
        async with launcher(folder / "portal.log", **env) as by:
            await drive(by, site, careless)
    found = events(log)
    return Seen(before=before, log=found, said=said(found), database=database)


async def drive(by: Launcher, site: Site, careless: bool) -> None:
    portal = await by.start(site.settings, careless=careless)
    try:
        async with httpx.AsyncClient(base_url=site.settings.public_url, trust_env=False, timeout=20) as http:
            await asyncio.gather(*(buy(http, site, number) for number in range(1, GUESTS + 1)))
        sets = [site.mpesa.handset(phone_of(number)) for number in range(1, GUESTS + 1)]
        await until(lambda: all(each.pending for each in sets))
        await asyncio.gather(*(each.approve() for each in sets))
        await until(lambda: all(on_air(site, number) for number in range(1, GUESTS + 1)))
    finally:
        await portal.kill()
        if portal.end.result() != -9:
            print(by.written())


def phone_of(number: int) -> str:
    return f"2547{number:08d}"


def mac_of(number: int) -> tuple[str, str]:
    return f"02:00:00:00:00:{number:02X}", f"10.5.50.{10 + number}"


def on_air(site: Site, number: int) -> bool:
    return site.router.is_authorized(*mac_of(number))


async def buy(http: httpx.AsyncClient, site: Site, number: int) -> None:
    """Arrive, choose, press "pay"."""
    mac, address = mac_of(number)
    site.router.host_seen(mac, address)
    claims = {
        "mac": mac,
        "ip": address,
        "link-login": "http://login.wifi.test/login",
        "link-orig": "http://example.test/",
    }
    entered = await http.get(f"/e/{site.row.public}", params=claims)
    first = httpx.URL(entered.headers["location"]).path
    plans = await http.get(first)
    plan = re.search(r'name="plan" id="p1" value="([^"]+)"', plans.text)
    assert plan, plans.text
    confirm = await http.post(f"{first}pay", data={"plan": plan[1], "phone": phone_of(number)})
    pressed = await http.post(f"{first}pay", data={**hidden(confirm.text), "confirm": "1"})
    assert pressed.status_code == 303, pressed.text


async def until(true: Callable[[], bool], real_s: float = 30) -> None:
    for _ in range(int(real_s / 0.02)):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen")


def refs(seen: Seen, callback: Said) -> list[str]:
    """The names of the inbox rows that this callback may have made."""
    hashed = token_hash(callback.path.rsplit("/", 1)[1])
    text = "SELECT i.ref FROM inbox i JOIN payments p ON p.id = i.payment_id WHERE p.callback_hash = ?"
    return [row[0] for row in seen.rows(text, hashed)]


def purchase(click: Said) -> bytes:
    """What the database knows of the purchase that this click was led to."""
    token = click.found(r"(?i)location: \S*/p/([0-9a-z.]+)/")
    assert token is not None, click.text
    return token_hash(token)


async def test_no_money_is_acknowledged_before_the_sync_that_covers_it(tmp_path: Path) -> None:
    seen = await busy_minute(tmp_path)
    assert len(seen.callbacks) == GUESTS
    assert len(seen.clicks) == GUESTS
    for callback in seen.callbacks:
        (ref,) = refs(seen, callback)
        assert is_durable(seen.log, ref.encode(), callback.at)
    for click in seen.clicks:
        assert is_durable(seen.log, purchase(click), click.at)
    assert len(seen.let_in) == GUESTS
    after_each_power_loss(seen, tmp_path)


def after_each_power_loss(seen: Seen, folder: Path) -> None:
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


def said_of(seen: Seen, each: Said) -> list[tuple[str, str | bytes]]:
    """What must be in the database for this to be said: a query that counts, and what to count."""
    if each in seen.callbacks:
        return [("SELECT COUNT(*) FROM inbox WHERE ref = ?", ref) for ref in refs(seen, each)]
    if each in seen.clicks:
        return [("SELECT COUNT(*) FROM payments WHERE token_hash = ?", purchase(each))]
    passes = "SELECT COUNT(*) FROM passes WHERE device_id = (SELECT id FROM devices WHERE mac = ?)"
    return [(passes, mac) for mac in each.let_in]


async def test_a_portal_that_does_not_wait_for_the_disk_is_found_out(tmp_path: Path) -> None:
    seen = await busy_minute(tmp_path, careless=True)
    assert len(seen.callbacks) == GUESTS
    durable = [is_durable(seen.log, ref.encode(), each.at) for each in seen.callbacks for ref in refs(seen, each)]
    assert len(durable) == GUESTS
    assert not all(durable)
    with pytest.raises(AssertionError):
        after_each_power_loss(seen, tmp_path)
