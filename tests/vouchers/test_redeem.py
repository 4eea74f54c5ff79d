"""Redeeming, as units: what a code does for its first device, for further ones, and for everybody else."""

from __future__ import annotations

import pytest

from portal.access import admission, store
from portal.access.passes import Pass
from portal.clock import DAY, HOUR, MINUTE
from portal.errors import Refused
from portal.sessions.meter import Use
from portal.units import Unit, rows, value
from tests.support import Seed
from tests.vouchers.cards import mac, offer, print_cards, show


async def refusal(s: Seed, code: str, device: int, **more: object) -> str:
    with pytest.raises(Refused) as refused:
        await show(s, code, device, **more)
    return refused.value.key


async def the_pass(s: Seed, pass_id: int) -> Pass:
    found: Pass | None = await s.read(store.get_pass, pass_id)
    assert found is not None
    return found


async def users(s: Seed, pass_id: int) -> set[str]:
    def unit() -> Unit[set[str]]:
        found = yield from rows(
            "SELECT d.mac FROM pass_devices p JOIN devices d ON d.tenant_id = p.tenant_id AND d.id = p.device_id"
            " WHERE p.tenant_id = :tenant AND p.pass_id = :id",
            id=pass_id,
        )
        return {row["mac"] for row in found}

    made: set[str] = await s.read(unit)
    return made


async def count(s: Seed, table: str) -> int:
    return int(await s.read(lambda: value(f"SELECT COUNT(*) FROM {table} WHERE tenant_id = :tenant")))


async def test_a_printed_code_makes_one_pass_of_its_plan(s: Seed) -> None:
    [code] = await print_cards(s)

    done = await show(s, code, 1)

    one = await the_pass(s, done.pass_id)
    assert (done.how, one.plan_name, one.state, one.use_by) == (
        "connected",
        s.plan.name,
        "waiting",
        one.bought_at + s.plan.use_by_ms,
    )


async def test_the_same_device_comes_back_and_resumes(s: Seed) -> None:
    [code] = await print_cards(s)
    first = await show(s, code, 1)
    device = await s.read(store.device_by_mac, mac(1))
    await s.write(admission.hold, device.id, "guest", None, s.clock.now())

    again = await show(s, code, 1)

    assert (again.how, again.pass_id) == ("resumed", first.pass_id)
    assert not (await s.read(store.device_by_mac, mac(1))).hold.holds(s.clock.now())
    assert await count(s, "passes") == 1


async def test_a_device_that_had_disconnected_goes_online_with_a_new_card(s: Seed) -> None:
    device = await s.write(store.touch_device, mac(1), s.router_id, s.clock.now())
    await s.write(admission.hold, device.id, "guest", None, s.clock.now())
    [code] = await print_cards(s)

    await show(s, code, 1)

    assert not (await s.read(store.device_by_mac, mac(1))).hold.holds(s.clock.now())


async def test_what_staff_hold_stays_held(s: Seed) -> None:
    device = await s.write(store.touch_device, mac(1), s.router_id, s.clock.now())
    await s.write(admission.hold, device.id, "staff", None, s.clock.now())
    [code] = await print_cards(s)

    await show(s, code, 1)

    assert (await s.read(store.device_by_mac, mac(1))).hold.holds(s.clock.now())


async def test_a_code_for_several_devices_brings_just_so_many(s: Seed) -> None:
    plan = await s.plan_of(max_devices=3)
    [code] = await print_cards(s, plan=plan)

    how = [(await show(s, code, n)).how for n in (1, 2, 3)]

    assert how == ["connected", "added", "added"]
    assert await refusal(s, code, 4) == "voucher-move"
    assert await count(s, "passes") == 1


async def test_a_new_phone_regains_the_time_with_a_confirming_tap(s: Seed) -> None:
    [code] = await print_cards(s)
    first = await show(s, code, 1)

    assert await refusal(s, code, 2) == "voucher-move"
    moved = await show(s, code, 2, move=True)

    assert (moved.how, moved.pass_id) == ("moved", first.pass_id)
    assert await users(s, first.pass_id) == {mac(2)}
    assert (await the_pass(s, first.pass_id)).device_id != 1 or mac(1) not in await users(s, first.pass_id)


async def test_the_device_unseen_for_longest_makes_room(s: Seed) -> None:
    plan = await s.plan_of(max_devices=2)
    [code] = await print_cards(s, plan=plan)
    first = await show(s, code, 1)
    s.clock.advance(MINUTE)
    await show(s, code, 2)
    s.clock.advance(MINUTE)
    await s.write(store.touch_device, mac(1), s.router_id, s.clock.now())

    await show(s, code, 3, move=True)
    assert await users(s, first.pass_id) == {mac(1), mac(3)}

    s.clock.advance(MINUTE)
    await s.write(store.touch_device, mac(3), s.router_id, s.clock.now())
    await show(s, code, 4, move=True)
    assert await users(s, first.pass_id) == {mac(3), mac(4)}


