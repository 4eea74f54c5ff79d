"""Requests of people in the console: written down, proven, carried out, answered or refused, with evidence."""

from __future__ import annotations

from datetime import timedelta
from html import unescape

import pytest

from portal import spans
from portal.clock import DAY
from portal.people import store as people
from portal.phone import parse
from portal.privacy.rights import store
from portal.privacy.rights.clocks import REGULATOR_URL
from portal.privacy.rights.store import Request
from portal.units import value
from tests.console import guests
from tests.console.office import Office, Visitor
from tests.console.samples_rights import KEY, filed

PAGE = "/requests"


def today(o: Office, ago: int = 0) -> str:
    return (spans.today(o.home.clock.now(), o.home.tenant.timezone) - timedelta(days=ago)).isoformat()


def fields(o: Office, **more: str) -> dict[str, str]:
    kept = {"kind": "access", "channel": "letter", "received": today(o), "phone": "0712 345 678", "key": KEY}
    return {**kept, "contact": "", "wish": "", **more}


async def newest(o: Office) -> Request:
    last = await o.home.read(value, "SELECT MAX(id) FROM rights_requests WHERE tenant_id = :tenant")
    found: Request | None = await o.home.read(store.request, int(last or 0))
    assert found is not None
    return found


async def file(o: Office, who: Visitor, status: int = 303, **more: str) -> str:
    return (await who.post(f"{PAGE}/new", status, **fields(o, **more))).text


async def steps(o: Office, request: int) -> list[str]:
    return [each.act for each in await o.home.read(store.steps, o.home.vault, request)]


async def test_a_letter_becomes_a_request_with_its_last_day_in_the_list(o: Office) -> None:
    who = await o.of("owner")
    await guests.asked(o.home, await guests.device(o.home))
    await file(o, who, received=today(o, 2), wish="everything\nsince June")
    made = await newest(o)
    assert made.person_id is not None
    page = await who.get(PAGE)
    assert "See their data" in page
    assert "5 days left" in page
    assert "0712 345 678" in page
    one = await who.get(f"{PAGE}/{made.id}")
    assert "everything\nsince June" in one
    assert "by letter" in one
    assert (await o.acts())[-1]["act"] == "request.file"
    assert "since June" not in (await o.acts())[-1]["payload"]
    assert await o.verified()


async def test_of_a_number_that_nobody_has_it_is_kept_where_the_answer_goes(o: Office) -> None:
    who = await o.of("owner")
    await file(o, who, phone="0799 123 456", contact="P.O. Box 7")
    made = await newest(o)
    assert (made.person_id, made.device_id) == (None, None)
    assert "0799 123 456 · P.O. Box 7" in await who.get(f"{PAGE}/{made.id}")


async def test_the_same_form_twice_makes_one_request(o: Office) -> None:
    who = await o.of("owner")
    await file(o, who)
    first = await newest(o)
    answer = await who.post(f"{PAGE}/new", 303, **fields(o))
    assert answer.headers["location"].startswith(f"/console{PAGE}/{first.id}?said=request-there")
    assert (await newest(o)).id == first.id


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"received": ""}, "Choose the day"),
        ({"received": "2026-02-31"}, "Choose the day"),
        ({"received": "9999-12-31"}, "Choose the day"),
        ({"received": "1999-01-01"}, "Choose the day"),
        ({"phone": "12"}, "That is no phone number"),
        ({"mac": "zz", "phone": ""}, "That is no MAC"),
        ({"phone": ""}, "Say of whom it is"),
        ({"contact": "x" * 201}, "one line of at most 200"),
        ({"wish": "a\u202eb"}, "letters that can be seen"),
    ],
)
async def test_what_is_wrong_is_said_and_nothing_typed_is_lost(o: Office, more: dict[str, str], sentence: str) -> None:
    who = await o.of("owner")
    typed = fields(o, **{"contact": "P.O. Box 77", "wish": "all of it", **more})
    if "phone" in more and sentence.startswith("Say"):
        typed["contact"] = ""
    page = (await who.post(f"{PAGE}/new", 400, **typed)).text
    assert sentence in unescape(page)
    assert "all of it" in page or "wish" in more
    assert await o.home.read(store.open_page, "", (0, 0), 5) == []


