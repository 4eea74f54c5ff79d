"""A router of a town that accounts by RADIUS, through a real FreeRADIUS, without a pause: what was answered, counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from portal.access import admission
from portal.access import store as access
from portal.access.store import Cause
from portal.radius.names import Named, class_of
from portal.radius.terms import Terms
from portal.units import Unit, one
from tests.processes.stage import Town
from tests.radius.freeradius import FreeRadius, required, running
from tests.radius.stage import TOKEN, in_radius_mode
from tests.radius.test_accounting import packet, send
from tests.support import a_plan, add_router

DEVICES = 30
MACS = "02:33:00:00:00"  # so they begin
EVERY_S = 0.3  # between two rounds of Interim-Updates
TERMS = Terms(until=0, bytes=None, up=None, down=None)


def settings(port: int) -> dict[str, str]:
    """What makes `bando serve` answer FreeRADIUS at this port."""
    return {"BANDO_RADIUS_LISTEN": f"127.0.0.1:{port}", "BANDO_RADIUS_TOKEN": TOKEN}


@dataclass
class Meters:
    """Devices that are online, each in one session, and what their router has said of them."""

    town: Town
    radius: FreeRadius
    marks: list[tuple[str, str]] = field(default_factory=list)  # MAC and Class
    told: list[tuple[int, int, int]] = field(default_factory=list)  # seconds, bytes up and down
    packets: int = 0
    spooled: int = 0  # bytes, at the most
    _chance: Random = field(default_factory=lambda: Random(7))
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """All come online, and are told of again and again."""
        await self._say("Start")
        self._task = asyncio.create_task(self._go_on())

    async def _go_on(self) -> None:
        while not self._stop.is_set():
            await self._say("Interim-Update")
            self.spooled = max(self.spooled, self.waiting)
            await asyncio.sleep(EVERY_S)

    async def end(self) -> None:
        """All leave; the router has said its last word."""
        assert self._task is not None
        self._stop.set()
        await self._task
        await self._say("Stop")

    async def _say(self, kind: str) -> None:
        """One packet of each device, all of them answered."""
        if kind != "Start":
            self.told = [self._grown(*each) for each in self.told]
        lines = [
            packet(kind, number, mac, mark, *told)
            for number, ((mac, mark), told) in enumerate(zip(self.marks, self.told, strict=True))
        ]
        assert await send(self.radius, lines) == len(lines), "a packet of accounting got no answer"
        self.packets += len(lines)

    def _grown(self, seconds: int, up: int, down: int) -> tuple[int, int, int]:
        by = self._chance.randrange
        return seconds + by(1, 60), up + by(1 << 20), down + by(1 << 24)

    @property
    def waiting(self) -> int:
        """Bytes in the spool, which is written and taken away while this looks."""
        found = 0
        for each in (self.radius.folder / "spool").iterdir():
            with suppress(FileNotFoundError):
                found += each.stat().st_size
        return found

    async def missing(self) -> int:
        """Bytes that were told and stand in no session."""
        said = sum(up + down for _, up, down in self.told)
        return said - sum((await self._sums("sessions", "online_ms"))[1:])

    async def exactly(self) -> None:
        """Sessions, use and passes hold what was told, to the byte and the second."""
        seconds, up, down = map(sum, zip(*self.told, strict=True))
        assert await self._sums("sessions", "online_ms") == [seconds * 1000, up, down]
        assert await self._sums("usage", "used_ms") == [seconds * 1000, up, down]
        assert await self._sums("usage_hours", "online_ms") == [seconds * 1000, up, down]

    async def _sums(self, table: str, ms: str) -> list[int]:
        return await self.town.read(_sums, table, ms)


def _sums(table: str, ms: str) -> Unit[list[int]]:
    """Time and bytes of the devices that are told of: at their router, or by how their MACs begin."""
    among = (
        " AND router_id IN (SELECT id FROM routers WHERE tenant_id = :tenant AND mode = 'radius')"
        if table != "usage"
        else " AND device_id IN (SELECT id FROM devices WHERE tenant_id = :tenant AND mac LIKE :macs)"
    )
    text = f"SELECT SUM({ms}) AS ms, SUM(bytes_up) AS up, SUM(bytes_down) AS down FROM {table}"
    row = yield from one(text + " WHERE tenant_id = :tenant" + among, macs=f"{MACS}%")
    assert row is not None
    return [int(row[each] or 0) for each in ("ms", "up", "down")]


def _site(vault: object, now: int) -> Unit[tuple[int, list[tuple[str, int, int]]]]:
    """The router, and of each device its MAC, its number and that of its pass."""
    router_id = yield from add_router(vault, now, name="By RADIUS", port=2)  # type: ignore[arg-type]
    yield from in_radius_mode(vault, router_id, "127.0.0.1")
    plan = a_plan(span_ms=1 << 40, data_bytes=1 << 55, name="metered", on_sale=False)
    plan = replace(plan, id=(yield from access.add_plan(plan, now)))
    made: list[tuple[str, int, int]] = []
    for number in range(DEVICES):
        mac = f"{MACS}:{number:02X}"
        device = yield from access.touch_device(mac, router_id, now)
        given = yield from admission.grant(plan, device.id, Cause(kind="staff", ref=mac), now)
        made.append((mac, device.id, given.id))
    return router_id, made


@asynccontextmanager
async def metered(town: Town, port: int, folder: Path) -> AsyncIterator[Meters]:
    """Accounting for this town, whose `serve` answers FreeRADIUS at this port; nothing is sent yet."""
    required()
    now = town.site.clock.now()
    router_id, devices = await town.write(_site, town.site.vault, now)
    async with running(folder, f"http://127.0.0.1:{port}", TOKEN) as radius:
        made = Meters(town, radius, told=[(0, 0, 0)] * len(devices))
        for mac, device_id, pass_id in devices:
            named = Named(device_id, pass_id, now, TERMS)
            made.marks.append((mac, class_of(town.site.vault, town.tenant_id, router_id, named).hex()))
        yield made
