"""Which devices a router has asked about."""

from __future__ import annotations

from typing import Any

from portal.clock import DAY, TravelClock
from portal.radius import hosts
from portal.radius.hosts import Hosts, seeing
from portal.tenancy.store import Router

MAC = "02:00:00:00:00:01"


def a_router(number: int, mode: str = "radius") -> Router:
    fields: dict[str, Any] = dict.fromkeys(Router.__dataclass_fields__)
    return Router(**{**fields, "id": number, "tenant_id": 1, "mode": mode})


def test_a_device_is_there_for_a_day_at_the_router_that_asked() -> None:
    clock = TravelClock(start=1_800_000_000_000)
    clock.run_at(0)
    known = Hosts(clock, alone=True)
    known.note(1, MAC)
    assert known.sees(a_router(1), MAC)
    assert not known.sees(a_router(2), MAC)
    assert not known.sees(a_router(1), "02:00:00:00:00:02")
    clock.advance(DAY)
    assert not known.sees(a_router(1), MAC)


def test_where_another_process_may_have_been_asked_the_claim_is_believed() -> None:
    assert Hosts(TravelClock(), alone=False).sees(a_router(1), MAC)


def test_the_memory_has_an_end(monkeypatch: Any) -> None:
    monkeypatch.setattr(hosts, "MOST", 2)
    known = Hosts(TravelClock(), alone=True)
    for number in (1, 2, 1, 3):
        known.note(number, MAC)
    assert [number for number in (1, 2, 3) if known.sees(a_router(number), MAC)] == [1, 3]


async def test_a_router_that_is_called_is_asked_itself() -> None:
    async def called(router: Router, mac: str) -> bool:
        return router.id == 7

    async def online(router: Router, mac: str) -> bool:
        return router.id == 9

    sees = seeing(called, Hosts(TravelClock(), alone=True), online)
    assert [await sees(a_router(number, "api"), MAC) for number in (7, 8, 9)] == [True, False, False]
    assert [await sees(a_router(number), MAC) for number in (7, 9)] == [False, True]
