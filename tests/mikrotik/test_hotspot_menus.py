"""The typed menus against the sandbox router, over its real API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from portal.clock import SECOND, TravelClock
from portal.errors import RouterTrap, RouterUnreachable
from portal.mikrotik.hotspot import Hotspot
from portal.mikrotik.pace import Pace
from portal.mikrotik.replies import Answer, RouterRefusedLogin, answer_of
from portal.mikrotik.rows import user
from portal.mikrotik.values import Rate
from portal.mikrotik.wire import Address, connect
from sandbox.net import LOOPBACK
from sandbox.routeros.api import ApiServer, serve_api
from sandbox.routeros.device import SandboxRouter

from .scripted import wired
from .test_login import Certificate
from .test_wire import answer_everything

MAC, IP = "AA:BB:CC:00:00:01", "10.5.50.11"
OTHER, OTHER_IP = "AA:BB:CC:00:00:02", "10.5.50.12"


class World:
    """A sandbox router, its API, and our hotspot over it."""

    def __init__(self, router: SandboxRouter, clock: TravelClock, api: ApiServer, hotspot: Hotspot) -> None:
        self.router, self.clock, self.api, self.hotspot = router, clock, api, hotspot

    async def user(self, *, name: str = "bando-1", mac: str = MAC, seconds: int = 3600, size: int = 0) -> str:
        return await self.hotspot.add_user(
            name=name,
            password="pw",
            mac=mac,
            profile="default",
            comment="bando:i:1",
            limit_uptime_s=seconds,
            limit_bytes=size,
        )


def address_of(api: ApiServer, *, password: str = "sandbox", fingerprint: str | None = None) -> Address:
    return Address(
        host="127.0.0.1",
        policy=LOOPBACK,
        port=api.port,
        username="bando",
        password=password,
        fingerprint=fingerprint,
        tunnel=fingerprint is None,
    )


def numbered(n: int) -> str:
    return f"AA:BB:CC:DD:{n // 256:02X}:{n % 256:02X}"


@asynccontextmanager
async def sandbox(version: str = "7.20.8", *, pace: Pace | None = None) -> AsyncIterator[World]:
    clock = TravelClock()
    router = SandboxRouter(clock, version=version)
    api = await serve_api(router)
    wire = await connect(address_of(api), pace=pace)
    try:
        yield World(router, clock, api, Hotspot(wire))
    finally:
        await wire.aclose()
        await api.aclose()


@pytest.fixture(params=["6.49.18", "7.20.8"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with sandbox(request.param) as it:
        yield it


async def refusal(world: World, *, ip: str = IP, mac: str = MAC, password: str = "pw") -> Answer:
    with pytest.raises(RouterTrap) as caught:
        await world.hotspot.login(ip=ip, mac=mac, user="bando-1", password=password)
    return answer_of(caught.value)


async def test_a_device_is_put_online_and_taken_off(world: World) -> None:
    world.router.host_seen(MAC, IP)
    id = await world.user()
    await world.hotspot.login(ip=IP, mac=MAC, user="bando-1", password="pw", urgent=True)
    world.clock.advance(10 * SECOND)

    [row] = await world.hotspot.active(macs=[MAC.lower()])
    assert (row.user, row.mac, row.address) == ("bando-1", MAC, IP)
    assert abs(row.uptime_s - 10) <= 1
    assert row.session_time_left_s is not None
    assert abs(row.session_time_left_s - 3590) <= 1
    assert world.router.is_authorized(MAC, IP)

    await world.hotspot.remove_user(id)
    await world.hotspot.remove_cookies([each.id for each in await world.hotspot.cookies(macs=[MAC])])
    await world.hotspot.remove_active([row.id])
    assert await world.hotspot.active() == []
    assert not world.router.is_authorized(MAC, IP)


async def test_a_user_is_read_as_it_was_written(world: World) -> None:
    id = await world.user(seconds=90_061, size=5_000_000_000)
    await world.user(name="bando-2", mac=OTHER)

    [row] = await world.hotspot.users(names=["bando-1"])
    assert (row.id, row.name, row.mac, row.profile) == (id, "bando-1", MAC, "default")
    assert (row.comment, row.limit_uptime_s, row.limit_bytes) == ("bando:i:1", 90_061, 5_000_000_000)
    assert (row.uptime_s, row.bytes_in, row.bytes_out, row.disabled) == (0, 0, 0, False)

    await world.hotspot.set_user(id, limit_uptime_s=60, limit_bytes=0, comment="bando:i:2", disabled=True)
    [row] = await world.hotspot.users(names=["bando-1"])
    assert (row.limit_uptime_s, row.limit_bytes, row.comment, row.disabled) == (60, 0, "bando:i:2", True)
    assert row.mac == MAC

    both = await world.hotspot.users(names=["bando-1", "bando-2", "bando-3"])
    assert sorted(each.name for each in both) == ["bando-1", "bando-2"]
    await world.hotspot.remove_user(*(each.id for each in both))
    assert await world.hotspot.users(names=["bando-1", "bando-2"]) == []


async def test_bytes_in_come_from_the_client(world: World) -> None:
    world.router.host_seen(MAC, IP)
    await world.user()
    await world.hotspot.login(ip=IP, mac=MAC, user="bando-1", password="pw")
    world.router.count(MAC, IP, up=100, down=9_000)

    [row] = await world.hotspot.active()
    assert (row.bytes_in, row.bytes_out) == (100, 9_000)


async def test_hosts_are_read_with_both_addresses(world: World) -> None:
    world.router.host_seen(MAC, IP, to_address="10.9.9.9")
    world.router.host_seen(OTHER, OTHER_IP)

    [row] = await world.hotspot.hosts(macs=[MAC])
    assert (row.mac, row.address, row.to_address) == (MAC, IP, "10.9.9.9")
    assert not row.authorized
    assert len(await world.hotspot.hosts()) == 2


async def test_an_empty_choice_asks_nothing(world: World) -> None:
    await world.user()

    assert await world.hotspot.users(names=[]) == []
    assert await world.hotspot.hosts(macs=[]) == []


async def test_a_profile_is_read_as_it_was_written(world: World) -> None:
    rate = Rate(up=512_000, down=2_000_000)
    id = await world.hotspot.add_profile(name="bando-wall-512k-2M", rate=rate, idle_timeout_s=300, mac_cookie=False)

    row = next(each for each in await world.hotspot.profiles() if each.name == "bando-wall-512k-2M")
    assert (row.id, row.rate, row.shared_users) == (id, rate, "1")
    assert (row.idle_timeout_s, row.keepalive_timeout_s, row.add_mac_cookie) == (300, None, False)


async def test_a_foreign_profile_with_a_strange_rate_does_not_stop_the_reading(world: World) -> None:
    await world.hotspot.add_profile(name="ours", rate=Rate())
    row = next(row for row in world.router.tables["/ip/hotspot/user/profile"].rows.values() if row["name"] == "ours")
    row["rate-limit"] = "as fast as you can"

    assert "ours" in {each.name for each in await world.hotspot.profiles()}


async def test_a_device_is_blocked_and_let_in_again(world: World) -> None:
    id = await world.hotspot.add_binding(mac=MAC, comment="bando:i:block-1")
    [row] = await world.hotspot.bindings()
    assert (row.id, row.mac, row.kind, row.comment) == (id, MAC, "blocked", "bando:i:block-1")
    assert world.router.is_blocked(MAC)

    await world.hotspot.remove_binding(id)
    assert not world.router.is_blocked(MAC)


async def test_the_answers_to_a_login_are_told_apart(world: World) -> None:
    await world.user(seconds=5)
    assert await refusal(world) is Answer.UNKNOWN_HOST

    world.router.host_seen(MAC, IP)
    world.router.host_seen(OTHER, OTHER_IP)
    assert await refusal(world, mac=OTHER) is Answer.WRONG_MAC
    assert await refusal(world, password="no") is Answer.BAD_CREDENTIALS

    await world.hotspot.login(ip=IP, mac=MAC, user="bando-1", password="pw")
    world.clock.advance(6 * SECOND)
    world.router.tick()
    assert await refusal(world) is Answer.UPTIME_LIMIT


@pytest.mark.parametrize(
    "text, answer",
    [
        ("no more sessions are allowed for user", Answer.NO_MORE_SESSIONS),
        ("internal error: login failed: failed to add queue: x", Answer.FAILED_TO_ADD_QUEUE),
        ("session limit reached", Answer.LICENCE_FULL),
        ("already authorizing, retry later", Answer.ALREADY_AUTHORIZING),
    ],
)
async def test_rarer_answers_arrive_as_well(world: World, text: str, answer: Answer) -> None:
    world.router.host_seen(MAC, IP)
    await world.user()
    world.router.faults.login_traps[IP] = text

    assert await refusal(world) is answer


async def test_general_refusals_are_told_apart(world: World) -> None:
    await world.user()
    with pytest.raises(RouterTrap) as caught:
        await world.user()
    assert answer_of(caught.value) is Answer.DUPLICATE

    with pytest.raises(RouterTrap) as caught:
        await world.hotspot.remove_user("*FFFF")
    assert answer_of(caught.value) is Answer.NO_SUCH_ITEM

    with pytest.raises(RouterTrap) as caught:
        await world.hotspot.set_user("*1", profile="nowhere")
    assert answer_of(caught.value) in (Answer.BAD_VALUE, Answer.NO_SUCH_ITEM)

    world.router.faults.hotspot_package = False
    with pytest.raises(RouterTrap) as caught:
        await world.hotspot.users()
    assert answer_of(caught.value) is Answer.NO_SUCH_COMMAND
    assert caught.value.others


async def test_an_old_router_that_returns_no_id_is_fine(world: World) -> None:
    world.router.faults.add_without_ret = True

    assert await world.user() == ""
    assert len(await world.hotspot.users(names=["bando-1"])) == 1


async def test_a_comment_may_hold_any_character(world: World) -> None:
    comment = 'bando:i:1 = Café\n"quoted" ñ 🙂, a=b'
    id = await world.user()
    await world.hotspot.set_user(id, comment=comment)

    [row] = await world.hotspot.users(names=["bando-1"])
    assert row.comment == comment


async def test_a_wrong_password_is_told_apart() -> None:
    async with sandbox() as world:
        with pytest.raises(RouterRefusedLogin):
            await connect(address_of(world.api, password="guess"))


async def test_a_reboot_ends_the_connection_and_the_next_one_works() -> None:
    async with sandbox() as world:
        world.router.reboot()
        with pytest.raises(RouterUnreachable):
            await world.hotspot.users()
        await asyncio.wait_for(world.hotspot.wire.closed.wait(), 1)
        wire = await connect(address_of(world.api))
        assert await Hotspot(wire).active() == []
        await wire.aclose()


@pytest.mark.parametrize("rst", [False, True])
@pytest.mark.parametrize("after", [1, 40, 500])
async def test_a_connection_cut_in_an_answer_is_unreachable(after: int, rst: bool) -> None:
    async with sandbox() as world:
        for n in range(20):
            await world.user(name=f"bando-{n}", mac=numbered(n))
        world.router.faults.cut_after_bytes, world.router.faults.cut_with_rst = after, rst
        with pytest.raises(RouterUnreachable):
            await world.hotspot.users()


async def test_a_stalled_command_drops_the_connection_in_its_own_time() -> None:
    async with sandbox() as world:
        world.router.faults.stall_command = "/ip/hotspot/user/print"
        with pytest.raises(RouterUnreachable, match="user/print"):
            await Hotspot(world.hotspot.wire, timeout_s=0.05).users()


async def test_tls_with_a_pinned_certificate(tmp_path: Path) -> None:
    certificate = Certificate(tmp_path)
    router = SandboxRouter(TravelClock())
    api = await serve_api(router, tls=certificate.context)
    wire = await connect(address_of(api, fingerprint=certificate.fingerprint))
    names = [row.name for row in await Hotspot(wire).profiles()]
    await wire.aclose()
    await api.aclose()

    assert "default" in names


async def test_five_hundred_devices_cost_few_round_trips() -> None:
    async with sandbox(pace=Pace(trusted=True)) as world:
        world.router.faults.latency_ms = 100
        began = time.perf_counter()
        await asyncio.gather(*(world.user(name=f"bando-{n}", mac=numbered(n)) for n in range(500)))
        took = time.perf_counter() - began

    assert took < 20  # one after the other: 50 s


async def test_a_new_payer_is_quick_while_a_fallen_router_is_busy() -> None:
    async with sandbox() as world:
        faults = world.router.faults
        faults.latency_ms, faults.service_ms, faults.knee_after = 100, 1, 30
        bulk = [asyncio.create_task(world.hotspot.users(names=["x"])) for _ in range(150)]
        await asyncio.sleep(1.0)
        took = []
        for _ in range(3):  # nobody is alone on this machine
            began = time.perf_counter()
            await world.hotspot.users(names=["y"], urgent=True)
            took.append(time.perf_counter() - began)
        for task in bulk:
            task.cancel()
        await asyncio.gather(*bulk, return_exceptions=True)

    assert min(took) < 0.6


async def test_a_row_without_id_or_values_is_passed_over() -> None:
    async with wired(answer_everything) as (wire, _):
        assert await Hotspot(wire).users() == []

    assert user({".id": "*1", "mac-address": "broken"}).mac == "broken"
    assert user({".id": "*1", "mac-address": "00:00:00:00:00:00"}).mac == ""
