"""Every page of the console in a browser: nobody else is asked for anything, and nothing is kept but two cookies."""

from __future__ import annotations

import pytest
from playwright.async_api import Page

from portal.console.desk import COOKIE, THEME
from sandbox.world import PORTAL_HOST
from tests.console.jobs.furniture import PAGES, filled, furnish
from tests.console.jobs.shop import Shop
from tests.test_links import faults

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

KEPT = """async () => [localStorage.length, sessionStorage.length, (await indexedDB.databases()).length,
  (await caches.keys()).length]"""
PLANTED = """localStorage.setItem('token', 'x'); sessionStorage.setItem('page', 'x');
document.cookie = 'tracker=1; Max-Age=99; Secure'; new Image().src = 'https://tracker.test/pixel.gif'"""


class Watched:
    """What a browser asks for, and what it keeps."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.hosts: set[str] = set()
        page.on("request", lambda request: self.hosts.add(request.url.split("/")[2]))

    async def wrong(self) -> list[str]:
        """What is kept that should not be, or leads elsewhere unsevered."""
        kept = await self.page.evaluate(KEPT)
        cookies = await self.page.context.cookies()
        return [
            *(["something is kept beside cookies"] if any(kept) else []),
            *(f"cookie {each['name']}" for each in cookies if each["name"] not in (COOKIE, THEME)),
            *(f"{each['name']} of {each['domain']}" for each in cookies if each["domain"] != PORTAL_HOST),
            *(f"{each['name']} outlives the browser" for each in cookies if each["name"] == COOKIE and _lasts(each)),
            *faults(await self.page.content()),
        ]


def _lasts(cookie: object) -> bool:
    assert isinstance(cookie, dict)
    return bool(cookie["expires"] != -1)


async def test_no_page_asks_another_host_or_keeps_anything_beside_its_cookies(s: Shop) -> None:
    await furnish(s)
    async with s.sits("desk") as page:
        watched, wrong = Watched(page), {}
        for path in PAGES:
            await page.goto(f"{s.url}{await filled(s, path)}")
            if found := await watched.wrong():
                wrong[path] = found
        await page.goto(f"{s.url}/online")
        await page.go_back()  # pages that were seen are not kept either
        assert await watched.wrong() == []
    assert wrong == {}
    assert watched.hosts == {PORTAL_HOST}


async def test_choosing_the_dark_adds_the_cookie_of_that_and_nothing_else(s: Shop) -> None:
    async with s.sits("desk") as page:
        watched = Watched(page)
        await page.goto(f"{s.url}/online")
        assert {each["name"] for each in await page.context.cookies()} == {COOKIE}
        await page.locator(".menu summary").click()
        await page.get_by_role("button", name="Dark").click()
        await page.wait_for_load_state()
        assert {each["name"] for each in await page.context.cookies()} == {COOKIE, THEME}
        assert await watched.wrong() == []


async def test_each_of_these_would_be_noticed(s: Shop) -> None:
    async with s.opened("desk") as page:
        watched = Watched(page)
        await page.route("**/*", lambda route: route.fulfill(body="<!doctype html><p>x", content_type="text/html"))
        await page.goto(f"https://{PORTAL_HOST}/planted")
        await page.evaluate(PLANTED)
        async with page.expect_request("https://tracker.test/**"):
            await page.evaluate("new Image().src = 'https://tracker.test/second.gif'")
        found = await watched.wrong()
    assert found == ["something is kept beside cookies", "cookie tracker"]
    assert "tracker.test" in watched.hosts
