"""The keeper against the sandbox router, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from portal.access import admission, store
from portal.access.plans import Plan
from portal.access.store import Cause, Device
from portal.clock import HOUR, MINUTE, SECOND, TravelClock
from portal.mikrotik.keeper import Keeper
from portal.settings import load
from portal.tenancy import store as tenancy
from sandbox.routeros.api import ApiServer, serve_api
from sandbox.routeros.device import SandboxRouter
from tests.support import Seed, seed

MAC = "02:00:00:00:00:01"
ADDRESS = "10.5.50.11"


@dataclass(kw_only=True)
class Site:
    """A tenant whose router is a sandbox router, with a keeper that runs."""

    seed: Seed
    router: SandboxRouter
    server: ApiServer
    keeper: Keeper
    running: asyncio.Task[None]
    causes: int = 0
    macs: dict[str, str] = field(default_factory=dict)

    async def arrive(self, mac: str = MAC, address: str = ADDRESS) -> Device:
        """A phone joins the Wi-Fi and its page makes it known."""
        self.macs[mac] = address
        self.router.host_seen(mac, address)
        found: Device = await self.seed.write(store.touch_device, mac, self.seed.router_id, self.seed.clock.now())
        return found

    async def grant(self, device: Device, plan: Plan | None = None) -> Any:
        self.causes += 1
        cause = Cause(kind="staff", ref=str(self.causes))
        now = self.seed.clock.now()
        return await self.seed.write(admission.grant, plan or self.seed.plan, device.id, cause, now)

    async def until(self, true: Callable[[], bool], seconds: float = 5) -> None:
        async with asyncio.timeout(seconds):
            while not true():
                await asyncio.sleep(0.01)

    def online(self, mac: str = MAC) -> bool:
        return self.router.is_authorized(mac, self.macs[mac])

    def users(self) -> list[dict[str, str]]:
        return [row for row in self.router.tables["/ip/hotspot/user"].find() if row["name"].startswith("bando-")]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    clock = TravelClock()
    router = SandboxRouter(clock)
    server = await serve_api(router)
    made = await seed(tmp_path, clock=clock, port=server.port, password="sandbox")
    settings = load({"BANDO_MODE": "sandbox"})
    installation = await made.db.write(None, tenancy.installation_id)
    row = await made.read(tenancy.router, made.router_id)
    keeper = Keeper(row, db=made.db, clock=clock, vault=made.vault, settings=settings, installation=installation)
    running = asyncio.create_task(keeper.run())
    site = Site(seed=made, router=router, server=server, keeper=keeper, running=running)
    await site.until(lambda: keeper.agreed_at > 0)
    yield site
    await keeper.stop()
    await running
    await server.aclose()
    await made.db.aclose()


async def test_a_granted_pass_puts_the_phone_online_at_once(site: Site) -> None:
    device = await site.arrive()
    assert not site.online()

    await site.grant(device)

    await site.until(site.online)
    standing = await site.seed.read(admission.standing, device.id, site.seed.clock.now())
    assert standing.head.state == "running"
    assert [row["limit-uptime"] for row in site.users()] == ["1h"]


async def test_a_pass_for_a_phone_that_is_not_there_waits_and_has_its_full_time(site: Site) -> None:
    device: Device = await site.seed.write(store.touch_device, MAC, site.seed.router_id, site.seed.clock.now())
    await site.grant(device)
    site.seed.clock.advance(2 * HOUR)
    await site.arrive()

    await site.until(site.online)
    standing = await site.seed.read(admission.standing, device.id, site.seed.clock.now())
    assert standing.allowance.seconds > 3590


async def test_the_end_of_a_pass_takes_the_phone_off(site: Site) -> None:
    device = await site.arrive()
    one = await site.grant(device)
    await site.until(site.online)

    await site.seed.write(admission.end_pass, one.id, "void", site.seed.clock.now())

    await site.until(lambda: not site.online())
    assert site.users() == []


async def test_a_held_device_stays_off_until_it_is_released(site: Site) -> None:
    device = await site.arrive()
    await site.grant(device)
    await site.until(site.online)

    await site.seed.write(admission.hold, device.id, "guest", None, site.seed.clock.now())
    await site.until(lambda: not site.online())
    site.seed.clock.advance(15 * SECOND)
    await asyncio.sleep(0.2)
    assert not site.online()

    await site.seed.write(admission.tap, device.id, site.seed.clock.now())
    await site.until(site.online)


async def test_a_reboot_is_healed(site: Site) -> None:
    device = await site.arrive()
    await site.grant(device)
    await site.until(site.online)
    site.seed.clock.advance(10 * MINUTE)

    site.router.reboot()
    await asyncio.sleep(0.05)
    site.router.host_seen(MAC, ADDRESS)

    # Its mac-cookie logs it in again with the old limit; the next poll writes what is really left.
    site.seed.clock.advance(12 * SECOND)
    await site.until(lambda: site.online() and site.users()[0]["limit-uptime"] != "1h")
    assert site.users()[0]["limit-uptime"] in ("50m", "49m59s", "49m58s", "49m57s")
