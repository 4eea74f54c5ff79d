"""The free trial and the hours of sale in a real Chromium, on a phone: one tap, with script and without."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from portal.access import admission
from portal.access import store as access
from portal.access.hours import WEEK, Hours
from portal.clock import MINUTE
from tests.looking import faults, shape
from tests.pages.cards import OTHER
from tests.pages.house import MAC, House, house
from tests.pages.test_browser import shown
from tests.pages.trials import go_to, passes, taps, trial_plan

pytestmark = pytest.mark.browser


@pytest.fixture
async def h(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path, plans=True) as made:
        go_to(made.home.clock, 12)
        yield made


async def is_connected(h: House) -> None:
    """The router shows the device online, and the keeper has seen it."""
    await h.goes_online()
    there = await h.home.read(access.device_by_mac, MAC)
    await h.home.write(admission.refresh, there.id, h.home.clock.now())


@pytest.mark.parametrize("script", [True, False])
async def test_one_tap_and_the_guest_is_online_and_later_hears_when_the_next_one_is(
    h: House, browser: Browser, script: bool
) -> None:
    await trial_plan(h, data_bytes=50 * 10**6)
    context = await browser.new_context(java_script_enabled=script, viewport={"width": 360, "height": 740})
    page = await context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    await page.route("http://example.test/**", lambda route: route.fulfill(body="the internet"))
    await page.goto(f"{h.url}{await h.enter()}")
    button = page.locator("button:has-text('Try it free for 15 minutes')")
    box = await button.bounding_box()
    assert box is not None
    assert (box["height"] >= 48, box["y"] + box["height"] <= 740) == (True, True), "seen without scrolling"
    await h.contact()
    await button.click()
    await page.wait_for_selector("text=Connecting you")
    await is_connected(h)
    await page.wait_for_selector("text=the internet", timeout=60_000)  # where they wanted to go
    h.home.clock.advance(16 * MINUTE)
    await h.home.write(admission.refresh, 1, h.home.clock.now())
    await page.goto(f"{h.url}{await h.enter()}")
    assert "The next one is possible tomorrow" in await page.inner_text("#trial")
    assert await page.locator("#trial button").count() == 0
    assert (len(await passes(h)), wrong) == (1, [])
    await context.close()


async def every_page(h: House) -> dict[str, str]:
    """Each look that a trial and the hours give to the page of plans."""
    await trial_plan(h, data_bytes=50 * 10**6, rate_up=10**6, rate_down=2 * 10**6)
    first, other = await h.enter(), await h.enter(mac=OTHER)
    found = {"offered": (await h.http.get(first)).text}
    found["offered, Swahili"] = (await h.http.get(first + "?lang=sw", follow_redirects=True)).text
    h.unseen.add(OTHER)
    found["unseen"] = (await taps(h, other)).text
    await taps(h, first)
    await is_connected(h)
    h.home.clock.advance(16 * MINUTE)
    await h.home.write(admission.refresh, 1, h.home.clock.now())
    found["used"] = (await h.http.get(first)).text
    found["used, tapped"] = (await taps(h, first)).text
    night = await h.home.plan_of(name="Night", hours=Hours(days=WEEK, begin=22 * 60, end=6 * 60))
    await h.catalog_again()
    data = {"plan": night.public, "phone": "0712 345 678"}
    found["not now"] = (await h.http.post(first + "pay", data=data)).text
    for plan in h.catalog.all()[0].plans:
        await h.home.write(access.set_on_sale, plan.id, plan.public == night.public)
    await h.catalog_again()
    found["nothing now"] = (await h.http.get(first)).text
    return found


async def test_no_page_has_serious_barriers_or_scrolls_sideways(h: House, browser: Browser) -> None:
    wrong: list[str] = []
    for name, html in (await every_page(h)).items():
        page = await shown(browser, html)
        wrong += [f"{name}: {each}" for each in await faults(page)]
        await page.set_viewport_size({"width": 320, "height": 740})
        wrong += [f"{name} at 320 px: {each}" for each in await shape(page)]
        await page.close()
    assert wrong == []
