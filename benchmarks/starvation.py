"""Half of 200 routers hang: how long pages and grants at the other half take, beside how long they took before.

Of the faulty ones three in five accept TCP and never say a word, one in five lets TLS be set up and never answers the
login, one in five falls silent in mid-sentence of each poll. Pages come at random moments (an open model); a voucher
is redeemed at one healthy router after the other, and timed until the row is in that router's active table. Well and
faulty are measured in turn, in one run of the portal: a pair is one after the other.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any, cast

import httpx

from benchmarks.figures import Figure, at_most, quantile, show
from benchmarks.ground import Watch, address_of, mac_of, place, portal, until, worked_s
from benchmarks.redeem import seed
from portal.db import open_database
from portal.mikrotik.wire import fingerprint_of
from portal.pages.context import Context, seal_context
from portal.tenancy import store as tenancy
from portal.units import Unit
from portal.vouchers import codes
from sandbox.net import LOOPBACK
from sandbox.routeros.api import ApiServer, serve_api
from sandbox.routeros.device import SandboxRouter
from sandbox.world import PORTAL_HOST, Site

ROUTERS = 200
PAGES = 50  # a second
GRANTS = 10  # a second
SECONDS = 12.0
SETTLE_S = 12.0  # after each change: longer than the portal's patience with a router
WORSE = 1.5  # times as long as without faults


class Tarpit(asyncio.Protocol):
    """Takes everything and says nothing."""

    kept: set[asyncio.BaseTransport]

    def __init__(self, kept: set[asyncio.BaseTransport]) -> None:
        self.kept = kept

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self.kept.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.kept.discard(self._transport)


@dataclass(kw_only=True)
class Place:
    """A router, and how it can be made to hang."""

    number: int
    router: SandboxRouter
    api: ApiServer
    tls: ssl.SSLContext
    public: str = ""
    watch: Watch = field(default_factory=Watch)
    pit: asyncio.Server | None = None
    caught: set[asyncio.BaseTransport] = field(default_factory=set)

    async def hang(self) -> None:
        if self.number % 5 < 3:
            await self.api.aclose()
            loop, port = asyncio.get_running_loop(), self.api.port
            self.pit = await loop.create_server(lambda: Tarpit(self.caught), "127.0.0.1", port, backlog=512)
            return
        self.router.faults.half_open = self.number % 5 == 3
        self.router.faults.silent_after_bytes = 600 if self.number % 5 == 4 else None
        self.api.drop_all()

    async def mend(self) -> None:
        self.router.faults.half_open, self.router.faults.silent_after_bytes = False, None
        if self.pit is None:
            self.api.drop_all()
            return
        self.pit.close()
        for each in list(self.caught):
            cast(asyncio.Transport, each).abort()
        self.pit = None
        self.api = await serve_api(self.router, port=self.api.port, tls=self.tls)

    @property
    def met(self) -> bool:
        """Whether the portal is logged in."""
        return any(each.account is not None for each in self.api.connections)


@dataclass(kw_only=True)
class Measured:
    """One while."""

    pages: list[float] = field(default_factory=list)  # ms
    grants: list[float] = field(default_factory=list)  # ms
    shares: list[float] = field(default_factory=list)  # percent of one core


async def run(repeats: int) -> None:
    """In turn: all well, half of them hanging."""
    well, ill = Measured(), Measured()
    shares: list[tuple[float, float]] = []
    back: list[float] = []
    async with place() as site, _places(site) as places:
        forms = _forms(site, places[::2], seed(site, int(GRANTS * SECONDS * 4 * repeats)))
        async with portal(site, tls=False) as process:
            await until(lambda: all(each.met for each in places), 60)
            (site.folder / "paths").write_text(json.dumps(_pages_of(site, places[::2])))
            for _ in range(repeats):
                before = await _while(site, forms, process.pid)
                await asyncio.gather(*(each.hang() for each in places[1::2]))
                await asyncio.sleep(SETTLE_S)
                during = await _while(site, forms, process.pid)
                memory = _memory(process.pid)
                began = time.perf_counter()
                await asyncio.gather(*(each.mend() for each in places[1::2]))
                await until(lambda: all(each.met for each in places), 60)
                back.append(time.perf_counter() - began)
                await asyncio.sleep(2)
                for total, one in ((well, before), (ill, during)):
                    total.pages += one.pages
                    total.grants += one.grants
                    total.shares += one.shares
                shares.append(_times(before, during))
    pages, grants = _times(well, ill)
    show(
        f"{ROUTERS} routers, half of them hanging; {PAGES} pages and {GRANTS} vouchers a second",
        [
            Figure(name="page, p99, times as long", unit="x", values=[p for p, _ in shares], goal=at_most(WORSE, "x")),
            Figure(name="grant, p99, times as long", unit="x", values=[g for _, g in shares], goal=at_most(WORSE, "x")),
            Figure(name="page, p99 of all pairs together", unit="x", values=[pages], goal=at_most(WORSE, "x")),
            Figure(name="grant, p99 of all pairs together", unit="x", values=[grants], goal=at_most(WORSE, "x")),
            Figure(name="page, all well", unit="ms", values=well.pages),
            Figure(name="page, half hanging", unit="ms", values=ill.pages),
            Figure(name="grant, all well", unit="ms", values=well.grants),
            Figure(name="grant, half hanging", unit="ms", values=ill.grants),
            Figure(name="the portal's share of one core, all well", unit="%", values=well.shares),
            Figure(name="the same, half hanging", unit="%", values=ill.shares),
            Figure(name="all are back after they are mended", unit="s", values=back),
        ],
    )
    print(f"memory of the portal while half were hanging: {memory:.0f} MB")


def _times(before: Measured, during: Measured) -> tuple[float, float]:
    pages = quantile(during.pages, 0.99) / quantile(before.pages, 0.99)
    return pages, quantile(during.grants, 0.99) / quantile(before.grants, 0.99)


# --- the routers ---


@asynccontextmanager
async def _places(site: Site) -> AsyncIterator[list[Place]]:
    tls = site.ca.server_context("router.test")
    pin = await fingerprint_of("127.0.0.1", site.api.port, policy=LOOPBACK)
    db = open_database(site.settings.database)
    async with AsyncExitStack() as stack:
        made = []
        for number in range(ROUTERS):
            router = SandboxRouter(site.clock, seed=number + 1)
            one = Place(number=number // 2, router=router, api=await serve_api(router, tls=tls), tls=tls)
            stack.push_async_callback(_close, one)
            router.tables["/ip/hotspot/active"].after.append(one.watch)
            one.public = await db.write(site.tenant.id, _add, site, number, one.api.port, pin)
            made.append(one)
        await db.aclose()
        yield made


async def _close(one: Place) -> None:
    if one.pit is not None:
        one.pit.close()
    await one.api.aclose()


def _add(site: Site, number: int, port: int, pin: str) -> Unit[str]:
    router_id = yield from tenancy.add_router(
        site.vault, site.clock.now(), name=f"Site {number}", host="127.0.0.1", port=port, username="bando",
        password="sandbox", hotspot_host="login.wifi.test", fingerprint=pin,
    )  # fmt: skip
    made = yield from tenancy.router(router_id)
    assert made is not None
    return made.public


# --- pages and grants ---


def _token(site: Site, at: Place, number: int) -> str:
    context = Context(
        router=at.public, mac=mac_of(number), ip=address_of(number % 10_000), orig="http://example.test/", lang="en",
        issued_at=site.clock.now(),
    )  # fmt: skip
    return seal_context(site.vault, site.tenant.public, context)


def _pages_of(site: Site, healthy: list[Place]) -> list[str]:
    return [f"/w/{_token(site, at, 900_000 + n)}/" for n, at in enumerate(healthy)]


def _forms(site: Site, healthy: list[Place], drawn: list[str]) -> Iterator[tuple[Place, int, str]]:
    """A place, a number of a device and a code, again and again."""
    return iter([(at, n, code) for n, (at, code) in enumerate(zip(cycle(healthy), drawn, strict=False))])


async def _while(site: Site, forms: Iterator[tuple[Place, int, str]], pid: int) -> Measured:
    began, worked = time.monotonic(), worked_s(pid)
    load = asyncio.create_task(_load(site))
    grants = await _grants(site, forms)
    share = 100 * (worked_s(pid) - worked) / (time.monotonic() - began)
    return Measured(pages=await load, grants=grants, shares=[share])


async def _load(site: Site) -> list[float]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.load", str(site.portal_address[1]), PORTAL_HOST,
        str(site.folder / "paths"), "open", str(PAGES), str(SECONDS), stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    found: dict[str, Any] = json.loads(out)
    assert not found["errors"], found["errors"]
    return list(found["ms"])


async def _grants(site: Site, forms: Iterator[tuple[Place, int, str]]) -> list[float]:
    host, port = site.portal_address
    limits = httpx.Limits(max_connections=32)
    async with httpx.AsyncClient(
        base_url=f"http://{host}:{port}", headers={"Host": PORTAL_HOST}, timeout=30, trust_env=False, limits=limits
    ) as client:
        loop, tasks = asyncio.get_running_loop(), []
        end = loop.time() + SECONDS
        while loop.time() < end:
            tasks.append(asyncio.create_task(_grant(site, client, *next(forms))))
            await asyncio.sleep(1 / GRANTS)
        return list(await asyncio.gather(*tasks))


async def _grant(site: Site, client: httpx.AsyncClient, at: Place, number: int, code: str) -> float:
    """From the form with the code until the row is in the router's table, in ms."""
    mac = mac_of(number)
    at.router.host_seen(mac, address_of(number % 10_000))
    path = f"/w/{_token(site, at, number)}/voucher"
    began = time.perf_counter()
    answer = await client.post(path, data={"code": codes.shown(code)})
    assert answer.status_code == 303, answer.status_code
    await until(lambda: mac in at.watch.at, 30)
    return (at.watch.at[mac] - began) * 1000


def _memory(pid: int) -> float:
    """MB of a process."""
    told = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert told is not None
    return int(told[1]) / 1024
