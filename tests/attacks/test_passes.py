"""Getting more than was bought, or losing what was: juggling passes, roaming, holds, and a clock that jumps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from portal.access import admission, record, store
from portal.access.passes import Pass
from portal.access.plans import Plan
from portal.access.record import Sighting
from portal.access.store import Cause, Device
from portal.clock import DAY, HOUR, MINUTE, SECOND
from portal.sessions.meter import Reading
from tests.support import Seed, add_router, seed

MAC, OTHER = "02:00:00:00:00:01", "02:00:00:00:00:02"


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Seed]:
    made = await seed(tmp_path)
    yield made
    await made.db.aclose()


async def device(home: Seed, mac: str = MAC) -> Device:
    found: Device = await home.write(store.touch_device, mac, home.router_id, home.clock.now())
    return found


async def grant(home: Seed, plan: Plan, one: Device, ref: str = "1") -> Pass:
    made: Pass = await home.write(admission.grant, plan, one.id, Cause(kind="staff", ref=ref), home.clock.now())
    return made


async def stored(home: Seed, one: Pass) -> Pass:
    found: Pass = await home.read(store.get_pass, one.id)
    return found


async def seen(
    home: Seed, one: Device, uptime_s: int | None, *, size: int = 0, router: int = 0, row: Pass | None = None
) -> None:
    """What a keeper says: online for so long, so many bytes, and which pass the device's row names."""
    reading = Reading(read_at=home.clock.now(), active_uptime_s=uptime_s, active_bytes_in=size)
    more: Any = {"pass_id": row.id} if row else {}
    sighting = Sighting(device_id=one.id, reading=reading, **more)
    await home.write(record.record, router or home.router_id, [sighting], home.clock.now())


async def test_a_pass_runs_although_another_router_died_while_its_device_was_online_there(home: Seed) -> None:
    guest = await device(home)
    first = await grant(home, home.plan, guest)
    other = await home.write(add_router, home.vault, home.clock.now(), name="Site 2")
    await seen(home, guest, 0)  # ... and then the lights go out at the first site
    home.clock.advance(3 * HOUR)
    await home.write(record.let_time_act, home.clock.now())
    assert (await stored(home, first)).state == "ended"
    second = await grant(home, home.plan, guest, "2")
    home.clock.advance(MINUTE)
    await seen(home, guest, 0, router=other)
    began = (await stored(home, second)).started_at
    assert began is not None
    assert abs(began - home.clock.now()) < SECOND
    home.clock.advance(HOUR + SECOND)
    await home.write(record.let_time_act, home.clock.now())
    assert (await stored(home, second)).state == "ended"


async def test_a_guest_cannot_lift_a_hold_of_staff_by_disconnecting_first(home: Seed) -> None:
    guest = await device(home)
    await grant(home, home.plan, guest)
    await home.write(admission.hold, guest.id, "staff", None, home.clock.now())
    await home.write(admission.hold, guest.id, "guest", None, home.clock.now())
    await home.write(admission.tap, guest.id, home.clock.now())
    stands = await home.read(admission.standing, guest.id, home.clock.now())
    assert stands.allowance is None


async def test_a_pass_that_queued_for_longer_than_its_use_by_can_be_started(home: Seed) -> None:
    guest = await device(home)
    await grant(home, await home.plan_of(span_ms=60 * DAY), guest)
    await seen(home, guest, 0)
    second = await grant(home, home.plan, guest, "2")
    home.clock.advance(40 * DAY)
    await seen(home, guest, 40 * 86_400)
    await home.write(admission.start_now, second.id, home.clock.now())
    assert (await stored(home, second)).state == "running"


async def test_a_pass_that_queued_for_long_survives_the_refund_of_the_one_before(home: Seed) -> None:
    guest = await device(home)
    first = await grant(home, await home.plan_of(span_ms=60 * DAY), guest)
    await seen(home, guest, 0)
    second = await grant(home, home.plan, guest, "2")
    home.clock.advance(40 * DAY)
    await home.write(admission.end_pass, first.id, "refund", home.clock.now())
    assert (await stored(home, second)).state in ("waiting", "running")


async def test_a_pass_that_queued_for_long_can_be_moved(home: Seed) -> None:
    guest, new = await device(home), await device(home, OTHER)
    await grant(home, await home.plan_of(span_ms=60 * DAY), guest)
    await grant(home, await home.plan_of(span_ms=60 * DAY), new, "3")
    await seen(home, guest, 0)
    await seen(home, new, 0)
    second = await grant(home, home.plan, guest, "2")
    home.clock.advance(40 * DAY)
    await home.write(admission.move, guest.id, new.id, home.clock.now())
    home.clock.advance(60 * DAY)
    await home.write(record.let_time_act, home.clock.now())
    await seen(home, new, None)
    assert (await stored(home, second)).state == "waiting"


