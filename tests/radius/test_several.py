"""Accounting packets that wait together are taken together on PostgreSQL, with the same outcome as one by one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest

from portal.access import admission, store
from portal.access.store import Cause, Device
from portal.clock import DAY
from portal.db import connections, pg_groups
from portal.db.postgres import Postgres
from portal.radius.metering import take as taking
from portal.radius.metering.report import Report
from portal.radius.metering.take import Place, take
from portal.radius.names import Named
from portal.seal import Vault
from portal.sessions.meter import Use
from portal.units import Row, Unit, one
from tests.engine import Watch, an_engine
from tests.radius.nas import Nas
from tests.support import MASTER, a_plan, add_router

START = 1_800_000_000_000
DEVICES = 5  # of which the last one uses the pass of the first
Call = tuple[Place, Report, Named | None, int]


@dataclass
class World:
    """An ISP with a RADIUS router on PostgreSQL, and what was asked of the server."""

    db: Postgres
    place: Place
    devices: list[Device] = field(default_factory=list)
    passes: list[int] = field(default_factory=list)
    nas: Nas = field(default_factory=lambda: Nas(now=START + 1000))
    asked: list[str] = field(default_factory=list)

    def online(self, *numbers: int) -> list[Call]:
        """These come online; their Starts."""
        for number in numbers:
            self.nas.login(self.devices[number], self.passes[number])
        return self.arrived(len(numbers))

    def used(self, number: int, size: int) -> list[Call]:
        """A device uses something; its Interim-Update."""
        self.nas.use(self.devices[number].id, size, 3 * size)
        self.nas.wait(60)
        self.nas.interim(self.devices[number].id)
        return self.arrived(1)

    def arrived(self, many: int) -> list[Call]:
        """So many packets, the last that were sent."""
        found = [self.nas.arrive(-many + n, again=True, slow_s=0) for n in range(many)]
        return [(self.place, *each, self.nas.now) for each in found if each is not None]

    async def take(self, calls: Sequence[Call]) -> list[Any]:
        """All of them at once, as they wait while another group is written."""
        self.asked.clear()
        return await asyncio.gather(*(self.db.write(1, take, *each) for each in calls), return_exceptions=True)

    @property
    def looked_up(self) -> int:
        return sum("AS d_id" in text for text in self.asked)

    @property
    def apart(self) -> bool:
        """Whether they were run one by one."""
        return "SAVEPOINT unit" in self.asked

    async def exact(self) -> bool:
        """Whether sessions, hours, use and passes hold what arrived."""
        found, said = await self.db.read(1, sums), self.nas.arrived
        total = said.bytes_up + said.bytes_down
        return found == [*(Use(ms=said.ms, bytes_up=said.bytes_up, bytes_down=said.bytes_down),) * 3, total]


def sums() -> Unit[list[Any]]:
    found: list[Any] = []
    for table, ms in (("sessions", "online_ms"), ("usage_hours", "online_ms"), ("usage", "used_ms")):
        text = f"SELECT SUM({ms}) AS ms, SUM(bytes_up) AS up, SUM(bytes_down) AS down FROM {table}"
        row: Row | None = yield from one(text + " WHERE tenant_id = :tenant")
        assert row is not None
        found.append(Use(ms=row["ms"] or 0, bytes_up=row["up"] or 0, bytes_down=row["down"] or 0))
    row = yield from one("SELECT SUM(used_bytes) AS size FROM passes WHERE tenant_id = :tenant")
    assert row is not None
    return [*found, row["size"] or 0]


def sold(vault: Vault) -> Unit[tuple[int, list[Device], list[int]]]:
    """A router, devices, and the pass by which each goes; nobody else uses that of the ones in the middle."""
    router_id = yield from add_router(vault, START, name="R")
    devices: list[Device] = []
    passes: list[int] = []
    for number in range(DEVICES):
        device = yield from store.touch_device(f"02:00:00:00:00:{number:02x}", router_id, START)
        devices.append(device)
        if number == DEVICES - 1:
            yield from store.add_pass_device(passes[0], device.id, START)
            passes.append(passes[0])
            break
        kind = "used" if number % 2 else "wall"
        plan = a_plan(kind=kind, span_ms=90 * DAY, data_bytes=1 << 50, name=f"{number}", max_devices=1 if number else 2)
        plan_id = yield from store.add_plan(plan, START)
        cause = Cause(kind="staff", ref=f"{number}")
        made = yield from admission.grant(replace(plan, id=plan_id), device.id, cause, START)
        passes.append(made.id)
    return router_id, devices, passes


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    async with an_engine(Watch(), "one") as db:
        router_id, devices, passes = await db.write(1, sold, Vault(MASTER))
        place = Place(router_id=router_id, vault=Vault(MASTER), patience_ms=750_000)
        made = World(db, place, devices, passes)
        listen(made.asked, monkeypatch)
        yield made


def listen(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Hear each statement of a group, and how it is begun and undone."""
    answer, apart = connections.waiting, pg_groups._Group._apart

    def waiting(connection: Any) -> Callable[..., Any]:
        fetch = answer(connection)

        def heard(text: str, values: Sequence[Any]) -> Sequence[Row]:
            asked.append(text)
            return fetch(text, values)

        return heard

    async def alone(self: Any, *args: Any) -> None:
        if len(self._jobs) > 1:
            asked.append("SAVEPOINT unit")
        await apart(self, *args)

    monkeypatch.setattr(pg_groups, "waiting", waiting)
    monkeypatch.setattr(pg_groups._Group, "_apart", alone)


