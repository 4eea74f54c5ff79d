"""Guests who redeem while staff draw a large batch or print one: how long they wait.

All three share two cores and one disk: the portal, the command or the press, and the guests, who come at random
moments, as many a second as a very busy evening brings.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks import draw, press, redeem
from benchmarks.figures import Figure, at_most, show
from benchmarks.ground import place, portal
from portal.vouchers import codes
from portal.vouchers.grids import DEFAULT_GRID
from portal.vouchers.paper import Card
from portal.vouchers.press import Job
from portal.vouchers.press import press as lay_out
from sandbox.world import Site

RATE = 200  # redemptions a second
SECONDS = 12.0
EASE_S = 1.0  # the work beside begins when the load is steady

Work = Callable[[Site], Awaitable[object]]


async def run(repeats: int) -> None:
    """Alone, beside a batch that is drawn, beside one that is printed; in turn."""
    alone: list[float] = []
    drawing: list[float] = []
    printing: list[float] = []
    drew: list[float] = []
    printed: list[float] = []
    for _ in range(repeats):
        alone += (await _waits(_nothing))[0]
        waits, took = await _waits(_draw)
        drawing, drew = drawing + waits, [*drew, took]
        waits, took = await _waits(_print)
        printing, printed = printing + waits, [*printed, took]
    show(
        f"Redeeming at {RATE}/s while staff work",
        [
            Figure(name="redeem, nothing beside", unit="ms", values=alone),
            Figure(name="redeem, 50 000 codes drawn beside", unit="ms", values=drawing, goal=at_most(100, "ms", 0.99)),
            Figure(name="redeem, 10 000 printed beside", unit="ms", values=printing, goal=at_most(100, "ms", 0.99)),
            Figure(name="the 50 000 codes meanwhile", unit="s", values=drew),
            Figure(name="the 10 000 on paper meanwhile", unit="s", values=printed),
        ],
    )


async def _waits(work: Work) -> tuple[list[float], float]:
    """How long each guest waited, in ms, and how long the work took, in s."""
    async with place() as site:
        await site.api.aclose()
        drawn = redeem.seed(site, int(RATE * SECONDS * 1.3))
        async with portal(site, tls=False):
            load = asyncio.create_task(redeem.loaded(site, await redeem.opened(site, drawn), "paced", RATE, SECONDS))
            await asyncio.sleep(EASE_S)
            begun = time.perf_counter()
            await work(site)
            took = time.perf_counter() - begun
            found = await load
    waits: list[float] = found["ms"]
    return waits, took


async def _nothing(_: Site) -> None:
    """No work beside."""


async def _draw(site: Site) -> None:
    await draw.command(site, site.settings.database, "voucher", "make", "1 hour", "--count", str(draw.COUNT))


async def _print(_: Site) -> None:
    drawn = [Card(label=f"B12-{n:05d}", code=codes.draw(codes.DEFAULT["letters"])) for n in range(1, press.MANY + 1)]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "sheets.pdf"
        await lay_out(Job(form="pdf", target=target, face=press.FACE, cards=drawn, options={"grid": DEFAULT_GRID}))
