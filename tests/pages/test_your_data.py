"""Your data: whoever proves a number sees what was asked about it and asks for more; a stranger learns nothing."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import httpx
import pytest

from portal.clock import HOUR, MINUTE
from portal.people import store as people
from portal.phone import Phone
from portal.privacy.rights import service, store
from portal.privacy.rights.clocks import REGULATOR_URL, RIGHTS
from portal.privacy.rights.service import By
from portal.privacy.rights.store import Request
from portal.tenancy import store as tenancy
from tests.console import guests
from tests.pages.house import House, hidden, house

RECEIPT, PHONE, OTHER = "TKM4X7Y2ZQ", "0712 345 678", Phone("254722000111")


@pytest.fixture
async def h(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path) as made:
        device = await guests.device(made.home)
        await guests.paid(made.home, device, receipt=RECEIPT)
        await guests.paid(made.home, device, OTHER, receipt="TKM4X7Y2ZR")
        yield made


def first(h: House) -> str:
    return f"/data/{h.home.tenant.public}/"


async def proves(h: House, text: str = RECEIPT, phone: str = PHONE) -> httpx.Response:
    return await h.http.post(f"{first(h)}receipt", data={"text": text, "phone": phone})


async def opened(h: House) -> str:
    """The address of one's own page."""
    answer = await proves(h)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def asks(h: House, mine: str, kind: str, wish: str = "", status: int = 303) -> httpx.Response:
    click = hidden((await h.http.get(mine)).text)["click"]
    answer = await h.http.post(f"{mine}ask", data={"click": click, "kind": kind, "wish": wish})
    assert answer.status_code == status, answer.text
    return answer


async def filed(h: House) -> list[Request]:
    person = await h.home.write(
        people.person_for, h.home.vault, h.home.tenant.id, Phone("254712345678"), h.home.clock.now()
    )
    found: list[Request] = await h.home.read(store.requests_of, [person], None, 50)
    return found


async def guesses(h: House) -> int:
    return (await h.counts())["guesses"]


async def test_a_receipt_and_its_number_open_ones_own_page_and_a_request_is_filed(h: House) -> None:
    mine = await opened(h)
    assert await guesses(h) == 0
    await asks(h, mine, "access", "all since June")
    page = unescape((await h.http.get(mine)).text)
    assert "See my data" in page
    assert "to be answered by" in page
    assert "07xx xxx 678" in page
    (request,) = await filed(h)
    assert (request.kind, request.channel, request.identity_how, request.state) == (
        *("access", "portal", "receipt", "open"),
    )
    assert (await h.home.read(store.words, h.home.vault, request.id)).wish == "all since June"
    steps = await h.home.read(store.steps, h.home.vault, request.id)
    assert [(each.act, each.origin) for each in steps] == [("filed", "guest"), ("identity", "guest")]


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("TKM4X7Y2ZZ", PHONE),  # no such receipt
        (RECEIPT, "0722 000 111"),  # another guest's number
        (RECEIPT, "0799 999 999"),  # nobody's number
        ("TKM4X7Y2ZR", PHONE),  # another guest's receipt
    ],
)
async def test_whatever_does_not_fit_is_answered_alike(h: House, text: str, phone: str) -> None:
    wrong = await proves(h, text, phone)
    plain = await proves(h, "TKM9X9Y9ZZ", "0733 333 333")
    assert wrong.status_code == plain.status_code == 422
    assert _bare(wrong.text, text, phone) == _bare(plain.text, "TKM9X9Y9ZZ", "0733 333 333")
    assert await guesses(h) == 4  # two tries, each counted for its source and for the ISP


def _bare(page: str, text: str, phone: str) -> str:
    """The page without what was typed."""
    return page.replace(f">{text}</textarea>", "").replace(f'value="{phone}"', "")


