"""The guest pages in a real Chromium: accessible, narrow, with script and without, under their own policy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import axe_core_python
import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.pages.house import House, house
from tests.pages.shots import pages

pytestmark = pytest.mark.browser

AXE = Path(axe_core_python.__file__).parent / "axe.min.js"
COLOURS = "axe.run({runOnly: {type: 'rule', values: ['color-contrast']}})"  # all that dark can change


@pytest.fixture
async def browser(chromium_path: str) -> AsyncIterator[Browser]:
    async with async_playwright() as p:
        made = await p.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        yield made
        await made.close()


@pytest.fixture
async def h(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path, plans=True) as made:
        yield made


async def shown(browser: Browser, html: str, **options: Any) -> Page:
    """A page of ours at rest: without its refresh and its script."""
    page = await browser.new_page(viewport={"width": 320, "height": 640}, **options)
    await page.set_content(html.replace('id="w"', "").replace('id="go"', ""))
    return page


async def test_no_page_has_serious_barriers_or_scrolls_sideways(h: House, browser: Browser) -> None:
    for name, html in (await pages(h)).items():
        for scheme in ("light", "dark"):
            page = await shown(browser, html, color_scheme=scheme)
            width = await page.evaluate("document.documentElement.scrollWidth")
            await page.evaluate(AXE.read_text())
            result = await page.evaluate("axe.run()" if scheme == "light" else COLOURS)
            await page.close()
            bad = [each["id"] for each in result["violations"] if each["impact"] in ("serious", "critical")]

            assert (name, scheme, bad) == (name, scheme, [])
            assert width <= 320, (name, width)


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
    await page.wait_for_selector(f"text={receipt}", timeout=15_000)
    await page.wait_for_url(orig, timeout=15_000)

    assert wrong == []
    assert hosts == {h.url.removeprefix("http://"), "example.test"}
    assert await context.cookies() == []
    await context.close()
