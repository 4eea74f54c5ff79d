"""How many guests were online: counted once a quarter, kept for thirteen months, drawn on the first page."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from portal.access.places import store as places
from portal.access.places.store import KEPT_MS, SLOT_MS
from portal.clock import DAY, HOUR
from portal.tenancy import store as tenancy
from portal.units import rows
from tests.console.office import Office
from tests.flows.site import Site, a_site

ALL = "SELECT * FROM online_counts WHERE tenant_id = :tenant ORDER BY slot"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with a_site(tmp_path) as made:
        yield made


def drawn(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="guests">(.*?)</script>', page)
    assert found is not None
    values: dict[str, Any] = json.loads(found[1])
    return values


async def test_a_keeper_counts_once_in_a_quarter_however_often_it_looks(site: Site) -> None:
    for _ in range(3):
        await site.polled()
    slots = [row["slot"] for row in await site.seed.read(rows, ALL)]

    assert 1 <= len(slots) <= 2  # the clock may have passed into the next one
    assert len(set(slots)) == len(slots)
    assert all(slot % SLOT_MS == 0 for slot in slots)


async def test_the_first_reading_of_a_slot_stays_and_what_is_older_than_thirteen_months_goes(o: Office) -> None:
    s, slot = o.home, o.home.clock.now() // SLOT_MS * SLOT_MS
    await s.write(places.count_online, s.router_id, slot - KEPT_MS - SLOT_MS, 9)
    await s.write(places.count_online, s.router_id, slot, 4)
    await s.write(places.count_online, s.router_id, slot, 7)

    assert [(row["slot"], row["online"]) for row in await s.read(rows, ALL)] == [(slot, 4)]


async def test_the_chart_shows_a_day_and_a_week_and_leaves_gaps_where_no_router_was_read(o: Office) -> None:
    s, slot = o.home, o.home.clock.now() // SLOT_MS * SLOT_MS
    for ago, devices in ((0, 5), (1, 8), (3 * DAY // SLOT_MS, 20)):
        await s.write(places.count_online, s.router_id, slot - ago * SLOT_MS, devices)
    who = await o.of("owner")

    day, week = drawn(await who.get("/")), drawn(await who.get("/", online="week"))

    assert (day["values"][-3:], len(day["values"]), day["what"]) == ([None, 8, 5], DAY // SLOT_MS, "Devices")
    assert (max(each or 0 for each in week["values"]), len(week["values"])) == (20, 7 * DAY // HOUR)
    await who.get("/", 400, online="year")


async def test_a_new_isp_is_told_when_there_will_be_something_and_nobody_sees_next_door(o: Office) -> None:
    s = o.home
    other = await s.db.write(None, tenancy.add_tenant, "Next Door", s.clock.now())
    await s.db.write(other.id, places.count_online, s.router_id, s.clock.now() // SLOT_MS * SLOT_MS, 77)

    page = await (await o.of("owner")).get("/")

    assert "Nothing counted yet" in page
