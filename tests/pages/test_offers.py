"""Offers: asked apart from buying, by an empty box on the page of a receipt, and taken back there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from portal.privacy.consent import service, store
from portal.privacy.notices import store as notices
from portal.settings import SANDBOX_CONTACT
from portal.units import value
from tests.pages.house import House, house


async def ask(h: House, on: bool = True) -> None:
    await h.home.write(service.ask_guests, h.home.tenant, SANDBOX_CONTACT, on, "staff:x", h.home.clock.now())


async def bought(h: House) -> str:
    """A paid purchase; the address of its pages."""
    address = await h.pay(await h.enter())
    await (await h.prompt()).approve()
    await h.contact()
    await h.reaches(address, "not-seen", "connecting", "router-offline", "online")
    return address.partition("?")[0]


async def person(h: House) -> int:
    return int(await h.home.read(value, "SELECT MAX(id) FROM persons WHERE tenant_id = :tenant"))


async def agrees(h: House) -> bool:
    return await h.home.read(service.may_send, await person(h), "offers") is not None


async def text_of(h: House, lang: str = "en") -> str:
    return str((await h.home.read(notices.latest, "offers"))[lang].id)


async def test_where_the_isp_asks_for_nothing_there_is_nothing_to_agree_to(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        there = await bought(h)
        assert "offers" not in (await h.http.get(f"{there}receipt")).text
        assert (await h.http.get(f"{there}offers")).status_code == 404
        assert (await h.http.post(f"{there}offers", data={"agree": "1", "text": "1"})).status_code == 404
        assert not await agrees(h)


async def test_buying_asks_for_no_consent_and_gives_none(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await ask(h)
        page = await h.order(await h.enter())
        assert "checkbox" not in page.text
        await bought(h)
        assert not await agrees(h)


async def test_the_box_is_empty_and_a_tick_is_kept_with_its_text(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await ask(h)
        there = await bought(h)
        receipt = (await h.http.get(f"{there}receipt?lang=sw")).text
        assert 'href="offers?lang=sw"' in receipt
        page = (await h.http.get(f"{there}offers?lang=sw")).text
        box = re.findall(r"<input type=\"checkbox\"[^>]*>", page)
        assert len(box) == 1
        assert "checked" not in box[0]
        assert "<script" not in page

        text = await text_of(h, "sw")
        answer = await h.http.post(f"{there}offers?lang=sw", data={"agree": "1", "text": text})
        assert (answer.status_code, answer.headers["location"]) == (303, "receipt?lang=sw")
        (row,) = await h.home.read(store.all_of, await person(h))
        assert (row.language, str(row.version_id), row.channel, row.actor) == ("sw", text, "purchase", "guest")


async def test_it_is_taken_back_on_the_same_page_also_when_nobody_is_asked_any_more(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await ask(h)
        there = await bought(h)
        await h.http.post(f"{there}offers", data={"agree": "1", "text": await text_of(h)})
        assert await agrees(h)
        await ask(h, on=False)
        assert "Stop it" in (await h.http.get(f"{there}receipt")).text
        assert "No more offers" in (await h.http.get(f"{there}offers")).text
        assert (await h.http.post(f"{there}offers", data={"back": "1"})).status_code == 303
        assert not await agrees(h)
        assert len(await h.home.read(store.all_of, await person(h))) == 2
        assert "offers" not in (await h.http.get(f"{there}receipt")).text


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 422),
        ({"text": "TEXT"}, 422),
        ({"agree": "yes", "text": "TEXT"}, 422),
        ({"agree": "1", "text": "999"}, 422),
        ({"agree": "1", "text": "x"}, 400),
        ({"agree": "1", "text": "9" * 40}, 400),
        ({"agree": "1"}, 400),
    ],
)
async def test_what_is_no_tick_under_this_text_agrees_to_nothing(
    tmp_path: Path, fields: dict[str, str], status: int
) -> None:
    async with house(tmp_path) as h:
        await ask(h)
        there = await bought(h)
        data = {name: text.replace("TEXT", await text_of(h)) for name, text in fields.items()}
        answer = await h.http.post(f"{there}offers", data=data)
        assert answer.status_code == status
        assert not await agrees(h)


async def test_another_site_can_make_nobody_agree(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await ask(h)
        there = await bought(h)
        data = {"agree": "1", "text": await text_of(h)}
        answer = await h.http.post(f"{there}offers", data=data, headers={"origin": "https://evil.test"})
        assert answer.status_code == 403
        assert not await agrees(h)


async def test_what_is_not_paid_yet_proves_nobody(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await ask(h)
        there = (await h.pay(await h.enter())).partition("?")[0]
        assert (await h.http.get(f"{there}offers")).status_code == 404
        answer = await h.http.post(f"{there}offers", data={"agree": "1", "text": await text_of(h)})
        assert answer.status_code == 404
        assert not await agrees(h)


async def test_the_text_can_be_read_by_anybody_once_guests_are_asked(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        address = f"/n/{h.home.tenant.public}/offers/"
        assert (await h.http.get(address)).status_code == 404
        await ask(h)
        assert "may send me its own offers by SMS" in (await h.http.get(f"{address}?lang=en")).text
