"""The console in a real Chromium: its frame, and the way in. The daily jobs and every page are in `jobs`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext

from portal.console.desk import COOKIE
from sandbox.history import lived
from tests.console.jobs.hands import types
from tests.console.office import Office, Visitor, office
from tests.pages.house import account_at

pytestmark = pytest.mark.browser

SIZES = {"phone": (360, 740), "desk": (1440, 900)}


@pytest.fixture
async def o(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as made:
        home = made.home
        await home.write(account_at, home, "paybill", "http://127.0.0.1:9")
        await lived(home.db, home.vault, home.tenant, home.router_id, home.clock.now())
        yield made


async def sitting_down(browser: Browser, who: Visitor, size: str, scheme: str, script: bool = True) -> BrowserContext:
    """A browser in which somebody is logged in."""
    width, height = SIZES[size]
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        java_script_enabled=script,
    )
    token = who.http.headers["cookie"].partition("=")[2]
    await context.add_cookies(
        [{"name": COOKIE, "value": token, "url": who.office.url.replace("http:", "https:"), "secure": True}]
    )
    return context


async def test_the_slash_leads_to_the_search_box_and_escape_closes_the_menu(o: Office, browser: Browser) -> None:
    context = await sitting_down(browser, await o.of("owner"), "desk", "light")
    page = await context.new_page()
    await page.goto(f"{o.url}/console/account")
    await page.keyboard.press("/")
    assert await page.evaluate("document.activeElement.id") == "find"
    await page.locator(".menu summary").focus()
    await page.keyboard.press("Enter")
    assert await page.locator(".menu[open]").count() == 1
    await page.keyboard.press("Escape")
    assert await page.locator(".menu[open]").count() == 0


async def test_logging_in_with_the_keyboard_alone_and_without_script(o: Office, browser: Browser) -> None:
    from portal.staff import store as staff

    home = o.home
    _, token = await home.write(
        staff.invite, home.vault, home.clock.now(), email="otieno@isp.test", name="Otieno", role="cashier"
    )
    context = await browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 740})
    page = await context.new_page()
    await page.goto(f"{o.url}/console/link/{token}")
    await types(page, "maji safi kila siku")
    await page.keyboard.press("Tab")
    await page.keyboard.type("maji safi kila siku")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("text=Your password is set")
    await page.wait_for_selector("input:focus")
    for text in ("otieno@isp.test", "maji safi kila siku"):
        await page.keyboard.type(text)
        await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".bar")
    await page.locator(".menu summary").press("Enter")
    await page.click("text=Log out")
    await page.wait_for_selector("text=You are logged out")
    await page.goto(f"{o.url}/console/account")
    assert "/console/login" in page.url
