"""Logins by MAC at 100,000 passes, through FreeRADIUS: how many a second, and how long one takes.

The reference is the same FreeRADIUS with the same configuration in front of a bare Starlette that gives one and the
same answer. Both are measured in turn: a pair is one after the other. The latency is that at a rate below the most.
"""

from __future__ import annotations

import asyncio
import json
import socket
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.figures import Figure, at_least, at_most, show
from benchmarks.ground import worked_s
from benchmarks.radius.ground import SQLITE, Engine, answers, bando, load, logins, radius, sell, serving
from portal.place import Place
from sandbox.radius.packet import Code

PASSES = 100_000
ASKED = 50_000  # different logins, at random over all devices
CLIENTS = 32
SECONDS = 4.0
RATE = 1_000  # a second, in the open model
LATEST = 50.0


def _ports(count: int) -> list[int]:
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    found = [int(each.getsockname()[1]) for each in taken]
    for each in taken:
        each.close()
    return found


async def run(repeats: int, engine: Engine = SQLITE) -> None:
    """So many pairs; a server's role is the one that row-level security binds."""
    with tempfile.TemporaryDirectory(prefix="bando-bench-") as name:
        folder = Path(name)
        began = time.perf_counter()
        place = await asyncio.to_thread(engine.place, folder)
        await sell(place, PASSES)
        numbers = Random(1).choices(range(PASSES), k=ASKED)
        file = logins(folder, numbers)
        print(f"{PASSES:,} passes sold in {time.perf_counter() - began:.0f} s", flush=True)
        await _measure(folder, engine, place, file, repeats)


async def _measure(folder: Path, engine: Engine, place: Place, file: Path, repeats: int) -> None:
    port, ours, fixed = _ports(3)
    async with AsyncExitStack() as stack:
        serve = ["-c", "import bando; bando.main()", "serve"]
        env = bando(place, port, ours)
        it = await stack.enter_async_context(serving(serve, ours, folder / "serve.log", env))
        (folder / "answers").write_text(json.dumps(await answers(it.url)))
        words = ["-m", "benchmarks.radius.fixed", str(fixed), str(folder / "answers")]
        bare = await stack.enter_async_context(serving(words, fixed, folder / "fixed.log", {}))
        with_bando = await stack.enter_async_context(radius(folder / "raddb", it.url))
        with_bare = await stack.enter_async_context(radius(folder / "raddb-bare", bare.url))
        rates, references, shares, work, took = [], [], [], [], []
        for _ in range(repeats):
            worked = worked_s(it.process.pid)
            got = await _run(with_bando.auth_port, file, "closed", CLIENTS)
            work.append((worked_s(it.process.pid) - worked) / (len(got["ms"]) * (1 + 1 / SECONDS)) * 1e6)
            reference = await _run(with_bare.auth_port, file, "closed", CLIENTS)
            rates.append(got["rate"])
            took += got["ms"]
            references.append(reference["rate"])
            shares.append(100 * got["rate"] / reference["rate"])
        calm = await _run(with_bando.auth_port, file, "open", RATE)
        calm_bare = await _run(with_bare.auth_port, file, "open", RATE)
    show(
        f"Logins by MAC through FreeRADIUS, {engine.name}, {PASSES:,} passes, {CLIENTS} at once",
        [
            Figure(name="Bando", unit="/s", values=rates, goal=at_least(engine.logins, "/s")),
            Figure(name="the same answer from Starlette", unit="/s", values=references),
            Figure(name="share", unit="%", values=shares, goal=engine.share and at_least(engine.share, "%")),
            Figure(name="one login, at the most", unit="ms", values=took, goal=at_most(LATEST, "ms", 0.99)),
            Figure(name=f"one login at {RATE:,}/s", unit="ms", values=calm["ms"], goal=at_most(LATEST, "ms", 0.99)),
            Figure(name="the same from Starlette", unit="ms", values=calm_bare["ms"]),
            Figure(name="Bando's processor time for one", unit="us", values=work),
        ],
    )


async def _run(port: int, file: Path, how: str, amount: int) -> dict[str, Any]:
    found = await load(port, file, Code.ACCESS_ACCEPT, how, amount, SECONDS)
    if found["wrong"] or found["lost"]:
        print(f"wrong answers: {found['wrong']}, lost: {found['lost']}", flush=True)
    return found
