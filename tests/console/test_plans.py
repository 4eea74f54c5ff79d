"""The pages of plans: what is for sale, changed in sight of guests at once, and written down."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from portal.access import store as access
from portal.access.plans import Plan
from portal.clock import DAY, HOUR
from portal.money import Money
from portal.tenancy import store as tenancy
from portal.vouchers import store as cards
from tests.console.office import Office
from tests.support import a_plan
from tests.vouchers.cards import print_cards

GOOD: dict[str, Any] = {
    "public": "00c0ffee",
    "name": "3 hours",
    "price": "50",
    "kind": "wall",
    "time": "3",
    "time_unit": "hours",
    "window": "",
    "window_unit": "days",
    "data": "2",
    "data_unit": "GB",
    "up": "2",
    "down": "5",
    "rate_unit": "Mbps",
    "devices": "2",
}


async def plans_of(o: Office) -> list[Plan]:
    found: list[Plan] = await o.home.read(access.plan_list)
    return found


def seen_by_guests(o: Office) -> list[Plan]:
    view = o.services.catalog.tenant(o.home.tenant.id)
    assert view is not None
    return list(view.plans_at(o.home.router_id))


async def acts(o: Office) -> list[str]:
    return [each["act"] for each in await o.acts()]


async def test_a_plan_is_added_once_and_guests_see_it(o: Office) -> None:
    who = await o.of("owner")
    assert re.search(r'name="public" value="[0-9a-f]{8}"', await who.get("/plans/new"))
    await who.post("/plans/new", 303, **GOOD)
    again = await who.post("/plans/new", 303, **GOOD)
    added = (await plans_of(o))[-1]
    assert again.headers["location"] == f"/console/plans/{added.id}?said=plan-there"
    assert (added.name, added.price, added.span_ms, added.max_devices) == ("3 hours", Money(5000), 3 * HOUR, 2)
    assert (added.data_bytes, added.rate_up, added.rate_down) == (2 * 10**9, 2 * 10**6, 5 * 10**6)
    assert [each.name for each in seen_by_guests(o)] == ["1 hour", "3 hours"]
    assert await acts(o) == ["plan.add"]
    page = await who.get("/plans")
    assert "3 hours" in page
    assert "KSh\u00a050" in page


async def test_online_time_with_a_window(o: Office) -> None:
    who = await o.of("manager")
    await who.post(
        "/plans/new", 303, **{**GOOD, "kind": "used", "window": "7", "data": "", "up": "", "down": "", "locked": "1"}
    )
    added = (await plans_of(o))[-1]
    assert (added.kind, added.window_ms, added.data_bytes, added.rate_up, added.locked) == (
        "used",
        7 * DAY,
        None,
        None,
        True,
    )
    assert "online, within 7" in await who.get(f"/plans/{added.id}")


MISTAKES = [
    ("name", "", "1 to 60 characters"),
    ("name", "   ", "1 to 60 characters"),
    ("name", "x" * 61, "1 to 60 characters"),
    ("name", "\u3164\u3164", "1 to 60 characters"),
    ("name", "a\u202eb", "1 to 60 characters"),
    ("name", "a\tb", "1 to 60 characters"),
    ("price", "0", "whole number from 1"),
    ("price", "-20", "whole number from 1"),
    ("price", "19.99", "whole number from 1"),
    ("price", "250001", "whole number from 1"),
    ("price", "1e2", "whole number from 1"),
    ("time", "0", "at most 400 days"),
    ("time", "9601", "at most 400 days"),
    ("time_unit", "years", "at most 400 days"),
    ("data", "0", "MB or GB"),
    ("data_unit", "TB", "MB or GB"),
    ("up", "", "both speeds"),
    ("down", "10001", "both speeds"),
    ("rate_unit", "bps", "both speeds"),
    ("devices", "0", "1 to 20"),
    ("devices", "21", "1 to 20"),
    ("public", "../../x", "not complete"),
]


async def test_a_form_with_a_mistake_comes_back_filled_in(o: Office) -> None:
    who = await o.of("owner")
    fields = {**GOOD, "name": "<i>'cheap'"}
    for field, text, says in MISTAKES:
        answer = await who.post("/plans/new", 400, **{**fields, field: text})
        assert says in answer.text, (field, text)
        assert field == "name" or "&lt;i&gt;&#39;cheap&#39;" in answer.text
    assert (len(await plans_of(o)), await o.acts()) == (1, [])


async def test_a_window_shorter_than_the_time_is_refused(o: Office) -> None:
    who = await o.of("owner")
    fields = {**GOOD, "kind": "used", "window": "2", "window_unit": "hours"}
    assert "at least as long" in (await who.post("/plans/new", 400, **fields)).text


async def test_a_new_price_is_for_guests_and_printed_cards_keep_theirs(o: Office) -> None:
    await print_cards(o.home, 1)
    who = await o.of("owner")
    plan_id = o.home.plan.id
    fields: dict[str, Any] = {**GOOD, "name": "One hour", "time": "1", "price": "30", "locked": "1"}
    await who.post(f"/plans/{plan_id}", **fields)
    [changed] = seen_by_guests(o)
    assert (changed.name, changed.price, changed.locked) == ("One hour", Money(3000), True)
    batch = await o.home.read(cards.batch, 1)
    assert (batch.plan.name, batch.plan.price, batch.plan.locked) == ("1 hour", Money(2000), False)
    [act] = await o.acts()
    told = json.loads(act["payload"])
    assert (told["before"]["price"], told["after"]["price"]) == ("KES 20.00", "KES 30.00")
    answer = await who.post(f"/plans/{plan_id}", 400, **{**fields, "price": "0"})
    assert "whole number from 1" in answer.text
    assert len(await o.acts()) == 1


async def test_a_plan_is_withdrawn_and_offered_again(o: Office) -> None:
    who = await o.of("manager")
    path = f"/plans/{o.home.plan.id}"
    await who.post(f"{path}/sale", sell="no")
    assert seen_by_guests(o) == []
    assert "withdrawn" in await who.get("/plans")
    await who.post(f"{path}/sale", sell="yes")
    assert len(seen_by_guests(o)) == 1
    assert await acts(o) == ["plan.withdraw", "plan.offer"]
    await who.post(f"{path}/sale", 400, sell="perhaps")


async def test_where_a_plan_is_sold(o: Office) -> None:
    second = await o.home.write(_router, o)
    who = await o.of("owner")
    path = f"/plans/{o.home.plan.id}"
    await who.post(f"{path}/site", site=str(o.home.router_id), sold="0")
    assert (seen_by_guests(o), (await plans_of(o))[0].sites) == ([], (second,))
    answer = await who.post(f"{path}/site", 409, site=str(second), sold="0")
    assert "sold nowhere" in answer.text
    await who.post(f"{path}/site", site="all")
    assert (await plans_of(o))[0].sites is None
    assert await acts(o) == ["plan.sites", "plan.sites"]
    await who.post(f"{path}/site", 404, site="777", sold="1")
    await who.post(f"{path}/site", 400, site="x", sold="1")
    assert len(await o.acts()) == 2


def _router(o: Office) -> Any:
    more: dict[str, Any] = {
        "name": "Site 2",
        "host": "127.0.0.1",
        "port": 2,
        "username": "b",
        "password": "p",
        "hotspot_host": "x.test",
    }
    return (yield from tenancy.add_router(o.home.vault, o.home.clock.now(), **more))


async def test_the_order_of_sale(o: Office) -> None:
    for name in ("day", "week"):
        await o.home.plan_of(name=name)
    who = await o.of("owner")
    week = (await plans_of(o))[2].id
    await who.post(f"/plans/{week}/move", way="up")
    assert [each.name for each in await plans_of(o)] == ["1 hour", "week", "day"]
    await who.post(f"/plans/{week}/move", way="up")
    await who.post(f"/plans/{week}/move", way="up")
    assert [each.name for each in seen_by_guests(o)] == ["week", "1 hour", "day"]
    await who.post(f"/plans/{week}/move", way="down")
    assert [each.name for each in await plans_of(o)] == ["1 hour", "week", "day"]
    assert await acts(o) == ["plan.move"] * 4


@pytest.mark.parametrize("role", ["cashier", "support", "auditor"])
async def test_who_may_only_look_changes_nothing(o: Office, role: str) -> None:
    who = await o.of(role)
    plan_id = o.home.plan.id
    for path in ("/plans", f"/plans/{plan_id}"):
        page = await who.get(path)
        assert "1 hour" in page
        assert 'action="/console/plans/new"' not in page
        assert ">Save<" not in page
    await who.get("/plans/new", 403)
    for path in ("/plans/new", *(f"/plans/{plan_id}{each}" for each in ("", "/sale", "/site", "/move"))):
        await who.post(path, 403, **GOOD, sell="no", site="1", sold="0", way="up")
    assert (await plans_of(o), await o.acts()) == ([o.home.plan], [])


async def test_a_plan_of_another_isp_is_not_there(o: Office) -> None:
    h = o.home
    other = await h.db.write(None, tenancy.add_tenant, "Other Net", h.clock.now())
    theirs = await h.db.write(other.id, access.add_plan, a_plan(name="Theirs"), h.clock.now())
    who = await o.of("owner")
    assert "Theirs" not in await who.get("/plans")
    await who.get(f"/plans/{theirs}", 404)
    for path in ("", "/sale", "/site", "/move"):
        await who.post(f"/plans/{theirs}{path}", 404, name="Mine", price="1", sell="no", site="all", way="up")
    [untouched] = await h.db.read(other.id, access.plan_list)
    assert (untouched.name, untouched.on_sale, await o.acts()) == ("Theirs", True, [])
    for bad in ("x", "-1", "1e3", "9" * 30):
        await who.get(f"/plans/{bad}", 400)
