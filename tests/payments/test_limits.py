"""How often a phone may ring: nobody gets past the budgets, at once, in turns or across a restart."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.clock import DAY, MINUTE, SECOND
from portal.errors import Refused
from portal.payments import limits
from portal.phone import Phone
from sandbox.mpesa import Switches
from tests.payments.road import PHONE, Road, road, wait_for


def mac(n: int) -> str:
    return f"02:00:00:00:{n >> 8:02X}:{n & 255:02X}"


async def attempt(r: Road, n: int, phone: Phone = PHONE, device: str | None = None) -> str:
    """Ask for a prompt; what came of it."""
    try:
        await r.buy(mac=device or mac(n), phone=phone, click=f"click {n}")
    except Refused as refused:
        return refused.key
    return "prompt"


async def test_a_thousand_devices_at_once_make_one_phone_ring_once(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        said = Counter(await asyncio.gather(*(attempt(r, n) for n in range(1000))))
        await r.payments.checkout.drain()

        assert said == {"prompt": 1, "prompt-open": 999}
        assert len(r.mpesa.pushes) == 1


async def test_a_thousand_devices_over_ten_minutes_make_one_phone_ring_three_times(tmp_path: Path) -> None:
    async with road(tmp_path, loops=False) as r:
        said: Counter[str] = Counter()
        for minute in range(10):
            said.update(await asyncio.gather(*(attempt(r, minute * 100 + n) for n in range(100))))
            await r.payments.checkout.drain()
            r.clock.advance(MINUTE)

        assert (said["prompt"], len(r.mpesa.pushes)) == (3, 3)
        assert said["prompt-limit-phone"] > 0


async def test_without_the_budget_it_would_ring_more_often(tmp_path: Path) -> None:
    async with road(tmp_path, loops=False, prompts_phone="100", prompts_phone_day="100") as r:
        for n in range(6):
            await attempt(r, n)
            await r.payments.checkout.drain()
            r.clock.advance(121 * SECOND)
            await wait_for(lambda: r.mpesa.pending(PHONE.digits) is None)

        assert len(r.mpesa.pushes) == 6


async def test_a_phone_rings_at_most_ten_times_a_day_even_after_restarts(tmp_path: Path) -> None:
    async with road(tmp_path, loops=False) as r:
        said: Counter[str] = Counter()
        for n in range(60):
            said[await attempt(r, n)] += 1
            await r.payments.checkout.drain()
            if n % 20 == 0:
                await r.restart()
            r.clock.advance(20 * MINUTE)
        r.clock.advance(DAY)
        tomorrow = await attempt(r, 99)

        assert (said["prompt"], tomorrow) == (10, "prompt")


async def test_a_device_asks_five_phones_in_ten_minutes(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        said = [await attempt(r, n, Phone(f"25471234567{n}"), device=mac(1)) for n in range(7)]
        r.clock.advance(10 * MINUTE)
        later = await attempt(r, 8, Phone("254712345698"), device=mac(1))

        assert (said, later) == (["prompt"] * 5 + ["prompt-limit-device"] * 2, "prompt")


@pytest.mark.parametrize("bucket", ["prompts_router", "prompts_tenant"])
async def test_routers_and_tenants_have_budgets(tmp_path: Path, bucket: str) -> None:
    settings: dict[str, Any] = {bucket: "4"}
    async with road(tmp_path, **settings) as r:
        said = await asyncio.gather(*(attempt(r, n, Phone(f"2547123456{n:02}")) for n in range(20)))

        assert Counter(said) == {"prompt": 4, "shop-busy": 16}


async def test_after_a_wrong_pin_or_a_cancel_the_guest_may_try_again_at_once(tmp_path: Path) -> None:
    async with road(tmp_path, switches=Switches(duplicate_of="payments")) as r:
        first = await r.buy()
        await (await r.prompt()).cancel()
        await r.until(first, "failed")
        second = await r.payments.checkout.again(r.view, first.token, "again")
        await (await r.prompt()).approve()

        assert (await r.until(second, "paid")).state == "paid"


async def test_where_the_provider_counts_failed_attempts_too_the_guest_is_told_to_wait(tmp_path: Path) -> None:
    async with road(tmp_path, switches=Switches(duplicate_of="pushes")) as r:
        first = await r.buy()
        await (await r.prompt()).cancel()
        await r.until(first, "failed")
        second = await r.payments.checkout.again(r.view, first.token, "again")
        seen = await r.until(second, "failed")
        with pytest.raises(Refused) as early:
            await r.payments.checkout.again(r.view, second.token, "third")

        assert (seen.reason, early.value.key) == ("duplicate", "too-early")


async def test_the_same_amount_waits_two_minutes_after_a_payment(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        first = await r.buy()
        await (await r.prompt()).approve()
        await r.until(first, "paid")
        soon = await attempt(r, 2)
        r.clock.advance(121 * SECOND)
        later = await attempt(r, 3)
        await r.payments.checkout.drain()

        assert (soon, later) == ("too-early", "prompt")


async def test_again_is_refused_too_early_and_after_success(tmp_path: Path) -> None:
    async with road(tmp_path, switches=Switches(duplicate_ms=0)) as r:
        first = await r.buy()
        await r.until(first, "awaiting")
        with pytest.raises(Refused) as early:
            await r.payments.checkout.again(r.view, first.token, "again")
        r.clock.advance(121 * SECOND)
        await wait_for(lambda: r.mpesa.pending(PHONE.digits) is None)
        second = await r.payments.checkout.again(r.view, first.token, "again")
        await (await r.prompt()).approve()
        await r.until(second, "paid")
        with pytest.raises(Refused) as paid:
            await r.payments.checkout.again(r.view, second.token, "more")

        assert (early.value.key, paid.value.key, second.public != first.public) == ("too-early", "not-again", True)
        assert 0 < int(str(early.value.values["wait_s"])) <= 120


@given(st.lists(st.integers(0, 40 * MINUTE), min_size=1, max_size=60), st.integers(1, 6), st.sampled_from([5, 10, 20]))
def test_the_nth_latest_holds_any_window(moments: list[int], count: int, minutes: int) -> None:
    window = minutes * MINUTE
    sent: list[int] = []
    for now in sorted(moments):
        nth = sorted(sent, reverse=True)[count - 1] if len(sent) >= count else None
        if limits.wait_ms(nth, window, now) == 0:
            sent.append(now)

    assert all(sum(start <= each < start + window for each in sent) <= count for start in sent)
