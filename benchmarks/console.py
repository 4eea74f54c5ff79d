"""Every page of the console, of an ISP with a year behind it: a million sessions, 200 000 payments, 500 000 vouchers.

The screens are those that the site itself knows, so that a new page is measured without a word here; what its address
names must be known to `named`. Of each page its filters and its second page are asked for, as the page links to them.
Beside each time stands what the portal's process worked for it, on all its threads: others may be using the machine.
"""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import httpx

from benchmarks.figures import Figure, at_most, show
from benchmarks.ground import place, portal
from benchmarks.year import Size, Year, fill
from portal.console.desk import COOKIE
from portal.console.site import SCREENS
from portal.db import open_connection, open_database
from portal.staff.roles import may
from portal.tenancy import store as tenancy
from sandbox.world import Site

ASKED = 60  # of each page
CHEAPEST = "/console/account/prove"  # it reads nothing but the login
PAGE_MS, SEARCH_MS = 200, 100
NEIGHBOUR = 10  # the other ISP is so much smaller
_LINKS = re.compile(r'<(?:ul class="filters|nav class="pages)[^>]*>(.*?)</(?:ul|nav)>', re.DOTALL)
_HREF = re.compile(r'href="(/console/[^"#]*)')
_CSRF = re.compile(r'name="csrf" value="([0-9a-f]+)"')
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Timed:
    """What was asked for, and how long each answer took."""

    what: str
    ms: list[float]
    cpu_ms: float  # of the portal, for one answer
    size: int

    def figure(self, limit: float) -> Figure:
        return Figure(name=self.what[:42], unit="ms", values=self.ms, goal=at_most(limit, "ms", 0.95))


async def run(repeats: int) -> None:
    """Fill, serve, ask for everything."""
    async with place() as site:
        await site.api.aclose()  # the routers are out of reach: their readings stay as they are
        year = await filled(site)
        async with portal(site, tls=False) as process, _client(site, year.token) as http:
            pages = [await _asked(http, process.pid, path, repeats) async for path in _paths(http, year)]
            async with _client(site, year.agents_token) as agent:
                paths = [each async for each in _paths(agent, year, "agent") if "/stock" in each]
                pages += [await _asked(agent, process.pid, path, repeats) for path in paths]
            searches = [await _searched(http, process.pid, each, year, repeats) for each in year.sought]
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    size = year.size
    show(
        f"Console: {size.sessions:,} sessions, {size.payments:,} payments, {size.vouchers:,} vouchers; load {load}",
        [*(each.figure(PAGE_MS) for each in pages), *(each.figure(SEARCH_MS) for each in searches)],
    )
    print(f"{'the portal’s own work for one answer':<60}{'ms':>8}{'bytes':>10}")
    for each in sorted([*pages, *searches], key=lambda one: -one.cpu_ms):
        print(f"{each.what:<60}{each.cpu_ms:8.1f}{each.size:10,}")
    print(flush=True)


async def filled(site: Site, size: Size | None = None) -> Year:
    """The year of the sandbox's ISP, and of a smaller one."""
    now = site.clock.now()
    db = open_database(site.settings.database)
    other = await db.write(None, tenancy.add_tenant, "Next Door Wi-Fi", now)
    await db.aclose()
    for tenant in (site.tenant, other):  # makes its key, which has to be there before the filling writes
        site.vault.of(tenant.id).seal("-", table="vouchers", row="-", column="code_sealed")
    began = time.perf_counter()
    year = Year(tenant=site.tenant, size=size or Size(), now=now)
    with closing(open_connection(site.settings.database)) as connection:
        _hurry(connection)
        fill(connection, site.vault, year)
        fill(connection, site.vault, Year(tenant=other, size=year.size.part(NEIGHBOUR), now=now))
        connection.execute("ANALYZE")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    weight = Path(site.settings.database).stat().st_size / 1e6
    print(f"filled in {time.perf_counter() - began:.0f} s: {weight:,.0f} MB", flush=True)
    return year


def _hurry(connection: sqlite3.Connection) -> None:
    """Nothing of this has to outlive a power cut."""
    for pragma in ("synchronous=OFF", "cache_size=-400000", "foreign_keys=OFF"):
        connection.execute(f"PRAGMA {pragma}")


