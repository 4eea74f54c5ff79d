"""The landing page beside a Starlette answer of the same bytes and headers: throughput in turn, then latency.

Both servers are processes of their own with the same uvicorn settings over plain HTTP, and only one is asked at a time;
the load generator has the other core. Each request carries one of many guests' tokens: the portal opens it,
looks the guest's device up in the database and then picks the page of plans.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import httpx

from benchmarks.figures import Figure, at_least, at_most, show
from benchmarks.ground import address_of, answering, mac_of, place, portal
from sandbox.world import PORTAL_HOST, Site, free_port

GUESTS = 200
CONNECTIONS = 32
SECONDS = 3.0
OPEN_RATE = 500
OPEN_SECONDS = 6.0


async def run(repeats: int) -> None:
    """Both servers up; A, B, A, B, …"""
    async with place() as site, portal(site, tls=False):
        port = site.portal_address[1]
        paths, answer = await _guests(port, site.row.public)
        (site.folder / "paths").write_text(json.dumps(paths))
        async with _fixed(site, answer) as fixed_port:
            rates = [(await _rate(site, port), await _rate(site, fixed_port)) for _ in range(repeats)]
            late = [(await _latencies(site, port), await _latencies(site, fixed_port)) for _ in range(repeats)]
    share = [100 * own / fixed for own, fixed in rates]
    own_ms, fixed_ms = [each for own, _ in late for each in own], [each for _, fixed in late for each in fixed]
    size = len(answer.content)
    show(
        f"Landing page, {size:,} bytes compressed: {CONNECTIONS} connections, then {OPEN_RATE} requests/s",
        [
            Figure(name="share of the fixed answer's requests/s", unit="%", values=share, goal=at_least(40, "%")),
            Figure(name="landing page, requests/s", unit="1/s", values=[own for own, _ in rates]),
            Figure(name="same bytes from Starlette, requests/s", unit="1/s", values=[fixed for _, fixed in rates]),
            Figure(name=f"landing page at {OPEN_RATE}/s", unit="ms", values=own_ms, goal=at_most(50, "ms", 0.99)),
            Figure(name=f"same bytes at {OPEN_RATE}/s", unit="ms", values=fixed_ms),
        ],
    )


async def _guests(port: int, router: str) -> tuple[list[str], httpx.Response]:
    """The addresses of many guests' first pages, and the page that they get."""
    own = {"Host": PORTAL_HOST, "Accept-Encoding": "gzip", "Accept-Language": "en"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=own, trust_env=False) as client:
        paths = []
        for number in range(GUESTS):
            claims = {
                "mac": mac_of(number),
                "ip": address_of(number),
                "link-login": "http://login.wifi.test/login",
                "link-orig": "http://example.test/",
            }
            entry = await client.get(f"/e/{router}?{urlencode(claims)}")
            paths.append(entry.headers["location"])
        async with client.stream("GET", paths[0]) as answer:
            answer._content = b"".join([part async for part in answer.aiter_raw()])  # as it is sent: compressed
        assert answer.status_code == 200
        return paths, answer


@asynccontextmanager
async def _fixed(site: Site, answer: httpx.Response) -> AsyncIterator[int]:
    headers = {name: value for name, value in answer.headers.items() if name not in ("date", "content-length")}
    kept, port = site.folder / "answer", free_port()
    kept.write_bytes(json.dumps(headers).encode() + b"\n" + answer.content)
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks.fixed", str(port), str(kept))
    try:
        await answering("127.0.0.1", port, None, process)
        yield port
    finally:
        process.terminate()
        await process.wait()


async def _rate(site: Site, port: int) -> float:
    return float((await _load(site, port, "closed", CONNECTIONS, SECONDS))["rate"])


async def _latencies(site: Site, port: int) -> list[float]:
    return list((await _load(site, port, "open", OPEN_RATE, OPEN_SECONDS))["ms"])


async def _load(site: Site, port: int, how: str, amount: int, seconds: float) -> dict[str, Any]:
    arguments = [str(port), PORTAL_HOST, str(site.folder / "paths"), how, str(amount), str(seconds)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.load", *arguments, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    found: dict[str, Any] = json.loads(out)
    if found["errors"]:
        raise RuntimeError(f"the load met errors: {found['errors']}")
    return found