async def test_what_waits_is_looked_up_at_once(world: World) -> None:
    assert await world.take(world.online(0, 1, 2, 3)) == ["new"] * 4
    assert world.looked_up == 1
    calls = [call for number in range(4) for call in world.used(number, 1000 + number)]
    assert await world.take(calls) == ["new"] * 4
    assert (world.looked_up, world.apart) == (1, False)
    assert await world.take(calls) == ["again"] * 4
    assert (world.looked_up, len(world.asked)) == (1, 1)
    assert await world.exact()


async def test_packets_of_one_device_that_wait_together_see_each_other(world: World) -> None:
    calls = [*world.online(1), *world.used(1, 5), *world.used(1, 7), *world.used(1, 9)]
    assert await world.take(calls) == ["new"] * 4
    assert world.looked_up == len(calls)  # the first with all, the others once more: it had changed
    assert not world.apart
    assert await world.exact()


async def test_whoever_forgets_what_a_packet_changed_is_caught_and_begins_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.take(world.online(1))
    calls, taken = [*world.used(1, 5), *world.used(1, 7)], taking._taken
    monkeypatch.setattr(taking, "_taken", lambda packet, found, changed: taken(packet, found, set()))
    assert await world.take(calls) == ["new"] * 2
    assert world.apart
    assert await world.exact()


async def test_those_who_share_a_pass_are_charged_to_it_both(world: World) -> None:
    await world.take(world.online(0, DEVICES - 1))
    calls = [*world.used(0, 100), *world.used(DEVICES - 1, 10), *world.used(0, 1)]
    assert await world.take(calls) == ["new"] * 3
    assert await world.exact()


async def test_what_one_packet_raises_is_its_own_alone(world: World) -> None:
    calls = world.online(0, 1, 2)
    broken = replace(world.place, vault=None)  # type: ignore[arg-type]
    came = await world.take([calls[0], (broken, *calls[1][1:]), calls[2]])
    assert (came[0], type(came[1]), came[2]) == ("new", AttributeError, "new")
    assert await world.take(calls) == ["again", "new", "again"]
    assert await world.exact()


async def test_strangers_among_them_are_told_apart(world: World) -> None:
    calls = world.online(0, 1)
    place, report, named, now = calls[0]
    assert named is not None
    stranger = (place, replace(report, mac="02:00:00:00:00:EE"), None, now)
    foreign = (place, report, named._replace(device_id=named.device_id + 1), now)
    assert await world.take([stranger, calls[0], foreign, calls[1]]) == ["stranger", "new", "stranger", "new"]
    assert await world.exact()


def something_happens(world: World, chance: Random, number: int) -> None:
    nas, device_id = world.nas, world.devices[number].id
    match chance.randrange(5):
        case 0:
            nas.login(world.devices[number], world.passes[number])
        case 1:
            nas.use(device_id, chance.randrange(1 << 20), chance.randrange(1 << 20))
        case 2:
            nas.interim(device_id)
        case 3:
            nas.wait(chance.randrange(1, 300))
        case 4:
            nas.logout(device_id)


@pytest.mark.parametrize("seed", range(6))
async def test_totals_are_exact_however_packets_come_together(world: World, seed: int) -> None:
    chance, nas = Random(seed), world.nas
    for _ in range(60):
        number = chance.randrange(DEVICES)
        for _ in range(chance.randrange(6)):
            something_happens(world, chance, number)
        found = [nas.arrive(chance.randrange(50), again=chance.random() < 0.3, slow_s=0) for _ in range(8)]
        calls = [(world.place, *each, nas.now) for each in found if each is not None]
        assert set(await world.take(calls)) <= {"new", "again"}
        assert not world.apart
        assert await world.exact()
    assert nas.arrived.ms > 0
