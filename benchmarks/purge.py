"""The daily purge of sessions out of ten million, beside guests who redeem codes and look at the pages of their passes.

The purge is the one of `bando serve`, in the same process and on the same database as everything that guests ask for.
The ISP has many old sessions to lose, more than are taken while anybody measures. In turn: guests alone, where it is
night at the ISP and nothing is due yet, and guests beside the purge, where it is noon. Both on the same database, whose
devices come in no order, so that each row that goes lies somewhere else in the indexes.

`python -m benchmarks.purge ROWS` does it once with fewer rows.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import uvloop

from benchmarks import redeem
from benchmarks.figures import Figure, at_least, at_most, show
from benchmarks.ground import place, portal
from portal.clock import DAY, as_datetime
from portal.columns import RETENTION_DAYS
from portal.db import open_connection
from sandbox.world import PORTAL_HOST, Site

ROWS = 10_000_000
MOST_DUE = 2_000_000
DEVICES = 100_000
PART = 500_000  # rows in one statement of filling
RATE = 50  # redemptions a second, and as many looks at pages
SECONDS = 30.0
PAGES = 200  # guests who look at what they have
COME = int(RATE * SECONDS * 1.3) + PAGES  # in half a pair

_DEVICES = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :devices)
INSERT INTO devices (tenant_id, mac, created_at, last_seen_at)
SELECT :tenant, printf('06:00:00:%02X:%02X:%02X', i >> 16, (i >> 8) & 255, i & 255), :now, :now FROM n
"""
# Times go up with the rows, as they came; 7 919 is a prime, so that devices follow each other in no order.
_SESSIONS = """
WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i < :last)
INSERT INTO sessions (tenant_id, router_id, device_id, started_at, seen_at, ended_at, end_cause, online_ms, bytes_up,
 bytes_down, address)
SELECT :tenant, :router, :device + (i * 7919) % :devices, :from + i * :step, :from + i * :step + 1800000,
 :from + i * :step + 1800000, 'timeout', 1800000, 9000000 + i, 41000000 + i, '10.5.50.' || (i % 250) FROM n
"""


