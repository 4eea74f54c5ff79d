"""Half of the routers accept connections and never say a word: the others do not notice.

The short form of `python -m benchmarks starvation`, which measures it with 200 routers. Here the places are few, so
that the hanging ones are more than there are places.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from portal.access import admission, store
from portal.access.store import Cause
from portal.clock import TravelClock
from portal.mikrotik.keeper import Keeper
from portal.mikrotik.turns import Turns
from portal.tenancy import store as tenancy
from sandbox.routeros.api import ApiServer, serve_api
from sandbox.routeros.device import SandboxRouter
from tests.flows.site import SETTINGS, address_of, mac_of
from tests.support import Seed, add_router, seed

HEALTHY, HANGING = 6, 8
PATIENCE_S = 6.0  # with a router; a hanging one has its place for so long
SOON_S = 3.0  # which is sooner, also on a busy machine


@dataclass(kw_only=True)
class Place:
    """A router and its keeper; without `router` it takes everything and says nothing."""

    id: int
    keeper: Keeper
    router: SandboxRouter | None = None
    api: ApiServer | None = None

    def online(self) -> int:
        assert self.router is not None
        return len(self.router.tables["/ip/hotspot/active"].rows)


@dataclass(kw_only=True)
class Network:
    """All of them."""

    home: Seed
    turns: Turns
    healthy: list[Place] = field(default_factory=list)
    hanging: list[Place] = field(default_factory=list)

    async def grant(self, at: Place, number: int) -> float:
        """Seconds from a pass until its device is online."""
        assert at.router is not None
        at.router.host_seen(mac_of(number), address_of(number))
        device = await self.home.write(store.touch_device, mac_of(number), at.id, self.home.clock.now())
        before, began = at.online(), time.perf_counter()
        cause = Cause(kind="staff", ref=str(number))
        await self.home.write(admission.grant, self.home.plan, device.id, cause, self.home.clock.now())
        assert await soon(lambda: at.online() > before, 5)
        return time.perf_counter() - began


async def soon(true: object, seconds: float) -> bool:
    assert callable(true)
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not true():
                await asyncio.sleep(0.005)
    return bool(true())


async def tick(clock: TravelClock) -> None:
    """As fast as real time, in which networks wait."""
    while True:
        await asyncio.sleep(0.02)
        clock.advance(20)


async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while await reader.read(4096):
            pass
    writer.close()


@asynccontextmanager
async def network(folder: Path, turns: Turns) -> AsyncIterator[Network]:
    async with AsyncExitStack() as stack:
        home = await seed(folder, clock=TravelClock())
        ticking = asyncio.create_task(tick(home.clock))
        stack.callback(ticking.cancel)
        stack.push_async_callback(home.db.aclose)
        installation = await home.db.write(None, tenancy.installation_id)
        made = Network(home=home, turns=turns)

        async def place(port: int, trouble: str = "", **more: object) -> Place:
            row_id = await home.write(add_router, home.vault, home.clock.now(), port=port, password="sandbox")
            if trouble:  # as it stands there after the first try
                await home.write(tenancy.note_trouble, row_id, trouble)
            keeper = Keeper(
                await home.read(tenancy.router, row_id), db=home.db, clock=home.clock, vault=home.vault,
                settings=SETTINGS, installation=installation, patience_s=PATIENCE_S, turns=turns,
            )  # fmt: skip
            running = asyncio.create_task(keeper.run())
            stack.push_async_callback(asyncio.wait_for, running, 5)
            stack.push_async_callback(keeper.stop)
            return Place(id=row_id, keeper=keeper, **more)  # type: ignore[arg-type]

        for number in range(HEALTHY):
            router = SandboxRouter(home.clock, seed=number + 1)
            api = await serve_api(router)
            stack.push_async_callback(api.aclose)
            made.healthy.append(await place(api.port, router=router, api=api))
        assert await soon(lambda: all(each.keeper.agreed_at for each in made.healthy), 10)
        pit = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
        stack.callback(pit.close)
        for _ in range(HANGING):
            made.hanging.append(await place(pit.sockets[0].getsockname()[1], "unreachable"))
        assert await soon(lambda: turns.inside == 3, 10)  # and the others wait for a place
        yield made


@pytest.fixture
async def net(tmp_path: Path) -> AsyncIterator[Network]:
    async with network(tmp_path, Turns(places=6, kept=3)) as made:
        yield made


async def test_guests_of_healthy_routers_are_online_as_fast_as_ever(net: Network) -> None:
    took = [await net.grant(at, number) for number, at in enumerate(net.healthy, 1)]

    assert max(took) < SOON_S
    assert net.turns.inside <= 3


async def test_a_healthy_router_that_lost_its_connection_is_back_at_once(net: Network) -> None:
    assert net.healthy[0].api is not None
    net.healthy[0].api.drop_all()

    assert await soon(lambda: not net.healthy[0].keeper.connected, 1)
    assert await soon(lambda: net.healthy[0].keeper.connected, SOON_S)


async def test_without_places_of_their_own_it_waits_for_those_that_hang(tmp_path: Path) -> None:
    async with network(tmp_path, Turns(places=3, kept=0)) as net:
        assert net.healthy[0].api is not None
        net.healthy[0].api.drop_all()

        assert await soon(lambda: not net.healthy[0].keeper.connected, 1)
        assert not await soon(lambda: net.healthy[0].keeper.connected, SOON_S)


async def test_a_keeper_that_is_told_to_stop_does_not_wait_for_a_router_that_hangs(net: Network) -> None:
    began = time.perf_counter()
    await asyncio.gather(*(each.keeper.stop() for each in net.hanging))

    assert await soon(lambda: net.turns.inside == 0, SOON_S)
    assert time.perf_counter() - began < SOON_S


async def test_many_who_pay_at_a_router_that_says_nothing_are_kept_as_numbers(net: Network) -> None:
    """Whoever is woken while so many groups are dealt with waits as one group, so memory is bounded."""
    at = net.healthy[0]
    assert at.router is not None
    at.router.faults.half_open = True  # logged in, and silent from now on
    devices = [await net.home.write(store.touch_device, mac_of(n), at.id, net.home.clock.now()) for n in range(1, 101)]
    for device in devices:
        at.keeper.wake(device.id)
        await asyncio.sleep(0.001)

    assert 1 < len(at.keeper._tasks) <= 32
    at.router.faults.half_open = False
    assert at.api is not None
    at.api.drop_all()