async def test_a_code_wanders_only_so_often_a_day(s: Seed) -> None:
    [code] = await print_cards(s, plan=await s.plan_of(span_ms=7 * DAY))
    await show(s, code, 0)
    for n in (1, 2, 3):
        s.clock.advance(MINUTE)
        await show(s, code, n, move=True)

    assert await refusal(s, code, 4, move=True) == "voucher-moves"
    s.clock.advance(DAY)
    assert (await show(s, code, 4, move=True)).how == "moved"


async def test_a_locked_plan_stays_with_its_first_device(s: Seed) -> None:
    [code] = await print_cards(s, plan=await s.plan_of(locked=True, max_devices=2))
    await show(s, code, 1)

    assert await refusal(s, code, 2) == "voucher-locked"
    assert await refusal(s, code, 2, move=True) == "voucher-locked"
    assert (await show(s, code, 1)).how == "resumed"


async def test_a_plan_for_other_sites_is_not_spent_here(s: Seed) -> None:
    [code] = await print_cards(s, plan=await s.plan_of(sites=(s.router_id + 99,)))

    assert await refusal(s, code, 1) == "voucher-elsewhere"
    assert (await count(s, "passes"), await count(s, "devices")) == (0, 0)


async def test_a_blocked_device_spends_nothing(s: Seed) -> None:
    device = await s.write(store.touch_device, mac(1), s.router_id, s.clock.now())
    await s.write(admission.block, device.id, True, s.clock.now())
    [code] = await print_cards(s)

    assert await refusal(s, code, 1) == "voucher-stopped"
    assert await count(s, "passes") == 0


async def test_after_its_use_by_a_code_is_unknown(s: Seed) -> None:
    [code] = await print_cards(s, use_by=s.clock.now() + HOUR)
    s.clock.advance(HOUR)

    assert await refusal(s, code, 1) == "voucher-unknown"
    assert (await count(s, "passes"), await count(s, "devices")) == (0, 0)


async def test_a_used_up_code_says_so_to_its_own_device_only(s: Seed) -> None:
    [code] = await print_cards(s)
    done = await show(s, code, 1)
    await s.write(admission.end_pass, done.pass_id, "time", s.clock.now())

    assert await refusal(s, code, 1) == "pass-ended"
    assert await count(s, "guesses") == 0
    assert await refusal(s, code, 2) == "voucher-unknown"
    assert await refusal(s, code, 2, move=True) == "voucher-unknown"
    assert await count(s, "guesses") > 0


async def test_looking_spends_nothing_and_says_what_would_happen(s: Seed) -> None:
    plan = await s.plan_of(max_devices=2)
    [code] = await print_cards(s, plan=plan)

    kinds = [(await offer(s, code, 1)).kind]
    assert (await count(s, "passes"), await count(s, "devices")) == (0, 0)
    await show(s, code, 1)
    kinds += [(await offer(s, code, 1)).kind, (await offer(s, code, 2)).kind]
    await show(s, code, 2)
    kinds.append((await offer(s, code, 3)).kind)

    assert kinds == ["new", "yours", "join", "move"]


async def test_the_price_and_plan_are_those_of_the_batch(s: Seed) -> None:
    [code] = await print_cards(s)
    await s.write(
        lambda: rows("UPDATE plans SET price_minor = 1, span_ms = 1, on_sale = FALSE WHERE tenant_id = :tenant")
    )

    done = await show(s, code, 1)

    one = await the_pass(s, done.pass_id)
    assert (one.span_ms, one.plan_name) == (s.plan.span_ms, s.plan.name)


async def test_a_second_card_queues_behind_the_first(s: Seed) -> None:
    first, second = await print_cards(s, 2)
    await show(s, first, 1)
    done = await show(s, second, 1)

    assert (await the_pass(s, done.pass_id)).state == "queued"


async def test_a_moved_code_brings_its_own_time_and_not_the_other_card_s(s: Seed) -> None:
    first, second = await print_cards(s, 2)
    one, two = await show(s, first, 1), await show(s, second, 1)

    await show(s, second, 2, move=True)

    assert await users(s, one.pass_id) == {mac(1)}
    assert await users(s, two.pass_id) == {mac(2)}


async def test_a_code_does_not_wander_by_leaving_and_joining_either(s: Seed) -> None:
    [code] = await print_cards(s, plan=await s.plan_of(max_devices=2, span_ms=7 * DAY))
    one = (await show(s, code, 0)).pass_id

    async def comes_and_goes(n: int) -> None:
        await show(s, code, n)
        device = await s.read(store.device_by_mac, mac(n))
        await s.write(store.add_use, one, device.id, Use(ms=1_000, bytes_up=1, bytes_down=1), s.clock.now())
        await s.write(admission.remove_device, one, device.id, s.clock.now())

    for n in (1, 2, 3):
        await comes_and_goes(n)

    assert await refusal(s, code, 4) == "voucher-moves"
    s.clock.advance(DAY)
    assert (await show(s, code, 4)).how == "added"
