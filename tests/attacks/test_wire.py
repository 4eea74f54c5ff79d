"""What goes over the wire, and what is written of it: no TLS older than 1.2, no page without it, nothing visited."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from portal.logs import GATHER_S
from sandbox.ca import Authority
from sandbox.net import listen
from tests.attacks.guest import VICTIM_PHONE, World, a_world
from tests.hand import on_disk

OLD = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
GOOD = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


@pytest.fixture
async def w(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as made:
        yield made


def of_version(context: ssl.SSLContext, version: ssl.TLSVersion) -> ssl.SSLContext:
    """The same that speaks this version alone, however old it is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


async def agreed(host: str, port: int, trust: ssl.SSLContext, version: ssl.TLSVersion) -> str:
    """The version of which both think well, or nothing."""
    try:
        _, writer = await asyncio.open_connection(
            host, port, ssl=of_version(trust, version), server_hostname="localhost"
        )
    except (ssl.SSLError, ConnectionError):
        return ""
    spoken: ssl.SSLObject = writer.get_extra_info("ssl_object")
    writer.close()
    return str(spoken.version())


async def test_old_tls_is_refused_and_present_tls_is_spoken(w: World) -> None:
    host, port = w.site.portal_address
    said = {each.name: await agreed(host, port, w.site.ca.client_context(), each) for each in (*OLD, *GOOD)}
    assert said == {"TLSv1": "", "TLSv1_1": "", "TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}


@pytest.mark.parametrize("version", OLD)
async def test_a_server_that_takes_old_tls_would_be_noticed(tmp_path: Path, version: ssl.TLSVersion) -> None:
    async def stay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)

    authority = Authority(tmp_path)
    server = await listen(stay, tls=of_version(authority.server_context("localhost"), version))
    try:
        assert await agreed(*server.address, authority.client_context(), version) != ""
    finally:
        await server.aclose()


async def test_without_tls_there_is_no_page(w: World) -> None:
    host, port = w.site.portal_address
    async with httpx.AsyncClient(base_url=f"http://{host}:{port}", trust_env=False, timeout=60) as http:
        for path in ("/", "/console/login"):
            with pytest.raises(httpx.TransportError):
                await http.get(path)


async def test_a_browser_that_was_here_comes_back_by_tls_alone(w: World) -> None:
    for path in ("/", "/console/login", "/nowhere"):
        answer = await w.http.get(path)
        assert answer.headers["strict-transport-security"] == "max-age=31536000", path


async def test_where_a_guest_wanted_to_go_is_written_nowhere(w: World, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither where the guest came from, nor what was asked for behind the router."""
    wanted = "http://sokoni-secret.test/bidhaa?q=kifaranga"
    gateway = await w.site.phone(1)
    home = await w.arrive(gateway.mac, **{"link-orig": wanted})
    await w.order(home, "1 hour", VICTIM_PHONE, "0" * 32)
    await w.http.get(f"{home}state")
    await asyncio.sleep(2 * GATHER_S)
    out, err = capfd.readouterr()
    kept = on_disk(w.site.settings.place)

    assert b"Kilimani Wi-Fi" in kept
    assert "/w/{token}/" in err
    for word in ("sokoni", "bidhaa", "kifaranga"):
        assert word.encode() not in kept, word
        assert word not in out + err, word
