"""Draws the pictures of the manual: a guest's way through the sandbox, in a real browser (`make pictures`)."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import Page, async_playwright

from portal.clock import DAY, HOUR
from portal.vouchers import store
from portal.vouchers.batches import Batches, Order, open_code
from portal.vouchers.codes import STYLES
from portal.vouchers.guesses import TENANT_AN_HOUR
from sandbox.phone import CHROMIUM, chromium
from sandbox.world import Build, Site, world

PHONE = "0712 345 678"
FIRST = "http://example.test/"


async def draw(folder: Path, build: Build, width: int = 360, *, dark: bool = False) -> None:
    """Walk the road once and keep a picture of each step."""
    folder.mkdir(parents=True, exist_ok=True)
    size = (width, 740 if width < 500 else 900)
    with tempfile.TemporaryDirectory() as home:
        async with world(Path(home), build) as (site, bando):
            gateway = await site.phone(1)
            # Without JavaScript the pages wait to be asked, so that each can be drawn.
            async with chromium(gateway.port, site.ca, java_script=False, viewport=size, dark=dark) as context:
                await _walk(context.pages[0], site, folder)
            gateway, code = await site.phone(2), await _card(site, bando)
            async with chromium(gateway.port, site.ca, java_script=False, viewport=size, dark=dark) as context:
                await _scan(context.pages[0], code, folder)


async def _walk(page: Page, site: Site, folder: Path) -> None:
    async def keep(name: str) -> None:
        await page.screenshot(path=str(folder / f"{name}.png"), full_page=True)

    await page.goto(FIRST)
    await page.wait_for_url("https://portal.bando.test/w/**")
    await page.locator("label.plan", has_text="2 devices").click()
    await keep("01-plans")
    await page.locator("input[name=phone]").fill(PHONE)
    await page.locator("form[action=pay] button").first.click()
    await keep("02-confirm")
    await page.locator("button[name=confirm]").click()
    await page.wait_for_url("https://portal.bando.test/p/**")
    waiting = page.url
    while site.mpesa.pending(PHONE) is None:
        await site.clock.sleep(20)
    await page.goto(waiting)
    await keep("03-waiting")
    await _handset(site, folder / "04-handset.png", page.viewport_size)
    await site.mpesa.handset(PHONE).approve()
    await page.goto(waiting)
    while "You are online" not in await page.inner_text("main"):
        await site.clock.sleep(200)
        await page.goto(waiting)
    await keep("05-online")
    await page.goto(waiting.replace("/?", "/status?"))
    await keep("06-status")


async def _card(site: Site, bando: Any) -> str:
    """A printed code of the first plan for a day."""
    view = bando.catalog.tenant(site.tenant.id)
    plan = next(each for each in view.plans if each.span_ms >= DAY)
    made = Batches(db=bando.db, vault=site.vault, clock=site.clock, tenant=view.tenant, guesses_an_hour=TENANT_AN_HOUR)
    use_by = site.clock.now() // DAY * DAY + 90 * DAY - 3 * HOUR  # the end of a day in Nairobi
    batch = await made.make(Order(plan=plan, count=1, style=STYLES["letters-10"], use_by=use_by, by="sandbox"))
    (voucher,) = await bando.db.read(site.tenant.id, store.in_range, batch.id, 1, 1)
    return open_code(site.vault, site.tenant.id, voucher.label, voucher.code_sealed)


async def _scan(page: Page, code: str, folder: Path) -> None:
    """The card's QR code, opened on the Wi-Fi: one tap from being online."""
    await page.goto(f"https://portal.bando.test/V/{code}?once=1")
    await page.get_by_role("link", name="Connect").click()
    await page.wait_for_url("https://portal.bando.test/w/**")
    await page.screenshot(path=str(folder / "09-voucher.png"), full_page=True)


async def _handset(site: Site, path: Path, size: Any) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page(viewport=size)
        await page.goto(f"{site.mpesa_server.url}/handset/0712345678")
        await page.screenshot(path=str(path))
        await browser.close()


if __name__ == "__main__":
    from app import build  # the composition root is only known here

    width = int(sys.argv[2]) if len(sys.argv) > 2 else 360
    asyncio.run(draw(Path(sys.argv[1]), build, width, dark="dark" in sys.argv))
