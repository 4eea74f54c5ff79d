"""Incidents: recorded once, told in time or with a reason why not, and whose rows somebody could read."""

from __future__ import annotations

from dataclasses import replace
from html import unescape

import pytest

from portal.clock import DAY, HOUR, MINUTE, Moment, TravelClock
from portal.errors import Refused
from portal.people import store as people
from portal.phone import Phone
from portal.privacy.incidents import service, store
from portal.privacy.incidents.reach import Reach, reach
from portal.units import value
from tests.console import guests
from tests.console.office import Office, Visitor
from tests.console.samples_rights import INCIDENT, KEY, now_there, recorded
from tests.hand import on_disk

PAGE = "/incidents"


def typed(o: Office, at: Moment) -> str:
    return now_there(replace(o.home, clock=TravelClock(start=at)))


async def newest(o: Office, tenant: int | None = None) -> store.Incident:
    where = tenant or o.home.tenant.id
    last = await o.home.db.read(where, value, "SELECT MAX(id) FROM incidents WHERE tenant_id = :tenant")
    found: store.Incident | None = await o.home.db.read(where, store.incident, int(last or 0))
    assert found is not None
    return found


async def record(o: Office, who: Visitor, status: int = 303, **more: str) -> str:
    fields = {**INCIDENT, "known": now_there(o.home), "key": KEY, **more}
    return (await who.post(f"{PAGE}/new", status, **fields)).text


async def test_an_isp_has_72_hours_and_the_platform_48(o: Office) -> None:
    who = await o.of("owner")
    await record(o, who)
    mine = await newest(o)
    assert mine.due_at - mine.known_at == 72 * HOUR
    assert "71 h left" in await who.get(PAGE) or "72 h left" in await who.get(PAGE)
    theirs = await o.of("platform")
    await record(o, theirs)
    platform = await newest(o, (await o.platform()).id)
    assert platform.due_at - platform.known_at == 48 * HOUR
    assert "the ISPs whose data it is" in await theirs.get(f"{PAGE}/{platform.id}")
    await theirs.get(f"{PAGE}/{mine.id}", 404)


async def test_the_hours_count_from_when_it_was_known_not_from_when_it_was_typed(o: Office) -> None:
    who, known = await o.of("owner"), o.home.clock.now() - 10 * HOUR
    await record(o, who, known=typed(o, known))
    assert abs((await newest(o)).due_at - (known + 72 * HOUR)) < MINUTE


async def test_an_overdue_one_is_red_and_told_late_once_it_is_told(o: Office) -> None:
    who = await o.of("owner")
    await record(o, who, known=typed(o, o.home.clock.now() - 73 * HOUR))
    made = await newest(o)
    page = await who.get(PAGE)
    assert "overdue since" in page
    assert "1 incident should have been told by now" in page
    await who.post(f"{PAGE}/{made.id}/tell", text="By their form; we were without power")
    assert "told late" in await who.get(PAGE)
    assert "should have been told" not in await who.get(PAGE)


async def test_whoever_need_not_be_told_is_said_with_the_reason(o: Office) -> None:
    who = await o.of("owner")
    await record(o, who)
    made = await newest(o)
    lost = await who.post(f"{PAGE}/{made.id}/spare", 400, why="encrypted", text="")
    assert "Say what happened" in unescape(lost.text)
    await who.post(f"{PAGE}/{made.id}/spare", 400, why="we like it so", text="x")
    await who.post(f"{PAGE}/{made.id}/spare", why="encrypted", text="The disk has a key that nobody took")
    page = await who.get(f"{PAGE}/{made.id}")
    assert "its key is safe" in page
    assert "The disk has a key that nobody took" in page
    assert (await newest(o)).spared == "encrypted"


