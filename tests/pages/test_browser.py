"""The guest pages in a real Chromium: accessible, narrow, with script and without, under their own policy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from tests.looking import faults, shape
from tests.pages.house import House, house
from tests.pages.shots import pages

pytestmark = pytest.mark.browser


@pytest.fixture
async def h(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path, plans=True) as made:
        yield made


async def shown(browser: Browser, html: str) -> Page:
    """A page of ours at rest: without its refresh and its script."""
    page = await browser.new_page(viewport={"width": 360, "height": 740}, color_scheme="light")
    await page.set_content(html.replace('id="w"', "").replace('id="go"', ""))
    return page


async def test_no_page_has_barriers_or_scrolls_sideways(h: House, browser: Browser) -> None:
    """Narrow, on a phone and on a desk, in the light and in the dark."""
    wrong: list[str] = []
    for name, html in (await pages(h)).items():
        page = await shown(browser, html)
        wrong += [f"{name}: {each}" for each in await faults(page)]
        for width in (320, 1440):
            await page.set_viewport_size({"width": width, "height": 740})
            wrong += [f"{name} at {width} px: {each}" for each in await shape(page)]
        await page.close()
    assert wrong == []


async def pays(h: House) -> str:
    push = await (await h.prompt()).approve()
    await h.goes_online()
    return str(push.receipt)


@pytest.mark.parametrize("script", [True, False])
async def test_the_road_ends_where_the_guest_wanted_to_go(h: House, browser: Browser, script: bool) -> None:
    context = await browser.new_context(java_script_enabled=script, viewport={"width": 320, "height": 640})
    page = await context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    orig = "http://example.test/wanted"
    await page.route(orig, lambda route: route.fulfill(body="the internet"))
    await page.goto(f"{h.url}{await h.enter(link_orig=orig)}")
    await page.locator("label.plan").first.click()
    await page.fill("#phone", "0712345678")
    await page.click("button:has-text('Continue')")
    await page.click("button:has-text('Pay')")
    await page.wait_for_selector("text=Enter your M-Pesa PIN")
    receipt = await pays(h)
    await page.wait_for_selector(f"text={receipt}", timeout=60_000)
    await page.wait_for_url(orig, timeout=60_000)

    assert wrong == []
    assert hosts == {h.url.removeprefix("http://"), "example.test"}
    assert await context.storage_state() == {"cookies": [], "origins": []}, "nothing is kept in the browser"
    await context.close()
