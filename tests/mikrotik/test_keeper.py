"""The keeper against the sandbox router, over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portal.access import admission, store
from portal.access.store import Device
from portal.clock import HOUR, MINUTE
from portal.mikrotik.values import seconds
from tests.flows.site import MAC, Site, a_site


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with a_site(tmp_path) as made:
        yield made


async def test_a_granted_pass_puts_the_phone_online_at_once(site: Site) -> None:
    device = await site.arrive()
    assert not site.online()

    await site.grant(device)

    await site.until_running(device)
    assert site.online()
    assert [row["limit-uptime"] for row in site.users()] == ["1h"]


async def test_a_pass_for_a_phone_that_is_not_there_waits_and_has_its_full_time(site: Site) -> None:
    device: Device = await site.seed.write(store.touch_device, MAC, site.seed.router_id, site.seed.clock.now())
    await site.grant(device)
    await site.later(2 * HOUR)
    await site.arrive()

    await site.until_running(device)
    allowed = (await site.standing(device)).allowance
    assert allowed is not None
    assert allowed.seconds > 3590


async def test_the_end_of_a_pass_takes_the_phone_off(site: Site) -> None:
    device = await site.arrive()
    one = await site.grant(device)
    await site.until(site.online)

    await site.seed.write(admission.end_pass, one.id, "void", site.seed.clock.now())

    await site.until(lambda: not site.online())
    assert site.users() == []


async def test_a_held_device_stays_off_until_it_is_released(site: Site) -> None:
    device = await site.arrive()
    await site.grant(device)
    await site.until(site.online)

    await site.seed.write(admission.hold, device.id, "guest", None, site.seed.clock.now())
    await site.until(lambda: not site.online())
    await site.polled()
    assert not site.online()

    await site.seed.write(admission.tap, device.id, site.seed.clock.now())
    await site.until(site.online)


async def test_a_reboot_is_healed(site: Site) -> None:
    device = await site.guest()
    await site.later(10 * MINUTE)

    site.router.reboot()
    site.appear()

    # Its mac-cookie logs it in again with the old limit; the next poll writes what is really left.
    await site.agrees()
    assert "49m20s" < site.user(device)["limit-uptime"] <= "50m"  # seconds are rounded up
    assert 2960 < (seconds(site.user(device)["limit-uptime"]) or 0) <= 3000
