"""5 000 devices online at 50 routers that are read every 30 s: what that costs the portal's process.

All devices are let in first; then each uses something between any two readings, so that no reading finds things as
they were. Measured is the processor time of the portal's process alone, over two minutes, as a share of one core;
the routers work in a process of their own. A poll is missed when its pause since the last one of that router is half
as long again. The reference is what taking apart the bare answers of all routers would cost once in each round.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.figures import Figure, at_most, show
from benchmarks.ground import mac_of, place, portal, until, worked_s
from portal.access import admission
from portal.access import store as access
from portal.access.plans import Plan
from portal.access.store import Cause
from portal.clock import DAY, Clock
from portal.db import open_database
from portal.mikrotik.sentences import Decoder, encode
from portal.mikrotik.wire import Address, connect
from portal.tenancy import store as tenancy
from portal.units import Unit
from sandbox.net import LOOPBACK
from sandbox.routeros.api import serve_api
from sandbox.routeros.device import SandboxRouter
from sandbox.routeros.tables import Table
from sandbox.world import Site

ROUTERS, DEVICES, EVERY_S = 50, 100, 30
CYCLE_S = 120  # about so often each device is written down
SHARE = 5.0  # percent of one core


class Counting(SandboxRouter):
    """A router that remembers when its whole table of cookies was asked for: once in each poll."""

    def __init__(self, clock: Clock, seed: int) -> None:
        super().__init__(clock, seed=seed)
        self.polls: list[float] = []

    def table(self, path: str) -> Table:
        if path == "/ip/hotspot/cookie":
            self.polls.append(time.monotonic())
        return super().table(path)

    def pauses(self, since: float) -> list[float]:
        """Seconds from each poll to the next one, of those that ended after `since`."""
        return [after - before for before, after in pairwise(self.polls) if after >= since]


@dataclass(frozen=True, kw_only=True)
class Place:
    """A router and who is at it."""

    router: Counting
    port: int
    row_id: int
    first: int  # number of its first device

    @property
    def numbers(self) -> range:
        return range(self.first, self.first + DEVICES)

    def use(self) -> None:
        """Every device moves some bytes."""
        for number in self.numbers:
            self.router.count(mac_of(number), _address(number), up=20_000, down=150_000)


def _address(number: int) -> str:
    return f"10.5.{number // 200}.{1 + number % 200}"


async def run(repeats: int) -> None:
    """Let everybody in, then measure so many cycles."""
    async with place() as site, _places(site) as places:
        async with portal(site, BANDO_POLL_EVERY=str(EVERY_S)) as process:
            await until(lambda: all(_online(each) == DEVICES for each in places), 300)
            print(f"{ROUTERS * DEVICES:,} devices online", flush=True)
            began = time.monotonic()
            await _share(process.pid, places, EVERY_S * 2)  # now everybody is known
            shares = [await _share(process.pid, places, CYCLE_S) for _ in range(repeats)]
            pauses = [pause for each in places for pause in each.router.pauses(began)]
            bare = [await _bare(each) for each in places[:5]]
        used, told = sum(_passed(each) for each in places), _told(site)
    show(
        f"{ROUTERS} routers with {DEVICES} devices each, read every {EVERY_S} s",
        [
            Figure(name="the portal's share of one core", unit="%", values=shares, goal=at_most(SHARE, "%")),
            Figure(name="taking apart the bare answers", unit="%", values=bare),
            Figure(name="pause from poll to poll", unit="s", values=pauses, goal=at_most(EVERY_S * 1.5, "s", 1)),
        ],
    )
    missed = sum(pause > EVERY_S * 1.5 for pause in pauses)
    print(f"missed polls: {missed} of {len(pauses):,}")
    print(f"bytes through the routers {used:,}, in the sessions {told:,}")


@asynccontextmanager
async def _places(site: Site) -> AsyncIterator[list[Place]]:
    db = open_database(site.settings.database)
    plan = next(each for each in await db.read(site.tenant.id, access.plan_list) if each.span_ms == DAY)
    await site.api.aclose()  # the router of the world is not one of them
    async with AsyncExitStack() as stack:
        made = []
        for n in range(ROUTERS):
            router = Counting(site.clock, n + 1)
            api = await serve_api(router)
            stack.push_async_callback(api.aclose)
            row_id = await db.write(site.tenant.id, _add, site, n, api.port)
            one = Place(router=router, port=api.port, row_id=row_id, first=n * DEVICES)
            await db.write(site.tenant.id, _sell, plan, one, site.clock.now())
            for number in one.numbers:
                router.host_seen(mac_of(number), _address(number))
            made.append(one)
        await db.aclose()
        yield made


def _add(site: Site, n: int, port: int) -> Unit[int]:
    return (
        yield from tenancy.add_router(
            site.vault, site.clock.now(), name=f"Site {n}", host="127.0.0.1", port=port, username="bando",
            password="sandbox", hotspot_host="login.wifi.test", tunnel=True,
        )
    )  # fmt: skip


def _sell(plan: Plan, at: Place, now: int) -> Unit[None]:
    for number in at.numbers:
        device = yield from access.touch_device(mac_of(number), at.row_id, now)
        yield from admission.grant(plan, device.id, Cause(kind="staff", ref=str(number)), now)


def _online(at: Place) -> int:
    return len(at.router.tables["/ip/hotspot/active"].rows)


async def _share(pid: int, places: list[Place], seconds: int) -> float:
    """Percent of one core over a while in which the devices use something all the time."""
    began, worked = time.monotonic(), worked_s(pid)
    while time.monotonic() - began < seconds:
        for each in places:
            each.use()
            await asyncio.sleep(EVERY_S / ROUTERS / 6)
    return (worked_s(pid) - worked) / (time.monotonic() - began) * 100


async def _bare(at: Place) -> float:
    """What the answers of this router, taken apart word by word, would be of one core if all routers gave them."""
    where = Address(host="127.0.0.1", policy=LOOPBACK, port=at.port, username="bando", password="sandbox", tunnel=True)
    wire = await connect(where)
    try:
        read = [await wire.talk(f"/ip/hotspot/{menu}/print") for menu in ("user", "active", "host", "cookie")]
    finally:
        await wire.aclose()
    words = (["!re", ".tag=1", *(f"={name}={value}" for name, value in row.items())] for rows in read for row in rows)
    answers = b"".join(map(encode, words))
    began = time.process_time()
    for sentence in Decoder().feed(answers):
        dict(word[1:].partition("=")[::2] for word in sentence)
    return (time.process_time() - began) * ROUTERS / EVERY_S * 100


def _passed(at: Place) -> int:
    """All bytes that went through: of the sessions that run, and of those that are over."""
    rows = [row for path in ("/ip/hotspot/user", "/ip/hotspot/active") for row in _rows(at.router.table(path))]
    return sum(int(row.get("bytes-in", "0")) + int(row.get("bytes-out", "0")) for row in rows)


def _rows(table: Table) -> list[dict[str, str]]:
    return [table.view(row) for row in table.rows.values()]


def _told(site: Site) -> int:
    with closing(sqlite3.connect(site.settings.database)) as connection:
        found = connection.execute(
            "SELECT SUM(COALESCE(y.active_bytes_in + y.active_bytes_out, e.bytes_up + e.bytes_down)) FROM sessions e"
            " LEFT JOIN presence y ON y.router_id = e.router_id AND y.device_id = e.device_id"
            " AND y.online_since = e.started_at AND e.ended_at IS NULL"
        ).fetchone()
        return int(found[0] or 0)
