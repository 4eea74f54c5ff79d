"""An imported code on the pages of a guest: typed, taken, shown again on another phone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.imports.taking import again, table, take
from tests.pages.cards import OTHER, shows, words_of
from tests.pages.house import House, house


@pytest.fixture
async def h(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path, plans=True) as made:
        await take(made.home, table(made.home, "plan,price,time,code\n1 day,50,1d,Ab12Cd34\n"))
        await made.catalog.refresh()
        yield made


async def test_a_guest_types_the_code_of_an_old_card_and_is_let_in(h: House) -> None:
    answer = await shows(h, await h.enter(), "ab12cd34")

    assert answer.status_code == 303
    assert "Your voucher is accepted" in words_of(await h.http.get(answer.headers["location"]))


async def test_a_second_phone_may_take_its_place_and_sees_which_code_that_is(h: House) -> None:
    await shows(h, await h.enter(), "Ab12Cd34")
    first = await h.enter(mac=OTHER)

    asked = await shows(h, first, "Ab12Cd34")
    moved = await shows(h, first, "AB12CD34", move="1")

    assert (asked.status_code, moved.status_code) == (409, 303)
    assert "AB12CD34" in asked.text


async def test_a_wrong_old_code_is_refused_like_any_other(h: House) -> None:
    answer = await shows(h, await h.enter(), "Ab12Cd35")
    short = await shows(h, await h.enter(), "Ab12")

    assert (answer.status_code, short.status_code) == (404, 422)
    assert "Ab12Cd35" in answer.text  # what was typed is still there


async def test_a_phone_over_mobile_data_finds_no_old_code(h: House) -> None:
    await again(h.home)

    assert (await h.http.get("/V/AB12CD34")).status_code == 422
