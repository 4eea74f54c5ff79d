"""Which devices a router has asked about."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from portal.clock import DAY, MINUTE, TravelClock
from portal.db.postgres import Postgres
from portal.radius import hosts
from portal.radius.hosts import ASKED, Hosts, seeing
from portal.tenancy.store import Router
from tests import postgres

MAC = "02:00:00:00:00:01"


SECRET = b"the secret of the installation"


def alone(clock: TravelClock) -> Hosts:
    """What a process knows that tells nobody."""
    return Hosts(clock, SECRET, lambda _one: None)


def a_router(number: int, mode: str = "radius") -> Router:
    fields: dict[str, Any] = dict.fromkeys(Router.__dataclass_fields__)
    return Router(**{**fields, "id": number, "tenant_id": 1, "mode": mode})


def test_a_device_is_there_for_a_day_at_the_router_that_asked() -> None:
    clock = TravelClock(start=1_800_000_000_000)
    clock.run_at(0)
    known = alone(clock)
    known.note(1, MAC)
    assert known.sees(a_router(1), MAC)
    assert not known.sees(a_router(2), MAC)
    assert not known.sees(a_router(1), "02:00:00:00:00:02")
    clock.advance(DAY)
    assert not known.sees(a_router(1), MAC)


def test_the_others_are_told_once_an_hour_of_a_device_that_asks_again_and_again() -> None:
    clock, told = TravelClock(start=1_800_000_000_000), list[int]()
    clock.run_at(0)
    asked, other = Hosts(clock, SECRET, told.append), alone(clock)
    for _ in range(9):
        asked.note(1, MAC)
        clock.advance(10 * MINUTE)
    assert len(told) == 2
    other.hear(told[-1])
    assert other.sees(a_router(1), MAC)
    assert not other.sees(a_router(2), MAC)
    clock.advance(DAY)
    assert not other.sees(a_router(1), MAC)


def test_what_is_told_is_no_mac_and_differs_between_installations() -> None:
    told: list[int] = []
    for secret in (SECRET, b"another one"):
        Hosts(TravelClock(), secret, told.append).note(1, MAC)
    assert len(set(told)) == 2
    assert all(0 <= each < 1 << 56 for each in told)
    assert int(MAC.replace(":", ""), 16) not in told


async def test_whichever_process_was_asked_the_others_know() -> None:
    server = postgres.fresh_database()
    databases = [Postgres(server), Postgres(server)]
    known = [Hosts(TravelClock(), SECRET, partial(db.ring, ASKED)) for db in databases]
    for db, hosts_of in zip(databases, known, strict=True):
        db.listen(ASKED, lambda _tenant, one, here=hosts_of: here.hear(one))  # type: ignore[misc]
        await db.share()
    async with asyncio.timeout(20):
        while not known[1].sees(a_router(1), MAC):  # what is told before the other one listens is lost
            known[0] = Hosts(TravelClock(), SECRET, partial(databases[0].ring, ASKED))
            known[0].note(1, MAC)
            await asyncio.sleep(0.05)
    assert not known[1].sees(a_router(2), MAC)
    for db in databases:
        await db.aclose()


def test_the_memory_has_an_end(monkeypatch: Any) -> None:
    monkeypatch.setattr(hosts, "MOST", 2)
    known = alone(TravelClock())
    for number in (1, 2, 1, 3):
        known.note(number, MAC)
    assert [number for number in (1, 2, 3) if known.sees(a_router(number), MAC)] == [1, 3]


async def test_a_router_that_is_called_is_asked_itself() -> None:
    async def called(router: Router, mac: str) -> bool:
        return router.id == 7

    async def online(router: Router, mac: str) -> bool:
        return router.id == 9

    sees = seeing(called, alone(TravelClock()), online)
    assert [await sees(a_router(number, "api"), MAC) for number in (7, 8, 9)] == [True, False, False]
    assert [await sees(a_router(number), MAC) for number in (7, 9)] == [False, True]
