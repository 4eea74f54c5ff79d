"""Accounting through FreeRADIUS, each packet answered when it is on the disk: how many a second, how long one takes.

Interim-Updates of sessions that are known, each with its own counters, over an ISP of 100,000 passes; every packet is
charged to a pass, and to a session, an hour and a place. At the end the books hold what the packets said, to the byte.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.figures import Figure, at_least, at_most, show
from benchmarks.ground import as_owner, worked_s
from benchmarks.radius.authorize import CLIENTS, PASSES, RATE, _ports
from benchmarks.radius.ground import SECRET, SQLITE, Engine, bando, load, radius, sell, serving
from portal.clock import SECOND, SystemClock
from portal.db import open_database
from portal.keys.ring import vault_of
from portal.place import Place, Server
from portal.radius.names import Named, class_of
from portal.radius.terms import Terms
from portal.settings import SANDBOX_KEY
from portal.tenancy import store as tenancy
from portal.units import Unit, rows, value
from sandbox.radius.packet import Code, Packet, attributes_of, signed_request
from sandbox.radius.words import Value

ONLINE = 5_000  # devices, spread over all
ROUNDS = 30  # Interim-Updates of each
SECONDS = 5.0
EVERY_S = 300
UP, DOWN = 1_000_000, 9_000_000  # bytes in each round
START, INTERIM, ACCOUNTING_RESPONSE = 1, 3, 5
LATEST = 100.0


def _devices() -> Unit[list[tuple[int, int, str]]]:
    """Device, pass and MAC, of those that are online."""
    step = PASSES // ONLINE
    found = yield from rows(
        "SELECT d.id, p.id AS pass_id, d.mac FROM devices d JOIN passes p ON p.tenant_id = d.tenant_id"
        " AND p.device_id = d.id WHERE d.tenant_id = :tenant ORDER BY d.id"
    )
    return [(row["id"], row["pass_id"], row["mac"]) for row in found[::step]]


async def packets(folder: Path, place: Place) -> tuple[Path, Path]:
    """The Starts of these devices, and their Interim-Updates round by round, made and signed, in two files."""
    db, clock = open_database(place), SystemClock()
    try:
        (tenant,) = await db.read(None, tenancy.tenants)
        (router,) = await db.read(tenant.id, tenancy.routers)
        devices = await db.read(tenant.id, _devices)
        vault, now = vault_of(SANDBOX_KEY.encode(), db, clock), clock.now()
        terms = Terms(until=now, bytes=None, up=None, down=None)
        marks = {
            mac: class_of(vault, tenant.id, router.id, Named(device, one, now, terms)) for device, one, mac in devices
        }
    finally:
        await db.aclose()
    starts, interims = folder / "starts", folder / "interims"
    starts.write_bytes(_file((START, mac, mark, 0) for mac, mark in marks.items()))
    interims.write_bytes(_file((INTERIM, mac, mark, n) for n in range(1, ROUNDS + 1) for mac, mark in marks.items()))
    return starts, interims


def _file(asked: Iterable[tuple[int, str, bytes, int]]) -> bytes:
    out = bytearray()
    for at, (kind, mac, mark, number) in enumerate(asked):
        words: dict[str, Value | None] = {
            "Acct-Status-Type": kind,
            "User-Name": mac,
            "Calling-Station-Id": mac,
            "Called-Station-Id": "hotspot1",
            "NAS-Identifier": "MikroTik",
            "NAS-IP-Address": "10.9.0.7",
            "Acct-Session-Id": "81" + mac.replace(":", "")[-6:],
            "Framed-IP-Address": "10.5.50.7",
            "Class": mark,
            "Acct-Session-Time": number * EVERY_S,
            "Acct-Input-Octets": number * UP,
            "Acct-Output-Octets": number * DOWN,
            "Acct-Delay-Time": 0,
        }
        packet = Packet(code=Code.ACCOUNTING_REQUEST, identifier=at % 256, attributes=attributes_of(words))
        data = signed_request(packet, SECRET.encode())
        out += len(data).to_bytes(2, "big") + data
    return bytes(out)


def _books() -> Unit[list[int]]:
    """Bytes in the sessions, of the passes and of the hours; and how many rounds the sessions have seen."""
    found = yield from rows(
        "SELECT SUM(bytes_up + bytes_down) AS size, SUM(online_ms) AS ms FROM sessions WHERE tenant_id = :tenant"
    )
    used = yield from rows("SELECT SUM(used_bytes) AS size FROM passes WHERE tenant_id = :tenant")
    hours = yield from rows("SELECT SUM(bytes_up + bytes_down) AS size FROM usage_hours WHERE tenant_id = :tenant")
    rounds = found[0]["ms"] // (EVERY_S * SECOND)
    return [found[0]["size"], used[0]["size"], hours[0]["size"], rounds * (UP + DOWN)]


async def run(repeats: int, engine: Engine = SQLITE) -> None:
    """So many times; a server's role is the one that row-level security binds."""
    rates, took, work, calm = [], [], [], []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory(prefix="bando-bench-") as name:
            folder = Path(name)
            began = time.perf_counter()
            place = await asyncio.to_thread(engine.place, folder)
            await sell(place, PASSES)
            starts, interims = await packets(folder, place)
            print(f"{PASSES:,} passes sold in {time.perf_counter() - began:.0f} s", flush=True)
            rate, ms, us, calm_ms = await _measure(folder, place, starts, interims)
            rates.append(rate)
            took += ms
            work.append(us)
            calm += calm_ms
            await _check(place)
    show(
        f"Interim-Updates through FreeRADIUS, {engine.name}, {ONLINE:,} online of {PASSES:,} passes, {CLIENTS} at once",
        [
            Figure(name="on the disk and answered", unit="/s", values=rates, goal=at_least(engine.packets, "/s")),
            Figure(name="one packet, at the most", unit="ms", values=took, goal=at_most(LATEST, "ms", 0.99)),
            Figure(name=f"one packet at {RATE:,}/s", unit="ms", values=calm, goal=at_most(LATEST, "ms", 0.99)),
            Figure(name="Bando's processor time for one", unit="us", values=work),
        ],
    )


