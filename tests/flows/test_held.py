"""A device that is kicked, blocked or let off: it stays off until its end, and comes back as its plan says."""

from __future__ import annotations

from portal.access import admission
from portal.clock import HOUR, MINUTE, SECOND
from tests.flows.site import MAC, POLL_MS, Site

POLL_S = POLL_MS // SECOND
MB = 1_000_000


# --- held, kicked, blocked ---


async def test_a_kick_lasts_until_its_end_and_a_wall_clock_pass_comes_back_by_itself(site: Site) -> None:
    device = await site.guest()
    until = site.clock.now() + 5 * MINUTE
    await site.seed.write(admission.hold, device.id, "staff", until, site.clock.now())
    await site.until(lambda: not site.online())
    for _ in range(3):
        site.appear()
        await site.agrees()
        assert not site.online()
    await site.later(5 * MINUTE)
    site.appear()
    await site.agrees()
    assert site.online()


async def test_a_disconnected_used_time_pass_waits_for_the_tap(site: Site) -> None:
    device = await site.guest(1, await site.seed.plan_of(kind="used", span_ms=HOUR))
    await site.seed.write(admission.hold, device.id, "guest", None, site.clock.now())
    await site.until(lambda: not site.online())
    await site.later(HOUR)
    site.appear()
    await site.agrees()
    assert not site.online()
    await site.seed.write(admission.tap, device.id, site.clock.now())
    await site.until_running(device)
    await site.agrees()
    allowed = (await site.standing(device)).allowance
    assert allowed is not None
    assert allowed.seconds > 3600 - 30


async def test_a_guest_cannot_tap_a_kick_away(site: Site) -> None:
    device = await site.guest()
    await site.seed.write(admission.hold, device.id, "staff", None, site.clock.now())
    await site.until(lambda: not site.online())
    await site.seed.write(admission.tap, device.id, site.clock.now())
    await site.agrees()
    assert not site.online()


async def test_a_blocked_device_reaches_nothing_until_it_is_released(site: Site) -> None:
    device = await site.guest()
    await site.seed.write(admission.block, device.id, True, site.clock.now())
    await site.until(lambda: site.router.is_blocked(MAC) and not site.online())
    await site.agrees()
    await site.seed.write(admission.tap, device.id, site.clock.now())
    await site.agrees()
    assert not site.online()

    await site.seed.write(admission.block, device.id, False, site.clock.now())
    await site.until(lambda: not site.router.is_blocked(MAC))
    site.appear()
    await site.agrees()
    assert site.online()
