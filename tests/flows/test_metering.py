"""A real keeper on a real socket: what the sessions hold is what went through the router, within one poll."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest

from portal.clock import HOUR, MINUTE, SECOND
from portal.sessions import store as sessions
from portal.units import Row, rows
from tests.flows.site import MAC, Site, a_site, address_of, mac_of

MB = 1_000_000


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with a_site(tmp_path) as made:
        yield made


async def told(site: Site) -> list[Row]:
    """Each session as pages and the export tell it: of one that runs, the last reading."""
    found = await site.seed.read(
        rows,
        "SELECT e.*, COALESCE(y.active_bytes_in, e.bytes_up) AS up, COALESCE(y.active_bytes_out, e.bytes_down) AS down,"
        " COALESCE(y.active_uptime_s * 1000, e.online_ms) AS ms FROM sessions e LEFT JOIN presence y"
        " ON y.tenant_id = e.tenant_id AND y.router_id = e.router_id AND y.device_id = e.device_id"
        " AND y.online_since = e.started_at AND e.ended_at IS NULL"
        " WHERE e.tenant_id = :tenant ORDER BY e.started_at, e.id",
    )
    return list(found)


async def moved(site: Site) -> tuple[int, int]:
    found = await told(site)
    return sum(each["up"] for each in found), sum(each["down"] for each in found)


class Meter:
    """What the test itself has sent through the router."""

    def __init__(self, site: Site) -> None:
        self.site, self.up, self.down, self.random = site, 0, 0, Random(3)

    def use(self, number: int = 1) -> None:
        if self.site.router.is_authorized(mac_of(number), address_of(number)):
            up, down = self.random.randrange(MB), self.random.randrange(20 * MB)
            self.site.router.count(mac_of(number), address_of(number), up=up, down=down)
            self.up, self.down = self.up + up, self.down + down

    @property
    def all(self) -> tuple[int, int]:
        return self.up, self.down


async def test_sessions_hold_what_went_through_while_guests_come_and_go(site: Site) -> None:
    meter = Meter(site)
    devices = await site.guests(3)
    for step in range(12):
        for number in range(1, len(devices) + 1):
            meter.use(number)
        if step % 4 == 3:  # one logs out at the router, and comes back with the next poll
            site.router.logout(address_of(1 + step % 3), "user request")
            site.appear(mac_of(1 + step % 3))
        await site.polled()
        assert await moved(site) == meter.all
    assert len(await told(site)) >= 6
    ended = [each for each in await told(site) if each["ended_at"] is not None]
    assert {each["end_cause"] for each in ended} == {"left"}


async def test_what_was_used_while_the_portal_was_away_is_told_afterwards(site: Site) -> None:
    meter = Meter(site)
    await site.guest()
    meter.use()
    await site.stop_keeper()
    for _ in range(5):
        site.clock.advance(3 * MINUTE)
        site.appear()
        meter.use()
    await site.start_keeper()
    await site.polled()
    assert await moved(site) == meter.all
    (one,) = await told(site)
    assert one["ms"] >= 15 * MINUTE
    assert one["ended_at"] is None


async def test_a_reboot_takes_what_no_poll_has_seen_and_nothing_else(site: Site) -> None:
    meter = Meter(site)
    await site.guest()
    meter.use()
    await site.polled()
    seen = meter.all
    meter.use()  # lost with the router
    site.router.powered = False
    site.clock.advance(40 * SECOND)
    site.router.powered = True
    site.appear()
    await site.polled()
    await site.polled()
    lost = meter.up - seen[0], meter.down - seen[1]
    meter.use()
    await site.polled()
    assert await moved(site) == (meter.up - lost[0], meter.down - lost[1])
    assert next(each["end_cause"] for each in await told(site)) == "router"


async def test_a_session_knows_its_pass_its_site_and_its_address(site: Site) -> None:
    device = await site.guest()
    await site.polled()
    (one,) = await told(site)
    head = (await site.standing(device)).head
    assert head is not None
    assert (one["pass_id"], one["router_id"], one["device_id"]) == (head.id, site.row.id, device.id)
    assert one["address"] == address_of(1)
    assert site.macs[MAC] == address_of(1)
    hour = site.clock.now() - HOUR
    assert await site.seed.read(sessions.was_online, site.row.id, device.id, hour)
