"""A phone beside the router: what gets through, what is intercepted, what is cut (facts/mikrotik.md 4.5, 5)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from sandbox.gateway import serve_gateway
from sandbox.phone import Phone
from sandbox.socks import SOCKS, pretend_address
from tests.sandbox.web import ADDRESS, MAC, PORTAL, World, let_in, world


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        yield made


def open_garden(here: World, **props: str) -> None:
    here.router.tables["/ip/hotspot/walled-garden/ip"].add({key.replace("_", "-"): v for key, v in props.items()})


async def test_a_stranger_is_intercepted_and_seen_by_the_router(here: World) -> None:
    response = await here.phone.get("http://example.test/wanted")

    assert response.status_code == 302
    assert response.headers["location"].startswith(
        "http://login.wifi.test/login?dst=http%3A%2F%2Fexample.test%2Fwanted"
    )
    assert here.router.host_of(ADDRESS) is not None
    assert here.internet.bytes_served == 0
    assert (await here.phone.probe()).verdict == "captive"


async def test_a_stranger_follows_the_redirect_to_the_login_page(here: World) -> None:
    response = await here.phone.get("http://example.test/", follow=True)

    assert "Log in to site-1" in response.text


async def test_https_of_a_stranger_is_refused(here: World) -> None:
    with pytest.raises(httpx.ProxyError, match="refused"):
        await here.phone.get("https://example.test/")


async def test_the_ip_garden_lets_https_through_and_the_host_garden_does_not(here: World) -> None:
    here.router.tables["/ip/hotspot/walled-garden"].add({"dst-host": PORTAL})
    with pytest.raises(httpx.ProxyError):
        await here.phone.get(f"https://{PORTAL}/")

    open_garden(here, dst_host=PORTAL, dst_port="443", protocol="tcp")
    assert "the portal" in (await here.phone.get(f"https://{PORTAL}/")).text
    assert not await here.phone.online()


async def test_the_ip_garden_knows_addresses_too(here: World) -> None:
    open_garden(here, dst_address=pretend_address(PORTAL))

    assert "the portal" in (await here.phone.get(f"https://{PORTAL}/")).text


async def test_the_host_garden_lets_plain_http_through_by_host_and_path(here: World) -> None:
    here.router.tables["/ip/hotspot/walled-garden"].add({"dst-host": "example.test", "path": "/free*"})

    assert "the internet" in (await here.phone.get("http://example.test/freebie")).text
    assert (await here.phone.get("http://example.test/other")).status_code == 302


async def test_an_authorised_phone_is_online_and_its_bytes_are_counted(here: World) -> None:
    here.gateway.appear()
    let_in(here.router)

    assert await here.phone.online()
    assert (await here.phone.probe()).verdict == "online"
    assert "the internet" in (await here.phone.get("https://example.test/")).text
    assert len((await here.phone.get("http://example.test/bytes/100000")).content) == 100_000
    active = here.router.active_of(MAC, ADDRESS)
    assert active is not None
    assert 100_000 < int(active["bytes-out"]) < 110_000
    assert int(active["bytes-in"]) > 0
    assert here.internet.served_to(MAC) >= 100_000


async def test_a_guest_logs_in_and_out_on_the_routers_own_pages(here: World) -> None:
    form = {"username": "guest", "password": "pw", "dst": "http://example.test/wanted"}
    response = await here.phone.post("http://login.wifi.test/login", form)
    assert "http://example.test/wanted" in response.text
    assert await here.phone.online()
    assert "Welcome guest" in (await here.phone.get("http://login.wifi.test/status")).text

    await here.phone.get("http://10.5.50.1/logout")
    assert not await here.phone.online()


@pytest.mark.parametrize("how", ["logout", "limit", "block", "power"])
async def test_who_is_cut_off_gets_nothing_more_within_a_second(here: World, how: str) -> None:
    here.gateway.appear()
    let_in(here.router)
    reader, writer = await _drip(here)
    assert await reader.readexactly(4096)

    match how:
        case "logout":
            here.router.logout(ADDRESS, "admin reset")
        case "limit":
            here.clock.advance(3_601_000)
        case "block":
            here.router.tables["/ip/hotspot/ip-binding"].add({"mac-address": MAC, "type": "blocked"})
        case "power":
            here.router.powered = False
    cut_at = time.monotonic()
    with pytest.raises(ConnectionResetError):
        await _drain(reader)

    assert time.monotonic() - cut_at < 10
    writer.close()


async def _connect(here: World, port: int = 80) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A bare SOCKS connection to example.test; the first 12 bytes back are the two answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", here.gateway.port)
    name = b"example.test"
    writer.write(bytes([SOCKS, 1, 0, SOCKS, 1, 0, 3, len(name)]) + name + port.to_bytes(2, "big"))
    return reader, writer


async def _drip(here: World) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await _connect(here)
    writer.write(b"GET /drip HTTP/1.1\r\nHost: example.test\r\n\r\n")
    await reader.readexactly(12)
    return reader, writer


async def _drain(reader: asyncio.StreamReader) -> None:
    while await reader.read(4096):
        pass
    raise ConnectionResetError  # closed in good order: as good as reset


async def test_a_silent_tunnel_is_closed_when_its_phone_is_cut_off(here: World) -> None:
    here.gateway.appear()
    let_in(here.router)
    reader, writer = await _connect(here, port=443)
    assert (await reader.readexactly(12))[3] == 0

    here.router.logout(ADDRESS, "admin reset")
    async with asyncio.timeout(60):
        with pytest.raises(ConnectionResetError):
            await _drain(reader)
    writer.close()


async def test_a_data_limit_ends_in_the_middle_of_a_download(here: World) -> None:
    here.router.tables["/ip/hotspot/user"].add({"name": "small", "password": "pw", "limit-bytes-total": "100000"})
    here.gateway.appear()
    here.router.login(ip=ADDRESS, user="small", password="pw", by="api")

    with pytest.raises(httpx.TransportError):
        await here.phone.get("http://example.test/bytes/50000000")

    assert not await here.phone.online()
    assert here.gateway.bytes_down < 400_000


async def test_a_connection_from_before_the_login_is_judged_when_it_asks(here: World) -> None:
    """Browsers open sockets ahead of need."""
    reader, writer = await _connect(here)
    assert (await reader.readexactly(12))[3] == 0

    let_in(here.router)
    writer.write(b"GET / HTTP/1.1\r\nHost: example.test\r\n\r\n")

    assert b"the internet" in await reader.read()
    writer.close()


async def test_a_blocked_phone_is_refused_everywhere(here: World) -> None:
    here.router.tables["/ip/hotspot/ip-binding"].add({"mac-address": MAC, "type": "blocked"})

    for url in ("http://example.test/", "http://login.wifi.test/", "https://example.test/"):
        with pytest.raises(httpx.ProxyError, match="refused"):
            await here.phone.get(url)


async def test_a_bypassed_phone_needs_no_login(here: World) -> None:
    here.router.tables["/ip/hotspot/ip-binding"].add({"mac-address": MAC, "type": "bypassed"})

    assert await here.phone.online()


async def test_without_power_or_out_of_range_there_is_no_network(here: World) -> None:
    here.router.powered = False
    with pytest.raises(httpx.ProxyError, match=r"[Nn]etwork"):
        await here.phone.get("http://example.test/")
    assert (await here.phone.probe()).verdict == "offline"

    here.router.powered = True
    here.gateway.leave()
    assert (await here.phone.probe()).verdict == "offline"
    here.gateway.appear()
    assert (await here.phone.probe()).verdict == "captive"


async def test_a_phone_is_a_host_again_after_a_reboot_only_when_it_speaks(here: World) -> None:
    here.gateway.appear()
    here.router.reboot()
    assert here.router.host_of(ADDRESS) is None

    await here.phone.probe()
    assert here.router.host_of(ADDRESS) is not None


async def test_a_name_that_does_not_exist_is_not_intercepted(here: World) -> None:
    with pytest.raises(httpx.ProxyError, match=r"[Hh]ost"):
        await here.phone.get("http://nowhere.test/")


async def test_the_api_port_of_the_router_is_not_for_guests(here: World) -> None:
    with pytest.raises(httpx.ProxyError, match="refused"):
        await here.phone.get("http://10.5.50.1:8728/")


async def test_https_pages_of_the_router_need_a_certificate(here: World) -> None:
    with pytest.raises(httpx.ProxyError):
        await here.phone.get("https://login.wifi.test/api")

    here.gateway.tls = here.ca.server_context("login.wifi.test")
    here.router.profile["ssl-certificate"] = "hotspot"
    response = await here.phone.get("https://login.wifi.test/api")
    assert response.headers["content-type"] == "application/captive+json"
    assert response.json()["captive"] is True


async def test_each_phone_is_its_own_device(here: World) -> None:
    here.gateway.appear()
    let_in(here.router)
    other = await serve_gateway(here.router, here.internet, mac="02:00:00:00:00:08", address="10.5.50.8")
    try:
        async with Phone(other.port) as phone:
            assert not await phone.online()
            assert await here.phone.online()
    finally:
        await other.aclose()


async def test_other_socks_commands_and_methods_are_refused(here: World) -> None:
    for greeting, expected in (
        (b"\x05\x01\x02", b"\x05\xff"),
        (b"\x05\x01\x00\x05\x02\x00\x01\x01\x01\x01\x01\x00\x50", b"\x05\x00\x05\x07"),
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", here.gateway.port)
        writer.write(greeting)
        assert (await reader.read())[: len(expected)] == expected
        writer.close()
