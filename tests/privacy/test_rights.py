"""Requests of people: each step leaves evidence, what was carried out stands, and words are sealed."""

from __future__ import annotations

from typing import Any

import pytest

from portal.clock import DAY, HOUR
from portal.errors import Refused
from portal.people import store as people
from portal.phone import parse
from portal.privacy.rights import letters, service, store
from portal.privacy.rights.clocks import ACTS, PROOFS, REGULATOR_URL, RIGHTS
from portal.privacy.rights.service import Ask, By
from portal.privacy.rights.store import Request
from portal.units import update
from tests.hand import on_disk
from tests.privacy.house import House

GUEST, STAFF = By(), By(staff_id=1)
PHONE, OTHER = parse("0712345678"), parse("0722000111")


@pytest.fixture
async def person(house: House) -> int:
    house.planted.row("staff", house.tenant.id, id=1)
    seed = house.seed
    made: int = await seed.write(people.person_for, seed.vault, house.tenant.id, PHONE, house.now)
    return made


async def filed(house: House, kind: str = "access", person: int | None = None, **more: Any) -> int:
    fields = {"key": f"{kind}{person}", "contact": "" if person else "P.O. Box 7", **more}
    ask = Ask(kind=kind, channel="counter", received_at=house.now, person_id=person, **fields)
    made: int = await house.seed.write(service.file, house.seed.vault, house.tenant, ask, STAFF, house.now)
    return made


async def do(house: House, unit: Any, *args: object) -> Any:
    return await house.seed.write(unit, house.seed.vault, *args, house.now)


async def found(house: House, request: int) -> Request:
    known: Request = await house.seed.read(service.must_know, request)
    return known


async def acts(house: House, request: int) -> list[str]:
    return [each.act for each in await house.seed.read(store.steps, house.seed.vault, request)]


async def refused(house: House, unit: Any, *args: object) -> str:
    with pytest.raises(Refused) as wrong:
        await do(house, unit, *args)
    return wrong.value.key


async def test_a_request_goes_from_filed_to_answered_and_each_step_is_evidence(house: House, person: int) -> None:
    request = await filed(house, "access", person, wish="everything since June")
    await do(house, service.prove, request, "number", "", STAFF)
    house.seed.clock.advance(DAY)
    await do(house, service.answer, request, "File given at the counter", STAFF)
    known = await found(house, request)
    assert (known.state, known.identity_how, known.ended_at) == ("answered", "number", house.now)
    steps = await house.seed.read(store.steps, house.seed.vault, request)
    assert [(each.act, each.origin) for each in steps] == [
        *(("filed", "staff"), ("identity", "staff"), ("answered", "staff"))
    ]
    assert steps[-1].note == "File given at the counter"
    assert (await house.seed.read(store.words, house.seed.vault, request)).wish == "everything since June"
    assert set(await acts(house, request)) <= set(ACTS)


async def test_a_form_that_is_sent_twice_files_once(house: House, person: int) -> None:
    first = await filed(house, "erase", person)
    with pytest.raises(Refused) as wrong:
        await filed(house, "erase", person)
    assert (wrong.value.key, wrong.value.values) == ("request-there", {"request": first})
    assert await acts(house, first) == ["filed"]


@pytest.mark.parametrize("kind", [each.kind for each in RIGHTS.values() if each.proven])
async def test_nobody_gets_an_answer_before_they_proved_who_they_are(house: House, person: int, kind: str) -> None:
    request = await filed(house, kind, person)
    assert await refused(house, service.answer, request, "Done", STAFF) == "request-identity"
    await do(house, service.prove, request, "receipt", "", STAFF)
    await do(house, service.answer, request, "Done", STAFF)


@pytest.mark.parametrize("kind", [each.kind for each in RIGHTS.values() if not each.proven])
async def test_a_restriction_is_not_called_done_before_it_stands(house: House, person: int, kind: str) -> None:
    request = await filed(house, kind, person)
    assert await refused(house, service.answer, request, "Done", STAFF) == "request-undone"
    await do(house, service.restrict, request, STAFF)
    await do(house, service.answer, request, "Done", STAFF)
    assert await acts(house, request) == ["filed", await mark_of(kind), "answered"]


async def mark_of(kind: str) -> str:
    return service.EFFECTS[RIGHTS[kind].effect]


