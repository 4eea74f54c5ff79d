"""What a poll asks and writes is looked up: it never goes through all devices of an ISP, however many there are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from portal.access import admission, record, store
from portal.access.places import store as places
from portal.access.record import Sighting
from portal.access.store import Cause
from portal.clock import HOUR
from portal.sessions.meter import Reading
from portal.sql import any_of
from portal.units import Unit, rows
from tests.console.plans_of_queries import plans
from tests.support import Seed, seed

pytestmark = pytest.mark.sqlite_only(
    reason="SQLite has one plan for a statement; a server chooses by what is in its tables"
)

MANY = 300


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Seed]:
    made = await seed(tmp_path)
    await made.write(_devices, made)
    yield made
    await made.db.aclose()


def _devices(home: Seed) -> Unit[None]:
    for n in range(MANY):
        device = yield from store.touch_device(f"02:00:00:00:{n // 256:02X}:{n % 256:02X}", home.router_id, 1)
        yield from admission.grant(home.plan, device.id, Cause(kind="staff", ref=str(n)), 1)


def read(n: int) -> Sighting:
    return Sighting(device_id=n, reading=Reading(read_at=HOUR, user_uptime_s=5, active_uptime_s=60, active_bytes_in=n))


STEPS: dict[str, Any] = {
    "who is to be looked at": lambda home: record.known(home.router_id, {1, 2}, {3}, ["02:00:00:00:00:07"]),
    "what is wanted": lambda home: record.wanted(home.router_id, range(1, 60), ["02:00:00:00:00:07"], HOUR),
    "what was read": lambda home: record.polled(home.router_id, [1, 2], [read(n) for n in range(3, 60)], HOUR),
    "who is still here": lambda home: places.still_here(home.router_id, range(1, 60), HOUR),
}


@pytest.mark.parametrize("step", STEPS)
async def test_each_step_of_a_poll_looks_its_devices_up(home: Seed, step: str) -> None:
    found = plans(home, STEPS[step](home))
    assert found
    assert [each for each in found if each.startswith("SCAN ") or each.endswith("(tenant_id=?)")] == []


async def test_without_the_plus_it_would_go_through_all_of_them(home: Seed) -> None:
    def plainly() -> Unit[None]:
        names, bound = any_of(range(1, 60))
        yield from rows(f"SELECT * FROM devices WHERE tenant_id = :tenant AND id IN ({names})", **bound)

    assert [each for each in plans(home, plainly()) if each.endswith("(tenant_id=?)")]