async def test_it_is_one_statement_that_looks_for_receipt_and_number_together(h: House) -> None:
    """So the time of an answer does not tell which of the two was wrong."""
    steps = []
    for number in (RECEIPT, "TKM4X7Y2ZZ"):
        unit = store.payer_with(number, b"nobody")
        steps.append([next(unit).text])  # type: ignore[union-attr]
        with pytest.raises(StopIteration):
            unit.send([])
    assert steps[0] == steps[1]


async def test_guesses_are_counted_and_a_good_receipt_is_refused_while_too_many_were_wrong(h: House) -> None:
    for n in range(60):
        assert (await proves(h, f"TKM4X7Y{n:03d}")).status_code == 422
    slow = await proves(h)
    assert slow.status_code == 429
    h.home.clock.advance(HOUR)
    assert (await proves(h)).status_code == 303


async def test_many_good_proofs_are_no_guesses(h: House) -> None:
    for _ in range(65):
        await opened(h)
    assert await guesses(h) == 0


@pytest.mark.parametrize(
    ("text", "phone"), [("", PHONE), ("hello", PHONE), (RECEIPT, ""), (RECEIPT, "12"), ("x" * 2000, PHONE)]
)
async def test_what_is_typed_badly_is_said_beside_it_and_stays(h: House, text: str, phone: str) -> None:
    answer = await proves(h, text, phone)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert f'value="{phone}"' in answer.text
    assert await guesses(h) == 0


async def test_a_page_closes_after_half_an_hour_and_its_token_holds_for_its_isp_alone(h: House) -> None:
    mine = await opened(h)
    there = await h.home.db.write(None, tenancy.add_tenant, "Next Door", h.home.clock.now())
    await h.catalog.refresh()
    public, sealed = mine.split("/")[2].split(".")
    for token in (f"{there.public}.{sealed}", f"{public}.{sealed[:-4]}AAAA", f"{public}.x", "x"):
        assert (await h.http.get(f"/d/{token}/")).status_code == 404
    assert (await h.http.post(f"/d/{there.public}.{sealed}/ask", data={"kind": "erase"})).status_code == 404
    h.home.clock.advance(28 * MINUTE)
    assert (await h.http.get(mine)).status_code == 200
    h.home.clock.advance(2 * MINUTE)
    assert (await h.http.get(mine)).status_code == 410
    assert (await h.http.post(f"{mine}ask", data={"kind": "erase"})).status_code == 410
    assert await filed(h) == []


async def test_changing_the_language_gives_no_further_half_hour(h: House) -> None:
    mine = await opened(h)
    h.home.clock.advance(20 * MINUTE)
    swahili = (await h.http.get(mine, params={"lang": "sw"})).headers["location"]
    assert "Taarifa zako" in (await h.http.get(swahili)).text
    h.home.clock.advance(10 * MINUTE)
    assert (await h.http.get(swahili)).status_code == 410


async def test_an_address_says_nothing_of_the_number(h: House) -> None:
    mine = await opened(h)
    assert not re.search(r"7123|345678|678", mine.partition(".")[0])
    assert len(mine) < 300
    assert {route for _, route, _ in h.seen} >= {"/data/{isp}/receipt"}


async def test_marketing_stops_at_once_and_asking_again_says_so(h: House) -> None:
    mine = await opened(h)
    await asks(h, mine, "object")
    (request,) = await filed(h)
    assert request.state == "answered"
    assert request.person_id is not None
    assert not await h.home.read(service.may_write_to, request.person_id, marketing=True)
    assert await h.home.read(service.may_write_to, request.person_id, marketing=False)
    assert "No marketing goes to you" in (await h.http.get(mine)).text
    again = await asks(h, mine, "withdraw", status=422)
    assert "This is so already" in again.text
    assert len(await filed(h)) == 1


async def test_the_same_is_not_asked_twice_while_it_is_open(h: House) -> None:
    mine = await opened(h)
    await asks(h, mine, "erase")
    again = await asks(h, mine, "erase", "once more, please", status=422)
    assert "asked for this already" in again.text
    assert "once more, please" in again.text
    assert len(await filed(h)) == 1