async def test_what_is_over_stays_as_it_is_but_for_further_notes(house: House, person: int) -> None:
    request = await filed(house, "restrict", person)
    await do(house, service.refuse, request, "we need it for the court", STAFF)
    for unit, args in (
        (service.answer, ("yes", STAFF)),
        (service.refuse, ("no", STAFF)),
        (service.withdraw, ("no", STAFF)),
        (service.prove, ("number", "", STAFF)),
        (service.restrict, (STAFF,)),
    ):
        assert await refused(house, unit, request, *args) == "request-over"
    await do(house, service.note, request, "posted today", STAFF)
    assert await acts(house, request) == ["filed", "refused", "note"]


@pytest.mark.parametrize("kind", ["object", "withdraw"])
async def test_that_marketing_stops_is_not_refused_to_anybody(house: House, person: int, kind: str) -> None:
    request = await filed(house, kind, person)
    assert await refused(house, service.refuse, request, "we like to write", STAFF) == "request-absolute"
    nobody = await filed(house, kind)
    await do(house, service.refuse, nobody, "we do not know who this is", STAFF)


async def test_who_is_restricted_gets_no_message_and_who_objects_no_marketing(house: House, person: int) -> None:
    async def may() -> tuple[bool, bool]:
        read = house.seed.read
        return (
            await read(service.may_write_to, person, marketing=False),
            await read(service.may_write_to, person, marketing=True),
        )

    assert await may() == (True, True)
    objects = await do(house, service.restrict, await filed(house, "object", person), STAFF)
    assert await may() == (True, False)
    asked = await filed(house, "restrict", person, wish="until the case is over")
    stands = await do(house, service.restrict, asked, STAFF)
    assert stands.reason == "until the case is over"
    assert await may() == (False, False)
    await do(house, service.lift, asked, stands.id, "the case is over", STAFF)
    assert await may() == (True, False)
    await do(house, service.lift, objects.request_id, objects.id, "wants news", STAFF)
    assert await may() == (True, True)
    assert await refused(house, service.lift, asked, stands.id, "again", STAFF) == "request-lifted"
    assert await acts(house, asked) == ["filed", "restricted", "lifted"]
    again = await do(house, service.restrict, await filed(house, "restrict", person, key="c"), STAFF)
    assert await refused(house, service.lift, asked, again.id, "another's", STAFF) == "not-found"


async def test_a_second_request_does_not_take_the_first_ones_restriction(house: House, person: int) -> None:
    first, second = await filed(house, "restrict", person), await filed(house, "restrict", person, key="b")
    made = await do(house, service.restrict, first, STAFF)
    assert (await do(house, service.restrict, first, STAFF)).id == made.id  # tapped twice
    assert await acts(house, first) == ["filed", "restricted"]
    assert await refused(house, service.restrict, second, STAFF) == "request-stands"


async def test_a_corrected_number_finds_the_person_and_the_old_one_is_in_the_evidence_alone(
    house: House, person: int
) -> None:
    seed = house.seed
    request = await filed(house, "rectify", person)
    args = (house.tenant.id, request)
    assert await refused(house, service.rectify, *args, OTHER, STAFF) == "request-identity"
    await do(house, service.prove, request, "receipt", "", STAFF)
    assert await do(house, service.rectify, *args, OTHER, STAFF) == PHONE
    known = await seed.read(people.person, seed.vault, person)
    assert known.phone == OTHER
    assert await seed.write(people.person_for, seed.vault, house.tenant.id, OTHER, house.now) == person
    assert (await seed.read(store.steps, seed.vault, request))[-1].note == "0712 345 678 → 0722 000 111"
    assert await refused(house, service.rectify, *args, OTHER, STAFF) == "person-same"
    await seed.write(people.person_for, seed.vault, house.tenant.id, PHONE, house.now)  # somebody else by now
    assert await refused(house, service.rectify, *args, PHONE, STAFF) == "person-taken"
    assert (await seed.read(people.person, seed.vault, person)).phone == OTHER


