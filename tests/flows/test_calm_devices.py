"""Devices that a poll leaves as they are: nothing of what is promised waits for the next time they are looked at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portal.access import admission, store
from portal.access.store import Device, Presence
from portal.clock import MINUTE, SECOND
from portal.mikrotik.calm import AT_LEAST_MS, SPREAD_MS, Calm
from portal.units import Sql, Unit
from tests.flows.site import BINDINGS, MAC, POLL_MS, USERS, Site, a_site, address_of, mac_of
from tests.flows.test_metering import Meter, moved, told
from tests.flows.test_router_faults import second

MB = 1_000_000
LONGEST = (AT_LEAST_MS + SPREAD_MS) // POLL_MS + 1  # polls until even the last one is looked at again


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with a_site(tmp_path) as made:
        yield made


def is_calm(site: Site, device: Device) -> bool:
    return device.id in site.keeper._calm._kept


async def seen(site: Site, device: Device) -> Presence:
    found: Presence | None = await site.seed.read(store.presence_at, site.row.id, device.id)
    assert found is not None
    assert found.reading is not None
    return found


async def calm(site: Site, device: Device) -> None:
    """Poll after poll goes by until this device is left as it is."""
    for _ in range(5):
        await site.polled(asked=False)
        if is_calm(site, device):
            return
    raise AssertionError("it is not calm")


def put(site: Site, megabytes: int, number: int = 1) -> None:
    site.router.count(mac_of(number), address_of(number), up=0, down=megabytes * MB)


async def test_a_calm_device_stays_present_and_is_written_down_after_two_minutes(site: Site) -> None:
    meter = Meter(site)
    device = await site.guest()
    await calm(site, device)
    written = (await seen(site, device)).reading
    polls = 0
    while (now := await seen(site, device)).reading == written:
        assert site.clock.now() - now.seen_at < 2 * POLL_MS, "pages and passes take it for gone"
        meter.use()
        await site.polled(asked=False)
        polls += 1
        assert polls <= LONGEST
    assert polls > AT_LEAST_MS // POLL_MS // 2, "it was not calm"
    assert await moved(site) == meter.all
    assert await site.seed.read(admission.standing, device.id, site.clock.now()) is not None


async def test_a_session_that_ends_while_its_device_was_calm_is_told_exactly(site: Site) -> None:
    meter = Meter(site)
    device = await site.guest()
    await calm(site, device)
    for _ in range(3):
        meter.use()
        await site.polled(asked=False)
    assert await moved(site) != meter.all, "it waits"
    meter.use()
    site.router.logout(address_of(1), "user request")
    await site.polled(asked=False)
    assert await moved(site) == meter.all
    assert next(each["end_cause"] for each in await told(site)) == "left"


@pytest.mark.parametrize("remembered", [True, False])
async def test_a_reboot_takes_nothing_that_a_poll_has_seen(site: Site, remembered: bool) -> None:
    meter = Meter(site)
    device = await site.guest()
    await calm(site, device)
    meter.use()
    await site.polled(asked=False)
    assert is_calm(site, device)
    if not remembered:  # without what is kept of it, the last reading would be lost
        site.keeper._calm = Calm(site.installation)
    site.router.powered = False
    await site.until(lambda: not site.keeper.connected)
    site.clock.advance(40 * SECOND)
    site.router.powered = True
    await site.polled()
    assert (await moved(site) == meter.all) == remembered


async def test_a_logout_that_a_reboot_hides_takes_nothing_either(site: Site) -> None:
    """The user's row is made anew meanwhile, so its counters do not tell."""
    meter = Meter(site)
    device = await site.guest()
    await calm(site, device)
    meter.use()
    await site.polled(asked=False)
    site.router.logout(address_of(1), "user request")
    site.router.tables[USERS].remove(site.user(device)[".id"])
    await site.polled(asked=False)
    assert await moved(site) == meter.all


async def test_what_was_read_is_written_down_when_the_keeper_stops(site: Site) -> None:
    meter = Meter(site)
    device = await site.guest()
    await calm(site, device)
    meter.use()
    await site.polled(asked=False)
    assert await moved(site) != meter.all
    await site.stop_keeper()
    assert await moved(site) == meter.all
    await site.start_keeper()


async def test_a_calm_device_that_staff_block_is_off_at_once(site: Site) -> None:
    device = await site.guest()
    await calm(site, device)
    await site.seed.write(admission.block, device.id, True, site.clock.now())
    await site.until(lambda: not site.online())
    await site.polled(asked=False)
    await site.agree()


async def test_a_calm_device_whose_pass_is_taken_away_is_off_at_once(site: Site) -> None:
    device = await site.guest()
    await calm(site, device)
    head = (await site.standing(device)).head
    assert head is not None
    await site.seed.write(admission.end_pass, head.id, "refund", site.clock.now())
    await site.until(lambda: not site.online())
    await site.polled(asked=False)
    await site.agree()


def faster(pass_id: int) -> Unit[None]:
    """Somebody changes a pass behind everybody's back: nobody is woken."""
    yield Sql("UPDATE passes SET rate_down = 9000000 WHERE tenant_id = :tenant AND id = :id", {"id": pass_id})


@pytest.mark.parametrize("asked", [True, False])
async def test_a_speed_that_was_changed_without_a_word_comes_with_the_next_look(site: Site, asked: bool) -> None:
    device = await site.guest()
    await calm(site, device)
    head = (await site.standing(device)).head
    assert head is not None
    await site.seed.write(faster, head.id)
    for _ in range(1 if asked else LONGEST):
        await site.polled(asked=asked)
    assert site.user(device)["profile"].endswith("-9M")
    assert site.online()