async def run(repeats: int, rows: int = ROWS) -> None:
    """Guests alone, then beside the purge, in turn."""
    found: dict[str, list[float]] = {each: [] for each in ("redeem", "pages", "redeem +", "pages +", "rate")}
    async with place() as site:
        await site.api.aclose()  # the router falls silent
        _fill(site, rows, min(rows // 2, MOST_DUE))
        drawn = redeem.seed(site, COME * 2 * repeats)
        for n in range(repeats):
            await _pair(site, drawn[n * 2 * COME : (n + 1) * 2 * COME], n * 2 * COME, found)
    show(
        f"The purge of {rows:,} sessions beside {RATE} redemptions and {RATE} pages a second",
        [
            Figure(name="sessions purged", unit="1/s", values=found["rate"], goal=at_least(5_000, "1/s")),
            Figure(name="redeem, no purge", unit="ms", values=found["redeem"]),
            Figure(name="redeem, beside the purge", unit="ms", values=found["redeem +"], goal=at_most(100, "ms", 0.99)),
            Figure(name="page of a pass, no purge", unit="ms", values=found["pages"]),
            Figure(name="page of a pass, beside it", unit="ms", values=found["pages +"], goal=at_most(100, "ms", 0.99)),
        ],
    )


async def _pair(site: Site, drawn: list[str], first: int, found: dict[str, list[float]]) -> None:
    """Guests alone, then as many beside the purge. They open their pages before, all of them."""
    _its_hour(site, 1)
    async with portal(site, tls=False):
        pages = await _pages(site, drawn[:PAGES], first)
        forms = await redeem.opened(site, drawn[PAGES:], first + PAGES)
        posts = json.loads(forms.read_text())
        await _load(site, posts[: len(posts) // 2], pages, found, "")
    _its_hour(site, 12)
    async with portal(site, tls=False):
        before, began = _taken(site), time.perf_counter()
        await _load(site, posts[len(posts) // 2 :], pages, found, " +")
        found["rate"].append((_taken(site) - before) / (time.perf_counter() - began))


async def _load(site: Site, posts: list[object], pages: Path, found: dict[str, list[float]], mark: str) -> None:
    """Guests come for a while; what each waited."""
    forms = site.folder / "forms"
    forms.write_text(json.dumps(posts))
    posted, looked = await asyncio.gather(
        redeem.loaded(site, forms, "paced", RATE, SECONDS), redeem.loaded(site, pages, "open", RATE, SECONDS)
    )
    found[f"redeem{mark}"] += posted["ms"]
    found[f"pages{mark}"] += looked["ms"]


async def _pages(site: Site, drawn: list[str], first: int) -> Path:
    """Guests who have redeemed these codes: a file of the pages of what they have."""
    own = {"Host": PORTAL_HOST, "Content-Type": "application/x-www-form-urlencoded"}
    base = f"http://127.0.0.1:{site.portal_address[1]}"
    paths = []
    async with httpx.AsyncClient(base_url=base, headers=own, trust_env=False, timeout=60) as client:
        for n, code in enumerate(drawn, first):
            path, body = redeem.form(site, n, code)
            answer = await client.post(path, content=body)
            assert answer.status_code == 303, answer.status_code
            paths.append(urlsplit(urljoin(path, answer.headers["location"])).path)
    file = site.folder / "pages"
    file.write_text(json.dumps(paths))
    return file


# --- the database ---


def _fill(site: Site, rows: int, due: int) -> None:
    """Two years of sessions, and older ones, in the order in which they came."""
    began, now = time.perf_counter(), site.clock.now()
    limit = now - (RETENTION_DAYS["session"] + 2) * DAY
    with closing(_wide(site)) as connection:
        device = connection.execute("SELECT COALESCE(MAX(id), 0) + 1 FROM devices").fetchone()[0]
        of = {"tenant": site.tenant.id, "devices": DEVICES, "now": now, "device": device, "router": site.row.id}
        connection.execute(_DEVICES, of)
        old = {"from": limit - DAY * 365, "step": DAY * 365 // due}
        _some(connection, {**of, **old}, 0, due)
        _some(
            connection, {**of, "from": limit + 3 * DAY, "step": (now - limit - 4 * DAY) // (rows - due)}, 0, rows - due
        )
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = site.settings.database.stat().st_size / 1e6
    print(f"{rows:,} sessions, {due:,} too old, {size:,.0f} MB, in {time.perf_counter() - began:.0f} s", flush=True)


def _wide(site: Site) -> sqlite3.Connection:
    """A connection to fill with: with room for the indexes in memory, and nothing to wait for."""
    connection = open_connection(site.settings.database)
    connection.execute("PRAGMA cache_size=-3000000")
    connection.execute("PRAGMA synchronous=OFF")
    return connection


def _some(connection: sqlite3.Connection, of: dict[str, int], first: int, last: int) -> None:
    for start in range(first, last, PART):
        connection.execute(_SESSIONS, {**of, "first": start, "last": min(start + PART, last) - 1})


def _its_hour(site: Site, hour: int) -> None:
    """It is this hour at the ISP, and nothing was purged today."""
    east = (hour - as_datetime(site.clock.now()).hour + 12) % 24 - 12
    zone = f"Etc/GMT{-east:+d}" if east else "Etc/GMT"  # they are named the other way round
    with closing(open_connection(site.settings.database)) as connection:
        connection.execute("UPDATE tenants SET timezone = ? WHERE id = ?", (zone, site.tenant.id))
        connection.execute("DELETE FROM purges")
        connection.execute("DELETE FROM purge_runs")


def _taken(site: Site) -> int:
    """How many sessions are gone by the journal."""
    with closing(open_connection(site.settings.database, read_only=True)) as connection:
        found = connection.execute("SELECT SUM(taken) FROM purges WHERE rule = 'sessions'").fetchone()
        return int(found[0] or 0)


if __name__ == "__main__":
    uvloop.run(run(1, int(sys.argv[1])))
