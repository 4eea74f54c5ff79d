"""Free time in a real Chromium, on a phone and on a desk."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from portal.clock import MINUTE
from tests.console.office import Office
from tests.console.test_agents_browser import WAYS, no_barriers
from tests.console.test_browser import sitting_down
from tests.console.test_compensation import again, form, gifts, local, running, when

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(*WAYS)
async def test_an_outage_is_made_good_in_two_steps(
    o: Office, browser: Browser, size: str, scheme: str, script: bool
) -> None:
    owner = await o.of("owner")
    for n in range(1, 4):
        await running(o, n)
    begun = o.home.clock.now()
    owner = await again(o, owner, 20 * MINUTE)
    context = await sitting_down(browser, owner, size, scheme, script)
    page = await context.new_page()
    await page.goto(f"{o.url}/console/compensation")
    await page.get_by_role("link", name="Make an outage good").click()
    await page.get_by_label("It began").fill(local(o, begun)[:16])
    await page.get_by_label("It was over").fill(local(o, o.home.clock.now())[:16])
    await page.get_by_role("button", name="Show who lost time").click()
    await page.get_by_role("heading", name="3 guests lost time").wait_for()
    if script:
        await no_barriers(page, "before")
    await page.get_by_label("Why").fill("The mast was struck by lightning")
    await page.get_by_role("button", name="Give them their time").click()
    await page.get_by_text("They get their time").wait_for()
    await page.get_by_text("3 of 3").wait_for()
    if script:
        await no_barriers(page, "after")
    assert len(await gifts(o)) == 3


@pytest.mark.parametrize(*WAYS)
async def test_one_guest_gets_more_time_with_a_reason(
    o: Office, browser: Browser, size: str, scheme: str, script: bool
) -> None:
    one = await running(o, 1)
    context = await sitting_down(browser, await o.of("cashier"), size, scheme, script)
    page = await context.new_page()
    await page.goto(f"{o.url}/console/guests/device/{one.device_id}")
    await page.locator("#why").fill("It was slow")
    await page.get_by_role("button", name="+ 1 hour").click()
    await page.get_by_text("The time is given").wait_for()
    if script:
        await no_barriers(page, "guest")
    await page.goto(f"{o.url}/console/compensation")
    await page.get_by_text("It was slow").wait_for()


@pytest.mark.parametrize(("size", "scheme"), [("phone", "light"), ("desk", "dark")])
async def test_the_pages_about_free_time_have_no_barriers(o: Office, browser: Browser, size: str, scheme: str) -> None:
    owner = await o.of("owner")
    one = await running(o, 1)
    begun = o.home.clock.now()
    owner = await again(o, owner, 14 * MINUTE)
    await owner.post(f"/guests/device/{one.device_id}/extend", key="a" * 16, give="hour", reason="It was slow")
    await owner.post("/compensation/new", **form(o, begun, begun + 9 * MINUTE, 1))
    context = await sitting_down(browser, owner, size, scheme)
    page = await context.new_page()
    query = "&".join(f"{name}={text}" for name, text in when(o, begun, o.home.clock.now()).items())
    for path in ("", "/1", "/new", f"/new?{query}", "/new?router=1&since=x&until=y"):
        await page.goto(f"{o.url}/console/compensation{path}")
        await no_barriers(page, path)