async def test_a_row_that_a_hand_changed_is_mended_with_the_next_poll(site: Site) -> None:
    device = await site.guest()
    await calm(site, device)
    site.edit(device, limit_uptime="9h")
    await site.polled(asked=False)
    await site.agree()
    await calm(site, device)
    site.edit(device, comment=f"{site.mark}1000")
    await site.polled(asked=False)
    await site.agree()
    await calm(site, device)
    site.router.tables[BINDINGS].add(
        {"mac-address": MAC, "type": "blocked", "comment": f"{site.mark}block-{device.id}"}
    )
    await site.polled(asked=False)
    site.appear()
    await site.polled(asked=False)
    await site.agree()


async def test_a_pass_that_ends_between_two_looks_is_followed_by_the_next_one(site: Site) -> None:
    slow = await site.seed.plan_of(span_ms=5 * MINUTE, rate_down=1_000_000)
    fast = await site.seed.plan_of(span_ms=5 * MINUTE, rate_down=7_000_000)
    device = await site.guest(1, slow)
    await site.grant(device, fast)
    begun, calmly = site.clock.now(), 0
    while site.clock.now() - begun < 11 * MINUTE:
        site.appear()
        await site.polled(asked=False)
        calmly += is_calm(site, device)
        gone = site.clock.now() - begun
        if gone < 5 * MINUTE - SECOND:
            assert site.user(device)["profile"].endswith("-1M")
        elif 5 * MINUTE + 2 * POLL_MS < gone < 10 * MINUTE - SECOND:
            assert site.user(device)["profile"].endswith("-7M")
    assert not site.online()
    assert calmly > 10
    passes = await site.seed.read(store.pass_list)
    assert abs(passes[0]["ended_at"] - passes[0]["started_at"] - 5 * MINUTE) <= SECOND
    assert 0 <= passes[0]["started_at"] - passes[1]["ended_at"] <= POLL_MS


async def test_devices_that_share_the_data_of_a_pass_are_never_calm(site: Site) -> None:
    plan = await site.seed.plan_of(data_bytes=400 * MB, max_devices=2)
    one = await site.guest(1, plan)
    two = await site.arrive(mac_of(2), address_of(2))
    head = (await site.standing(one)).head
    assert head is not None
    await site.seed.write(admission.add_device, head.id, two.id, site.clock.now())
    await site.until(lambda: site.online(mac_of(2)))
    for _ in range(6):
        put(site, 20, 2)
        await site.polled(asked=False)
        assert not is_calm(site, one)
        assert not is_calm(site, two)
        await site.agree()  # what one has used is no longer left for the other, and stands at the router


async def test_data_that_is_used_shows_before_a_twentieth_of_it_is_gone(site: Site) -> None:
    device = await site.guest(1, await site.seed.plan_of(data_bytes=1000 * MB))
    await calm(site, device)
    before = await site.standing(device)
    put(site, 10)
    await site.polled(asked=False)
    assert is_calm(site, device)
    put(site, 100)
    await site.polled(asked=False)
    now = await site.standing(device)
    assert before.head is not None
    assert now.head is not None
    assert now.head.used_bytes - before.head.used_bytes == 110 * MB


async def test_data_that_is_used_up_puts_a_device_off_within_one_poll(site: Site) -> None:
    device = await site.guest(1, await site.seed.plan_of(data_bytes=100 * MB))
    await calm(site, device)
    put(site, 101)
    await site.polled(asked=False)
    assert not site.online()
    assert (await site.standing(device)).head is None


async def test_a_calm_device_that_appears_at_another_router_is_looked_at_by_both(site: Site) -> None:
    async with second(site) as other:
        device = await site.guest(1, await site.seed.plan_of(data_bytes=1000 * MB))
        await calm(site, device)
        await other.arrive()
        await other.until_running(device)
        await site.until(lambda: site.keeper.idle and not is_calm(site, device))
        for _ in range(3):  # one MAC at two places: what is used at one is no longer left at the other
            other.router.count(MAC, other.macs[MAC], up=0, down=250 * MB)
            await other.polled(asked=False)
            await site.polled(asked=False)
            assert not is_calm(site, device)
            assert not is_calm(other, device)
            await site.agree()
        other.router.count(MAC, other.macs[MAC], up=0, down=260 * MB)
        await other.polled(asked=False)
        await site.until(lambda: not site.online())
        assert (await site.standing(device)).head is None


async def test_a_device_that_roams_by_the_clock_alone_is_calm_at_both_routers_and_off_at_both(site: Site) -> None:
    async with second(site) as other:
        device = await site.guest()
        await other.arrive()
        await other.until_running(device)
        await calm(other, device)
        await calm(site, device)
        await site.seed.write(admission.hold, device.id, "staff", None, site.clock.now())
        await site.until(lambda: not site.online() and not other.online())


async def test_a_hotspot_full_of_calm_devices_may_lose_a_few_without_a_question(site: Site) -> None:
    """Half of the marked rows at once would be a matter for staff; of the few that are looked at, half is nothing."""
    devices = await site.guests(24)
    for device in devices:
        await calm(site, device)
    for device in devices[:12]:
        head = (await site.standing(device)).head
        assert head is not None
        await site.seed.write(silently_gone, head.id, site.clock.now())
        site.keeper._calm.forget(device.id)
    await site.polled(asked=False)
    assert await site.lines() == []
    assert len(site.users()) == 12


def silently_gone(pass_id: int, now: int) -> Unit[None]:
    """As a backup of another day has it: the pass is not there at all."""
    text = "UPDATE passes SET state = 'ended', ended_at = :now, end_reason = 'void' WHERE tenant_id = :tenant"
    yield Sql(f"{text} AND id = :id", {"now": now, "id": pass_id})
