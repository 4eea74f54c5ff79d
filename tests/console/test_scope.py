"""Nobody reaches another ISP: every address that names something, with every number that exists next door."""

from __future__ import annotations

import re

import pytest

from portal.access import store as access
from portal.clock import DAY
from portal.console.site import SCREENS
from portal.schema import TENANT_TABLES
from portal.staff import store as staff
from portal.tenancy import store as tenancy
from portal.units import Unit, rows
from portal.vouchers import codes
from portal.vouchers.batches import Batches, Order
from portal.vouchers.guesses import TENANT_AN_HOUR
from tests.console import alarms, guests, money
from tests.console.office import Office
from tests.support import Seed, a_plan, add_router

NAMED = [each for each in SCREENS if "{" in each.path]
# What the forms of those addresses ask for, so that they fail by whose it is and by nothing else.
FILLED = {
    "reason": "because",
    "mac": "02:AA:00:00:00:09",
    "text": "a note",
    "minutes": "60",
    "from": "1",
    "to": "2",
    "first": "1",
    "last": "2",
    "end": "1",
    "role": "manager",
    "state": "off",
    "form": "csv",
    "way": "up",
    "name": "Mine now",
    "price": "1",
    "key": "0" * 32,
    "number": "TKM4X7Y2ZQ",
    "payment": "1",
    "device": "1",
    "plan": "1",
    "back_reason": "because",
    "gone": "no",
    "counted": "10",
    "account": "1",
    "amount": "1",
    "what": "float",
    "want-balance": "1",
    "keep": "session",
    "days": "100",
    "hold-session": "1",
    "how": "seen",
    "why": "encrypted",
    "phone": "0722 000 111",
    "named": "Books Ltd",
    "purpose": "Keeps the books",
    "gets": "Payments",
    "country": "KE",
}


async def next_door(home: Seed) -> tuple[Seed, set[int]]:
    """Another ISP with one of everything, and the numbers of it all."""
    tenant = await home.db.write(None, tenancy.add_tenant, "Next Door Wi-Fi", home.clock.now())
    router_id = await home.db.write(tenant.id, add_router, home.vault, home.clock.now())
    there = Seed(
        db=home.db, clock=home.clock, vault=home.vault, tenant=tenant, router_id=router_id, plan=a_plan(name="Theirs")
    )
    there.plan = await there.plan_of(name="Theirs")
    one = await there.write(access.touch_device, "02:BB:00:00:00:01", router_id, home.clock.now())
    await guests.given(there, one.id)
    await alarms.opened(there)
    await alarms.channel(there)
    await money.paid(there, home.clock.now())
    await there.write(
        staff.invite, home.vault, home.clock.now(), email="them@next.test", name="Somebody Else", role="owner"
    )
    batches = Batches(db=home.db, vault=home.vault, clock=home.clock, tenant=tenant, guesses_an_hour=TENANT_AN_HOUR)
    style = codes.DEFAULT["letters"]
    await batches.make(
        Order(plan=there.plan, count=3, style=style, use_by=home.clock.now() + 9 * DAY, note="", by="them")
    )
    found = await there.read(everything)
    return there, {row["id"] for table in found.values() for row in table}


def everything() -> Unit[dict[str, list[dict[str, object]]]]:
    """All rows of an ISP."""
    found: dict[str, list[dict[str, object]]] = {}
    for table in sorted(TENANT_TABLES):
        got = yield from rows(f"SELECT * FROM {table} WHERE tenant_id = :tenant ORDER BY id")
        found[table] = [dict(row) for row in got]
    return found


async def test_no_number_of_another_isp_opens_anything_or_changes_anything(o: Office) -> None:
    there, numbers = await next_door(o.home)
    own = await o.home.read(everything)
    taken = {row["id"] for table in own.values() for row in table}
    foreign = sorted(numbers - {int(str(each)) for each in taken} | {max(numbers)})
    assert foreign
    before = await there.read(everything)
    who = await o.of("owner")
    csrf = await who.token()
    for screen in NAMED:
        for number in foreign:
            path = f"/console{re.sub(r'{[^}]+}', str(number), screen.path)}"
            data = {"csrf": csrf, **FILLED} if screen.method == "POST" else None
            answer = await who.http.request(screen.method, path, data=data)
            if any(row["id"] == number for table in (await o.home.read(everything)).values() for row in table):
                continue  # a number of something of our own, too
            assert answer.status_code in (400, 403, 404, 409), (screen.method, path, answer.status_code)
            assert "Theirs" not in answer.text
            assert "Somebody Else" not in answer.text
    assert await there.read(everything) == before


async def test_every_list_shows_ones_own_alone(o: Office) -> None:
    await next_door(o.home)
    who = await o.of("owner")
    for screen in SCREENS:
        if screen.method == "GET" and "{" not in screen.path:
            page = (await who.http.get(f"/console{screen.path}", follow_redirects=True)).text
            for theirs in ("Theirs", "Somebody Else", "Next Door", "02:BB:00:00:00:01", "them@next.test"):
                assert theirs not in page, (screen.path, theirs)


async def test_the_search_finds_nothing_of_another_isp(o: Office) -> None:
    await next_door(o.home)
    who = await o.of("owner")
    for text in ("02:BB:00:00:00:01", "B1-1", "0712 345 678"):
        answer = await who.http.post("/console/guests", data={"csrf": await who.token(), "q": text})
        assert answer.status_code in (200, 404)
        assert "/console/guests/device/" not in answer.text


async def test_without_the_tenant_in_its_statements_a_page_would_show_next_door(o: Office) -> None:
    """The guard below every page: a statement that forgets its tenant is refused before it reaches the database."""
    from portal.units import TenantMissing

    await next_door(o.home)

    def forgets() -> Unit[object]:
        return (yield from rows("SELECT * FROM devices"))

    with pytest.raises(TenantMissing):
        await o.home.read(forgets)
