"""Every answer of a router to a login, and what it leads to (design 3b; texts of facts/mikrotik.md 1.7)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portal.access.store import Device
from portal.clock import MINUTE
from portal.tenancy import store as tenancy
from tests.flows.site import ADDRESS, MAC, USERS, Site, a_site, mac_of

QUEUE = "internal error: login failed: failed to add queue: download-burst-limit less than download-max-limit"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with a_site(tmp_path) as made:
        yield made


class Times(dict[str, str]):
    """Answers that are given so many times, then no more."""

    def __init__(self, text: str, times: int) -> None:
        super().__init__({ADDRESS: text})
        self.left = times

    def __contains__(self, key: object) -> bool:
        return self.left > 0 and super().__contains__(key)

    def __getitem__(self, key: str) -> str:
        self.left -= 1
        return super().__getitem__(key)


def tries(site: Site) -> int:
    return site.steps.count("login")


async def refused(site: Site, text: str) -> Device:
    """A guest pays, and the router refuses the login with this text, for as long as the test wants."""
    site.router.faults.login_traps = {ADDRESS: text}
    device = await site.arrive()
    await site.grant(device)
    await site.until(lambda: tries(site) > 0)
    await site.until(lambda: site.keeper.idle)
    assert not site.online()
    stands = await site.standing(device)
    assert stands.head is not None
    assert stands.head.state == "waiting", "its time has not begun"
    return device


async def mended(site: Site, device: Device) -> None:
    """The router stops refusing, and the guest has the full time."""
    site.router.faults.login_traps = {}
    site.appear()
    await site.agrees()
    assert site.online()
    allowed = (await site.standing(device)).allowance
    assert allowed is not None
    assert allowed.seconds > 3600 - 30
    assert await site.lines() == [], "what was said to staff is settled"


def line_about(site: Site, device: Device) -> str:
    return f"router:{site.row.id}:device:{device.id}"


async def test_an_unknown_host_is_waited_for(site: Site) -> None:
    device = await refused(site, f"unknown host IP {ADDRESS}")
    assert tries(site) == 1
    assert await site.lines() == []
    await mended(site, device)


async def test_a_wrong_mac_is_a_false_claim_and_staff_hear_of_it(site: Site) -> None:
    device = await refused(site, "wrong MAC provided")
    assert tries(site) == 1
    assert await site.lines() == ["wrong-mac"]
    await mended(site, device)


async def test_a_rate_that_the_router_refuses_is_a_line_for_staff(site: Site) -> None:
    device = await refused(site, QUEUE)
    assert tries(site) == 1
    assert await site.lines() == ["failed-to-add-queue"]
    await mended(site, device)


async def test_the_same_refusal_at_every_poll_makes_one_line(site: Site) -> None:
    device = await refused(site, QUEUE)
    await site.polled()
    await site.polled()
    assert tries(site) == 3
    assert await site.lines() == ["failed-to-add-queue"]
    await mended(site, device)
    site.router.faults.login_traps = {ADDRESS: QUEUE}
    site.router.logout(ADDRESS, "admin reset")
    await site.polled()
    assert await site.lines() == ["failed-to-add-queue"], "a matter that comes back is said again"


async def test_a_full_licence_is_a_line_for_staff_and_can_be_told_to_the_guest(site: Site) -> None:
    await site.guest(2)
    site.router.faults.license_sessions = 1
    device = await site.arrive()
    await site.grant(device)
    await site.until(lambda: tries(site) > 1)
    await site.until(lambda: site.keeper.idle)
    assert not site.online()
    assert await site.lines() == ["licence-full"]
    assert await site.seed.read(tenancy.is_open, "licence-full", line_about(site, device))

    site.router.faults.license_sessions = None
    await mended(site, device)
    assert not await site.seed.read(tenancy.is_open, "licence-full", line_about(site, device))


async def test_a_full_licence_by_its_text(site: Site) -> None:
    device = await refused(site, "session limit reached (license limit of 200 sessions)")
    assert await site.lines() == ["licence-full"]
    await mended(site, device)


async def test_an_authorisation_under_way_is_tried_again_at_once(site: Site) -> None:
    site.router.faults.login_traps = Times("already authorizing, retry later", 2)
    device = await site.arrive()
    await site.grant(device)
    await site.until_running(device)
    assert tries(site) == 3
    await site.agrees()


async def test_an_authorisation_that_stays_under_way_is_left_to_the_next_poll(site: Site) -> None:
    device = await refused(site, "already authorizing, retry later")
    assert tries(site) == 3
    await mended(site, device)


async def test_a_password_changed_by_hand_is_written_again(site: Site) -> None:
    device = await site.guest()
    right = site.user(device)["password"]
    site.edit(device, password="1234")
    site.router.logout(ADDRESS, "user request")
    await site.agrees()
    assert site.online()
    assert site.user(device)["password"] == right


async def test_a_refused_password_is_written_again_at_once(site: Site) -> None:
    site.router.faults.login_traps = Times("invalid username or password", 1)
    device = await site.arrive()
    await site.grant(device)
    await site.until_running(device)
    assert tries(site) == 2
    assert "set" in site.steps
    await site.agrees()


async def test_a_reached_uptime_limit_is_read_again_and_raised(site: Site) -> None:
    site.router.faults.login_traps = Times("your uptime limit is reached", 1)
    device = await site.arrive()
    await site.grant(device)
    await site.until_running(device)
    assert tries(site) == 2
    assert "set" in site.steps
    await site.agrees()


async def test_an_uptime_limit_that_stays_reached_ends_the_trying(site: Site) -> None:
    device = await refused(site, "your uptime limit is reached")
    assert tries(site) == 3
    await mended(site, device)


async def test_counters_that_moved_while_we_were_away_are_no_obstacle(site: Site) -> None:
    """A cumulative limit that the user has used up (facts/mikrotik.md 3.4), while the pass has time left."""
    device = await site.guest()
    await site.later(20 * MINUTE)
    await site.polled()
    await site.stop_keeper()
    site.edit(device, limit_uptime="20m")
    site.router.logout(ADDRESS, "user request")
    await site.start_keeper()
    site.appear()
    await site.agrees()
    assert site.online()


async def test_a_ghost_of_the_device_is_removed(site: Site) -> None:
    """shared-users is 1, so a session left under an old MAC keeps the device out (facts/mikrotik.md 3.4)."""
    device = await site.guest()
    ghost, ghost_address = mac_of(66), "10.5.50.66"
    password = site.user(device)["password"]
    site.router.logout(ADDRESS, "user request")
    site.edit(device, mac_address=ghost)
    site.router.host_seen(ghost, ghost_address)
    site.router.login(ip=ghost_address, user=site.user(device)["name"], password=password, by="http-pap")
    assert site.router.is_authorized(ghost, ghost_address)

    site.keeper.wake(device.id)  # this way reads only the rows of the device's own MAC
    await site.until_running(device)
    await site.until(site.online)
    assert not site.router.is_authorized(ghost, ghost_address)
    await site.agrees()


async def test_no_more_sessions_without_a_ghost_waits_for_the_next_poll(site: Site) -> None:
    device = await refused(site, "no more sessions are allowed for user bando-1")
    assert tries(site) == 1
    await mended(site, device)


async def test_a_text_that_nobody_knows_is_tried_again_at_the_next_poll(site: Site) -> None:
    device = await refused(site, "internal error: something else (77)")
    assert tries(site) == 1
    await site.polled()
    assert tries(site) == 2
    await mended(site, device)


async def test_the_category_of_a_refusal_does_not_matter(site: Site) -> None:
    """Their numbers are not settled (facts/mikrotik.md 11)."""
    site.router.faults.hotspot_trap_category = 4
    device = await refused(site, "wrong MAC provided")
    assert await site.lines() == ["wrong-mac"]
    await mended(site, device)


async def test_no_refusal_touches_what_is_foreign(site: Site) -> None:
    site.router.tables[USERS].add({"name": "guest", "password": "guest", "mac-address": MAC, "comment": "front desk"})
    site.guard_foreign()
    for text in (QUEUE, "wrong MAC provided", "no more sessions are allowed for user guest", "invalid-username"):
        site.router.faults.login_traps = {ADDRESS: text}
        device = await site.arrive()
        await site.grant(device)
        await site.until(lambda: site.keeper.idle)
        await site.polled()
    site.router.faults.login_traps = {}
    await site.agrees()
