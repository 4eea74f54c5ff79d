"""PostgreSQL stops under load and comes back: guests see a clear page, nothing acknowledged is lost or doubled.

Meanwhile a router accounts through FreeRADIUS: each packet is answered, waits in its spool and is counted once.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from portal.clock import SECOND
from portal.console.desk import COOKIE
from portal.place import Server
from sandbox.world import free_port
from tests.postgres import Cluster, new_cluster
from tests.processes import accounting
from tests.processes.guests import Crowd, exactly
from tests.processes.stage import Launcher, Town, execute, migrated, town, until

PATIENT_S = 6.0  # no guest waits for longer
BACK_S = 15.0
SPOOL_S = 30.0
CONNECTIONS = 20  # of one process: reading, writing, listening, and one aside

away_for = [
    8.0,
    pytest.param(
        60.0,
        marks=[
            pytest.mark.slow,
            pytest.mark.skipif(os.environ.get("BANDO_SWEEP") != "1", reason="takes minutes: make sweep"),
        ],
    ),
]


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    """A server of this file's own, to stop and start."""
    return new_cluster()


@pytest.mark.parametrize("seconds", away_for)
async def test_the_database_stops_under_load(
    tmp_path: Path, launcher: Launcher, cluster: Cluster, seconds: float
) -> None:
    server: Server = await asyncio.to_thread(migrated, cluster)
    port = free_port()
    more: Any = accounting.settings(port)
    async with (
        town(tmp_path, launcher, server=server, **more) as made,
        accounting.metered(made, port, tmp_path / "radius") as meters,
    ):
        made.site.mpesa.switches.retries_ms = (2 * SECOND, 5 * SECOND, 10 * SECOND, 30 * SECOND)
        serving = await made.serve()
        before = serving.children()
        crowd = Crowd(made, lines=3)
        cards = await made.print_cards(5000)
        crowd.begin(cards, payers=2, pause_s=0.05)
        await meters.begin()
        await asyncio.sleep(2)
        assert meters.waiting == 0
        async with crowd.client() as http:
            first = await crowd.enter(http, crowd.place())
            begin = len(serving.written())
            await asyncio.to_thread(cluster.stop)
            stopped = time.monotonic()
            await what_is_seen(crowd, http, first, cards.pop())
            while time.monotonic() < stopped + seconds:
                await asyncio.sleep(0.5)
                assert await asks(http, first) < PATIENT_S
            assert meters.waiting > 0, "accounting is in the spool"
            await asyncio.to_thread(cluster.start)
            begun = time.monotonic()
        in_the_dark = serving.written()[begin:]
        shown = len(crowd.redeemed)
        await until(lambda: len(crowd.redeemed) > shown + 3, BACK_S, "the next redemption")
        back = time.monotonic() - begun
        await until(made.ready, BACK_S, "/readyz")
        here = crowd.everyone()
        await until(lambda: all(each.online for each in here), 20, "agreement of the routers")
        agreed = time.monotonic() - begun
        await crowd.end()
        await meters.end()
        emptied = await until(lambda: not meters.waiting, SPOOL_S + 2 * seconds, "an empty spool")
        await until(lambda: nothing_missing(meters), 20, "the last packet of accounting")
        await until(lambda: settled(made), 60, "what was paid")
        await until(lambda: nobody_waits(crowd), 20, "agreement of the routers")
        await exactly(crowd)
        await meters.exactly()
        assert crowd.failed
        assert {each[:3] for each in crowd.failed} == {"503"}
        assert crowd.slowest < PATIENT_S
        assert serving.children() == before, "nobody died of it"
        assert "Traceback" not in in_the_dark, tracebacks(in_the_dark)
        now = await execute(server, "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'bando'")
        assert now[0]["n"] <= CONNECTIONS * len(before) + CONNECTIONS
        print(
            f"\naway for {seconds:.0f} s: next redemption {back:.1f} s after it is back, routers agree after"
            f" {agreed:.1f} s; slowest answer {crowd.slowest:.1f} s, {len(crowd.failed)} refused of {crowd.asked},"
            f" {now[0]['n']} connections; {meters.packets} packets of accounting, {meters.spooled} bytes in the spool,"
            f" empty {emptied:.1f} s after the last one"
        )


async def nobody_waits(crowd: Crowd) -> bool:
    return not crowd.offline()


async def nothing_missing(meters: accounting.Meters) -> bool:
    return await meters.missing() == 0


async def settled(made: Town) -> bool:
    kinds = [row["cause_kind"] for row in await made.passes()]
    return kinds.count("payment") == len(made.site.mpesa.transactions)


async def asks(http: httpx.AsyncClient, first: str) -> float:
    """How long a guest waits for the page that says so."""
    begin = time.monotonic()
    answer = await http.get(first)
    assert answer.status_code == 503, answer.status_code
    return time.monotonic() - begin


async def what_is_seen(crowd: Crowd, http: httpx.AsyncClient, first: str, code: str) -> None:
    """Plain words for guests, staff, providers and whoever watches."""
    page = await http.get(first)
    assert page.status_code == 503
    assert "Please try again in a minute" in page.text
    assert page.headers["retry-after"]
    assert "Traceback" not in page.text
    swahili = await http.get(f"{first}?lang=sw", follow_redirects=True)
    assert swahili.status_code == 503
    assert "Tafadhali jaribu tena" in swahili.text
    assert (await http.post(f"{first}voucher", data={"code": code})).status_code == 503
    staff = await http.get("/console/", headers={"cookie": f"{COOKIE}={'0' * 43}"})
    assert staff.status_code == 503
    assert "The database cannot be reached right now" in staff.text
    told = await http.post(f"/hook/{crowd.town.site.tenant.public}.{'0' * 32}", json={})
    assert told.status_code == 503, "a provider has to say it again"
    ready = await http.get("/readyz")
    assert (ready.status_code, ready.json()["ready"], ready.json()["database"]) == (503, False, "away")
    assert (await http.get("/healthz")).status_code == 200


def tracebacks(log: str) -> list[str]:
    return sorted(set(re.findall(r'"error": "(\w+)"|(\w+Error)', log)))[:20]