async def test_from_the_page_of_a_guest_it_is_of_who_paid_for_the_device(o: Office) -> None:
    who = await o.of("cashier")
    device = await guests.device(o.home)
    await guests.asked(o.home, device)
    page = await who.get(f"/guests/device/{device}")
    assert f"{PAGE}/new?device={device}" in page
    form = await who.get(f"{PAGE}/new", device=str(device))
    assert "07xx xxx 678, who paid" in form or "0712 345 678, who paid" in form
    person = await o.home.write(people.person_for, o.home.vault, o.home.tenant.id, guests.PHONE, o.home.clock.now())
    await file(o, who, phone="", device=str(device), person=str(person))
    made = await newest(o)
    assert (made.person_id, made.device_id) == (person, device)
    assert "See their data" in await who.get(f"/guests/device/{device}")


async def test_a_person_who_did_not_pay_for_that_device_is_refused(o: Office) -> None:
    who, device = await o.of("owner"), await guests.device(o.home)
    other = await o.home.write(
        people.person_for, o.home.vault, o.home.tenant.id, parse("0722000111"), o.home.clock.now()
    )
    await file(o, who, 400, phone="", device=str(device), person=str(other))
    await file(o, who, 404, phone="", device="999999", person="")
    assert await o.home.read(store.open_page, "", (0, 0), 5) == []


async def test_a_copy_is_answered_only_after_they_proved_who_they_are(o: Office) -> None:
    who, request = await o.of("support"), await filed(o.home, proven=False)
    refused = await who.post(f"{PAGE}/{request}/answer", 409, reason="File handed over")
    assert "how they proved who they are" in refused.text
    assert "File handed over" in refused.text
    await who.post(f"{PAGE}/{request}/identity", how="receipt")
    await who.post(f"{PAGE}/{request}/answer", reason="File handed over")
    page = await who.get(f"{PAGE}/{request}")
    assert "File handed over" in page
    assert f"{PAGE}/{request}/answer" not in page
    assert await steps(o, request) == ["filed", "identity", "answered"]
    assert "answered" in await who.get(PAGE, state="answered")


async def test_a_refusal_gives_its_reason_and_says_where_to_complain(o: Office) -> None:
    who, request = await o.of("owner"), await filed(o.home, "erase")
    ask = await who.get(f"{PAGE}/{request}/refuse")
    assert REGULATOR_URL in ask
    again = await who.post(f"{PAGE}/{request}/refuse", 400, reason=" ")
    assert "Say what was done, or why not" in again.text
    await who.post(f"{PAGE}/{request}/refuse", reason="A court wants it kept.")
    page = unescape(await who.get(f"{PAGE}/{request}"))
    assert "Why: A court wants it kept." in page
    assert REGULATOR_URL in page
    assert (await o.acts())[-1]["act"] == "request.refuse"
    await who.post(f"{PAGE}/{request}/refuse", 409, reason="again")
    await who.get(f"{PAGE}/{request}/refuse", 409)


