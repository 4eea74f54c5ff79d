"""Passes whose end has come while nobody has written it down yet: they are over all the same."""

from __future__ import annotations

import pytest

from portal.access import admission, record, store
from portal.clock import HOUR, MINUTE, SECOND
from portal.errors import Refused
from portal.sessions.meter import Reading
from tests.support import Seed
from tests.vouchers.cards import mac, offer, print_cards, show


async def online(s: Seed, device: int, *, since: bool = True) -> int:
    """The router has read its table: the device is there, or is gone."""
    now = s.clock.now()
    device_id: int = (await s.read(store.device_by_mac, mac(device))).id
    reading = Reading(read_at=now, user_uptime_s=0, active_uptime_s=0 if since else None)
    await s.write(store.save_presence, s.router_id, device_id, reading, now if since else None, now)
    await s.write(admission.refresh, device_id, now)
    return device_id


async def test_a_code_whose_pass_is_over_is_used_up_before_that_is_written_down(s: Seed) -> None:
    plan = await s.plan_of(max_devices=2)
    [code] = await print_cards(s, plan=plan)
    made = await show(s, code, 1)
    await online(s, 1)
    s.clock.advance(HOUR)
    assert (await s.read(store.get_pass, made.pass_id)).state == "running"

    for ask in (show, offer):
        for device, said in ((1, "pass-ended"), (2, "voucher-unknown")):
            with pytest.raises(Refused, match=said):
                await ask(s, code, device)
    assert len(await s.read(store.devices_of_pass, made.pass_id)) == 1


async def test_a_pass_that_was_set_aside_at_its_very_end_does_not_block_the_queue(s: Seed) -> None:
    """With no time left it lets nobody online, so nothing but the portal itself can end it."""
    codes = await print_cards(s, 3)
    first, second, third = [(await show(s, code, 1)).pass_id for code in codes]
    await online(s, 1)
    s.clock.advance(HOUR - 10 * SECOND)
    device_id = await online(s, 1)
    s.clock.advance(20 * SECOND)
    await s.write(admission.start_now, third, s.clock.now())
    s.clock.advance(MINUTE)
    await online(s, 1, since=False)
    s.clock.advance(2 * HOUR)
    await s.write(record.let_time_act, s.clock.now())

    stands = await s.read(admission.standing, device_id, s.clock.now(), s.router_id)

    states = [(await s.read(store.get_pass, each)).state for each in (first, third)]
    assert states == ["ended", "ended"]
    assert stands.allowance is not None
    assert stands.allowance.pass_id == second
