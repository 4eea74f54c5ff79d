"""What the operator tells: a banner for each member of staff until that person has read it, once, with a row."""

from __future__ import annotations

import hashlib
from html import unescape

import pytest

from portal.clock import MINUTE
from portal.errors import Refused
from portal.privacy.bulletins import service, store
from portal.privacy.bulletins.store import Bulletin
from portal.units import rows
from tests.console.office import Office

BANNER = "From the operator:"
PAGE = "/account/notices"


async def tell(o: Office, title: str = "New <terms>", text: str = "They say\nmore.\n\nFrom May on.") -> Bulletin:
    made: Bulletin = await o.home.db.write(None, service.publish, title, text, "command", o.home.clock.now())
    o.home.clock.advance(2 * MINUTE)
    return made


async def reads(o: Office) -> list[tuple[int, int]]:
    found = await o.home.read(rows, "SELECT staff_id, bulletin_id FROM bulletin_reads WHERE tenant_id = :tenant")
    return [(row["staff_id"], row["bulletin_id"]) for row in found]


async def test_each_member_of_staff_sees_it_until_they_have_read_it(o: Office) -> None:
    owner, cashier = await o.of("owner"), await o.of("cashier")
    assert BANNER not in await owner.get("/")
    made = await tell(o)
    for who, page in ((owner, "/"), (cashier, "/payments")):
        assert BANNER in await who.get(page)
    await owner.post(PAGE, bulletin=str(made.id))

    assert BANNER not in await owner.get("/")
    assert BANNER not in await owner.get("/payments")
    assert BANNER in await cashier.get("/payments")
    assert await reads(o) == [(owner.staff_id, made.id)]
    last = (await o.acts())[-1]
    assert (last["act"], last["subject"]) == ("bulletin.read", f"bulletin:{made.id}")
    assert await o.verified()


async def test_saying_it_twice_is_one_row(o: Office) -> None:
    who, made = await o.of("owner"), await tell(o)
    for _ in range(2):
        await who.post(PAGE, bulletin=str(made.id))
    assert len(await reads(o)) == 1


async def test_a_second_one_is_shown_again_and_the_oldest_first(o: Office) -> None:
    who, first = await o.of("owner"), await tell(o, "First")
    second = await tell(o, "Second")
    assert ">First</a>" in await who.get("/")
    await who.post(PAGE, bulletin=str(first.id))
    assert ">Second</a>" in await who.get("/")
    await who.post(PAGE, bulletin=str(second.id))
    assert BANNER not in await who.get("/")
    third = await tell(o, "Third")
    assert ">Third</a>" in await who.get("/")
    assert third.id > second.id


async def test_the_page_shows_the_text_with_the_hash_of_it(o: Office) -> None:
    who, made = await o.of("agent"), await tell(o)
    page = unescape(await who.get(PAGE))
    text = "New <terms>\n\nThey say more.\n\nFrom May on.\n"
    assert made.digest == hashlib.sha256(text.encode()).hexdigest()
    for part in (made.digest, "<p>They say more.</p>", "<p>From May on.</p>"):
        assert part in page
    assert "&lt;terms&gt;" in await who.get(PAGE)


@pytest.mark.parametrize("bulletin", ["0", "999", "x", "", "9" * 30])
async def test_one_that_there_is_not_cannot_be_read(o: Office, bulletin: str) -> None:
    who = await o.of("owner")
    answer = await who.http.post(f"/console{PAGE}", data={"csrf": await who.token(), "bulletin": bulletin})
    assert answer.status_code in (400, 404)
    assert await reads(o) == []


@pytest.mark.parametrize(("title", "text"), [("", "x"), ("x" * 121, "x"), ("x", " \n"), ("x", "y" * 6001)])
async def test_an_empty_or_endless_one_is_refused(o: Office, title: str, text: str) -> None:
    with pytest.raises(Refused):
        await tell(o, title, text)
    assert await o.home.db.read(None, store.listed, 9) == []


async def test_whoever_comes_later_is_not_shown_what_is_from_before_their_time(o: Office) -> None:
    await tell(o)
    who = await o.of("owner")
    assert BANNER not in await who.get("/")
    assert "New &lt;terms&gt;" in await who.get(PAGE)