async def test_it_is_not_closed_before_whoever_has_to_know_was_told(o: Office) -> None:
    who = await o.of("owner")
    await record(o, who)
    made = await newest(o)
    refused = await who.post(f"{PAGE}/{made.id}/close", 409, text="All is well again")
    assert "still has to be told" in refused.text
    assert "All is well again" in refused.text
    await who.post(f"{PAGE}/{made.id}/tell", text="By e-mail")
    await who.post(f"{PAGE}/{made.id}/people", text="An SMS to each")
    await who.post(f"{PAGE}/{made.id}/close", text="Phones are locked now")
    await who.post(f"{PAGE}/{made.id}/tell", 409, text="again")
    await who.post(f"{PAGE}/{made.id}/note", text="They thanked us")
    steps = await o.home.read(store.steps, o.home.vault, made.id)
    assert [each.act for each in steps] == ["recorded", "told", "people", "closed", "note"]
    assert await o.verified()


async def test_the_same_form_twice_records_once(o: Office) -> None:
    who = await o.of("owner")
    await record(o, who)
    first = await newest(o)
    await record(o, who)
    assert (await newest(o)).id == first.id


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"title": ""}, "in one line"),
        ({"title": "a\u202eb"}, "in one line"),
        ({"facts": ""}, "Say what happened"),
        ({"known": ""}, "since when it is known"),
        ({"known": "soon"}, "Write moments like"),
        ({"known": "9999-12-31T23:59"}, "since when it is known"),
        ({"known": "2001-01-01T00:00"}, "since when it is known"),
        ({"since": "2026-11-28T14:00", "until": "2026-11-28T13:00"}, "comes after the begin"),
    ],
)
async def test_what_is_wrong_is_said_and_nothing_typed_is_lost(o: Office, more: dict[str, str], sentence: str) -> None:
    who = await o.of("owner")
    page = unescape(await record(o, who, 400, **more))
    assert sentence in page
    assert INCIDENT["facts"] in page or "facts" in more
    assert await o.home.read(store.page, 1 << 62, 5) == []


async def test_its_words_stand_sealed_on_the_disk_and_not_in_the_audit_log(o: Office) -> None:
    who = await o.of("owner")
    await record(o, who, facts="planted words of an incident")
    await who.post(f"{PAGE}/{(await newest(o)).id}/note", text="planted note of an incident")
    whole = on_disk(o.home.db.place)
    assert INCIDENT["title"].encode() in whole
    assert b"planted" not in whole


# --- whose rows were open ---


async def actor(o: Office, who: Visitor) -> str:
    public = await o.home.read(
        value, "SELECT public FROM staff WHERE tenant_id = :tenant AND id = :id", id=who.staff_id
    )
    return f"staff:{public}"


async def found(o: Office, who: Visitor, since: Moment, until: Moment) -> Reach:
    made: Reach = await o.home.read(reach, await actor(o, who), since, until)
    return made


async def test_guests_that_somebody_did_something_to_are_found_and_nobody_elses(o: Office) -> None:
    who, other = await o.of("cashier"), await o.of("cashier")
    one, two = await guests.device(o.home, 1), await guests.device(o.home, 2)
    await guests.asked(o.home, one)
    await guests.asked(o.home, two, Phone("254722000111"))
    began = o.home.clock.now()
    await who.post(f"/guests/device/{one}/note", text="called")
    await other.post(f"/guests/device/{two}/note", text="called")
    o.home.clock.advance(HOUR)
    person = await o.home.write(people.person_for, o.home.vault, o.home.tenant.id, guests.PHONE, o.home.clock.now())
    mine = await found(o, who, began, o.home.clock.now())
    assert (dict(mine.devices), mine.persons, mine.everybody) == ({one: guests.mac(1)}, frozenset({person}), None)
    later = await found(o, who, o.home.clock.now(), o.home.clock.now() + DAY)
    assert (later.acts, later.persons) == (0, frozenset())


