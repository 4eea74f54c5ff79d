"""Attacks by whoever can reach the portal: redirects, headers, huge and slow requests, floods of connections."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
import uvicorn
from starlette.applications import Starlette

from portal.listening import Listening
from sandbox.mpesa.server import QuietUvicorn
from tests.attacks.guest import VICTIM_PHONE, World, a_world

MAC = "02:00:00:00:00:01"
FOREIGN = (
    "http:evil.test",
    "//evil.test",
    "%2F%2Fevil.test",
    "javascript:alert(1)",
    "http:%5Cevil.test",
    "a%0d%0aX-Y:z",
)


@pytest.fixture
async def w(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as made:
        yield made


async def open_line(w: World) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = w.site.portal_address
    return await asyncio.open_connection(host, port, ssl=w.site.ca.client_context(), server_hostname="localhost")


async def send_raw(w: World, text: bytes) -> bytes:
    reader, writer = await open_line(w)
    writer.write(text)
    async with asyncio.timeout(60):
        answer = await reader.read(65_536)
    writer.close()
    return answer


async def test_no_address_leads_to_another_site(w: World) -> None:
    base = "https://portal.bando.test"
    for door in ("w", "p", "s", "e"):
        for trick in FOREIGN:
            for tail in ("", "/", "/?q=//evil.test", "/pay", "/again", "/start"):
                path = f"/{door}/{trick}{tail}"
                request = f"GET {path} HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n"
                answer = await send_raw(w, request.encode())
                head = answer.partition(b"\r\n\r\n")[0].decode("latin-1").lower()
                for line in head.split("\r\n")[1:]:
                    name, _, value = line.partition(": ")
                    assert name != "x-y"
                    if name == "location":
                        there = urlsplit(urljoin(f"{base}{path}", value))
                        # A browser takes http:evil.test for http://evil.test/ when the page is https.
                        assert (there.scheme, there.netloc) in (("https", "portal.bando.test"),), (path, value)
                assert "evil.test" not in answer.partition(b"\r\n\r\n")[2].decode("latin-1")


async def test_a_form_of_another_site_is_refused(w: World) -> None:
    home = await w.arrive(MAC)
    form = {"plan": w.plan("1 hour"), "phone": VICTIM_PHONE, "click": "0" * 32, "confirm": "1"}
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"origin": "https://evil.test"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://["},
    ):
        assert (await w.http.post(f"{home}pay", data=form, headers=headers)).status_code == 403
    assert w.site.mpesa.pending(VICTIM_PHONE) is None


async def test_endless_headers_are_cut_off_and_cost_no_memory(w: World) -> None:
    _, writer = await open_line(w)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ")
    sent = await flood(writer)
    assert sent < 10_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000
    assert (await w.http.get("/healthz")).status_code == 200


async def test_a_hundred_requests_that_never_end_freeze_nobody(w: World) -> None:
    lines = [await open_line(w) for _ in range(100)]
    for n, (_, writer) in enumerate(lines):
        body = b"POST /hook/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
        writer.write(b"GET / HTTP/1.1\r\nX-Slow: " if n % 2 else body)
    began = time.monotonic()
    assert (await w.http.get(await w.arrive(MAC))).status_code == 200
    assert time.monotonic() - began < 8
    for _, writer in lines:
        writer.close()


class Impatient(Listening):
    request_s = 0.3


async def test_a_request_that_never_ends_is_hung_up_on() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    server = QuietUvicorn(uvicorn.Config(Starlette(), http=Impatient, lifespan="off", ws="none", log_config=None))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    body = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"
    for start in (b"", b"GET / HTTP/1.1\r\nX-Slow: ", body):
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(start)
        async with asyncio.timeout(60):
            with contextlib.suppress(ConnectionError):
                assert b"200" not in await reader.read(65_536)
                assert await reader.read() == b""
        writer.close()
    server.should_exit = True
    await task


async def test_endless_trailers_are_cut_off(w: World) -> None:
    _, writer = await open_line(w)
    writer.write(b"POST /hook/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\nX-Long: ")
    assert await flood(writer) < 10_000_000


async def flood(writer: asyncio.StreamWriter, most: int = 40_000_000) -> int:
    """How much the other end takes before it hangs up."""
    sent = 0
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        async with asyncio.timeout(60):
            while sent < most:
                writer.write(b"a" * 65_536)
                await writer.drain()
                sent += 65_536
    writer.close()
    return sent
