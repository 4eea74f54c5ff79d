"""Used-time plans and shared passes: what the router really served is what was charged (R4, I6)."""

from __future__ import annotations

from typing import Any

from portal.access import admission
from portal.access.record import IDLE_MS
from portal.access.store import Device
from portal.clock import HOUR, MINUTE, SECOND
from tests.flows.site import ADDRESS, MAC, POLL_MS, Site, address_of, mac_of

POLL_S = POLL_MS // SECOND
MB = 1_000_000


# --- used-time plans: what the router really served ---


class Served:
    """Counts the seconds that the router really serves a device, whatever the books say."""

    def __init__(self, site: Site, mac: str = MAC) -> None:
        self.site, self.mac, self.ms = site, mac, 0

    async def polls(self, count: int, *, sends: bool = True) -> None:
        """So many polls go by."""
        for _ in range(count):
            await self._step(self.site.polled(), sends)

    async def alone(self, count: int) -> None:
        """So many polls' time goes by without the portal."""
        for _ in range(count):
            await self._step(None, True)

    async def _step(self, poll: Any, sends: bool) -> None:
        site = self.site
        if sends:
            site.router.host_seen(self.mac, site.macs[self.mac])
        was, since = site.online(self.mac), site.clock.now()
        left = site.left_s(self.mac) if was else 0
        if poll is None:
            site.clock.advance(POLL_MS)
        else:
            await poll
        gone = site.clock.now() - since
        if was:
            self.ms += gone if site.online(self.mac) else min(gone, (left or 0) * SECOND)


async def test_used_time_survives_reboots_and_reconnects_without_gift_or_loss(site: Site) -> None:
    span = 20 * MINUTE
    device = await site.guest(1, await site.seed.plan_of(kind="used", span_ms=span))
    served, faults = Served(site), 0

    async def goes_on() -> None:
        """It was off, which pauses the pass; the guest taps."""
        site.appear()
        await site.polled()
        assert not site.online()
        await site.seed.write(admission.tap, device.id, site.clock.now())
        await site.until_running(device)

    await served.polls(12)
    site.router.reboot()  # the running session's use is lost, as in a power cut (facts/mikrotik.md 3.4)
    faults += 1
    await goes_on()
    await served.polls(12)
    site.router.logout(ADDRESS, "user request")  # it walks away and comes back
    faults += 1
    await site.polled()
    assert not site.online()
    await site.later(HOUR)
    site.appear()
    await site.polled()
    assert not site.online(), "time off is not charged, and coming back needs a tap"
    await goes_on()
    await served.polls(6)
    site.server.drop_all()  # the connection breaks and is made again
    await served.polls(6)
    await site.stop_keeper()  # the portal is away, and the device goes on
    await served.alone(18)
    await site.start_keeper()
    await served.polls(6)
    site.router.faults.save_uptime_every_s = 30
    site.router.reboot()
    faults += 1
    await goes_on()
    await site.agrees()
    allowed = (await site.standing(device)).allowance
    assert allowed is not None
    await served.polls(allowed.seconds // POLL_S + 3)

    assert (await site.standing(device)).head is None
    assert not site.online()
    assert abs(served.ms - span) <= (faults + 1) * POLL_MS, f"{served.ms / 1000} s of {span / 1000} s"
    await site.agrees()


async def test_a_silent_used_time_device_pauses_uncharged_and_needs_a_tap(site: Site) -> None:
    device = await site.guest(1, await site.seed.plan_of(kind="used", span_ms=HOUR))
    one = (await site.standing(device)).queue[0]
    served = Served(site)
    await served.polls(12)
    silent_from = site.clock.now()
    while site.online():
        await served.polls(1, sends=False)
    assert site.clock.now() - silent_from <= IDLE_MS + 3 * POLL_MS
    await site.agrees()

    paused = await site.stored(one)
    assert paused.state == "paused"
    assert abs(paused.used_ms - 2 * MINUTE) <= 2 * POLL_MS, "the silence is not charged"
    site.appear()
    await site.polled()
    assert not site.online(), "a phone in a pocket burns nothing"

    await site.seed.write(admission.tap, device.id, site.clock.now())
    await site.until_running(device)
    await site.agrees()


async def test_a_used_time_pass_leaves_no_cookie_behind(site: Site) -> None:
    """A mac-cookie would let the device in again without the guest's tap (design 3b)."""
    await site.guest(1, await site.seed.plan_of(kind="used", span_ms=HOUR))
    assert site.table("/ip/hotspot/cookie") == []
    await site.guest(2)
    assert len(site.table("/ip/hotspot/cookie")) == 1, "a wall-clock pass has one"


# --- one pass, three devices ---


async def three_on_one_cap(site: Site, **plan: Any) -> list[Device]:
    plan = {"data_bytes": 6 * MB, "max_devices": 3, **plan}
    owner = await site.guest(1, await site.seed.plan_of(**plan))
    one = (await site.standing(owner)).queue[0]
    devices = [owner]
    for number in (2, 3):
        device = await site.arrive(mac_of(number), address_of(number))
        await site.seed.write(admission.add_device, one.id, device.id, site.clock.now())
        await site.until_running(device)
        devices.append(device)
    await site.polled()
    await site.agrees()
    return devices


def count(site: Site, number: int, size: int) -> None:
    site.router.count(mac_of(number), address_of(number), up=0, down=size)


async def test_three_devices_share_one_cap(site: Site) -> None:
    await three_on_one_cap(site)
    for _ in range(5):
        count(site, 1, 300_000)
        count(site, 2, 600_000)
        await site.polled()
        await site.agree()
    assert all(site.online(mac_of(number)) for number in (1, 2, 3))
    count(site, 3, 600_000)
    await site.polled()
    assert all(site.online(mac_of(number)) for number in (1, 2, 3)), "5.1 of 6 MB"
    for number in (1, 2, 3):
        count(site, number, 310_000)
    await site.agrees()
    assert not any(site.online(mac_of(number)) for number in (1, 2, 3))


async def test_three_devices_without_the_portal_stay_within_their_cap(site: Site) -> None:
    """What was left when the portal went away is divided among those online (R4)."""
    await three_on_one_cap(site)
    await site.stop_keeper()
    total = 0
    for number in (1, 2, 3):
        while site.online(mac_of(number)):
            count(site, number, 100_000)
            total += 100_000
    assert total <= 6 * MB + 3 * 100_000
    assert total >= 5 * MB, "and it is not taken from them"
    await site.start_keeper()
    await site.agrees()


async def test_two_devices_use_a_used_time_pass_twice_as_fast(site: Site) -> None:
    plan = await site.seed.plan_of(kind="used", span_ms=10 * MINUTE, max_devices=2)
    owner = await site.guest(1, plan)
    one = (await site.standing(owner)).queue[0]
    other = await site.arrive(mac_of(2), address_of(2))
    await site.seed.write(admission.add_device, one.id, other.id, site.clock.now())
    await site.until_running(other)
    served = [Served(site), Served(site, mac_of(2))]
    for _ in range(40):
        for number in (1, 2):
            site.appear(mac_of(number))
        was = [site.online(each.mac) for each in served]
        since = site.clock.now()
        await site.polled()
        for each, online in zip(served, was, strict=True):
            each.ms += site.clock.now() - since if online else 0
    assert not site.online()
    assert not site.online(mac_of(2))
    total = sum(each.ms for each in served)
    assert abs(total - 10 * MINUTE) <= 4 * POLL_MS
