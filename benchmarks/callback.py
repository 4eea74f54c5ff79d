"""From the payment's callback to the row in the router's active table, 20 at once, the router 50 ms away.

Each payment is made as a guest makes it (entry, form, prompt) and then approved. The time begins before the callback's
TCP connection is opened, TLS handshake included, and ends when the sandbox router has the row.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from benchmarks.bare import put_online
from benchmarks.figures import Figure, at_most, show
from benchmarks.ground import arrive, mac_of, place, portal, until, watch
from benchmarks.guests import browser, pay, prompt
from sandbox.world import Site

AT_ONCE = 20
LATENCY_MS = 50.0


async def run(repeats: int) -> None:
    """All rounds on one portal, then the reference on a bare connection."""
    async with place() as site:
        site.router.faults.latency_ms = LATENCY_MS
        for number in range((repeats + 1) * AT_ONCE):
            arrive(site, number)
        rows, acknowledged = await _measured(site, repeats)
        bare: list[float] = []
        for first in range(20_000, 20_000 + repeats * AT_ONCE, AT_ONCE):
            found = await put_online(site, range(first, first + AT_ONCE), pipelined=False)
            bare += [each * 1000 for each in found]
        synced = _fsyncs(site.folder)
    show(
        f"Callback to active row, {AT_ONCE} at once, router round trip {LATENCY_MS:g} ms",
        [
            Figure(name="callback -> row in the active table", unit="ms", values=rows, goal=at_most(200, "ms", 0.95)),
            Figure(name="callback -> acknowledged (durable)", unit="ms", values=acknowledged),
            Figure(name="bare user/add, then active/login", unit="ms", values=bare),
            Figure(name="4 KB written and fsync", unit="ms", values=synced),
        ],
    )


async def _measured(site: Site, repeats: int) -> tuple[list[float], list[float]]:
    seen, trust = watch(site), site.ca.client_context()
    rows: list[float] = []
    acknowledged: list[float] = []
    async with portal(site), browser(site) as client:
        await until(lambda: bool(site.api.connections))
        await asyncio.sleep(2)  # the first poll
        for round_number in range(repeats + 1):
            numbers = range(round_number * AT_ONCE, (round_number + 1) * AT_ONCE)
            pushes = await asyncio.gather(*(prompt(site, client, number) for number in numbers))
            await asyncio.sleep(1.5)  # the guests read their prompts
            paid = zip(pushes, numbers, strict=True)
            found = await asyncio.gather(*(pay(site, push, mac_of(number), seen, trust) for push, number in paid))
            if round_number:  # the first one warms up
                rows += [row for row, _ in found]
                acknowledged += [answer for _, answer in found]
    return rows, acknowledged


def _fsyncs(folder: Path, count: int = 200) -> list[float]:
    took = []
    with (folder / "fsync").open("wb", buffering=0) as file:
        for _ in range(count):
            begin = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            took.append((time.perf_counter() - begin) * 1000)
    return took
