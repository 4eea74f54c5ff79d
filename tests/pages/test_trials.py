"""The free trial: one tap, one pass, once a day, and only for a phone that the router itself sees."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from portal import check
from portal.access import admission
from portal.access import store as access
from portal.access.hours import WEEK, Hours, local_day
from portal.access.plans import Plan
from portal.access.store import Cause, Device
from portal.access.trials.door import Tap, give
from portal.clock import DAY, HOUR, MINUTE
from portal.console.dashboard.store import takings
from portal.errors import Refused
from portal.money import Money
from portal.payments.checkout import Checkout
from portal.tenancy import store as tenancy
from portal.units import Unit
from tests.pages.cards import OTHER, words_of
from tests.pages.house import MAC, House, a_click, house
from tests.pages.trials import go_to, passes, taps, trial_plan
from tests.support import add_router
from tests.vouchers.unguarded import free_the_place

TAPS = 64
WAITING = "./?was=waiting"


@pytest.fixture
async def h(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path, plans=True) as made:
        go_to(made.home.clock, 12)
        yield made


async def device(h: House, mac: str = MAC) -> Device:
    found: Device = await h.home.write(access.touch_device, mac, h.home.router_id, h.home.clock.now())
    return found


async def no_place_for_a_cause(h: House) -> None:
    """In a thread: on a server it waits for what this loop is reading just now."""
    await asyncio.to_thread(free_the_place, h.home.db.place)


async def ends(h: House, mac: str = MAC) -> None:
    """The phone is online with its pass until that has ended, and then is gone."""
    await h.goes_online(mac)
    there = await device(h, mac)
    await h.home.write(admission.refresh, there.id, h.home.clock.now())
    h.home.clock.advance(16 * MINUTE)
    await h.home.write(admission.refresh, there.id, h.home.clock.now())


# --- what a guest sees ---


async def test_one_tap_and_the_guest_waits_to_be_connected(h: House) -> None:
    await trial_plan(h, data_bytes=50 * 10**6)
    first = await h.enter()
    page = await h.http.get(first)
    assert "Try it free for 15 minutes" in words_of(page)
    assert "once a day for each device · 50 MB of data" in words_of(page)

    answer = await taps(h, first)

    assert (answer.status_code, answer.headers["location"]) == (303, WAITING)
    [made] = await passes(h)
    assert (made["cause_kind"], made["price_minor"], made["span_ms"], made["state"]) == (
        "trial",
        0,
        15 * MINUTE,
        "waiting",
    )
    await h.contact()
    await device(h)
    assert "Connecting you" in words_of(await h.http.get(first + WAITING))
    assert "Try it free" not in words_of(await h.http.get(first + "?buy=1")), "who has time buys more of it"


async def test_a_trial_is_no_payment_and_no_takings(h: House) -> None:
    await trial_plan(h)
    await taps(h, await h.enter())
    counts = await h.counts()
    assert (counts["passes"], counts["payments"], counts["receipts"], counts["persons"]) == (1, 0, 0, 0)
    assert await h.home.read(takings, "KES", (0, h.home.clock.now() + 1)) == 0
    assert await h.home.read(check.breaches, h.home.clock.now()) == []


async def test_both_languages_and_the_budget(h: House) -> None:
    await trial_plan(h, data_bytes=50 * 10**6, rate_down=2_000_000, rate_up=1_000_000, trial_days=7)
    first = await h.enter()
    english = await h.http.get(first)
    swahili = await h.http.get(first + "?lang=sw", follow_redirects=True)
    assert "once in 7 days" in words_of(english)
    assert "Jaribu bure kwa dakika 15" in words_of(swahili)
    assert "mara moja kila siku 7" in words_of(swahili)
    assert max(len(gzip.compress(each.content)) for each in (english, swahili)) <= 14 * 1024


async def test_after_it_the_page_says_when_the_next_one_is_possible(h: House) -> None:
    await trial_plan(h)
    await taps(h, await h.enter())
    await ends(h)
    first = await h.enter()
    assert "The next one is possible tomorrow" in words_of(await h.http.get(first))
    swahili = await h.http.get(first + "?lang=sw", follow_redirects=True)
    assert "Unaweza kupata lingine kesho" in words_of(swahili)
    answer = await taps(h, first)
    assert answer.status_code == 409
    assert "The next one is possible tomorrow." in words_of(answer)
    assert "Choose your time" in words_of(answer), "buying stays one tap away"
    assert len(await passes(h)) == 1


async def test_the_day_is_the_calendars(h: House) -> None:
    await trial_plan(h)
    go_to(h.home.clock, 23, 30)
    await taps(h, await h.enter())
    await ends(h)  # at 23:46
    first = await h.enter()
    assert (await taps(h, first)).status_code == 409
    h.home.clock.advance(15 * MINUTE)  # 00:01: the same page, sent again
    assert "Try it free" in words_of(await h.http.get(first))
    assert (await taps(h, first)).status_code == 303
    assert [each["cause_ref"].partition(":")[0] for each in await passes(h)] == ["1", "1"]


async def test_once_in_three_days(h: House) -> None:
    await trial_plan(h, trial_days=3)
    await taps(h, await h.enter())
    await ends(h)
    day = local_day(h.home.clock.now() + 3 * DAY, "Africa/Nairobi")
    assert f"possible on {day:%A}, {day.day} {day:%B}." in words_of(await taps(h, await h.enter()))
    for days, status in ((1, 409), (1, 409), (1, 303)):
        go_to(h.home.clock, 0, 5, days)
        assert (await taps(h, await h.enter())).status_code == status


async def test_it_has_hours_like_every_plan(h: House) -> None:
    await trial_plan(h, hours=Hours(days=WEEK, begin=22 * 60, end=6 * 60))
    first = await h.enter()
    assert "Try it free" not in words_of(await h.http.get(first))
    assert "no free trial here just now" in words_of(await taps(h, first))
    go_to(h.home.clock, 22, days=0)
    assert "Try it free" in words_of(await h.http.get(first))
    assert (await taps(h, first)).status_code == 303


async def test_without_a_trial_nobody_is_offered_one(h: House) -> None:
    first = await h.enter()
    assert "Try it free" not in words_of(await h.http.get(first))
    answer = await taps(h, first)
    assert (answer.status_code, await passes(h)) == (409, [])
    assert (await h.http.get(first + "trial")).headers["location"] == "./"


# --- who gets none ---


async def test_a_forged_address_from_outside_gets_nothing_and_leaves_nothing(h: House) -> None:
    await trial_plan(h)
    forged = "02:AB:CD:00:00:99"
    h.unseen.add(forged)
    before = await h.counts()
    answer = await taps(h, await h.enter(mac=forged))
    assert answer.status_code == 409
    assert "does not see this phone yet" in words_of(answer)
    assert "Try it free" in words_of(answer), "a phone that has just joined may tap again"
    assert await h.counts() == before


async def test_who_has_a_pass_gets_no_trial(h: House) -> None:
    await trial_plan(h)
    there = await device(h)
    await h.home.write(admission.grant, h.home.plan, there.id, Cause(kind="staff", ref="x"), h.home.clock.now())
    answer = await taps(h, await h.enter())
    assert (answer.status_code, answer.headers["location"]) == (303, WAITING)
    assert [each["cause_kind"] for each in await passes(h)] == ["staff"]


async def test_who_shares_a_pass_gets_no_trial(h: House) -> None:
    await trial_plan(h)
    owner, guest = await device(h), await device(h, OTHER)
    family = await h.home.plan_of(max_devices=2)
    made = await h.home.write(admission.grant, family, owner.id, Cause(kind="staff", ref="x"), h.home.clock.now())
    await h.home.write(admission.add_device, made.id, guest.id, h.home.clock.now())
    assert (await taps(h, await h.enter(mac=OTHER))).status_code == 303
    assert len(await passes(h)) == 1


async def test_who_is_online_without_a_pass_gets_no_trial(h: House) -> None:
    await trial_plan(h)
    await h.goes_online()
    answer = await taps(h, await h.enter())
    assert (answer.status_code, await passes(h)) == (409, [])
    h.home.clock.advance(2 * MINUTE)  # the router says nothing of it any more
    assert (await taps(h, await h.enter())).status_code == 303


async def test_a_device_that_staff_have_stopped_gets_no_trial(h: House) -> None:
    await trial_plan(h)
    there, now = await device(h), h.home.clock.now()
    await h.home.write(admission.block, there.id, True, now)
    assert "Try it free" not in words_of(await h.http.get(await h.enter()))
    assert (await taps(h, await h.enter())).status_code == 403
    await h.home.write(admission.block, there.id, False, now)
    await h.home.write(admission.hold, there.id, "staff", now + HOUR, now)
    assert (await taps(h, await h.enter())).status_code == 403
    assert await passes(h) == []
    await h.home.write(access.set_hold, there.id, None, None, now)
    await h.home.write(admission.hold, there.id, "guest", None, now)
    assert (await taps(h, await h.enter())).status_code == 303, (
        "who has disconnected by themselves wants to be online now"
    )
    standing = await h.home.read(admission.standing, there.id, now)
    assert not standing.device.hold.holds(now)


async def test_phones_that_change_their_address_are_bounded(h: House) -> None:
    await trial_plan(h, trial_cap=3)
    told = [await taps(h, await h.enter(mac=f"02:AB:CD:00:01:0{n}")) for n in range(5)]
    assert [each.status_code for each in told] == [303, 303, 303, 409, 409]
    assert "taken for today" in words_of(told[-1])
    second = await h.home.write(add_router, h.home.vault, h.home.clock.now(), name="Site 2")
    await h.catalog_again()
    assert await h.home.read(access.device_by_mac, "02:AB:CD:00:01:04") is None, "who got nothing is not kept"
    assert await _taken_at(h, second) == 303, "each router has its own"
    go_to(h.home.clock, 0, 1)
    assert (await taps(h, await h.enter(mac="02:AB:CD:00:01:09"))).status_code == 303


async def _taken_at(h: House, router_id: int) -> int:
    view = h.catalog.tenant(h.home.tenant.id)
    assert view is not None
    answer = await h.http.get(f"/e/{view.routers[router_id].public}", params=h.claims(mac="02:AB:CD:00:01:08"))
    return (await taps(h, answer.headers["location"])).status_code


async def test_a_trial_of_another_place_is_not_given_here(h: House) -> None:
    second = await h.home.write(add_router, h.home.vault, h.home.clock.now(), name="Site 2")
    await trial_plan(h, sites=(second,))
    first = await h.enter()
    assert "Try it free" not in words_of(await h.http.get(first))
    assert ((await taps(h, first)).status_code, await passes(h)) == (409, [])
    assert await _taken_at(h, second) == 303


async def test_a_trial_of_another_isp_is_not_given_here(h: House) -> None:
    other = await h.home.db.write(None, tenancy.add_tenant, "Next Door", h.home.clock.now())
    theirs = Plan(**{**(await trial_plan(h)).__dict__, "public": "0ddba115"})
    await h.home.write(access.set_on_sale, theirs.id, False)
    await h.home.db.write(other.id, access.add_plan, theirs, h.home.clock.now())
    await h.catalog_again()
    assert ((await taps(h, await h.enter())).status_code, await passes(h)) == (409, [])


async def test_a_form_from_elsewhere_is_refused(h: House) -> None:
    await trial_plan(h)
    first = await h.enter()
    answer = await h.http.post(first + "trial", headers={"Origin": "https://evil.test"})
    assert (answer.status_code, await passes(h)) == (403, [])


# --- nobody buys what is given, or what is hidden ---


async def test_a_forged_form_buys_neither_a_trial_nor_a_hidden_plan(h: House) -> None:
    hidden = await h.home.plan_of(hidden=True, name="Hotel room")
    trial = await trial_plan(h)
    first = await h.enter()
    assert "Hotel room" not in words_of(await h.http.get(first))
    view = h.catalog.tenant(h.home.tenant.id)
    assert view is not None
    checkout: Checkout = h.payments.checkout
    for plan in (hidden, trial):
        for more in ({}, {"confirm": "1", "click": a_click()}):
            answer = await h.http.post(first + "pay", data={"plan": plan.public, "phone": "0712 345 678", **more})
            assert answer.status_code == 422
        with pytest.raises(Refused, match="plan"):
            await checkout.begin(view, h.router, plan, mac=MAC, phone=_phone(), click=a_click())
    assert (await h.counts())["payments"] == 0


def _phone() -> Any:
    from portal.phone import parse

    return parse("0712 345 678")


async def test_a_plan_of_price_0_is_never_charged(h: House) -> None:
    """Not even when one stands in the database that is no trial."""
    free = await h.home.plan_of(price=Money(0), name="Nothing")
    await h.catalog_again()
    first = await h.enter()
    page = await h.http.post(first + "pay", data={"plan": free.public, "phone": "0712 345 678"})
    fields = {"plan": free.public, "phone": "0712 345 678", "confirm": "1", "click": a_click()}
    assert (await h.http.post(first + "pay", data=fields)).status_code == 409, page.status_code
    assert (await h.counts())["payments"] == 0


# --- at the same moment ---


async def test_64_taps_at_once_make_one_pass(h: House) -> None:
    await trial_plan(h)
    first = await h.enter()
    told = await asyncio.gather(*(taps(h, first) for _ in range(TAPS)))
    assert {each.status_code for each in told} == {303}
    assert len(await passes(h)) == 1
    assert await h.home.read(check.breaches, h.home.clock.now()) == []


async def test_64_taps_with_the_place_of_a_cause_gone_still_make_one(h: House) -> None:
    """What is looked for, and the trial that is written down, are guards of their own."""
    await trial_plan(h)
    await no_place_for_a_cause(h)
    first = await h.enter()
    await asyncio.gather(*(taps(h, first) for _ in range(TAPS)))
    assert len(await passes(h)) == 1


@pytest.mark.parametrize(("place", "made"), [(True, 1), (False, TAPS)])
async def test_without_looking_the_place_alone_keeps_it_at_one_and_without_it_there_are_64(
    h: House, place: bool, made: int
) -> None:
    plan = await trial_plan(h)
    there, now = await device(h), h.home.clock.now()
    if not place:
        await no_place_for_a_cause(h)
    cause = Cause(kind="trial", ref=f"{there.id}:2026-11-28")
    await asyncio.gather(*(h.home.write(admission.grant, plan, there.id, cause, now) for _ in range(TAPS)))
    assert len(await passes(h)) == made


async def test_who_gives_without_looking_is_stopped_by_what_is_written_down(h: House) -> None:
    plan = await trial_plan(h)
    there, now = await device(h), h.home.clock.now()
    await no_place_for_a_cause(h)
    tap = Tap(plan=plan, mac=MAC, router_id=h.home.router_id, today=local_day(now, "Africa/Nairobi"))
    told = await asyncio.gather(*(h.home.write(_given, tap, there.id, now) for _ in range(TAPS)))
    assert sorted(told) == [False] * (TAPS - 1) + [True]
    assert len(await passes(h)) == 1


def _given(tap: Tap, device_id: int, now: int) -> Unit[bool]:
    try:
        yield from give(tap, device_id, now)
    except Refused:
        return False
    return True