async def test_of_whom_no_number_is_known_none_can_be_corrected(house: House, person: int) -> None:
    request = await filed(house, "rectify", person)
    await do(house, service.prove, request, "receipt", "", STAFF)
    await house.seed.write(people.forget, person, house.now)
    assert await refused(house, service.rectify, house.tenant.id, request, OTHER, STAFF) == "person-gone"
    nobody = await filed(house, "rectify")
    await do(house, service.prove, nobody, "seen", "", STAFF)
    assert await refused(house, service.rectify, house.tenant.id, nobody, OTHER, STAFF) == "request-nobody"


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({"kind": "everything"}, "form"),
        ({"received_at": 1}, "request-received"),
        ({"contact": ""}, "request-whose"),
        ({"wish": "x" * 2_001}, "request-words"),
        ({"wish": "a\x00b"}, "request-words"),
    ],
)
async def test_half_a_request_is_not_filed(house: House, more: dict[str, Any], key: str) -> None:
    fields = {"kind": "access", "received_at": house.now, "contact": "P.O. Box 7", **more}
    ask = Ask(channel="letter", key="a", **fields)
    assert await refused(house, service.file, house.tenant, ask, GUEST) == key
    later = Ask(kind="access", channel="letter", key="a", contact="x", received_at=house.now + HOUR)
    assert await refused(house, service.file, house.tenant, later, GUEST) == "request-received"
    assert await house.seed.read(store.open_page, "", (0, 0), 5) == []


async def test_open_ones_come_due_soonest_first_page_by_page(house: House, person: int) -> None:
    made = [await filed(house, kind, key=f"{n}") for n, kind in enumerate(("portability", "access", "erase"))]
    order = [made[1], made[2], made[0]]
    page = await house.seed.read(store.open_page, "", (0, 0), 2)
    assert [each.id for each in page] == order[:2]
    rest = await house.seed.read(store.open_page, "", (page[-1].due_at, page[-1].id), 2)
    assert [each.id for each in rest] == order[2:]
    assert [each.id for each in await house.seed.read(store.open_page, "erase", (0, 0), 5)] == [made[2]]


async def test_another_isp_has_none_of_it(house: House, person: int) -> None:
    request = await filed(house, "restrict", person)
    stands = await do(house, service.restrict, request, STAFF)
    there = (await house.another()).id
    for unit, args in (
        (service.answer, (request, "yes", STAFF)),
        (service.restrict, (request, STAFF)),
        (service.lift, (request, stands.id, "because", STAFF)),
    ):
        with pytest.raises(Refused, match="not-found"):
            await house.seed.db.write(there, unit, house.seed.vault, *args, house.now)
    assert await house.seed.db.read(there, store.open_page, "", (0, 0), 5) == []


async def test_no_word_of_it_stands_open_in_the_database(house: House, person: int) -> None:
    request = await filed(house, "rectify", person, contact="planted.contact@x.test", wish="planted wish")
    await do(house, service.prove, request, "seen", "planted note", STAFF)
    await do(house, service.rectify, house.tenant.id, request, OTHER, STAFF)
    await do(house, service.answer, request, "planted answer", STAFF)
    asked = await filed(house, "restrict", person, wish="planted wish", key="the control")
    await do(house, service.restrict, asked, STAFF)
    whole = on_disk(house.seed.db.place)
    assert b"the control" in whole
    for planted in (b"planted", b"722000111", b"722 000", b"712345678"):
        assert planted not in whole


async def test_words_of_one_request_do_not_open_in_another(house: House, person: int) -> None:
    one, other = await filed(house, "access", person, wish="mine"), await filed(house, "erase", person, wish="yours")
    row = house.planted.one("rights_requests", one)
    assert row is not None
    await house.seed.write(update, "rights_requests", other, wish_sealed=row["wish_sealed"])
    with pytest.raises(Exception, match="does not open"):
        await house.seed.read(store.words, house.seed.vault, other)


@pytest.mark.parametrize("kind", list(RIGHTS))
async def test_each_refusal_says_where_to_complain(house: House, person: int, kind: str) -> None:
    known = await found(house, await filed(house, kind, person))
    text = letters.refusal(house.tenant, known, "28 Nov 2026", "we need it for the court")
    assert REGULATOR_URL in text
    assert "we need it for the court" in text
    assert "their" not in text
    assert house.tenant.name in text


def test_no_proof_is_a_copy_of_an_identity_card() -> None:
    assert not any("card" in each or "passport" in each for each in PROOFS.values())
