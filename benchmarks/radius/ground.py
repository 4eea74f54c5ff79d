"""An ISP with many passes, a Bando as a process, and a FreeRADIUS in front of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.ground import as_owner, mac_of, server_on_disk
from portal.access import store as access
from portal.access.passes import bought
from portal.access.plans import Plan
from portal.access.store import Cause
from portal.clock import DAY, SystemClock
from portal.db import Database, open_database
from portal.keys.ring import vault_of
from portal.migrate import migrate
from portal.money import Money
from portal.place import Place, Server
from portal.seal import Vault
from portal.sessions.meter import Reading
from portal.settings import SANDBOX_KEY
from portal.tenancy import store as tenancy
from portal.units import Unit, update
from sandbox.radius.packet import Code, Packet, access_request, attributes_of, hide
from sandbox.radius.words import Value
from tests.radius.freeradius import FreeRadius, configure, start

SECRET = "a secret of the benchmark, long enough"
TOKEN = "the token of the benchmark, 32 characters"
PART = 2_000  # devices in one transaction
PATIENCE_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Answerer:
    """Where FreeRADIUS asks."""

    url: str
    process: asyncio.subprocess.Process


@dataclass(frozen=True, kw_only=True)
class Engine:
    """Where the records are, and what is wanted of it."""

    name: str
    place: Callable[[Path], Place]  # an empty database, in this folder or of a server
    logins: float  # at least so many a second
    share: float | None  # of those that a fixed answer gets
    packets: float  # of accounting, at least so many a second


def _file(folder: Path) -> Place:
    path = folder / "bando.db"
    migrate(path)
    return path


SQLITE = Engine(name="SQLite", place=_file, logins=3_000, share=60, packets=2_500)
POSTGRESQL = Engine(name="PostgreSQL", place=lambda folder: server_on_disk(), logins=900, share=None, packets=1_200)


async def sell(place: Place, passes: int) -> None:
    """So many devices in an empty database, each with a pass of a day and known at the router."""
    db, clock = open_database(place), SystemClock()
    try:
        now = clock.now()
        tenant = await db.write(None, tenancy.add_tenant, "Benchmark", now)
        vault = vault_of(SANDBOX_KEY.encode(), db, clock).of(tenant.id)
        router_id, plan = await db.write(tenant.id, _router, vault, now)
        for first in range(0, passes, PART):
            await db.write(tenant.id, _some, router_id, plan, range(first, min(passes, first + PART)), now)
        await _let_in_mind(db)
        if isinstance(place, Server):
            as_owner(place, "VACUUM ANALYZE")
    finally:
        await db.aclose()


async def _let_in_mind(db: Database) -> None:
    """What was written last is in the database file by now, as it is in one that grew over days."""
    with contextlib.suppress(AttributeError):
        await db.empty_log()


def _router(vault: Vault, now: int) -> Unit[tuple[int, Plan]]:
    router_id = yield from tenancy.add_router(
        vault, now, name="Site 1", host="127.0.0.1", port=1, username="x", password="x", hotspot_host="x"
    )
    router = yield from tenancy.router(router_id)
    assert router is not None
    sealed = vault.seal(SECRET, table="routers", row=router.public, column="radius_secret_sealed")
    yield from update("routers", router_id, mode="radius", radius_secret_sealed=sealed, radius_source="127.0.0.1")
    plan = Plan(
        id=0, public="0badcafe", name="1 day", price=Money(10_000), kind="wall", span_ms=DAY, use_by_ms=30 * DAY,
        rate_up=2_000_000, rate_down=5_000_000, data_bytes=10 * 2**30,
    )  # fmt: skip
    plan_id = yield from access.add_plan(plan, now)
    return router_id, Plan(**{**plan.__dict__, "id": plan_id})


def _some(router_id: int, plan: Plan, numbers: Sequence[int], now: int) -> Unit[None]:
    for number in numbers:
        device_id = yield from access.meet_device(mac_of(number), router_id, now)
        assert device_id is not None
        new = bought(plan, device_id, 1, now, state="waiting")
        pass_id = yield from access.insert_pass(new, plan, None, Cause(kind="staff", ref=str(number)))
        assert pass_id is not None
        yield from access.add_pass_device(pass_id, device_id, now)
        yield from access.save_presence(router_id, device_id, Reading(read_at=now), None, now)


def logins(folder: Path, numbers: Sequence[int]) -> Path:
    """Access-Requests by MAC of these devices, as RouterOS sends them, made and signed, in a file."""
    out = bytearray()
    for at, number in enumerate(numbers):
        random = os.urandom(16)
        words: dict[str, Value | None] = {
            "User-Name": mac_of(number),
            "User-Password": hide("", SECRET.encode(), random),
            "Calling-Station-Id": mac_of(number),
            "Called-Station-Id": "hotspot1",
            "NAS-Port-Type": 15,
            "NAS-Port-Id": "bridge",
            "NAS-Identifier": "MikroTik",
            "NAS-IP-Address": "10.9.0.7",
            "Acct-Session-Id": f"81{number:06x}",
            "Framed-IP-Address": "10.5.50.7",
            "Message-Authenticator": bytes(16),
        }
        packet = Packet(
            code=Code.ACCESS_REQUEST, identifier=at % 256, authenticator=random, attributes=attributes_of(words)
        )
        data = access_request(packet, SECRET.encode())
        out += len(data).to_bytes(2, "big") + data
    path = folder / "logins"
    path.write_bytes(out)
    return path


@asynccontextmanager
async def serving(words: Sequence[str], port: int, log: Path, env: Mapping[str, str]) -> AsyncIterator[Answerer]:
    """A Python process that answers HTTP at this port."""
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *words, env={**_kept(), **env}, stdout=out, stderr=out
        )
    try:
        url = f"http://127.0.0.1:{port}"
        await _answering(url, process)
        yield Answerer(url=url, process=process)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _kept() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("BANDO_", "DATABASE_"))}


async def _answering(url: str, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient(trust_env=False) as client:
        while process.returncode is None:
            with contextlib.suppress(httpx.HTTPError):
                await client.get(url)
                return
            await asyncio.sleep(0.05)
    raise RuntimeError("the server ended before it answered")


def bando(place: Place, port: int, radius_port: int) -> dict[str, str]:
    """The settings of a Bando on this database."""
    return {
        "BANDO_MODE": "sandbox",
        **({"DATABASE_URL": place.url} if isinstance(place, Server) else {"BANDO_DATABASE": str(place)}),
        "BANDO_LISTEN": f"127.0.0.1:{port}",
        "BANDO_PUBLIC_URL": f"http://localhost:{port}",
        "BANDO_RADIUS_LISTEN": f"127.0.0.1:{radius_port}",
        "BANDO_RADIUS_TOKEN": TOKEN,
        "BANDO_LOG_LEVEL": "warning",
    }


async def answers(url: str) -> dict[str, str]:
    """What Bando answers to one login and to the question who this router is."""
    mac = mac_of(0)
    said = {"User-Name": mac, "User-Password": "", "Calling-Station-Id": mac, "Bando-Source": "127.0.0.1"}
    body = {name: {"type": "string", "value": [value]} for name, value in said.items()}
    found = {}
    async with httpx.AsyncClient(trust_env=False, headers={"authorization": f"Bearer {TOKEN}"}) as client:
        for path in ("/radius/authorize", "/radius/clients"):
            got = await client.post(f"{url}{path}", json=body)
            assert got.status_code == 200, got.text
            found[path] = got.text
    return found


@asynccontextmanager
async def radius(folder: Path, url: str) -> AsyncIterator[FreeRadius]:
    """FreeRADIUS as it is installed, in front of this."""
    made = await start(folder, configure(folder, url, TOKEN, 86_400))
    try:
        yield made
    finally:
        await made.stop()


async def load(port: int, file: Path, code: int, how: str, amount: int, seconds: float) -> dict[str, Any]:
    """A run of the load generator."""
    words = ["-m", "benchmarks.radius.load", str(port), str(file), str(code), how, str(amount), str(seconds)]
    process = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    assert process.returncode == 0
    found: dict[str, Any] = json.loads(said)
    return found
