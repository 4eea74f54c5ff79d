"""Adding a router in a real Chromium: on a phone and on a desk, with script and without."""

from __future__ import annotations

import html
from collections.abc import AsyncIterator
from pathlib import Path

import axe_core_python
import pytest
from playwright.async_api import Browser, Page

from sandbox.routeros.rsc import import_rsc
from sandbox.world import free_port
from tests.console.office import Office, office
from tests.console.test_browser import sitting_down
from tests.console.test_routers import URL, at_home, fetch_for, kept, powered, the_new_one

pytestmark = pytest.mark.browser

AXE = Path(axe_core_python.__file__).parent / "axe.min.js"


@pytest.fixture
async def o(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path, BANDO_PUBLIC_URL=URL) as made:
        yield made


async def without_barriers(page: Page) -> None:
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, page.url
    await page.evaluate(AXE.read_text())
    found = await page.evaluate("axe.run()")
    bad = [each["id"] for each in found["violations"] if each["impact"] in ("serious", "critical")]
    assert (page.url, bad) == (page.url, [])


@pytest.mark.parametrize(
    ("size", "scheme", "script"), [("phone", "light", True), ("desk", "dark", True), ("phone", "dark", False)]
)
async def test_a_router_is_added_from_the_first_form_to_its_page(
    o: Office, browser: Browser, size: str, scheme: str, script: bool
) -> None:
    who, port, device = await o.of("owner"), free_port(), at_home(o)
    context = await sitting_down(browser, who, size, scheme, script)
    page = await context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))

    async def look() -> None:
        if script:
            await without_barriers(page)

    await page.goto(f"{o.url}/console/routers")
    await look()
    await page.click("text=Add a router")
    await page.fill("#name", "Kilimani Mall")
    await page.fill("#host", "169.254.169.254")
    await page.fill("#management", "127.0.0.1")
    await page.click("text=Make its script")
    await page.wait_for_selector("text=No router can be there")
    await look()
    assert await page.input_value("#name") == "Kilimani Mall", "nothing typed is lost"
    await page.fill("#host", "127.0.0.1")
    if not await page.locator("#port").is_visible():
        await page.click("text=More, where the usual is not right")
    await page.fill("#port", str(port))
    await look()
    await page.click("text=Make its script")

    await page.wait_for_selector("#rsc")
    await look()
    assert await page.locator("button[data-copy]").is_visible() == script, "no button that does nothing"
    text = html.unescape(await page.inner_html("#rsc"))
    made = await the_new_one(o)
    async with page.expect_download() as caught:
        await page.click("text=Download bando.rsc")
    assert (await caught.value).suggested_filename == "bando.rsc"
    await page.click("text=I have imported it")
    await page.wait_for_selector("text=Waiting for the router")
    await look()

    import_rsc(device, text, fetch=fetch_for(made))
    async with powered(device, port), kept(o) as keepers:
        o.home.clock.advance(3_000)
        if not script:
            await page.click("text=Look again")
        await page.wait_for_selector("text=Is it your router?", timeout=60_000)
        await look()
        await page.click("text=They are the same: accept it")
        for _ in range(100):
            await keepers.look()
            if not script:
                await page.click("text=Look again") if await page.locator("text=Look again").count() else None
            if await page.locator("text=The router is there.").count():
                break
            await page.wait_for_timeout(100)
        await page.wait_for_selector("text=The router is there.")
        await look()
        await page.click("text=See how it is")
        await page.wait_for_selector("h1:has-text('Kilimani Mall')")
        if not script:
            await page.click("text=Look at the router now")
        await page.wait_for_selector("text=7.23.4", timeout=60_000)
        assert await page.locator(".matter.fault").count() == 0
        await look()
        for path in ("change", "switch", "meet", "password"):
            await page.goto(f"{o.url}/console/routers/{made.id}/{path}")
            await look()
    assert wrong == []
