"""A plan with hours, and a free trial, in a real Chromium: made, looked at and changed, with script and without."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page

from portal.access import store as access
from portal.access.hours import Hours
from tests.console.office import Office
from tests.console.test_browser import sitting_down
from tests.looking import AXE

pytestmark = pytest.mark.browser


async def has_no_barriers(page: Page, script: bool) -> None:
    """What axe says; it needs script itself."""
    if not script:
        return
    await page.evaluate(AXE.read_text())
    found = await page.evaluate("axe.run()")
    assert [each["id"] for each in found["violations"] if each["impact"] in ("serious", "critical")] == []
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.parametrize(("size", "scheme", "script"), [("phone", "dark", True), ("phone", "light", False)])
async def test_a_plan_for_weekend_nights(o: Office, browser: Browser, size: str, scheme: str, script: bool) -> None:
    who = await o.of("owner")
    page = await (await sitting_down(browser, who, size, scheme, script=script)).new_page()
    await page.goto(f"{o.url}/console/plans")
    await page.click("text=Add a plan")
    await page.fill("#name", "Weekend night")
    await page.fill("#price", "30")
    await page.check("text=Sat")
    await page.check("text=Sun")
    await page.fill("[name=from]", "22:00")
    await page.fill("[name=until]", "06:00")
    await page.click("text=Put it on sale")
    assert "Sat\u2013Sun 22:00\u201306:00" in await page.inner_text("table")
    await page.click("text=Weekend night")
    await has_no_barriers(page, script)
    label = "Sat\u2013Sun 22:00\u201306:00"
    assert await page.locator(f'.week[aria-label="{label}"] rect').count() == 4
    await page.uncheck("text=Sun")
    await page.check("text=Hidden from guests")
    await page.click("button:has-text('Save')")
    made = (await o.home.read(access.plan_list))[-1]
    assert (made.hours, made.hidden) == (Hours(days=(5,), begin=22 * 60, end=6 * 60), True)


@pytest.mark.parametrize(("size", "scheme", "script"), [("phone", "light", True), ("desk", "dark", False)])
async def test_a_free_trial(o: Office, browser: Browser, size: str, scheme: str, script: bool) -> None:
    who = await o.of("owner")
    page = await (await sitting_down(browser, who, size, scheme, script=script)).new_page()
    await page.goto(f"{o.url}/console/plans")
    await page.click("text=Add a free trial")
    await has_no_barriers(page, script)
    await page.fill("#data", "50")
    await page.click("text=Offer it")
    await page.click("table a:has-text('Free trial')")
    await has_no_barriers(page, script)
    made = (await o.home.read(access.plan_list))[-1]
    assert (made.trial_days, made.data_bytes) == (1, 50 * 10**6)
