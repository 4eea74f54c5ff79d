"""What every page must be: small, whole in one answer, guarded by its headers, silent in the log."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import httpx
import pytest

from tests.pages.house import ORIG, House, house
from tests.vouchers.cards import print_cards

BUDGET = 14 * 1024
OWN_LINKS = re.compile(r'(?:href|src|action|content)="([^"]*)"')


async def every_page(h: House) -> dict[str, httpx.Response]:
    """Each page of the road, as a guest gets it."""
    first = await h.enter()
    swahili = (await h.http.get(first + "?lang=sw")).headers["location"]
    found = {
        "home": await h.http.get(first),
        "sw": await h.http.get(swahili),
        "claim": await h.http.get(first + "claim"),
    }
    found["confirm"] = await h.order(first)
    found["mend"] = await h.order(first, "0712")
    found["lost"] = await h.http.get("/nowhere")
    found["old"] = await h.http.get("/w/a.b/")
    found["method"] = await h.http.put(first)
    waiting = await h.pay(first)
    found["prompt"] = await h.http.get(waiting)
    found["checking"] = await h.http.get(await h.enter())
    await (await h.prompt()).approve()
    await h.reaches(waiting, "router-offline")
    found["offline"] = await h.http.get(waiting)
    await h.goes_online()
    found["online"] = await h.http.get(waiting)
    path, _, query = waiting.partition("?")
    found["status"] = await h.http.get(f"{path}status?{query}", follow_redirects=True)
    found["here"] = await h.http.get(first)
    return found | await voucher_pages(h)


async def voucher_pages(h: House) -> dict[str, httpx.Response]:
    """Each page of a guest with a card."""
    code, used = await print_cards(h.home, 2)
    first = await h.enter(mac="02:AB:CD:00:00:51")
    found = {
        "voucher": await h.http.get(first + "voucher"),
        "typo": await h.http.post(first + "voucher", data={"code": "7KQ9"}),
        "bare": await h.http.get("/"),
        "scanned": await h.http.get(f"/V/{code}?once=1"),
        "offer": await h.http.get(await h.enter(mac="02:AB:CD:00:00:52", link_orig=f"{h.url}/V/{code}")),
    }
    done = await h.http.post(first + "voucher", data={"code": used})
    found["redeemed"] = await h.http.get(done.headers["location"])
    other = await h.enter(mac="02:AB:CD:00:00:53")
    return found | {"move": await h.http.post(other + "voucher", data={"code": used})}


@pytest.fixture
async def pages(tmp_path: Path) -> dict[str, httpx.Response]:
    async with house(tmp_path, plans=True) as h:
        return await every_page(h)


async def test_every_page_fits_into_the_first_flight(pages: dict[str, httpx.Response]) -> None:
    sizes = {name: len(gzip.compress(page.content, 6)) for name, page in pages.items()}

    assert all(page.headers["content-encoding"] == "gzip" for page in pages.values())
    assert max(sizes.values()) <= BUDGET, sizes


async def test_no_page_names_a_third_party(pages: dict[str, httpx.Response]) -> None:
    allowed = (ORIG.replace("&", "&amp;"), "1;url=" + ORIG.replace("&", "&amp;"))
    for name, page in pages.items():
        for target in OWN_LINKS.findall(page.text):
            at_the_router = target.startswith("http://login.wifi.test/login")
            assert "//" not in target or target in allowed or at_the_router, (name, target)
        assert "url(" not in page.text
        assert "@import" not in page.text
        assert not re.search(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=\"(?!data:,)", page.text)


async def test_every_answer_carries_the_guards(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        first = await h.enter()
        answers = [
            await h.http.get(f"/e/{h.router.public}", params=h.claims()),
            await h.http.get(first),
            await h.http.get(first + "state"),
            await h.http.get(first[:-1]),
            await h.http.get("/nowhere"),
            await h.http.put(first),
            await h.http.post(first + "pay", content=b"a" * 20_000),
            await h.http.post("/hook/nonsense"),
        ]
        await h.home.db.aclose()
        answers.append(await h.http.get(first))  # broken on our side

        assert answers[-1].status_code == 500
        assert "Our fault" in answers[-1].text
        for answer in answers:
            policy = answer.headers["content-security-policy"]
            assert "unsafe" not in policy
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert answer.headers["strict-transport-security"].startswith("max-age=")
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert "set-cookie" not in answer.headers


async def test_the_access_log_knows_templates_only(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        first = await h.enter()
        await h.http.get(first)
        await h.http.get("/nowhere")
        await h.pay(first)

        assert {route for _, route, _ in h.seen} <= {
            "/e/{router}",
            "/w/{token}/",
            "-",
            "/w/{token}/pay",
            "/hook/{token}",
        }


async def test_the_plans_follow_the_tenants_version(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        first = await h.enter()
        before = await h.http.get(first)
        same = await h.http.get(await h.enter(mac="02:AB:CD:00:00:42"))
        await h.home.plan_of(name="Night owl")
        await h.catalog_again()
        after = await h.http.get(first)

        assert before.content == same.content
        assert "Night owl" not in before.text
        assert "Night owl" in after.text


async def test_a_client_without_gzip_gets_plain_text(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        answer = await h.http.get(await h.enter(), headers={"accept-encoding": "identity"})

        assert "content-encoding" not in answer.headers
        assert answer.text.startswith("<!doctype html>")
