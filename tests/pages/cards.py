"""What a guest with a card does, as requests."""

from __future__ import annotations

import html
import re
from typing import Any

import httpx

from portal.vouchers import store
from portal.vouchers.batches import code_index
from tests.pages.house import House
from tests.vouchers.cards import print_cards

OTHER = "02:AB:CD:00:00:02"


def words_of(answer: httpx.Response) -> str:
    """What a guest reads."""
    main = answer.text.partition("<main>")[2].partition("</main>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main)).split()).replace("\u00a0", " ")


async def card(h: House, **plan: Any) -> str:
    """A fresh code."""
    return (await print_cards(h.home, 1, await h.home.plan_of(**plan)))[0]


async def shows(h: House, first: str, code: str, **more: str) -> httpx.Response:
    return await h.http.post(first + "voucher", data={"code": code, **more})


async def redeems(h: House, code: str, **arrival: str) -> str:
    """Type the code as this device; the address of the status page."""
    answer = await shows(h, await h.enter(**arrival), code)
    assert answer.status_code == 303, words_of(answer)
    return answer.headers["location"]


async def scans(h: House, code: str, **arrival: str) -> str:
    """Arrive as somebody whom the router's login page sent here with the voucher's address."""
    return await h.enter(link_orig=f"{h.url}/V/{code}", **arrival)


async def voucher_state(h: House, code: str) -> str:
    found = await h.home.read(store.with_batch, code_index(h.home.vault, code))
    return str(found[0].state)


async def spent_nothing(h: House, code: str) -> None:
    assert await voucher_state(h, code) == "printed"
    assert (await h.counts())["passes"] == 0
