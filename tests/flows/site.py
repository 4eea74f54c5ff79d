"""A site to break: a database, a sandbox router on a real socket and a keeper, and what must agree between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from portal.access import admission, store
from portal.access.admission import Standing
from portal.access.passes import Pass
from portal.access.plans import Plan
from portal.access.store import Cause, Device
from portal.clock import SECOND, TravelClock
from portal.db import quiet
from portal.mikrotik.difference import device_of, user_name
from portal.mikrotik.keeper import Keeper
from portal.mikrotik.values import seconds
from portal.settings import load
from portal.tenancy import store as tenancy
from portal.tenancy.store import Router
from portal.units import Unit, rows
from sandbox.routeros.api import ApiServer, serve_api
from sandbox.routeros.device import Faults, SandboxRouter
from sandbox.routeros.tables import Row
from tests.support import Seed, seed

MAC = "02:00:00:00:00:01"
ADDRESS = "10.5.50.11"
POLL_MS = 10 * SECOND
SLACK_S = 3  # uptimes are whole seconds
SLACK_BYTES = 65_536

USERS, ACTIVE, HOSTS = "/ip/hotspot/user", "/ip/hotspot/active", "/ip/hotspot/host"
BINDINGS, COOKIES, PROFILES = "/ip/hotspot/ip-binding", "/ip/hotspot/cookie", "/ip/hotspot/user/profile"
SETTINGS = load({"BANDO_MODE": "sandbox"})


def mac_of(number: int) -> str:
    return f"02:00:00:00:{number // 256:02X}:{number % 256:02X}"


def address_of(number: int) -> str:
    return f"10.5.{50 + (10 + number) // 250}.{(10 + number) % 250}"


@dataclass(kw_only=True)
class Site:
    """One router of an ISP, with its keeper."""

    seed: Seed
    row: Router
    router: SandboxRouter
    server: ApiServer
    installation: str
    keeper: Keeper
    running: asyncio.Task[None]
    patience_s: float = 10.0
    macs: dict[str, str] = field(default_factory=dict)
    foreign: dict[str, list[Any]] = field(default_factory=dict)
    causes: list[int] = field(default_factory=lambda: [0])
    steps: list[str] = field(default_factory=list)  # what the keeper asked of the router, as it went

    @property
    def clock(self) -> TravelClock:
        return self.seed.clock

    # --- guests ---

    async def arrive(self, mac: str = MAC, address: str = ADDRESS, *, to_address: str | None = None) -> Device:
        """A phone joins the Wi-Fi and its page makes it known."""
        self.macs[mac] = to_address or address
        self.router.host_seen(mac, address, to_address=to_address)
        found: Device = await self.seed.write(store.touch_device, mac, self.row.id, self.clock.now())
        return found

    def appear(self, mac: str = MAC) -> None:
        """The phone sends a packet."""
        self.router.host_seen(mac, self.macs[mac])

    async def grant(self, device: Device, plan: Plan | None = None) -> Pass:
        self.causes[0] += 1
        cause = Cause(kind="staff", ref=str(self.causes[0]))
        made: Pass = await self.seed.write(admission.grant, plan or self.seed.plan, device.id, cause, self.clock.now())
        return made

    async def guest(self, number: int = 1, plan: Plan | None = None) -> Device:
        """A phone that is there, has a pass and is online, as the books know."""
        device = await self.arrive(mac_of(number), address_of(number))
        await self.grant(device, plan)
        await self.until_running(device)
        return device

    async def guests(self, count: int, plan: Plan | None = None) -> list[Device]:
        devices = [await self.arrive(mac_of(n), address_of(n)) for n in range(1, count + 1)]
        for device in devices:
            await self.grant(device, plan)
        for device in devices:
            await self.until_running(device)
        return devices

    async def standing(self, device: Device) -> Standing:
        found: Standing = await self.seed.read(admission.standing, device.id, self.clock.now(), self.row.id)
        return found

    async def stored(self, one: Pass) -> Pass:
        found: Pass = await self.seed.read(store.get_pass, one.id)
        return found

    async def lines(self) -> list[str]:
        """The kinds of the lines that staff see."""
        return [line["kind"] for line in await self.seed.read(tenancy.exceptions)]

    async def trouble(self) -> str | None:
        found: Router = await self.seed.read(tenancy.router, self.row.id)
        return found.trouble

    # --- waiting ---

    async def until(self, true: Callable[[], Any], seconds: float = 60) -> None:
        """Until `true()`, which may be a coroutine, gives something true."""
        async with asyncio.timeout(seconds):
            while True:
                found = true()
                if asyncio.iscoroutine(found):
                    found = await found
                if found:
                    return
                await asyncio.sleep(0.005)

    async def until_running(self, device: Device) -> None:
        """Until the router serves the device and the books know it."""

        async def known() -> bool:
            stands = await self.standing(device)
            return stands.online is not None and stands.head is not None and stands.head.state == "running"

        await self.until(known)

    async def polled(self, *, asked: bool = True) -> None:
        """One poll's time goes by, and that poll has ended; one that was asked for looks at the calm as well."""
        await self.later(POLL_MS)
        due = self.clock.now()

        def looked() -> bool:
            if not self.keeper.connected:  # the next try to connect comes after a pause
                self.clock.advance(SECOND / 10)
            return self.keeper.looked_at >= due and self.keeper.idle

        if asked:
            self.keeper.poll()
        await self.until(looked)

    async def later(self, span_ms: float) -> None:
        """Time goes by in one step; a keeper that is just reading would see it torn."""
        await self.until(lambda: self.keeper.idle)
        self.clock.advance(span_ms)

    async def agrees(self) -> None:
        """I8: everything agrees within one poll, foreign rows untouched; and then the keeper is content."""
        await self.polled()
        await self.agree()
        self.steps.clear()
        await self.polled()
        assert [each for each in self.steps if each != "print"] == []
        await self.agree()

    # --- the keeper and the router ---

    async def start_keeper(self) -> None:
        """A new keeper, as after a restart of the portal."""
        row = await self.seed.read(tenancy.router, self.row.id)
        self.keeper = a_keeper(self.seed, row, self.installation, self.patience_s, self.steps)
        self.running = asyncio.create_task(self.keeper.run())

    async def stop_keeper(self) -> None:
        await self.keeper.stop()
        await self.running

    def online(self, mac: str = MAC) -> bool:
        return self.router.is_authorized(mac, self.macs[mac])

    def table(self, path: str) -> list[dict[str, str]]:
        """A menu as print shows it."""
        table = self.router.table(path)
        return [table.view(row) for row in table.rows.values()]

    def users(self) -> list[dict[str, str]]:
        """Our rows, by their mark."""
        return [row for row in self.table(USERS) if row.get("comment", "").startswith(self.mark)]

    def user(self, device: Device) -> dict[str, str]:
        return next(row for row in self.users() if row["name"] == user_name(device.id))

    def edit(self, device: Device, **props: str) -> None:
        """Somebody changes our row by hand."""
        words = {name.replace("_", "-"): value for name, value in props.items()}
        self.router.tables[USERS].set(self.user(device)[".id"], words)

    def active(self, mac: str = MAC) -> dict[str, str] | None:
        return self.router.active_of(mac, self.macs[mac])

    def left_s(self, mac: str = MAC) -> int | None:
        """What the router itself still gives the running session."""
        found = self.active(mac)
        return seconds(found.get("session-time-left", "")) if found else None

    @property
    def mark(self) -> str:
        return f"bando:{self.installation}:"

    # --- what must hold ---

    def guard_foreign(self) -> None:
        """From now on whatever stands here without our mark must stay as it is."""
        self.foreign = self.foreign_rows()

    def foreign_rows(self) -> dict[str, list[Any]]:
        """Rows without our mark, as they are written; ids may change at a reboot."""
        ours = {row["name"] for row in self.users()}
        found: dict[str, list[Any]] = {}
        for path in (USERS, BINDINGS):
            found[path] = [_text(row) for row in self._rows(path) if not row.get("comment", "").startswith(self.mark)]
        known = {row["name"] for row in self._rows(USERS)}
        for path in (ACTIVE, COOKIES):
            foreign = [row for row in self._rows(path) if row["user"] not in ours and row["user"] in known]
            found[path] = [_text(row) for row in foreign]
        found[PROFILES] = [_text(row) for row in self._rows(PROFILES) if not row["name"].startswith("bando-")]
        return found

    def _rows(self, path: str) -> list[Row]:
        return list(self.router.table(path).rows.values())

    async def agree(self) -> None:
        """The router's tables say what the database says, and foreign rows are untouched."""
        if self.foreign:
            assert self.foreign_rows() == self.foreign
        users = {row["name"]: row for row in self.users()}
        foreign = {row["name"] for row in self.table(USERS)} - set(users)
        running = {row["user"]: row for row in self.table(ACTIVE) if row["user"] not in foreign}
        others = {row["mac-address"] for row in self.table(ACTIVE) if row["user"] in foreign}
        here = {row["mac-address"] for row in self.table(HOSTS) if row.get("bypassed", "false") != "true"}
        blocks = {row["comment"]: row for row in self.table(BINDINGS) if row.get("comment", "").startswith(self.mark)}
        known = await self.seed.read(_devices)
        for device in known:
            name, stands = user_name(device.id), await self.standing(device)
            user, online, allowed = users.pop(name, None), running.pop(name, None), stands.allowance
            block = blocks.pop(f"{self.mark}block-{device.id}", None)
            assert (block is not None) == device.hold.blocked, name
            if block is not None:
                assert (block["mac-address"], block["type"], block["disabled"]) == (device.mac, "blocked", "false")
            if allowed is None:
                assert user is None, name
                assert online is None, name
                continue
            if device.mac in here - others and name not in foreign:
                assert online is not None, f"{name} is here and may be online"
            if online is None:
                continue
            presence = await self.seed.read(store.presence_at, self.row.id, device.id)
            assert presence is not None, name
            assert presence.online_since is not None, name
            assert online["mac-address"] == device.mac
            assert user is not None, name
            self._limits(user, online, allowed)
        assert users == {}, "marked rows of nobody"
        assert [row for row in running.values() if device_of(row["user"])] == [], "nobody is online without a pass"
        assert blocks == {}

    def _limits(self, user: dict[str, str], online: dict[str, str], allowed: Any) -> None:
        assert user["comment"] == f"{self.mark}{allowed.pass_id}"
        assert user["disabled"] == "false"
        assert user["mac-address"] == online["mac-address"]
        limit = seconds(user["limit-uptime"]) or 0
        assert limit > 0, "0 is no limit"
        spent = (seconds(user["uptime"]) or 0) + (seconds(online["uptime"]) or 0)
        assert abs(limit - spent - allowed.seconds) <= SLACK_S, (user, online, allowed)
        left = seconds(online.get("session-time-left", ""))
        assert left is not None, "a running session without an end"
        assert abs(left - allowed.seconds) <= SLACK_S, (user, online, allowed)
        size = sum(int(each[name]) for each in (user, online) for name in ("bytes-in", "bytes-out"))
        limit_bytes = int(user.get("limit-bytes-total", "0"))
        if allowed.bytes is None:
            assert limit_bytes == 0
        else:
            assert limit_bytes > 0
            assert abs(limit_bytes - size - allowed.bytes) <= max(SLACK_BYTES, allowed.bytes // 20 + 1)


def _text(row: Row) -> dict[str, str]:
    return {name: value for name, value in row.items() if name != ".id"}


def _devices() -> Unit[list[Device]]:
    ids = yield from rows("SELECT id FROM devices WHERE tenant_id = :tenant ORDER BY id")
    found = []
    for row in ids:
        device = yield from store.device(row["id"])
        assert device is not None
        found.append(device)
    return found


def a_keeper(
    made: Seed, row: Router, installation: str, patience_s: float, steps: list[str] | None = None, closed: bool = False
) -> Keeper:
    def observe(step: str) -> None:
        if steps is not None and step.startswith("router:") and step.endswith(":before"):
            steps.append(step.split(":")[1])

    return Keeper(
        row,
        db=made.db,
        clock=made.clock,
        vault=made.vault,
        settings=SETTINGS,
        installation=installation,
        observe=observe if steps is not None else quiet,
        patience_s=patience_s,
        closed=closed,
    )


@asynccontextmanager
async def a_site(
    folder: Path, *, patience_s: float = 10.0, faults: Faults | None = None, tls: Any = None, **row: Any
) -> AsyncIterator[Site]:
    """A site whose keeper has looked once; `row` changes the router's row in the database."""
    clock = TravelClock()
    router = SandboxRouter(clock, faults=faults)
    server = await serve_api(router, tls=tls)
    made = await seed(folder, clock=clock, **{"port": server.port, "password": "sandbox", **row})
    installation = await made.db.write(None, tenancy.installation_id)
    try:
        async with kept(made, made.router_id, router, server, installation, patience_s) as site:
            yield site
    finally:
        await server.aclose()
        await made.db.aclose()


@asynccontextmanager
async def kept(
    made: Seed, router_id: int, router: SandboxRouter, server: ApiServer, installation: str, patience_s: float = 10.0
) -> AsyncIterator[Site]:
    """A keeper at work on this router."""
    row = await made.read(tenancy.router, router_id)
    steps: list[str] = []
    keeper = a_keeper(made, row, installation, patience_s, steps)
    running = asyncio.create_task(keeper.run())
    site = Site(
        seed=made,
        row=row,
        router=router,
        server=server,
        installation=installation,
        keeper=keeper,
        running=running,
        patience_s=patience_s,
        steps=steps,
    )
    await site.until(lambda: keeper.agreed_at > 0)
    site.guard_foreign()
    try:
        yield site
    finally:
        await site.keeper.stop()
        await site.running