async def test_a_form_that_is_sent_twice_files_once(h: House) -> None:
    mine = await opened(h)
    click = hidden((await h.http.get(mine)).text)["click"]
    data = {"click": click, "kind": "object", "wish": ""}
    answers = [await h.http.post(f"{mine}ask", data=data) for _ in range(2)]
    assert [each.status_code for each in answers] == [303, 422]
    assert len(await filed(h)) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "everything"},
        {"kind": ""},
        {"click": "x"},
        {"click": "é" * 32},
        {"wish": "a\u202eb"},
        {"wish": "x" * 2001},
    ],
)
async def test_half_a_request_is_refused_and_nothing_is_kept(h: House, fields: dict[str, str]) -> None:
    mine = await opened(h)
    click = hidden((await h.http.get(mine)).text)["click"]
    answer = await h.http.post(f"{mine}ask", data={"click": click, "kind": "erase", "wish": "", **fields})
    assert answer.status_code == 422
    assert await filed(h) == []


async def test_a_form_of_another_site_is_refused(h: House) -> None:
    mine = await opened(h)
    click = hidden((await h.http.get(mine)).text)["click"]
    headers = {"Origin": "https://evil.test", "Sec-Fetch-Site": "cross-site"}
    for path, data in ((f"{mine}ask", {"click": click, "kind": "erase"}), (f"{first(h)}receipt", {"text": RECEIPT})):
        assert (await h.http.post(path, data=data, headers=headers)).status_code == 403
    assert await filed(h) == []


async def test_a_refusal_is_shown_with_its_reason_and_where_to_complain(h: House) -> None:
    mine = await opened(h)
    await asks(h, mine, "erase")
    (request,) = await filed(h)
    await h.home.write(
        service.refuse, h.home.vault, request.id, "A court <b>wants</b> it kept.", By(), h.home.clock.now()
    )
    page = (await h.http.get(mine)).text
    assert "A court &lt;b&gt;wants&lt;/b&gt; it kept." in page
    assert REGULATOR_URL in page


@pytest.mark.parametrize("lang", ["en", "sw"])
async def test_both_pages_speak_both_languages_and_name_the_regulator(h: House, lang: str) -> None:
    start = await h.http.get(first(h), params={"lang": lang})
    assert start.status_code == 200
    assert f'lang="{lang}"' in start.text
    answer = await h.http.post(f"{first(h)}receipt?lang={lang}", data={"text": RECEIPT, "phone": PHONE})
    page = (await h.http.get(answer.headers["location"])).text
    for each in (start.text, page):
        assert f'<html lang="{lang}">' in each
        assert REGULATOR_URL in each
    assert page.count("<option") == len(RIGHTS)


async def test_a_person_who_was_erased_has_no_page_any_more(h: House) -> None:
    mine = await opened(h)
    person = await h.home.write(
        people.person_for, h.home.vault, h.home.tenant.id, Phone("254712345678"), h.home.clock.now()
    )
    await h.home.write(people.forget, person, h.home.clock.now())
    assert (await h.http.get(mine)).status_code == 410
    assert (await proves(h)).status_code == 422


async def test_receipt_and_status_page_lead_there(h: House) -> None:
    waiting = await h.pay(await h.enter())
    await (await h.prompt()).approve()
    await h.reaches(waiting, "router-offline")
    receipt = (await h.http.get(waiting.replace("/?", "/receipt?"))).text
    assert f'href="{first(h)}?lang=en"' in receipt
    status = await h.http.get(waiting.replace("/?", "/status?"), follow_redirects=True)
    assert f'href="{first(h)}?lang=en"' in status.text


async def test_nobody_is_at_the_address_of_no_isp(h: House) -> None:
    assert (await h.http.get("/data/nobody/")).status_code == 404
    assert (await h.http.get(f"/data/{'x' * 5000}/")).status_code in (404, 414)
    assert (await h.http.get(f"/data/{h.home.tenant.public}")).status_code == 303
