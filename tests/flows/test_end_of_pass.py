"""The end of a pass: on time with the portal, on time without it, and nothing given or taken on the way (R4, I6)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app import build
from portal.access import admission, store
from portal.access.passes import Pass
from portal.access.plans import Plan
from portal.access.store import Cause, Device
from portal.clock import HOUR, MINUTE, SECOND, TravelClock
from portal.money import Money
from sandbox.world import world
from tests.flows.site import ADDRESS, MAC, POLL_MS, PROFILES, USERS, Site
from tests.support import records

POLL_S = POLL_MS // SECOND
MB = 1_000_000


# --- the portal is up: its own loop sees the end ---


class Up:
    """The whole service at work, with one device online at its router."""

    def __init__(self, site: Any, bando: Any) -> None:
        self.site, self.bando, self.causes = site, bando, 0
        self.router, self.clock = site.router, site.clock

    async def write(self, unit: Any, *args: Any) -> Any:
        return await self.bando.db.write(self.site.tenant.id, unit, *args)

    async def grant(self, device: Device, **changes: Any) -> Pass:
        fields: dict[str, Any] = {"id": 0, "public": f"p{self.causes}", "name": "x", "price": Money(1), "kind": "wall"}
        plan = Plan(**{**fields, "span_ms": HOUR, **changes})
        plan_id = await self.write(store.add_plan, plan, self.clock.now())
        self.causes += 1
        cause = Cause(kind="staff", ref=str(self.causes))
        made: Pass = await self.write(
            admission.grant, Plan(**{**plan.__dict__, "id": plan_id}), device.id, cause, self.clock.now()
        )
        return made

    async def until(self, true: Any) -> None:
        await Site.until(None, true)  # type: ignore[arg-type]

    def online(self) -> bool:
        return bool(self.router.is_authorized(MAC, ADDRESS))

    def profile(self) -> str:
        active = self.router.active_of(MAC, ADDRESS)
        if active is None:
            return ""
        return str(self.router.tables[USERS].find(name=active["user"])[0]["profile"])

    async def running(self, one: Pass) -> Pass:
        async def runs() -> bool:
            found = await self.bando.db.read(self.site.tenant.id, store.get_pass, one.id)
            return bool(found.state == "running") and self.bando.keepers.keeper(self.site.row.id).idle

        await self.until(runs)
        found: Pass = await self.bando.db.read(self.site.tenant.id, store.get_pass, one.id)
        return found


@pytest.fixture
async def up(tmp_path: Path) -> AsyncIterator[Up]:
    async with world(tmp_path, build, clock=TravelClock(), **records()) as (site, bando):
        site.router.host_seen(MAC, ADDRESS)
        made = Up(site, bando)

        def agreed() -> bool:
            keeper = bando.keepers.keeper(site.row.id)
            return keeper is not None and keeper.agreed_at > 0

        await made.until(agreed)
        yield made


async def just_before(up: Up, end: int) -> None:
    """Half a second before the end, nothing in hand."""
    up.clock.advance(end - 20 * SECOND - up.clock.now())
    up.router.host_seen(MAC, ADDRESS)
    keeper = up.bando.keepers.keeper(up.site.row.id)
    await up.until(lambda: keeper.looked_at > end - 21 * SECOND and keeper.idle)
    up.clock.advance(end - SECOND // 2 - up.clock.now())
    await up.until(lambda: keeper.looked_at >= end - SECOND // 2 and keeper.idle)


async def test_a_device_is_off_within_two_seconds_of_the_end_of_its_pass(up: Up) -> None:
    device = await up.write(store.touch_device, MAC, up.site.row.id, up.clock.now())
    one = await up.running(await up.grant(device))
    assert one.ends_at is not None
    up.router.faults.limits_reach_running_session = True
    await just_before(up, one.ends_at)
    # So that it is the portal that takes the device off, the router's own limit is put out of the way.
    up.router.tables[USERS].set(f"bando-{device.id}", {"limit-uptime": "5h"})
    assert up.online()

    await up.until(lambda: not up.online())
    assert up.clock.now() - one.ends_at <= 2 * SECOND
    assert up.clock.now() >= one.ends_at, "and not before"
    assert up.router.tables[USERS].find(name=f"bando-{device.id}") == []


async def test_the_next_pass_of_another_rate_begins_within_two_seconds(up: Up) -> None:
    device = await up.write(store.touch_device, MAC, up.site.row.id, up.clock.now())
    one = await up.running(await up.grant(device))
    assert one.ends_at is not None
    next_one = await up.grant(device, rate_up=1_000_000, rate_down=2_000_000)
    await just_before(up, one.ends_at)
    assert up.profile() == "bando-wall-0-0"

    await up.until(lambda: up.profile() == "bando-wall-1M-2M" and up.online())
    assert up.clock.now() - one.ends_at <= 2 * SECOND
    running = await up.running(next_one)
    assert running.started_at == one.ends_at


# --- the portal is down: the router enforces alone ---


async def test_without_the_portal_the_router_ends_a_pass_at_its_time(site: Site) -> None:
    device = await site.guest()
    head = (await site.standing(device)).head
    assert head is not None
    assert head.ends_at is not None
    await site.stop_keeper()
    site.clock.advance(head.ends_at - SECOND - site.clock.now())
    assert site.online()
    site.clock.advance(3 * SECOND)
    assert not site.online()

    await site.start_keeper()
    await site.agrees()
    ended = await site.stored(head)
    assert (ended.state, ended.end_reason, ended.ended_at) == ("ended", "time", head.ends_at)


async def test_without_the_portal_and_without_a_limit_nothing_ends_it(site: Site) -> None:
    """Negative control: it is the written limit that ends the session in these tests."""
    device = await site.guest()
    await site.stop_keeper()
    site.router.faults.limits_reach_running_session = True
    site.edit(device, limit_uptime="0s")
    site.clock.advance(2 * HOUR)
    assert site.online()


async def test_without_the_portal_the_router_goes_on_through_queued_passes_of_the_same_rate(site: Site) -> None:
    device = await site.guest()
    second, third = await site.grant(device), await site.grant(device)
    await site.polled()
    head = (await site.standing(device)).head
    assert head is not None
    assert head.ends_at is not None
    await site.stop_keeper()

    site.clock.advance(head.ends_at + 2 * HOUR - SECOND - site.clock.now())
    assert site.online()
    site.clock.advance(3 * SECOND)
    assert not site.online()

    await site.start_keeper()
    await site.agrees()
    for number, one in enumerate((head, second, third)):
        ended = await site.stored(one)
        assert (ended.state, ended.ended_at) == ("ended", head.ends_at + number * HOUR)


async def test_without_the_portal_another_rate_waits_and_loses_nothing(site: Site) -> None:
    device = await site.guest()
    other = await site.grant(device, await site.seed.plan_of(rate_up=MB, rate_down=MB))
    await site.polled()
    await site.stop_keeper()
    await _silent_hours(site, 2)
    assert not site.online(), "the limit covers the first pass only"

    await site.start_keeper()
    await site.agrees()
    assert site.online()
    running = await site.stored(other)
    assert running.ends_at is not None
    assert running.ends_at - site.clock.now() > HOUR - 3 * POLL_MS, "it begins when the device is online again"


async def _silent_hours(site: Site, hours: int) -> None:
    site.clock.advance(hours * HOUR)
    site.router.tick()
    site.appear()


@pytest.mark.parametrize("queued", [0, 1])
async def test_without_the_portal_the_router_ends_a_pass_at_its_data(site: Site, queued: int) -> None:
    plan = await site.seed.plan_of(data_bytes=MB)
    device = await site.guest(1, plan)
    bought = [(await site.standing(device)).queue[0]] + [await site.grant(device, plan) for _ in range(queued)]
    await site.polled()
    await site.stop_keeper()

    site.router.count(MAC, ADDRESS, up=0, down=MB * len(bought) - 2_000)
    assert site.online()
    site.router.count(MAC, ADDRESS, up=1_000, down=1_001)
    assert not site.online()

    await site.start_keeper()
    await site.agrees()
    for one in bought:
        assert (await site.stored(one)).end_reason == "data"


async def test_a_used_time_pass_ends_at_the_router_too(site: Site) -> None:
    plan = await site.seed.plan_of(kind="used", span_ms=30 * MINUTE)
    device = await site.guest(1, plan)
    await site.stop_keeper()
    for _ in range(29):
        site.clock.advance(MINUTE)
        site.appear()
    assert site.online()
    site.clock.advance(MINUTE + 2 * SECOND)
    assert not site.online()
    await site.start_keeper()
    await site.agrees()
    assert (await site.standing(device)).head is None


# --- rates ---


async def test_a_new_rate_is_a_new_profile_and_a_new_login(site: Site) -> None:
    device = await site.guest(1, await site.seed.plan_of(rate_up=MB, rate_down=2 * MB))
    before = {row["name"]: row for row in site.table(PROFILES)}
    fast = await site.grant(device, await site.seed.plan_of(rate_up=5 * MB, rate_down=10 * MB))
    await site.agrees()
    site.steps.clear()

    await site.seed.write(admission.start_now, fast.id, site.clock.now())
    await site.until(lambda: "login" in site.steps and site.keeper.idle)

    after = {row["name"]: row for row in site.table(PROFILES)}
    assert after["bando-wall-1M-2M"] == before["bando-wall-1M-2M"], "a profile is never changed"
    assert after["bando-wall-5M-10M"]["rate-limit"] == "5M/10M"
    session = site.router.hotspot.session(MAC, ADDRESS)
    assert session is not None
    assert session.profile["rate-limit"] == "5M/10M"
    await site.agrees()
    assert site.online()
