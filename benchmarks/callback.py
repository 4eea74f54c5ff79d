"""From the payment's callback to the row in the router's active table, 20 at once, the router 50 ms away.

Each payment is made as a guest makes it (entry, form, prompt) and then approved. The time begins when the callback is
posted, on a TLS connection of its own, and ends when the sandbox router has the row; in every other round it begins
before the 20 connections are opened, so that their handshakes are in it, ours and the provider's.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.bare import put_online
from benchmarks.figures import Figure, at_most, quantile, show
from benchmarks.ground import arrive, mac_of, place, portal, until, watch
from benchmarks.guests import browser, pay, prompt
from sandbox.world import Site

AT_ONCE = 20
LATENCY_MS = 50.0


@dataclass(kw_only=True)
class Found:
    """What was measured, in ms."""

    rows: list[float] = field(default_factory=list)
    rounds: list[float] = field(default_factory=list)
    acknowledged: list[float] = field(default_factory=list)
    rows_with_handshake: list[float] = field(default_factory=list)


async def run(repeats: int) -> None:
    """All rounds on one portal, then the reference on a bare connection."""
    async with place() as site:
        site.router.faults.latency_ms = LATENCY_MS
        rounds = 2 * repeats + 1
        for number in range(rounds * AT_ONCE):
            arrive(site, number)
        found = await _measured(site, rounds)
        bare: list[float] = []
        for first in range(20_000, 20_000 + repeats * AT_ONCE, AT_ONCE):
            took = await put_online(site, range(first, first + AT_ONCE), pipelined=False)
            bare += [each * 1000 for each in took]
        synced = _fsyncs(site.folder)
    show(
        f"Callback to active row, {AT_ONCE} at once, router round trip {LATENCY_MS:g} ms",
        [
            Figure(
                name="callback -> row in the active table", unit="ms", values=found.rows, goal=at_most(200, "ms", 0.95)
            ),
            Figure(name="the same, p95 of each round", unit="ms", values=found.rounds),
            Figure(name="callback -> acknowledged (durable)", unit="ms", values=found.acknowledged),
            Figure(name="20 TLS handshakes, callback -> row", unit="ms", values=found.rows_with_handshake),
            Figure(name="bare user/add, then active/login", unit="ms", values=bare),
            Figure(name="4 KB written and fsync", unit="ms", values=synced),
        ],
    )


async def _measured(site: Site, rounds: int) -> Found:
    found, seen, trust = Found(), watch(site), site.ca.client_context()
    async with portal(site), browser(site) as client:
        await until(lambda: bool(site.api.connections))
        await asyncio.sleep(2)  # the first poll
        for number in range(rounds):
            numbers = range(number * AT_ONCE, (number + 1) * AT_ONCE)
            pushes = await asyncio.gather(*(prompt(site, client, each) for each in numbers))
            await asyncio.sleep(1.5)  # the guests read their prompts
            together = asyncio.Barrier(AT_ONCE) if number % 2 else None
            paid = zip(pushes, numbers, strict=True)
            took = await asyncio.gather(*(pay(site, push, mac_of(each), seen, trust, together) for push, each in paid))
            if together is not None:
                found.rows += [row for row, _ in took]
                found.rounds.append(quantile([row for row, _ in took], 0.95))
                found.acknowledged += [answer for _, answer in took]
            elif number:  # the first one warms up
                found.rows_with_handshake += [row for row, _ in took]
    return found


def _fsyncs(folder: Path, count: int = 200) -> list[float]:
    took = []
    with (folder / "fsync").open("wb", buffering=0) as file:
        for _ in range(count):
            begin = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            took.append((time.perf_counter() - begin) * 1000)
    return took
