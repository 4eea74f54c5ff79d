"""Free time: for one guest or for all of an outage, within the limits of a role, once, and outside of revenue."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from portal import check
from portal.access import store as access
from portal.access.passes import Pass
from portal.books import ledger
from portal.books import store as books
from portal.clock import DAY, HOUR, MINUTE
from portal.console.compensation import giving, store
from portal.console.compensation.limits import DEFAULTS
from portal.errors import Refused
from portal.units import insert, rows, value
from tests.console import guests
from tests.console.office import Office, Visitor

BIG = 1 << 62


def local(o: Office, at: int) -> str:
    zone = ZoneInfo(o.home.tenant.timezone)
    return datetime.fromtimestamp(at / 1000, zone).strftime("%Y-%m-%dT%H:%M:%S")


def form(o: Office, since: int, until: int, count: int, n: int = 0, **more: str) -> dict[str, Any]:
    when = {"since": local(o, since), "until": local(o, until)}
    fields = {"router": str(o.home.router_id), **when, "count": str(count), "reason": "Power cut", "key": f"{n:016x}"}
    return {**fields, **more}


async def booked(o: Office) -> dict[str, int]:
    found = ledger.balances(await o.home.read(books.sums, 0, BIG), "KES")
    return {name: minor for name, minor in found.items() if minor}


async def running(o: Office, n: int, **plan: int) -> Pass:
    """A guest who is online by a pass of two hours from now on."""
    made = await o.home.plan_of(name=f"Plan {n}", span_ms=plan.get("span_ms", 2 * HOUR))
    device = await guests.device(o.home, n)
    one = await guests.given(o.home, device, made)
    await guests.goes_online(o.home, device)
    return one


async def again(o: Office, who: Visitor, ms: int) -> Visitor:
    o.home.clock.advance(ms)
    return await o.again(who)


async def queue(o: Office, n: int) -> list[Pass]:
    known = await o.home.read(access.device_by_mac, guests.mac(n))
    found: list[Pass] = await o.home.read(access.queue_of, known.id)
    return found


async def gifts(o: Office) -> list[dict[str, object]]:
    return [dict(row) for row in await o.home.read(rows, "SELECT * FROM gifts WHERE tenant_id = :tenant ORDER BY id")]


async def sound(o: Office) -> None:
    assert await o.home.read(check.breaches, o.home.clock.now()) == []


# --- one guest ---


async def test_time_for_one_guest_has_a_reason_and_stands_in_the_books_beside_revenue(o: Office) -> None:
    who = await o.of("support")
    one = await running(o, 1)
    path = f"/guests/device/{one.device_id}"
    assert "Say why" in (await who.post(f"{path}/extend", 400, key="a" * 16, give="hour")).text
    await who.post(f"{path}/extend", key="a" * 16, give="hour", reason="It was slow")
    await who.post(f"{path}/extend", key="a" * 16, give="hour", reason="It was slow")
    assert await booked(o) == {"compensation": 1_000, "given": 1_000}, "half of a plan of two hours at KSh 20"
    assert len(await gifts(o)) == 1
    page = await who.get("/compensation")
    for said in ("It was slow", "Amina Support", "KSh\u00a010", guests.mac(1)):
        assert said in page
    await sound(o)


async def test_a_gift_after_a_gift_is_worth_what_its_plan_costs(o: Office) -> None:
    who = await o.of("owner")
    one = await running(o, 1)
    for n in range(2):
        await who.post(
            f"/guests/device/{one.device_id}/extend", key=f"{n:016x}", give="minutes", minutes="30", reason="slow"
        )
    assert (await booked(o))["compensation"] == 1_000
    await sound(o)


async def test_a_role_gives_one_guest_so_much_in_a_day_and_no_more(o: Office) -> None:
    who = await o.of("cashier")
    one = await running(o, 1)
    path = f"/guests/device/{one.device_id}/extend"
    page = await who.get(f"/guests/device/{one.device_id}")
    assert "+ 1 hour" in page
    assert "+ 1 day" not in page, "that is more than a cashier may give"
    await who.post(path, key="a" * 16, give="hour", reason="slow")
    refused = await who.post(path, 409, key="b" * 16, give="minutes", minutes="61", reason="slow")
    assert "more than your role may give one guest in a day" in refused.text
    assert 'value="61"' in refused.text
    await who.post(path, key="c" * 16, give="hour", reason="slow")
    await who.post(path, 409, key="d" * 16, give="minutes", minutes="1", reason="slow")
    who = await again(o, who, DAY)
    await who.post(path, key="e" * 16, give="hour", reason="a new day")
    assert len(await gifts(o)) == 3


async def test_a_role_gives_so_much_in_a_day_to_all(o: Office) -> None:
    owner, who = await o.of("owner"), await o.of("cashier")
    await owner.post("/compensation/limits", **limits(cashier_guest_minutes="60", cashier_day_minutes="90"))
    first, second = await running(o, 1), await running(o, 2)
    await who.post(f"/guests/device/{first.device_id}/extend", key="a" * 16, give="hour", reason="slow")
    path = f"/guests/device/{second.device_id}/extend"
    assert (
        "more than your role may in a day" in (await who.post(path, 409, key="b" * 16, give="hour", reason="slow")).text
    )
    await owner.post(path, key="c" * 16, give="day", reason="an owner has no limit")


async def test_many_at_the_same_time_do_not_pass_the_limit(o: Office) -> None:
    who = await o.of("cashier")
    one = await running(o, 1)
    csrf = await who.token()
    data = [{"csrf": csrf, "key": f"{n:016x}", "give": "hour", "reason": "slow"} for n in range(12)]
    path = f"/console/guests/device/{one.device_id}/extend"
    answers = await asyncio.gather(*(who.http.post(path, data=each) for each in data))
    assert sorted(each.status_code for each in answers) == [303] * 2 + [409] * 10


def limits(**more: str) -> dict[str, Any]:
    known = {
        f"{role}_{name}": str(getattr(limit, name))
        for role, limit in DEFAULTS.items()
        for name in ("guest_minutes", "day_minutes", "guests")
    }
    return {**known, **more}


async def test_an_owner_sets_the_limits_and_nobody_else(o: Office) -> None:
    owner, manager = await o.of("owner"), await o.of("manager")
    assert "Keep these limits" not in await manager.get("/compensation")
    await manager.post("/compensation/limits", 403, **limits())
    await owner.post("/compensation/limits", **limits(cashier_guests="7"))
    await owner.post("/compensation/limits", **limits(cashier_guests="7"))
    assert (await o.home.read(store.limits))["cashier"].guests == 7
    assert [each["act"] for each in await o.acts()] == ["gift.limits"]
    for wrong in ("-1", "x", "", "1e3", "9" * 12):
        page = await owner.post("/compensation/limits", 400, **limits(cashier_guests=wrong))
        assert "Each limit is a whole number" in page.text
    assert 'value="99999' not in await owner.get("/compensation")


# --- an outage ---


async def test_an_outage_gives_each_what_they_lost_once(o: Office) -> None:
    owner = await o.of("owner")
    await running(o, 1)
    begun = o.home.clock.now()
    owner = await again(o, owner, 20 * MINUTE)
    await running(o, 2)  # who came when it was half over
    owner = await again(o, owner, 20 * MINUTE)
    over = o.home.clock.now()
    fields = form(o, begun, over, 2)
    page = await owner.get("/compensation/new", **{name: fields[name] for name in ("router", "since", "until")})
    assert "2 guests lost time" in page
    assert "1\u00a0hour" in page, "forty and twenty minutes"
    assert "KSh\u00a010" in page, "an hour of plans of two hours at KSh 20"
    first = await owner.post("/compensation/new", **fields)
    second = await owner.post("/compensation/new", **fields)
    path = first.headers["location"].partition("?")[0]
    assert second.headers["location"] == f"{path}?said=outage-there"
    assert [each["span_ms"] for each in await gifts(o)] == [40 * MINUTE, 20 * MINUTE]
    assert [(each.plan_name, each.span_ms) for each in await queue(o, 1)][1:] == [("40 minutes", 40 * MINUTE)]
    assert await booked(o) == {"compensation": 1_000, "given": 1_000}
    told = await owner.get(path.removeprefix("/console"))
    for said in ("Power cut", "2 of 2", "KSh\u00a010", guests.mac(1)):
        assert said in told
    assert "Given by staff for an outage" in await owner.get(f"/guests/device/{(await queue(o, 1))[0].device_id}")
    await sound(o)


async def test_no_moment_of_a_pass_is_made_good_twice(o: Office) -> None:
    """Another form, somebody else, an outage that overlaps: what was made good is left out."""
    owner, manager = await o.of("owner"), await o.of("manager")
    await running(o, 1)
    begun = o.home.clock.now()
    owner = await again(o, owner, 15 * MINUTE)
    manager = await o.again(manager)
    await owner.post("/compensation/new", **form(o, begun + 2 * MINUTE, begun + 10 * MINUTE, 1, n=1))
    refused = await manager.post("/compensation/new", 409, **form(o, begun, begun + 6 * MINUTE, 1, n=2))
    assert "Nobody lost time" in refused.text
    await manager.post("/compensation/new", **form(o, begun + 10 * MINUTE, begun + 14 * MINUTE, 1, n=3))
    assert [each["span_ms"] for each in await gifts(o)] == [8 * MINUTE, 4 * MINUTE]


async def test_many_forms_of_the_same_outage_at_once_give_once(o: Office) -> None:
    owner = await o.of("owner")
    for n in range(1, 8):
        await running(o, n)
    begun = o.home.clock.now()
    owner = await again(o, owner, 20 * MINUTE)
    csrf = await owner.token()
    data = [{"csrf": csrf, **form(o, begun, o.home.clock.now(), 7, n=n)} for n in range(6)]
    await asyncio.gather(*(owner.http.post("/console/compensation/new", data=each) for each in data))
    found = await gifts(o)
    assert len(found) == len({each["pass_id"] for each in found}) == 7
    await sound(o)


async def test_who_was_elsewhere_or_lost_nothing_gets_nothing(o: Office) -> None:
    owner, s = await o.of("owner"), o.home
    used = await s.plan_of(name="Counts online time", kind="used", span_ms=2 * HOUR)
    device = await guests.device(s, 1)
    await guests.given(s, device, used)
    await guests.goes_online(s, device)  # its time does not run while the router is down
    waiting = await guests.device(s, 2)
    await guests.given(s, waiting)  # was never online
    await running(o, 3, span_ms=10 * MINUTE)
    await again(o, owner, 20 * MINUTE)
    begun = s.clock.now()
    owner = await again(o, owner, 20 * MINUTE)
    assert (await s.read(giving.foresee, s.router_id, begun, s.clock.now())).lost == []
    assert "Nobody lost time" in await owner.get("/compensation/new", **when(o, begun, s.clock.now()))


def when(o: Office, since: int, until: int) -> dict[str, Any]:
    return {name: text for name, text in form(o, since, until, 0).items() if name in ("router", "since", "until")}


async def test_somebody_who_was_last_seen_long_before_is_not_taken_for_a_guest_of_the_router(o: Office) -> None:
    s = o.home
    await running(o, 1, span_ms=DAY)
    seen = s.clock.now()
    for past, found in ((10, 1), (30, 0)):
        hit = await s.read(giving.foresee, s.router_id, seen + past * MINUTE, seen + (past + 5) * MINUTE)
        assert len(hit.lost) == found, past


async def test_an_outage_that_began_before_staff_say_so_finds_its_guests(o: Office) -> None:
    s = o.home
    await running(o, 1, span_ms=DAY)
    seen = s.clock.now()
    await s.write(insert, "online_counts", slot=seen - seen % (15 * MINUTE), router_id=s.router_id, online=1)
    hit = await s.read(giving.foresee, s.router_id, seen + 2 * HOUR, seen + 3 * HOUR)
    assert [each.span_ms for each in hit.lost] == [HOUR]


async def test_the_page_says_when_the_router_answered_during_what_is_called_an_outage(o: Office) -> None:
    owner, s, quarter = await o.of("owner"), o.home, 15 * MINUTE
    await running(o, 1, span_ms=DAY)
    begun = s.clock.now()
    owner = await again(o, owner, 2 * HOUR)
    span = when(o, begun, s.clock.now())
    silent = await owner.get("/compensation/new", **span)
    assert "1 guest lost time" in silent
    assert "The router answered" not in silent
    whole = -(-begun // quarter) * quarter
    for slot in (whole - quarter, whole, whole + quarter):  # the first may have been read before it began
        await s.write(insert, "online_counts", slot=slot, router_id=s.router_id, online=0)
    said = re.search(
        r"The router answered in (\d) of the (\d) whole quarters", await owner.get("/compensation/new", **span)
    )
    assert said is not None
    assert said[1] == "2"
    assert said[2] in "78"


async def test_a_pass_that_ended_during_the_outage_comes_back_for_as_long(o: Office) -> None:
    owner = await o.of("owner")
    await running(o, 1, span_ms=25 * MINUTE)
    started = (await queue(o, 1))[0].started_at or 0
    owner = await again(o, owner, 20 * MINUTE)
    owner = await again(o, owner, 20 * MINUTE)
    await owner.post("/compensation/new", **form(o, started + 10 * MINUTE + 1_000, o.home.clock.now(), 1))
    assert [(each.state, each.span_ms) for each in await queue(o, 1)] == [("waiting", 15 * MINUTE)]
    await sound(o)


async def test_what_changed_since_the_page_was_shown_is_said_and_nothing_is_given(o: Office) -> None:
    owner = await o.of("owner")
    await running(o, 1)
    begun = o.home.clock.now()
    owner = await again(o, owner, 20 * MINUTE)
    refused = await owner.post("/compensation/new", 409, **form(o, begun, o.home.clock.now(), 5))
    assert "Something has changed meanwhile" in refused.text
    assert 'value="Power cut"' in refused.text
    assert await gifts(o) == []


async def test_a_cashier_gives_to_so_many_guests_at_once(o: Office) -> None:
    owner, cashier = await o.of("owner"), await o.of("cashier")
    await owner.post("/compensation/limits", **limits(cashier_guests="2", cashier_day_minutes="60"))
    for n in range(1, 4):
        await running(o, n)
    begun = o.home.clock.now()
    cashier = await again(o, cashier, 20 * MINUTE)
    now = o.home.clock.now()
    page = await cashier.get("/compensation/new", **when(o, begun, now))
    assert "Give them their time" not in page
    refused = await cashier.post("/compensation/new", 409, **form(o, begun, now, 3))
    assert "more guests than your role may give" in refused.text
    owner = await o.again(owner)
    await owner.post("/compensation/limits", **limits(cashier_guests="3", cashier_day_minutes="59"))
    assert (
        "more than your role may in a day"
        in (await cashier.post("/compensation/new", 409, **form(o, begun, now, 3))).text
    )
    await owner.post("/compensation/limits", **limits(cashier_guests="3", cashier_day_minutes="60"))
    await cashier.post("/compensation/new", **form(o, begun, now, 3))
    assert len(await gifts(o)) == 3


async def test_a_guests_limit_is_not_passed_by_cutting_an_outage_in_pieces(o: Office) -> None:
    owner, cashier = await o.of("owner"), await o.of("cashier")
    await owner.post("/compensation/limits", **limits(cashier_guest_minutes="30"))
    await running(o, 1)
    begun = o.home.clock.now()
    cashier = await again(o, cashier, 20 * MINUTE)
    half, device = o.home.clock.now(), (await queue(o, 1))[0].device_id
    await guests.goes_online(o.home, device)
    cashier = await again(o, cashier, 20 * MINUTE)
    await cashier.post("/compensation/new", **form(o, begun, half, 1, n=1))
    refused = await cashier.post("/compensation/new", 409, **form(o, half, o.home.clock.now(), 1, n=2))
    assert "Nobody lost time" not in refused.text
    assert [each["span_ms"] for each in await gifts(o)] == [20 * MINUTE]
    path = f"/guests/device/{device}/extend"
    await cashier.post(path, 409, key="d" * 16, give="minutes", minutes="11", reason="by hand on top")
    await cashier.post(path, key="e" * 16, give="minutes", minutes="10", reason="what is left of the limit")
    await sound(o)


async def test_a_guests_limit_counts_all_passes_that_an_outage_has_hit(o: Office) -> None:
    owner, cashier = await o.of("owner"), await o.of("cashier")
    await owner.post("/compensation/limits", **limits(cashier_guest_minutes="30"))
    one = await running(o, 1, span_ms=20 * MINUTE)
    begun = o.home.clock.now()
    await guests.given(o.home, one.device_id, await o.home.plan_of(name="The next", span_ms=2 * HOUR))
    for _ in range(4):
        cashier = await again(o, cashier, 10 * MINUTE)
        await guests.goes_online(o.home, one.device_id)
    await cashier.post("/compensation/new", 409, **form(o, begun, o.home.clock.now(), 2))
    assert await gifts(o) == []


async def test_a_guests_limit_counts_what_an_outage_that_still_runs_will_give(o: Office) -> None:
    cashier = await o.of("cashier")
    one = await running(o, 1, span_ms=DAY)
    begun = o.home.clock.now()
    await again(o, cashier, 90 * MINUTE)
    half = o.home.clock.now()
    await guests.goes_online(o.home, one.device_id)
    await again(o, cashier, 90 * MINUTE)
    giver = giving.Giver(staff_id=cashier.staff_id, role="cashier", since=0)
    first, second = (
        giving.Outage(
            router_id=o.home.router_id, since=since, until=since + 90 * MINUTE, reason="x", key=f"{since}", giver=giver
        )
        for since in (begun, half)
    )
    now = o.home.clock.now()
    made = await o.home.write(giving.begin, first, 1, now)
    with pytest.raises(Refused) as refused:
        await o.home.write(giving.begin, second, 1, now)
    assert refused.value.key == "gift-guest"
    with pytest.raises(Refused):
        await o.home.write(giving.must_be_within, giver, one.device_id, 31 * MINUTE)
    await o.home.write(giving.must_be_within, giver, one.device_id, 30 * MINUTE)
    while await o.home.write(giving.give_some, made, now):
        pass
    assert [each["span_ms"] for each in await gifts(o)] == [90 * MINUTE]
    with pytest.raises(Refused):
        await o.home.write(giving.begin, second, 1, now)


async def test_an_outage_that_was_cut_short_goes_on_and_gives_nobody_twice(
    o: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(giving, "CHUNK", 2)
    owner = await o.of("owner")
    for n in range(1, 6):
        await running(o, n)
    begun = o.home.clock.now()
    owner = await again(o, owner, 20 * MINUTE)
    now = o.home.clock.now()
    giver = giving.Giver(staff_id=owner.staff_id, role="owner", since=0)
    outage = giving.Outage(
        router_id=o.home.router_id, since=begun, until=now, reason="cut", key=f"{owner.staff_id}:{0:016x}", giver=giver
    )
    made = await o.home.write(giving.begin, outage, 5, now)
    assert await o.home.write(giving.give_some, made, now)
    page = await owner.get(f"/compensation/{made}")
    assert "2 of 5" in page
    await owner.post(f"/compensation/{made}/finish")
    assert "5 of 5" in await owner.get(f"/compensation/{made}")
    await owner.post(f"/compensation/{made}/finish")
    assert len(await gifts(o)) == 5
    await sound(o)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("since", "yesterday"), ("since", "2026-13-40T10:00"), ("since", "0001-01-01T00:00"),
        ("until", "9999-12-31T23:59"), ("until", "2026-11-22T10:00+03:00"), ("router", "x"), ("router", "999999"),
        ("router", ""), ("reason", ""), ("reason", "a\nb\x07"), ("key", "zz"), ("count", "-1"),
        ("since", "２０２６-11-22T10:00"),
    ],
)  # fmt: skip
async def test_nonsense_gives_nothing(o: Office, field: str, text: str) -> None:
    owner = await o.of("owner")
    await running(o, 1)
    begun = o.home.clock.now()
    owner = await again(o, owner, 20 * MINUTE)
    answer = await owner.post("/compensation/new", 400, **{**form(o, begun, o.home.clock.now(), 1), field: text})
    assert re.search(r'role="alert"|not complete', answer.text)
    assert await gifts(o) == []
    assert await o.acts() == []


async def test_a_page_that_is_asked_with_nonsense_says_so(o: Office) -> None:
    owner = await o.of("owner")
    await owner.get("/compensation/new", 400, since="x", until="y", router="1")
    await owner.get("/compensation/999", 404)
    await owner.get("/compensation/x", 400)
    await owner.get("/compensation", 400, before="-1")
    for role in ("auditor", "agent"):
        await (await o.of(role)).get("/compensation", 403)


async def test_without_the_look_at_what_was_given_an_outage_would_be_made_good_twice(
    o: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control."""
    owner = await o.of("owner")
    await running(o, 1)
    begun = o.home.clock.now()
    owner = await again(o, owner, 20 * MINUTE)
    now = o.home.clock.now()
    whole = store._HIT
    monkeypatch.setattr(store, "_HIT", whole.replace("g.lost_from < :until", "g.lost_from < 0"))
    for n in range(2):
        await owner.post("/compensation/new", **form(o, begun, now, 1, n=n))
    assert len(await gifts(o)) == 2
    assert await o.home.read(value, "SELECT COUNT(*) FROM outages WHERE tenant_id = :tenant") == 2
