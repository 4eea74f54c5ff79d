"""Every way in which a code can be of no use: a clear page, and nothing spent."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest

from portal.access import admission
from portal.access import store as access
from portal.clock import HOUR
from portal.tenancy import store as tenancy
from portal.vouchers import codes, store
from portal.vouchers.batches import code_index
from tests.pages.cards import card, redeems, scans, shows, spent_nothing, words_of
from tests.pages.house import House, house
from tests.vouchers.cards import batch_of, print_cards

BUDGET = 14 * 1024


@pytest.fixture
async def h(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path, plans=True) as made:
        yield made


async def elsewhere(h: House) -> str:
    """A good code of another ISP."""
    other = await h.home.db.write(None, tenancy.add_tenant, "Other", h.home.clock.now())
    code = codes.draw(codes.STYLES["letters-10"])
    plan = h.home.plan
    plan_id = await h.home.db.write(other.id, access.add_plan, plan, h.home.clock.now())
    plan = type(plan)(**{**plan.__dict__, "id": plan_id})
    await h.home.db.write(other.id, batch_of, h.home.vault, other.id, plan, [code], h.home.clock.now())
    await h.catalog.refresh()
    return code


async def of_no_use(h: House) -> dict[str, str]:
    """One code for each reason why a code cannot be used."""
    expired = (await print_cards(h.home, 1, use_by=h.home.clock.now() + HOUR))[0]
    spent = await card(h, span_ms=HOUR)
    await redeems(h, spent, mac="02:AB:CD:00:00:31")
    await h.goes_online("02:AB:CD:00:00:31")
    device = await h.home.read(access.device_by_mac, "02:AB:CD:00:00:31")
    (one,) = await h.home.read(access.queue_of, device.id)
    await h.home.write(admission.end_pass, one.id, "time", h.home.clock.now())
    void = await card(h)
    row, _ = await h.home.read(store.with_batch, code_index(h.home.vault, void))
    now = h.home.clock.now()
    await h.home.write(store.void_range, row.batch_id, 1, 1, "tests", "lost", now, in_use=False)
    h.home.clock.advance(2 * HOUR)
    return {
        "unknown": codes.draw(codes.STYLES["letters-10"]),
        "expired": expired,
        "spent": spent,
        "void": void,
        "other": await elsewhere(h),
    }


async def test_all_codes_of_no_use_read_the_same_byte_for_byte(h: House) -> None:
    found = await of_no_use(h)
    before = await h.counts()
    typed, scanned, openly = {}, {}, {}
    for name, code in found.items():
        typed[name] = await shows(h, await h.enter(), code)
        scanned[name] = await h.http.get(await scans(h, code))
        if name != "other":
            openly[name] = await h.http.get(f"/V/{code}")
        h.home.clock.advance(HOUR)  # so that nobody is slowed
    after = await h.counts()

    for answers in (typed, scanned, openly):
        same = {(each.status_code, each.text.replace(found[name], "CODE")) for name, each in answers.items()}
        assert len(same) == 1
        assert {len(each.content) for each in answers.values()} == {len(answers["unknown"].content)}
        assert same.pop()[0] == 404
    assert "show the card, with its number" in words_of(typed["unknown"])
    assert {name: after[name] for name in ("passes", "devices")} == {
        name: before[name] for name in ("passes", "devices")
    }


STRANGE = {
    "long": "A" * 10_000,
    "cyrillic": "7КQ9М2ХDАВ4",
    "greek": "ΑΒΕΖΗΙΚΜΝΟΡ",
    "digits": "٠١٢٣٤٥٦٧٨٩٠",
    "emoji": "🎟️🎟️🎟️",
    "empty": "",
    "blank": "   ",
    "zero-width": "\u200b\u202e\ufeff",
    "quote": "' OR 1=1 --",
    "script": "<script>alert(1)</script>",
    "path": "a/b/c",
    "format": "{0.__class__}%s%n",
}


@pytest.mark.parametrize("name", STRANGE)
async def test_strange_text_is_a_clear_page_and_spends_nothing(h: House, name: str) -> None:
    code, text = await card(h), STRANGE[name]
    answers = [
        await shows(h, await h.enter(), text),
        await h.http.get(f"/V/{quote(text, safe='')}"),
        await h.http.get(f"/v/{quote(text, safe='/')}"),
        await h.http.post("/V/", data={"code": text}),
        await h.http.get(await scans(h, quote(text[:300], safe=""))),
    ]
    for answer in answers:
        assert answer.status_code in (200, 422)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "<h1>" in answer.text
        assert "<script>alert" not in answer.text
        assert len(gzip.compress(answer.content)) < BUDGET
    await spent_nothing(h, code)


@pytest.mark.parametrize("path", ["/V/%ff%fe", "/V/a%2fb", "/V/7KQ9%20", "/V/" + "%E2%80%AE" * 900])
async def test_a_broken_address_is_a_clear_page(h: House, path: str) -> None:
    answer = await h.http.get(path)

    assert answer.status_code == 422
    assert "This is not quite the code" in words_of(answer)


@pytest.mark.parametrize("path", ["/V/%00", "/V/%0d%0aSet-Cookie:a=b"])
async def test_an_address_with_what_no_text_has_leads_nowhere(h: House, path: str) -> None:
    answer = await h.http.get(path)

    assert answer.status_code == 404
    assert "set-cookie" not in answer.headers
    assert "<h1>" in answer.text


async def test_a_broken_form_is_a_clear_page(h: House) -> None:
    first = await h.enter()
    for body in (b"code=%00", b"code=%ff", b"code=a&code=b", b"code=" + b"A" * 20_000):
        for address in (first + "voucher", "/V/"):
            kind = {"content-type": "application/x-www-form-urlencoded"}
            answer = await h.http.post(address, content=body, headers=kind)
            assert 400 <= answer.status_code < 500
            assert "<h1>" in answer.text


async def test_a_form_of_another_site_spends_nothing(h: House) -> None:
    code = await card(h)
    foreign = {"sec-fetch-site": "cross-site", "origin": "https://evil.test"}
    first = await h.enter()
    typed = await h.http.post(first + "voucher", data={"code": code}, headers=foreign)
    openly = await h.http.post("/V/", data={"code": code}, headers=foreign)

    assert (typed.status_code, openly.status_code) == (403, 403)
    await spent_nothing(h, code)


async def test_a_slowed_device_hears_how_long_and_may_pay(h: House) -> None:
    first = await h.enter()
    answer = await shows(h, first, codes.draw(codes.STYLES["letters-10"]))
    for _ in range(200):
        if answer.status_code == 429:
            break
        answer = await shows(h, first, codes.draw(codes.STYLES["letters-10"]))
    plans = await h.http.get(first + "?buy=1")
    waiting = await h.pay(first)

    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert re.search(r"Wait \d+ (minutes?|hours?)", words_of(answer))
    assert 'href="./?buy=1"' in answer.text
    assert plans.status_code == 200
    assert waiting.startswith("/p/")