async def test_a_restricted_guest_is_marked_on_their_page_until_it_is_lifted(o: Office) -> None:
    who, device = await o.of("owner"), await guests.device(o.home)
    request = await filed(o.home, "restrict", proven=False)
    await who.post(f"{PAGE}/{request}/restrict")
    page = await who.get(f"/guests/device/{device}")
    assert "kept and not used" in page
    assert "all of it" in page  # why, in their words
    cashier = await (await o.of("agent")).http.get(f"/console/guests/device/{device}")
    assert cashier.status_code == 403
    await who.post(f"{PAGE}/{request}/answer", reason="Told them by phone")
    made = (await o.home.read(store.requests_of, [], device, 5)) or [await newest(o)]
    stands = (await o.home.read(store.standing, o.home.vault, [made[0].person_id or 0], device))[0]
    lost = await who.post(f"{PAGE}/{request}/lift/{stands.id}", 400, reason="")
    assert "Say why" in lost.text
    await who.post(f"{PAGE}/{request}/lift/{stands.id}", reason="The case is over")
    assert "kept and not used" not in await who.get(f"/guests/device/{device}")
    assert await steps(o, request) == ["filed", "restricted", "answered", "lifted"]
    await who.post(f"{PAGE}/{request}/lift/{stands.id}", 409, reason="again")


async def test_a_corrected_number_is_masked_in_the_audit_log_and_whole_in_the_evidence(o: Office) -> None:
    who, request = await o.of("owner"), await filed(o.home, "rectify")
    wrong = await who.post(f"{PAGE}/{request}/rectify", 400, phone="12")
    assert 'value="12"' in wrong.text
    await who.post(f"{PAGE}/{request}/rectify", phone="0722 000 111")
    page = await who.get(f"{PAGE}/{request}")
    assert "0712 345 678 → 0722 000 111" in page
    payload = (await o.acts())[-1]["payload"]
    assert "07xx xxx 111" in payload
    assert "000111" not in payload
    assert "000 111" not in payload
    found = await who.http.post("/console/guests", data={"csrf": await who.token(), "q": "0722 000 111"})
    assert "/console/guests/device/" in found.headers["location"]
    same = await who.post(f"{PAGE}/{request}/rectify", 409, phone="0722 000 111")
    assert "known already" in same.text


async def test_an_overdue_request_is_red_in_the_list_and_on_the_dashboard(o: Office) -> None:
    who, request = await o.of("owner"), await filed(o.home)
    o.home.clock.advance(7 * DAY)
    who = await o.again(who)
    assert "due today" in await who.get(PAGE)
    assert "overdue" not in await who.get("/")
    o.home.clock.advance(DAY)
    who = await o.again(who)
    assert "overdue since 1 day" in await who.get(PAGE)
    assert "1 request of people is overdue" in await who.get("/")
    await who.post(f"{PAGE}/{request}/withdraw", reason="They called")
    assert "overdue" not in await who.get("/")


async def test_a_long_list_is_walked_page_by_page_due_soonest_first(o: Office) -> None:
    who = await o.of("owner")
    for n in range(53):
        await filed(o.home, "access", key=f"k{n}")
        o.home.clock.advance(1_000)
    first = await who.get(PAGE)
    link = next(each for each in unescape(first).split('"') if "after=" in each)
    second = (await who.http.get(link)).text
    assert first.count("See their data</a>") == 50
    assert second.count("See their data</a>") == 3


@pytest.mark.parametrize(
    "query", [{"state": "all"}, {"kind": "x"}, {"after": "1"}, {"after": "x-y"}, {"state": "refused", "before": "x"}]
)
async def test_an_address_that_makes_no_sense_is_refused(o: Office, query: dict[str, str]) -> None:
    await (await o.of("owner")).get(PAGE, 400, **query)


@pytest.mark.parametrize(
    ("role", "read", "filing", "change"),
    [
        ("owner", 200, 200, 303),
        ("manager", 200, 200, 303),
        ("support", 200, 200, 303),
        ("cashier", 200, 200, 403),
        ("auditor", 200, 403, 403),
        ("agent", 403, 403, 403),
    ],
)
async def test_each_role_does_what_it_may(o: Office, role: str, read: int, filing: int, change: int) -> None:
    who, request = await o.of(role), await filed(o.home)
    await who.get(PAGE, read)
    await who.get(f"{PAGE}/{request}", read)
    await who.get(f"{PAGE}/new", filing)
    await who.post(f"{PAGE}/{request}/answer", change, reason="File given")