@asynccontextmanager
async def _client(site: Site, token: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Cookie": f"{COOKIE}={token}", "Accept-Encoding": "gzip", "Host": "portal.bando.test"}
    address = f"http://127.0.0.1:{site.portal_address[1]}"
    async with httpx.AsyncClient(base_url=address, headers=headers, trust_env=False, timeout=60) as client:
        yield client


# --- what is asked for ---

# What {id} means below an address; every other name stands for itself.
ID_OF = {
    "/payments/money/": "receipt",
    "/payments/": "payment",
    "/refunds/": "refund",
    "/requests/": "request",
    "/incidents/": "incident",
    "/drawer/closing/": "closing",
    "/books/closing/": "closing",
    "/drawers/": "staff",
    "/vouchers/batch/": "batch",
    "/sale/": "sale",
    "/stock/batch/": "stock",
    "/stock/card/": "card",
    "/agents/slip/": "slip",
    "/agents/": "agent",
    "/compensation/": "outage",
    "/plans/": "plan",
    "/staff/": "staff",
    "/routers/": "router",
    "/settings/mpesa/": "account",
    "/imports/": "import",
    "/settings/alarms/": "channel",
    "/settings/processors/": "processor",
}


def named(path: str, year: Year) -> str:
    """The address of a screen with real ids; whoever adds a screen says here what its {id} is."""
    own = {"id": next((name for begin, name in ID_OF.items() if path.startswith(begin)), "?")}

    def real(match: re.Match[str]) -> str:
        name = own.get(match[1], match[1])
        if name not in year.named:
            raise SystemExit(f"the benchmark knows no {match[0]} of the screen {path}")
        return year.named[name]

    return f"/console{re.sub(r'{([^}]+)}', real, path)}"


async def _paths(http: httpx.AsyncClient, year: Year, role: str = "owner") -> AsyncIterator[str]:
    """Every page, and what it links to as its filters and its next page."""
    asked: set[str] = set()
    for screen in SCREENS:
        if screen.method != "GET" or not may(role, screen.permission):
            continue
        first = named(screen.path, year)
        for path in [first, *_further((await http.get(first)).text, first)]:
            if path not in asked:
                asked.add(path)
                yield path
            for further in _further((await http.get(path)).text, path):
                if "before=" in further and further not in asked:
                    asked.add(further)
                    yield further


def _further(page: str, path: str) -> Iterator[str]:
    """Filters of a kind that there are many of are asked for twice."""
    for part in _LINKS.findall(page):
        links = [unescape(each) for each in _HREF.findall(part)]
        yield from (
            each for each in (links if len(links) < 9 else links[:2]) if each.split("?")[0] == path.split("?")[0]
        )


async def _asked(http: httpx.AsyncClient, process: int, path: str, repeats: int) -> Timed:
    ms, before, size = [], _work(process), 0
    for _ in range(max(ASKED * repeats, ASKED)):
        begun = time.perf_counter()
        answer = await http.get(path)
        ms.append((time.perf_counter() - begun) * 1000)
        size = len(answer.content)
        if answer.status_code not in (200, 303, 409, 410):
            raise SystemExit(f"{path}: {answer.status_code}")
    return Timed(what=path.removeprefix("/console"), ms=ms, cpu_ms=(_work(process) - before) / len(ms), size=size)


async def _searched(http: httpx.AsyncClient, process: int, what: str, year: Year, repeats: int) -> Timed:
    found = _CSRF.search((await http.get("/console/account")).text)
    assert found is not None
    data = {"csrf": found[1], "q": year.sought[what]}
    ms, before, answer = [], _work(process), None
    for _ in range(max(ASKED * repeats, ASKED)):
        begun = time.perf_counter()
        answer = await http.post("/console/guests", data=data)
        ms.append((time.perf_counter() - begun) * 1000)
        if answer.status_code not in (200, 303):
            raise SystemExit(f"search for {what}: {answer.status_code}")
    told = f"search: {what} ({'found' if answer and 'device' in answer.headers.get('location', '') else 'page'})"
    return Timed(
        what=told, ms=ms, cpu_ms=(_work(process) - before) / len(ms), size=len(answer.content) if answer else 0
    )


def _work(process: int) -> float:
    """Milliseconds of a processor that a process has had, on all its threads."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / _TICK


def slow(timed: Sequence[Timed], limit: float) -> list[str]:
    """Which of these are over a limit."""
    return [each.what for each in timed if each.figure(limit).verdict().startswith("MISSED")]