async def test_use_before_a_start_now_is_charged_to_the_pass_that_gave_it(home: Seed) -> None:
    guest = await device(home)
    used = await grant(home, await home.plan_of(kind="used", span_ms=2 * HOUR), guest)
    wall = await grant(home, home.plan, guest, "2")
    await seen(home, guest, 0, row=used)
    uptime = 0
    for _ in range(3):  # nine seconds of one, one second of the other, and the keeper looks in between
        for head, other, span in ((used, wall, 9), (wall, used, 1)):
            uptime += span
            home.clock.advance(span * SECOND)
            await home.write(admission.start_now, other.id, home.clock.now())
            await seen(home, guest, uptime, row=head)
    assert (await stored(home, used)).used_ms >= 27 * SECOND


async def test_use_before_a_move_is_charged_to_the_pass_that_moved(home: Seed) -> None:
    guest, new = await device(home), await device(home, OTHER)
    capped = await grant(home, await home.plan_of(data_bytes=10_000_000), guest)
    await seen(home, guest, 0, row=capped)
    home.clock.advance(9 * SECOND)
    await home.write(admission.move, guest.id, new.id, home.clock.now())
    await seen(home, guest, 9, size=4_000_000, row=capped)
    assert (await stored(home, capped)).used_bytes == 4_000_000
    await seen(home, new, 0, row=capped)
    home.clock.advance(9 * SECOND)
    await home.write(admission.move, new.id, guest.id, home.clock.now())
    await seen(home, new, 9, size=6_000_000, row=capped)
    assert (await stored(home, capped)).end_reason == "data"


async def test_use_before_a_device_is_taken_off_is_charged(home: Seed) -> None:
    guest, friend = await device(home), await device(home, OTHER)
    capped = await grant(home, await home.plan_of(data_bytes=10_000_000, max_devices=2), guest)
    await home.write(admission.add_device, capped.id, friend.id, home.clock.now())
    await seen(home, friend, 0, row=capped)
    home.clock.advance(9 * SECOND)
    await home.write(admission.remove_device, capped.id, friend.id, home.clock.now())
    await seen(home, friend, 9, size=4_000_000, row=capped)
    assert (await stored(home, capped)).used_bytes == 4_000_000


async def test_a_row_that_names_a_strangers_pass_charges_nobody_else(home: Seed) -> None:
    guest, stranger = await device(home), await device(home, OTHER)
    theirs = await grant(home, await home.plan_of(data_bytes=10_000_000), stranger)
    mine = await grant(home, await home.plan_of(data_bytes=10_000_000), guest, "2")
    await seen(home, guest, 0, row=theirs)
    home.clock.advance(9 * SECOND)
    await seen(home, guest, 9, size=4_000_000, row=theirs)
    assert (await stored(home, theirs)).used_bytes == 0
    assert (await stored(home, mine)).used_bytes == 4_000_000


async def test_a_clock_that_jumps_back_gives_no_more_than_was_bought(home: Seed) -> None:
    guest = await device(home)
    one = await grant(home, home.plan, guest)
    await seen(home, guest, 0)
    for back in (DAY, home.clock.now() - DAY):  # a day; to 1970
        home.clock.advance(-back)
        stands = await home.read(admission.standing, guest.id, home.clock.now())
        assert stands.allowance is None or 0 < stands.allowance.seconds <= 3600
        home.clock.advance(back)
    assert (await stored(home, one)).state == "running"


async def test_a_pass_does_not_start_with_a_further_device_that_is_online_by_its_own(home: Seed) -> None:
    guest, friend = await device(home), await device(home, OTHER)
    await grant(home, await home.plan_of(span_ms=15 * MINUTE), friend, "2")
    shared = await grant(home, await home.plan_of(max_devices=2), guest)
    await seen(home, friend, 0)
    home.clock.advance(14 * MINUTE)
    await home.write(admission.add_device, shared.id, friend.id, home.clock.now())
    await seen(home, friend, 14 * 60)
    assert (await stored(home, shared)).state == "waiting"
    home.clock.advance(2 * MINUTE)  # its own pass has ended, and the login goes on under the shared one
    await seen(home, friend, 16 * 60)
    await seen(home, friend, 16 * 60)
    began = (await stored(home, shared)).started_at
    assert began is not None
    assert home.clock.now() - began <= 2 * MINUTE + SECOND


async def test_a_pass_does_not_start_with_a_further_device_that_uses_another_one(home: Seed) -> None:
    guest, friend = await device(home), await device(home, OTHER)
    guest3 = await device(home, "02:00:00:00:00:03")
    two = await home.plan_of(max_devices=2)
    first, second = await grant(home, two, guest), await grant(home, two, guest3, "2")
    for each in (first, second):
        await home.write(admission.add_device, each.id, friend.id, home.clock.now())
    await seen(home, friend, 0)
    assert (await stored(home, first)).state == "running"
    assert (await stored(home, second)).state == "waiting"
