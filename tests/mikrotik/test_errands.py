"""Errands on the sandbox router: what leaves together, and what happens when half of it is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from portal.clock import TravelClock
from portal.mikrotik.difference import Difference, Errand, UserFields
from portal.mikrotik.errands import Errands
from portal.mikrotik.hotspot import Hotspot
from portal.mikrotik.wire import Address, connect
from portal.tenancy import store as tenancy
from sandbox.net import LOOPBACK
from sandbox.routeros.api import serve_api
from sandbox.routeros.device import SandboxRouter
from tests.support import seed

MAC, ADDRESS, NAME = "02:00:00:00:00:01", "10.5.50.11", "bando-1"
WISH = UserFields(name=NAME, mac=MAC, profile="default", comment="bando:x:1", limit_uptime_s=3600, limit_bytes=0)
COMING = Errand(device_id=1, add_user=WISH, login=(ADDRESS, MAC, NAME), expect_seconds=3600)


@dataclass(kw_only=True)
class Ground:
    """A router with one phone present, and errands on a connection to it."""

    router: SandboxRouter
    errands: Errands
    said: list[str]

    async def run(self, errand: Errand) -> bool:
        return await self.errands.run(Difference(errands=(errand,)), urgent=True) == [1]

    @property
    def online(self) -> bool:
        return self.router.is_authorized(MAC, ADDRESS)


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    clock = TravelClock()
    router = SandboxRouter(clock)
    router.host_seen(MAC, ADDRESS)
    server = await serve_api(router)
    made = await seed(tmp_path, clock=clock, port=server.port, password="sandbox")
    row = await made.read(tenancy.router, made.router_id)
    said: list[str] = []
    address = Address(
        host="127.0.0.1", policy=LOOPBACK, port=server.port, username="bando", password="sandbox", tunnel=True
    )
    wire = await connect(address, observe=said.append)
    errands = Errands(row, vault=made.vault, db=made.db, clock=clock, installation="x")
    errands.connected(Hotspot(wire))
    yield Ground(router=router, errands=errands, said=said)
    await wire.aclose()
    await server.aclose()
    await made.db.aclose()


async def test_a_new_user_and_its_login_leave_in_one_round_trip(ground: Ground) -> None:
    assert await ground.run(COMING)

    assert ground.online
    assert ground.said == ["router:add:before", "router:login:before", "router:add:after", "router:login:after"]


async def test_a_login_beside_a_refused_user_is_not_left_behind(ground: Ground) -> None:
    ground.router.tables["/ip/hotspot/user"].add({"name": NAME, "password": "somebody else's"})

    assert not await ground.run(COMING)

    assert not ground.online


async def test_a_login_that_the_router_runs_before_its_user_is_mended(ground: Ground) -> None:
    ground.router.tables["/ip/hotspot/user"].add({"name": NAME, "password": "an old one", "mac-address": MAC})
    row = ground.router.tables["/ip/hotspot/user"].find(name=NAME)[0]

    assert await ground.run(Errand(device_id=1, login=(ADDRESS, MAC, NAME), expect_seconds=3600))

    assert ground.online
    assert row["password"] != "an old one"
