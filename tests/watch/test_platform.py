"""Incidents of the platform itself: whoever runs it is told as the 48 hours run down; a clock is moved."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from app import _deadlines
from portal.access.catalog import Catalog
from portal.clock import HOUR, MINUTE, TravelClock
from portal.findings import Finding
from portal.privacy.incidents import service
from portal.privacy.incidents.examination import check_incidents
from portal.privacy.incidents.service import Found
from portal.staff import store as staff
from portal.tenancy import store as tenancy
from portal.units import rows
from portal.watch import channels
from portal.watch.alarm import KINDS
from portal.watch.looking import Sources
from portal.watch.room import Watch
from sandbox.ca import Authority
from sandbox.hooks import Receiver
from tests.support import Seed, seed
from tests.watch.test_deliver import settings
from tests.watch.test_metrics import shown

ALARMS = "SELECT kind, subject, severity, sentence FROM alarms WHERE tenant_id = :tenant ORDER BY id"


@dataclass(kw_only=True)
class There:
    """The platform beside an ISP, and its watch."""

    isp: Seed
    platform: Seed
    watch: Watch
    by: int

    async def record(self, at: Seed) -> int:
        now, vault = at.clock.now(), at.vault
        found = Found(title="A backup lay open", facts="A disk was lost", known_at=now, key="k")
        by = self.by if at is self.platform else await _member(at, "owner")
        made: int = await at.write(service.record, vault, at.tenant.kind, found, by, now)
        return made

    async def look(self) -> None:
        for loop in self.watch.loops:
            await loop.run_once()

    async def alarms(self, at: Seed) -> list[tuple[str, str, str]]:
        found = [dict(row) for row in await at.read(rows, ALARMS)]
        return [(row["kind"], row["subject"], row["severity"]) for row in found if row["kind"].startswith("incident")]

    async def doctor(self) -> list[Finding]:
        return await check_incidents(self.isp.db, self.isp.clock)


async def _member(at: Seed, role: str) -> int:
    args = (at.vault, at.clock.now())
    made, _ = await at.write(staff.invite, *args, email=f"{role}@it.test", name="Amina", role=role)
    return int(made.id)


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[There]:
    clock = TravelClock()
    clock.run_at(0)
    isp = await seed(tmp_path, clock=clock)
    own = await isp.db.write(None, tenancy.add_tenant, "Platform", clock.now(), kind="platform")
    platform = replace(isp, tenant=own)
    catalog = Catalog(isp.db)
    await catalog.refresh()
    trust, sources = Authority(tmp_path).client_context(), Sources(deadlines=_deadlines)
    watch = Watch(isp.db, isp.vault, clock, catalog, settings(), trust, sources=sources)
    yield There(isp=isp, platform=platform, watch=watch, by=await _member(platform, "platform"))
    await isp.db.aclose()


async def test_the_platform_is_told_at_half_at_four_fifths_and_when_the_48_hours_are_over(there: There) -> None:
    made, clock = await there.record(there.platform), there.platform.clock
    due, over = ("incident-due", f"incident:{made}"), ("incident-overdue", f"incident:{made}")
    stages = [
        *((due[0], f"{due[1]}:half", "warn"), (due[0], f"{due[1]}:most", "warn")),
        (over[0], f"{over[1]}:over", "grave"),
    ]
    for hours, told in ((23, 0), (1, 1), (14, 1), (1, 2), (8, 2), (1, 3), (100, 3)):  # 23, 24, 38, 39, 47, 48, 148 h
        clock.advance(hours * HOUR)
        for _ in range(3):
            await there.look()
        assert await there.alarms(there.platform) == stages[:told]
        assert dict(there.watch.overdue).get("incident", 0) == (told == 3)
    assert 'bando_overdue{what="incident"} 1.0' in shown(there.watch)
    assert await there.alarms(there.isp) == []


async def test_it_says_who_has_to_know_and_reaches_the_channel_of_the_platform(there: There) -> None:
    receiver, home = await Receiver().open(), there.platform
    args = (home.vault, "aa", "webhook", receiver.url, "whs_x", tuple(KINDS), home.clock.now())
    await home.write(channels.add, *args)
    await there.record(home)
    home.clock.advance(48 * HOUR)
    await there.look()
    await receiver.aclose()
    (got,) = [json.loads(each.body) for each in receiver.got]
    assert (got["isp"], got["kind"], got["severity"]) == ("Platform", "incident-overdue", "grave")
    assert "of which the ISPs whose data it is must know" in got["text"]
    assert "It is overdue." in got["text"]


async def test_it_is_over_once_they_were_told(there: There) -> None:
    made, home = await there.record(there.platform), there.platform
    home.clock.advance(48 * HOUR)
    await there.look()
    await home.write(service.tell, home.vault, made, "By e-mail to each", there.by, home.clock.now())
    for _ in range(3):
        home.clock.advance(11 * MINUTE)
        await there.look()
    assert there.watch.overdue.get("incident", 0) == 0
    assert await home.read(rows, "SELECT id FROM alarms WHERE tenant_id = :tenant AND closed_at IS NULL") == []
    assert await there.doctor() == []


async def test_an_incident_of_an_isp_is_its_own_matter_and_has_72_hours(there: There) -> None:
    made = await there.record(there.isp)
    there.isp.clock.advance(71 * HOUR)
    await there.look()
    assert await there.alarms(there.isp) == [("incident-due", f"incident:{made}:most", "warn")]
    there.isp.clock.advance(HOUR)
    await there.look()
    assert (await there.alarms(there.isp))[1:] == [("incident-overdue", f"incident:{made}:over", "grave")]
    assert await there.alarms(there.platform) == []
    (row,) = [dict(each) for each in await there.isp.read(rows, ALARMS) if each["kind"] == "incident-overdue"]
    assert "of which the Data Protection Commissioner must know" in row["sentence"]
    assert await there.doctor() == []


async def test_the_platform_without_an_incident_has_no_alarm_at_all(there: There) -> None:
    for _ in range(5):
        there.platform.clock.advance(24 * HOUR)
        await there.look()
    assert await there.platform.read(rows, ALARMS) == []


async def test_the_doctor_says_how_many_hours_are_left_and_finds_a_fault_after_them(there: There) -> None:
    made, clock = await there.record(there.platform), there.platform.clock
    clock.advance(47 * HOUR)
    (due,) = await there.doctor()
    assert (due.code, due.severity) == ("incident-due", "warning")
    assert due.sentence == f"Incident {made} has to be told to the ISPs whose data it is within 1 h."
    clock.advance(HOUR)
    (over,) = await there.doctor()
    assert (over.code, over.severity) == ("incident-overdue", "fault")
    assert over.sentence == f"Incident {made} should have been told to the ISPs whose data it is 0 h ago."


async def test_without_a_platform_there_is_nothing_to_find(tmp_path: Path) -> None:
    home = await seed(tmp_path)
    assert await check_incidents(home.db, home.clock) == []
    await home.db.aclose()
