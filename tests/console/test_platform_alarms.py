"""Alarms in the console of the platform: its incidents, who takes care of them, and where they are sent to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app import _deadlines
from portal.clock import HOUR
from portal.watch import store
from portal.watch.looking import Sources
from portal.watch.watching import Watching
from tests.console import alarms
from tests.console.office import Office
from tests.console.samples_rights import INCIDENT, KEY, now_there


async def alarmed(o: Office, hours: int) -> None:
    """An incident of the platform of which the watch has told."""
    who = await o.of("platform")
    fields = {**INCIDENT, "known": now_there(o.home), "key": KEY}
    await who.post("/incidents/new", 303, **fields)
    o.home.clock.advance(hours * HOUR)
    sources = Sources(deadlines=_deadlines)
    await Watching(o.home.db, o.home.clock, o.services.catalog, o.url, sources=sources).run_once()


@pytest.mark.parametrize(("hours", "word"), [(25, "has to be told"), (49, "should have been told")])
async def test_the_platform_sees_what_is_due_and_says_that_it_takes_care(o: Office, hours: int, word: str) -> None:
    await alarmed(o, hours)
    who, home = await o.of("platform"), replace(o.home, tenant=await o.platform())
    page = await who.get("/alarms")
    assert f"An incident {word}" in page
    assert "the ISPs whose data it is" in page
    assert "Payments today" not in page
    (kept,) = await home.read(store.unclosed)
    await who.post(f"/alarms/{kept.id}/seen")
    assert (await home.read(store.alarm, kept.id)).seen_by == who.staff_id
    assert "An incident" not in await (await o.of("owner")).get("/alarms")


async def test_the_first_page_of_the_platform_names_what_is_owed(o: Office) -> None:
    who = await o.of("platform")
    assert "Somebody has to be told" not in await who.get("/isps")
    await alarmed(o, 49)
    page = await (await o.of("platform")).get("/isps")
    assert "Somebody has to be told of" in page
    assert "overdue since 1 h" in page


async def test_the_platform_has_channels_of_its_own_for_its_own_kinds_alone(o: Office) -> None:
    who = await o.of("platform")
    page = await who.get("/settings/alarms")
    assert "An incident should have been told" in page
    assert "A router does not answer" not in page
    assert 'href="/console/settings"' not in page, "it has no such page"
    fields = {"kind": "webhook", "address": "https://hooks.example.test/x", "key": KEY, "want-incident-overdue": "1"}
    await who.post("/settings/alarms", 200, **fields)
    (made,) = await o.home.db.read((await o.platform()).id, store.channels)
    assert made.wanted == '["incident-overdue"]'
    await who.get(f"/settings/alarms/{made.id}")
    assert await o.home.read(store.channels) == []
    await (await o.of("owner")).get(f"/settings/alarms/{made.id}", 404)


async def test_no_alarm_and_no_channel_of_an_isp_can_be_reached_from_there(o: Office) -> None:
    await alarms.opened(o.home)
    made = await alarms.channel(o.home)
    who, before = await o.of("platform"), await o.home.read(store.channels)
    (kept, *_) = await o.home.read(store.unclosed)
    assert kept.sentence not in await who.get("/alarms")
    await who.post(f"/alarms/{kept.id}/seen", 404)
    await who.get(f"/settings/alarms/{made}", 404)
    for act in ("change", "test", "remove"):
        await who.post(f"/settings/alarms/{made}/{act}", 404, reason="because")
    assert await o.home.read(store.channels) == before


@pytest.mark.parametrize(
    ("role", "read", "change"),
    [("owner", 200, 200), ("manager", 200, 200), ("auditor", 200, 403), ("support", 403, 403), ("cashier", 403, 403)],
)
async def test_at_an_isp_each_role_sees_what_it_saw_before(o: Office, role: str, read: int, change: int) -> None:
    who = await o.of(role)
    await who.get("/alarms", read)
    await who.get("/settings/alarms", read)
    await who.post("/alarms/999/seen", 404 if change == 200 else 403)
