"""Hours of sale, hidden plans and free trials in the console: the form, the list, and what staff sell all the same."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from portal.access import admission
from portal.access import store as access
from portal.access.hours import WEEK, Hours
from portal.access.plans import Plan, from_json, to_json
from portal.access.store import Cause
from portal.clock import DAY, HOUR, MINUTE, as_datetime
from portal.console.vouchers.making import USE_BY_DAYS
from portal.errors import Misconfigured
from portal.money import Money
from portal.vouchers import codes
from portal.vouchers import store as cards
from portal.vouchers.batches import Batches, Order
from portal.vouchers.guesses import TENANT_AN_HOUR
from tests.console.office import Office
from tests.console.test_plans import GOOD, acts, plans_of, seen_by_guests
from tests.support import a_plan
from tests.vouchers.cards import print_cards

TRIAL: dict[str, Any] = {
    "trial": "1",
    "public": "00c0ff04",
    "name": "Free trial",
    "time": "15",
    "time_unit": "minutes",
    "data": "50",
    "data_unit": "MB",
    "up": "",
    "down": "",
    "rate_unit": "Mbps",
    "every": "1",
    "cap": "200",
}


async def newest(o: Office) -> Plan:
    return (await plans_of(o))[-1]


async def told(o: Office) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((await o.acts())[-1]["payload"])
    return found


async def test_a_plan_for_the_night(o: Office) -> None:
    who = await o.of("owner")
    await who.post("/plans/new", **{**GOOD, "from": "22:00", "until": "06:00"})
    made = await newest(o)
    assert made.hours == Hours(days=WEEK, begin=22 * 60, end=6 * 60)
    assert (await told(o))["after"]["hours"] == "daily 22:00\u201306:00"
    assert "daily 22:00\u201306:00" in await who.get("/plans")
    page = await who.get(f"/plans/{made.id}")
    assert 'value="22:00"' in page
    assert page.count("<rect") == 14
    assert "style=" not in page


async def test_days_of_the_week(o: Office) -> None:
    who = await o.of("owner")
    await who.post("/plans/new", **GOOD, day5="1", day6="1")
    made = await newest(o)
    assert made.hours == Hours(days=(5, 6), begin=0, end=0)
    page = await who.get(f"/plans/{made.id}")
    assert len(re.findall(r'name="day[0-6]" value="1" checked', page)) == 2


async def test_all_days_and_no_hours_is_always(o: Office) -> None:
    who = await o.of("owner")
    await who.post("/plans/new", **{**GOOD, **{f"day{day}": "1" for day in WEEK}})
    assert (await newest(o)).hours is None
    await who.post("/plans/new", **{**GOOD, "public": "00c0ffe1", "from": "00:00", "until": "00:00"})
    assert (await newest(o)).hours is None


MISTAKES: list[dict[str, Any]] = [
    {"from": "22:00"},
    {"until": "06:00"},
    {"from": "22:00", "until": "22:00"},
    {"from": "24:00", "until": "06:00"},
    {"from": "22", "until": "6"},
    {"from": "22:60", "until": "06:00"},
    {"from": "٢٢:٠٠", "until": "06:00"},
    {"from": "<b>", "until": "-1:00"},
]


async def test_hours_with_a_mistake_come_back_as_they_were_typed(o: Office) -> None:
    who = await o.of("owner")
    for fields in MISTAKES:
        answer = await who.post("/plans/new", 400, **GOOD, **fields, day3="1")
        assert "Give both hours" in answer.text, fields
        assert 'name="day3" value="1" checked' in answer.text
    assert "&lt;b&gt;" in answer.text
    for fields in ({"every": "0"}, {"every": "367"}, {"cap": "0"}, {"cap": ""}, {"cap": "100001"}, {"time": "0"}):
        answer = await who.post("/plans/new", 400, **{**TRIAL, **fields})
        assert "A new free trial" in answer.text, fields
    assert (len(await plans_of(o)), await o.acts()) == (1, [])


async def test_a_hidden_plan_is_for_staff_alone(o: Office) -> None:
    who = await o.of("owner")
    await who.post("/plans/new", **{**GOOD, "name": "Hotel room"}, hidden="1")
    made = await newest(o)
    assert "Hotel room" not in [each.name for each in seen_by_guests(o)]
    assert ">hidden<" in await who.get("/plans")
    counter = await who.get("/sale")
    assert "Hotel room" in counter
    sold = await who.post("/sale", plan=str(made.id), key="0123456789abcdef")
    assert re.fullmatch(r"/console/sale/[0-9]+", sold.headers["location"])
    assert "Hotel room" in await who.get("/vouchers/new")
    await print_cards(o.home, 2, made)


async def test_hours_do_not_bind_the_counter(o: Office) -> None:
    far = (o.home.clock.now() // DAY + 3) % 7
    shut = Hours(days=((far + 3) % 7,), begin=0, end=1)
    made = await o.home.plan_of(name="Rare", hours=shut)
    await o.services.catalog.refresh()
    who = await o.of("cashier")
    await who.post("/sale", plan=str(made.id), key="0123456789abcdef")


async def test_a_free_trial_is_neither_sold_nor_printed(o: Office) -> None:
    who = await o.of("owner")
    await who.post("/plans/new", **TRIAL)
    made = await newest(o)
    assert (made.price, made.kind, made.span_ms, made.max_devices) == (Money(0), "wall", 15 * MINUTE, 1)
    assert (made.trial_days, made.trial_cap, made.use_by_ms) == (1, 200, DAY)
    assert (await told(o))["after"]["free trial"] == "once in 1 days, 200 a day"
    page = await who.get("/plans")
    assert ">free trial<" in page
    assert ">free<" in page
    for path in ("/sale", "/vouchers/new"):
        assert "Free trial" not in await who.get(path)
    sold = await who.post("/sale", 400, plan=str(made.id), seen="0")
    assert "neither sold nor printed" in sold.text
    last = o.services.clock.now() + USE_BY_DAYS * DAY
    fields = {"plan": str(made.id), "count": "10", "style": codes.DEFAULT["letters"].name, "seen": "0"}
    made_of_it = await who.post("/vouchers/new", 400, **fields, use_by=as_datetime(last).date().isoformat())
    assert "neither sold nor printed" in made_of_it.text
    h = o.home
    batches = Batches(db=h.db, vault=h.vault, clock=h.clock, tenant=h.tenant, guesses_an_hour=TENANT_AN_HOUR)
    with pytest.raises(Misconfigured, match="free trial"):
        await batches.make(
            Order(plan=made, count=1, style=codes.DEFAULT["letters"], use_by=last, note="", agent="", by="x")
        )
    assert await h.read(cards.batches) == []
    assert seen_by_guests(o) == [h.plan]


async def test_a_trial_stays_one_and_a_plan_that_is_sold_never_becomes_one(o: Office) -> None:
    who = await o.of("owner")
    await who.post("/plans/new", **TRIAL)
    trial = await newest(o)
    await who.post(f"/plans/{trial.id}", **{**TRIAL, "time": "10", "every": "7", "price": "50", "hidden": "1"})
    changed = await newest(o)
    assert (changed.span_ms, changed.trial_days, changed.price, changed.hidden) == (10 * MINUTE, 7, Money(0), False)
    await who.post(f"/plans/{o.home.plan.id}", **GOOD, trial="1", every="1", cap="9")
    assert not (await plans_of(o))[0].trial
    for price in ("0", "", "-1"):
        await who.post(f"/plans/{o.home.plan.id}", 400, **{**GOOD, "price": price}, trial="1", every="1", cap="9")


async def test_all_of_a_plan_may_change_and_what_was_sold_stays(o: Office) -> None:
    h, now = o.home, o.home.clock.now()
    await print_cards(h, 1)
    there = await h.write(access.touch_device, "02:AA:00:00:00:01", h.router_id, now)
    sold = await h.write(admission.grant, h.plan, there.id, Cause(kind="staff", ref="x"), now)
    who = await o.of("manager")
    page = await who.get(f"/plans/{h.plan.id}")
    assert re.search(r'name="time" inputmode="numeric" value="1"', page)
    changed = {**GOOD, "name": "1 hour", "price": "20", "time": "90", "time_unit": "minutes", "hidden": "1"}
    await who.post(f"/plans/{h.plan.id}", **changed)
    [plan] = await plans_of(o)
    assert (plan.span_ms, plan.max_devices, plan.rate_up, plan.data_bytes) == (90 * MINUTE, 2, 2 * 10**6, 2 * 10**9)
    assert (plan.id, plan.public, plan.position, plan.use_by_ms) == (h.plan.id, h.plan.public, 0, h.plan.use_by_ms)
    act = await told(o)
    assert act["before"] == {
        **{"name": "1 hour", "time": "1 hour", "data": "no limit", "devices": 1, "hidden": False},
        "speed": "no limit up, no limit down",
    }
    assert act["after"]["time"] == "1 hour 30 minutes"
    kept = await h.read(access.get_pass, sold.id)
    assert (kept.span_ms, kept.max_devices, kept.data_bytes) == (HOUR, 1, None)
    batch = await h.read(cards.batch, 1)
    assert (batch.plan.span_ms, batch.plan.max_devices) == (HOUR, 1)
    assert await acts(o) == ["plan.change"]


async def test_what_the_form_shows_saves_as_it_is(o: Office) -> None:
    """A form that is opened and saved changes nothing."""
    who = await o.of("owner")
    odd = a_plan(
        **{"name": "Odd", "kind": "used", "span_ms": 90 * MINUTE, "window_ms": 36 * HOUR, "data_bytes": 1500 * 10**6},
        **{"rate_up": 512_000, "rate_down": 2 * 10**6, "max_devices": 3, "locked": True, "hidden": True},
        hours=Hours(days=(0, 2, 6), begin=22 * 60 + 30, end=5),
    )
    plan_id = await o.home.write(access.add_plan, odd, o.home.clock.now())
    before = (await plans_of(o))[-1]
    await who.post(f"/plans/{plan_id}", **_fields(await who.get(f"/plans/{plan_id}")))
    assert (await plans_of(o))[-1] == before
    assert (await told(o))["after"] == {"name": "Odd"}


def _fields(page: str) -> dict[str, Any]:
    """What a browser sends of the form of a plan."""
    form = page.partition('class="stack">')[2].partition("</form>")[0]
    boxes = re.findall(r'<input type="checkbox" name="(\w+)" value="1" checked', form)
    typed = re.sub(r'<input type="checkbox[^>]*>', "", form)
    found = dict(re.findall(r'<input[^>]*? name="(\w+)"[^>]*? value="([^"]*)"', typed))
    for select in re.findall(r"<select.*?</select>", form, re.DOTALL):
        [name] = re.findall(r'name="(\w+)"', select)
        chosen = re.findall(r"<option[^>]* ?selected>(?:\w*)", select)[0]
        found[name] = re.sub(r'.*value="(\w+)".*', r"\1", chosen) if "value=" in chosen else chosen.partition(">")[2]
    del found["csrf"]
    return {**found, **dict.fromkeys(boxes, "1")}


def test_a_copy_of_a_plan_that_was_made_before_there_were_hours_is_still_read() -> None:
    """And what is written now holds nothing that older copies did not."""
    old = (
        '{"id": 3, "public": "00c0ffee", "name": "1 hour", "kind": "wall", "span_ms": 3600000, "window_ms": null,'
        ' "data_bytes": null, "rate_up": null, "rate_down": null, "max_devices": 1, "use_by_ms": 2592000000,'
        ' "sites": [1], "position": 0, "on_sale": true, "locked": false, "price_minor": 2000, "currency": "KES"}'
    )
    plan = from_json(old)
    assert (plan.sites, plan.hours, plan.hidden, plan.trial) == ((1,), None, False, False)
    now = Plan(**{**plan.__dict__, "hours": Hours(days=WEEK, begin=0, end=60), "hidden": True})
    assert json.loads(to_json(now)) == json.loads(old)
