"""A code by SMS proves a number; whoever does not hold the phone learns nothing, not even whether it is known."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from portal.clock import HOUR, MINUTE
from portal.phone import Phone
from sandbox.messages import Gateway
from tests.console import guests
from tests.pages.house import House, house

KNOWN, OTHER, UNKNOWN = "0712 345 678", "0722 000 111", "0733 333 333"
CODE = re.compile(r"[0-9]{8}")


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    made = await Gateway().open()
    yield made
    await made.aclose()


@pytest.fixture
async def h(tmp_path: Path, gateway: Gateway) -> AsyncIterator[House]:
    async with house(tmp_path, BANDO_MESSAGES_SANDBOX=gateway.url) as made:
        await guests.paid(made.home, await guests.device(made.home))
        await guests.paid(made.home, await guests.device(made.home), Phone("254722000111"), receipt="TKM4X7Y2ZR")
        yield made


def first(h: House) -> str:
    return f"/data/{h.home.tenant.public}/"


async def wants(h: House, number: str = KNOWN, **query: str) -> httpx.Response:
    return await h.http.post(f"{first(h)}code", params=query, data={"number": number})


async def code(h: House, gateway: Gateway, number: str = KNOWN) -> str:
    """The code that came to this phone, last."""
    assert (await wants(h, number)).status_code == 200
    room = h.services.messages
    assert room is not None
    await room.run_once()  # type: ignore[attr-defined] # the pages know less of the room than there is
    found = CODE.search(gateway.of(f"254{number.replace(' ', '')[1:]}")[-1].text)
    assert found is not None
    return found[0]


async def check(h: House, typed: str, number: str = KNOWN) -> httpx.Response:
    return await h.http.post(f"{first(h)}check", data={"number": number, "code": typed})


async def test_the_code_that_comes_opens_the_page_once(h: House, gateway: Gateway) -> None:
    typed = await code(h, gateway)
    opened = await check(h, f" {typed[:4]} {typed[4:]} ")
    assert opened.status_code == 303
    assert "07xx xxx 678" in (await h.http.get(opened.headers["location"])).text
    again = await check(h, typed)
    assert again.status_code == 422
    assert "older than 10 minutes" in again.text


async def test_a_known_and_an_unknown_number_are_answered_alike_and_only_the_known_gets_a_code(
    h: House, gateway: Gateway
) -> None:
    known, unknown = await wants(h, KNOWN), await wants(h, UNKNOWN)
    assert known.status_code == unknown.status_code == 200
    assert known.text.replace(KNOWN, "") == unknown.text.replace(UNKNOWN, "").replace(KNOWN, "")
    room = h.services.messages
    assert room is not None
    await room.run_once()  # type: ignore[attr-defined] # the pages know less of the room than there is
    assert [each.to for each in gateway.got.values()] == ["254712345678"]
    wrong = [(await check(h, "00000000", number)) for number in (KNOWN, UNKNOWN)]
    assert {each.status_code for each in wrong} == {422}
    assert wrong[0].text.replace(KNOWN, "") == wrong[1].text.replace(UNKNOWN, "").replace(KNOWN, "")


async def test_a_code_is_good_for_its_number_alone(h: House, gateway: Gateway) -> None:
    typed = await code(h, gateway)
    await wants(h, OTHER)
    assert (await check(h, typed, OTHER)).status_code == 422
    assert (await check(h, typed, UNKNOWN)).status_code == 422
    assert (await check(h, typed)).status_code == 303


async def test_a_code_ends_after_ten_minutes(h: House, gateway: Gateway) -> None:
    typed = await code(h, gateway)
    h.home.clock.advance(10 * MINUTE)
    assert (await check(h, typed)).status_code == 422


async def test_a_number_has_five_tries_and_five_codes_an_hour(h: House, gateway: Gateway) -> None:
    typed = await code(h, gateway)
    for _ in range(5):
        assert (await check(h, "00000000")).status_code == 422
    assert (await check(h, typed)).status_code == 429
    for _ in range(4):
        await code(h, gateway)
    assert (await wants(h)).status_code == 429
    assert (await wants(h, OTHER)).status_code == 200
    h.home.clock.advance(HOUR)
    assert (await check(h, await code(h, gateway))).status_code == 303


@pytest.mark.parametrize("number", ["", "12", "x" * 500])
async def test_what_is_no_number_is_said_beside_it(h: House, gateway: Gateway, number: str) -> None:
    answer = await wants(h, number)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert (await check(h, "12345678", number)).status_code == 422
    assert not gateway.got


@pytest.mark.parametrize("typed", ["", "1", "x" * 5000, "\u202e12345678", "１２３４５６７８"])
async def test_what_is_no_code_is_refused(h: House, gateway: Gateway, typed: str) -> None:
    await code(h, gateway)
    assert (await check(h, typed)).status_code in (413, 422)


async def test_the_message_is_in_the_guests_language_and_names_the_isp(h: House, gateway: Gateway) -> None:
    await wants(h, lang="sw")
    room = h.services.messages
    assert room is not None
    await room.run_once()  # type: ignore[attr-defined] # the pages know less of the room than there is
    (sms,) = gateway.got.values()
    assert "namba yako ya siri" in sms.text
    assert h.home.tenant.name in sms.text
    assert len(sms.text) <= 160


async def test_without_a_gateway_no_code_is_offered(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        page = (await h.http.get(first(h))).text
        assert 'action="code' not in page
        assert (await wants(h)).status_code == 404
        assert (await check(h, "12345678")).status_code == 422


async def test_a_code_of_another_isp_opens_nothing_here(h: House, gateway: Gateway) -> None:
    from portal.tenancy import store as tenancy

    typed = await code(h, gateway)
    there = await h.home.db.write(None, tenancy.add_tenant, "Next Door", h.home.clock.now())
    await h.catalog.refresh()
    answer = await h.http.post(f"/data/{there.public}/check", data={"number": KNOWN, "code": typed})
    assert answer.status_code == 422