async def test_who_took_a_list_away_could_read_everybody_in_it(o: Office) -> None:
    who, began = await o.of("owner"), o.home.clock.now()
    for n in range(3):
        await guests.asked(o.home, await guests.device(o.home, n), Phone(f"25471234560{n}"))
    await who.post("/export/payments", 200)
    o.home.clock.advance(HOUR)
    await guests.asked(o.home, await guests.device(o.home, 9), Phone("254712345699"))
    whole = await found(o, who, began, o.home.clock.now())
    assert whole.everybody == 3
    assert [act for _, act in whole.files] == ["export.payments"]
    who = await o.again(who)
    await who.post("/export/plans", 200)
    plans = await found(o, who, o.home.clock.now() - MINUTE, o.home.clock.now() + DAY)
    assert (plans.acts, plans.everybody) == (1, None)


async def test_the_page_asks_and_answers(o: Office) -> None:
    who, device = await o.of("owner"), await guests.device(o.home)
    await guests.asked(o.home, device)
    since = typed(o, o.home.clock.now() - HOUR)
    await who.post(f"/guests/device/{device}/note", text="called")
    await who.post("/export/devices", 200)
    until = typed(o, o.home.clock.now() + HOUR)
    page = await who.get(f"{PAGE}/reach", who=str(who.staff_id), since=since, until=until)
    assert "Everybody: 1 people" in page
    assert "took the devices away" in page
    assert guests.mac(1) in page
    assert "Nobody" in await who.get(f"{PAGE}/reach", who="command", since=since, until=until)


async def test_what_the_platforms_staff_saw_is_found_on_both_sides(o: Office) -> None:
    owner, platform = await o.of("owner"), await o.of("platform")
    since = typed(o, o.home.clock.now() - HOUR)
    await owner.post("/support/open", hours="1", reason="because")
    await platform.post(f"/isps/{o.home.tenant.id}/look")
    await platform.get("/guests")
    await platform.post("/isps/leave")
    until = typed(o, o.home.clock.now() + HOUR)
    theirs = await platform.get(f"{PAGE}/reach", who=str(platform.staff_id), since=since, until=until)
    assert o.home.tenant.name in theirs
    assert "/guests" in theirs
    form = await owner.get(f"{PAGE}/reach")
    who = next(each for each in form.split('"') if each.startswith("platform:"))
    assert "/guests" in await owner.get(f"{PAGE}/reach", who=who, since=since, until=until)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"who": "999999"}, 404),
        ({"who": "staff:zz"}, 400),
        ({"who": "platform:zz"}, 400),
        ({"who": "own", "since": ""}, 400),
        ({"who": "own", "since": "2026-11-28T14:00", "until": "2026-11-28T14:00"}, 400),
        ({"who": "own", "since": "2001-11-28T14:00", "until": "2026-11-28T14:00"}, 400),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(o: Office, query: dict[str, str], status: int) -> None:
    who = await o.of("owner")
    asked = {"since": "2026-11-28T14:00", "until": "2026-11-29T14:00", **query}
    asked["who"] = str(who.staff_id) if asked["who"] == "own" else asked["who"]
    await who.get(f"{PAGE}/reach", status, **asked)


@pytest.mark.parametrize(
    ("role", "read", "change"),
    [("owner", 200, 200), ("manager", 200, 200), ("auditor", 200, 403), ("support", 403, 403), ("cashier", 403, 403)],
)
async def test_each_role_does_what_it_may(o: Office, role: str, read: int, change: int) -> None:
    who = await o.of(role)
    made = await recorded(o.home, who.staff_id)
    await who.get(PAGE, read)
    await who.get(f"{PAGE}/{made}", read)
    await who.get(f"{PAGE}/new", change)
    await who.get(f"{PAGE}/reach", change)
    await who.post(f"{PAGE}/{made}/tell", 303 if change == 200 else 403, text="By e-mail")


async def test_another_isp_has_none_of_it(o: Office) -> None:
    who = await o.of("owner")
    made = await recorded(o.home, who.staff_id)
    there = (await o.platform()).id
    with pytest.raises(Refused, match="not-found"):
        await o.home.db.read(there, service.must_know, made)
