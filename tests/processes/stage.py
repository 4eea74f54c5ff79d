"""A town whose portal is several processes: routers, guests, an M-Pesa, and `bando serve` and `bando work`."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import httpx

from portal.access import store as access
from portal.access.plans import Plan
from portal.check import breaches
from portal.db import Database, open_database
from portal.migrate import migrate
from portal.mikrotik.keepers import POLL
from portal.place import Server
from portal.tenancy import store as tenancy
from portal.tenancy.store import Router
from portal.units import Row, Unit, rows
from portal.vouchers import codes
from sandbox.routeros.api import serve_api
from sandbox.routeros.device import SandboxRouter
from sandbox.world import Site, outside
from tests.crash.portals import ROOT, environment
from tests.postgres import Cluster, fresh_database
from tests.support import add_router
from tests.vouchers.cards import batch_of

T = TypeVar("T")
PATIENCE_S = 60.0


class Launcher:
    """Starts processes quickly; one for all tests of a file."""

    def __init__(self) -> None:
        kept = {name: text for name, text in os.environ.items() if not name.startswith("BANDO_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.processes.launcher"],
            cwd=ROOT,
            env={**kept, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, words: Sequence[str], env: Mapping[str, str], log: Path, without: Sequence[str]) -> int:
        """The id of a new process."""
        order = {"words": words, "env": dict(env), "log": str(log), "without": dict.fromkeys(without, True)}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


@dataclass
class Process:
    """A process that was started, and what it writes."""

    pid: int
    log: Path

    @property
    def lives(self) -> bool:
        return lives(self.pid)

    def children(self, kind: str = "") -> list[int]:
        """Its living processes of this kind, the oldest first."""
        told = re.findall(r'"kind": "(\w+)", "process": (\d+), "event": "process started"', self.written())
        return [int(pid) for name, pid in told if (not kind or name == kind) and lives(int(pid))]

    def written(self) -> str:
        return self.log.read_text()

    def signal(self, number: int) -> None:
        if self.lives:
            os.kill(self.pid, number)

    async def ended(self, within_s: float = PATIENCE_S) -> float:
        """How long that took."""
        return await until(lambda: not self.lives, within_s, "the end of a process", 0.02)


def lives(pid: int) -> bool:
    """Whether this process is there, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@dataclass(kw_only=True)
class Town:
    """The world outside, the database, and the processes."""

    site: Site
    server: Server
    db: Database
    routers: list[tuple[Router, SandboxRouter]]
    env: Mapping[str, str]
    launcher: Launcher
    started: list[Process] = field(default_factory=list)

    @property
    def tenant_id(self) -> int:
        return self.site.tenant.id

    @property
    def url(self) -> str:
        return "https://{}:{}".format(*self.site.portal_address)

    # --- processes ---

    def start(self, *words: str, without: Sequence[str] = ()) -> Process:
        """`bando` with these words."""
        log = self.site.folder / f"{len(self.started)}.log"
        log.touch()
        made = Process(self.launcher.start(words, self.env, log, without), log)
        self.started.append(made)
        return made

    async def serve(self, workers: int = 2, *, without: Sequence[str] = ()) -> Process:
        """`bando serve`, when it answers and its work process has work."""
        made = self.start("serve", "--workers", str(workers), without=without)
        await self.answers(made)
        await self.joins(made)
        return made

    async def work(self, *, without: Sequence[str] = ()) -> Process:
        """`bando work`, when it has its share."""
        made = self.start("work", without=without)
        await self.joins(made)
        return made

    async def joins(self, of: Process) -> None:
        async def joined() -> bool:
            assert of.lives, of.written()
            who = {of.pid, *of.children("work")}
            return any(int(owner.split("/")[1]) in who for owner in (await self.shares()).values())

        await until(joined, PATIENCE_S, "its share of the work")

    async def answers(self, of: Process) -> None:
        async def can_connect() -> bool:
            assert of.lives, of.written()
            return await self.ready()

        await until(can_connect, PATIENCE_S, "an answer of the portal")

    async def ready(self) -> bool:
        """Whether /readyz says so; a process that does not answer is not."""

        try:
            async with httpx.AsyncClient(verify=self.site.ca.client_context(), timeout=3) as http:
                return (await http.get(f"{self.url}/readyz")).status_code == 200
        except httpx.HTTPError:
            return False

    async def end(self) -> None:
        for each in self.started:
            for pid in (each.pid, *each.children()):
                if lives(pid):
                    os.kill(pid, signal.SIGCONT)
                    os.kill(pid, signal.SIGTERM)
        for each in self.started:
            try:
                await each.ended(20)
            except AssertionError:
                each.signal(signal.SIGKILL)

    # --- the database, as a stranger sees it ---

    async def read(self, unit: Callable[..., Unit[T]], *args: Any) -> T:
        return await self.db.read(self.tenant_id, unit, *args)

    async def write(self, unit: Callable[..., Unit[T]], *args: Any, **kwargs: Any) -> T:
        return await self.db.write(self.tenant_id, unit, *args, **kwargs)

    async def leases(self) -> dict[str, str]:
        """Who does which work now."""
        found = await self.db.read(
            None,
            rows,
            "SELECT name, owner FROM leases WHERE until >= EXTRACT(EPOCH FROM clock_timestamp()) * 1000",
        )
        return {row["name"]: row["owner"] for row in found}

    async def shares(self) -> dict[str, str]:
        """The same without who is there."""
        return {name: owner for name, owner in (await self.leases()).items() if not name.startswith("member/")}

    async def members(self) -> list[str]:
        return [name for name in await self.leases() if name.startswith("member/")]

    async def owner_of(self, name: str) -> int | None:
        """The process that does this work now."""
        owner = (await self.leases()).get(name)
        return None if owner is None else int(owner.split("/")[1])

    async def passes(self) -> list[Row]:
        return await self.read(access.pass_list, 100_000)

    def look_at_routers(self) -> None:
        """Their keepers look at everything at once, as when staff ask for it."""
        for row, _ in self.routers:
            self.db.ring(f"{POLL}:{row.id}")

    async def sound(self) -> list[str]:
        """What is wrong with the books."""
        return await self.read(breaches, self.site.clock.now())

    # --- vouchers ---

    async def print_cards(self, count: int, plan: str = "1 hour") -> list[str]:
        drawn = [codes.draw(codes.STYLES["letters-10"]) for _ in range(count)]
        chosen = next(each for each in await self.plans() if each.name == plan)
        await self.write(batch_of, self.site.vault, self.tenant_id, chosen, drawn, self.site.clock.now())
        return [codes.shown(each) for each in drawn]

    async def plans(self) -> list[Plan]:
        return list(await self.read(access.plan_list))