async def _measure(
    folder: Path, place: Place, starts: Path, interims: Path
) -> tuple[float, list[float], float, list[float]]:
    port, ours = _ports(2)
    async with AsyncExitStack() as stack:
        serve = ["-c", "import bando; bando.main()", "serve"]
        it = await stack.enter_async_context(serving(serve, ours, folder / "serve.log", bando(place, port, ours)))
        front = await stack.enter_async_context(radius(folder / "raddb", it.url))
        while await _began(place) < ONLINE:  # a first packet is several times the work of a further one
            await load(front.acct_port, starts, ACCOUNTING_RESPONSE, "closed", CLIENTS, SECONDS)
        if isinstance(place, Server):  # which it does by itself within a minute
            await asyncio.to_thread(as_owner, place, "ANALYZE")
        worked = worked_s(it.process.pid)
        got = await load(front.acct_port, interims, ACCOUNTING_RESPONSE, "closed", CLIENTS, SECONDS)
        us = (worked_s(it.process.pid) - worked) / (len(got["ms"]) * (1 + 1 / SECONDS)) * 1e6
        calm = await load(front.acct_port, interims, ACCOUNTING_RESPONSE, "open", RATE, SECONDS)
        for each in (got, calm):
            if each["wrong"] or each["lost"]:
                print(f"wrong answers: {each['wrong']}, lost: {each['lost']}", flush=True)
        if front.spooled:
            print(f"{front.spooled:,} bytes went into the spool", flush=True)
    return got["rate"], got["ms"], us, calm["ms"]


async def _began(place: Place) -> int:
    """How many sessions there are."""
    db = open_database(place)
    try:
        (tenant,) = await db.read(None, tenancy.tenants)
        found = await db.read(tenant.id, value, "SELECT COUNT(*) FROM sessions WHERE tenant_id = :tenant")
    finally:
        await db.aclose()
    return int(found)


async def _check(place: Place) -> None:
    """What was counted once stands everywhere, to the byte."""
    db = open_database(place)
    try:
        (tenant,) = await db.read(None, tenancy.tenants)
        found = await db.read(tenant.id, _books)
    finally:
        await db.aclose()
    assert len(set(found)) == 1, found