@asynccontextmanager
async def town(
    folder: Path, launcher: Launcher, *, routers: int = 3, server: Server | None = None, clock: Any = None, **more: str
) -> AsyncIterator[Town]:
    """A town with so many routers; nothing serves it yet."""
    place = server if server is not None else await asyncio.to_thread(fresh_database)
    given: Any = {"BANDO_POLL_EVERY": "2", "BANDO_MPESA_QUERY_EVERY": "1", **more}
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(
            outside(folder, clock=clock, tls_api=False, DATABASE_URL=place.url, **given)
        )
        site.mpesa.switches.query_per_minute = 0
        db = open_database(place)
        await db.share()
        stack.push_async_callback(db.aclose)
        further = [await _a_router(stack, site, db, number) for number in range(2, routers + 1)]
        made = [(site.row, site.router), *further]
        kept = {name: text for name, text in os.environ.items() if not name.startswith("BANDO_")}
        env = {**kept, **environment(site.settings, DATABASE_URL=place.url, PYTHONPATH=str(ROOT)), **given}
        env = {name: text for name, text in env.items() if text}
        found = Town(site=site, server=place, db=db, routers=made, env=env, launcher=launcher)
        try:
            yield found
        finally:
            await found.end()


async def _a_router(stack: AsyncExitStack, site: Site, db: Database, number: int) -> tuple[Router, SandboxRouter]:
    router = SandboxRouter(site.clock, name=f"site-{number}", seed=number)
    api = await serve_api(router)
    stack.push_async_callback(api.aclose)
    fields = {"name": f"Site {number}", "port": api.port, "username": "bando", "password": "sandbox"}
    router_id = await db.write(site.tenant.id, add_router_now, site.vault, site.clock.now(), fields)
    row = await db.read(site.tenant.id, tenancy.router, router_id)
    assert row is not None
    return row, router


def add_router_now(vault: Any, now: int, fields: Mapping[str, Any]) -> Unit[int]:
    return (yield from add_router(vault, now, **fields))


async def until(true: Callable[[], bool | Awaitable[bool]], seconds: float, what: str, every_s: float = 0.05) -> float:
    """Wait for it; after how many seconds it came."""
    begin = time.monotonic()
    while True:
        found = true()
        if not isinstance(found, bool):
            found = await found
        if found:
            return time.monotonic() - begin
        if time.monotonic() - begin > seconds:
            raise AssertionError(f"{what} did not come within {seconds} s")
        await asyncio.sleep(every_s)


async def execute(server: Server, statement: str, *values: object) -> Sequence[Any]:
    """A statement as the server's owner, on a connection of its own."""
    connection = await asyncpg.connect(server.url.replace("bando_app@", "postgres@"))
    try:
        found: Sequence[Any] = await connection.fetch(statement, *values)
        return found
    finally:
        await connection.close()


def migrated(cluster: Cluster) -> Server:
    """A new database of a server of the test's own, as the role that serves."""
    name = f"own{next(_numbers)}"
    asyncio.run(execute(cluster.at("postgres", "bando_app"), f"CREATE DATABASE {name} OWNER bando_owner"))
    migrate(cluster.at(name, "bando_owner"), app="bando_app", platform="bando_platform")
    return cluster.at(name, "bando_app")


_numbers = itertools.count(1)
