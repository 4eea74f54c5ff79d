"""The main job in a real browser: join the Wi-Fi, pay by M-Pesa, be online. Nothing here is shortened.

Every request of the browser goes through the sandbox router; the portal is https with the sandbox's authority in
the browser's own store; the money moves on the handset's page, in a second browser that is not on the Wi-Fi.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Error, Page, async_playwright

from app import build
from portal import check
from sandbox.gateway import Gateway
from sandbox.phone import chromium
from sandbox.world import Site, world
from tests.support import records

pytestmark = pytest.mark.browser

PHONE = "0712 345 678"
FIRST = "http://example.test/"


@asynccontextmanager
async def road(folder: Path) -> AsyncIterator[tuple[Site, Any, Gateway]]:
    """The world with one phone in it, near the router."""
    async with world(folder, build, **records()) as (site, bando):
        yield site, bando, await site.phone(1)


async def to_the_prompt(page: Page) -> None:
    """From the first page of a phone to the prompt on the handset."""
    await page.goto(FIRST)
    await page.wait_for_url("https://portal.bando.test/w/**")
    await page.get_by_text("3 hours").click()
    await page.locator("input[name=phone]").fill(PHONE)
    await page.locator("form[action=pay] button").first.click()
    shown = (await page.inner_text("main")).replace("\u00a0", " ")
    assert "We'll ask 0712 345 678 to pay KSh 20" in shown
    await page.locator("button[name=confirm]").click()
    await page.wait_for_url("https://portal.bando.test/p/**")


async def until_prompted(site: Site) -> None:
    async with asyncio.timeout(60):
        while site.mpesa.pending(PHONE) is None:
            await asyncio.sleep(0.02)


async def type_the_pin(site: Site, chromium_path: str) -> None:
    """On the handset's own page, as a person would."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        page = await browser.new_page()
        await page.goto(f"{site.mpesa_server.url}/handset/0712345678")
        assert "KILIMANI WI-FI" in await page.inner_text("body")
        await page.fill("input[name=pin]", "1234")
        await page.click("button[value=ok]")
        await browser.close()


async def bytes_flow(page: Page, site: Site, gateway: Gateway) -> None:
    """The page is the internet's own, and more comes through the router."""
    assert page.url == FIRST
    before = site.internet.served_to(gateway.mac)
    async with page.expect_download() as download:
        with contextlib.suppress(Error):  # a download is no page, and the browser says so
            await page.goto("http://example.test/bytes/50000")
    await (await download.value).path()
    assert site.internet.served_to(gateway.mac) - before >= 50_000
    assert site.router.is_authorized(gateway.mac, gateway.address)


async def the_books_agree(site: Site, bando: Any) -> None:
    """One payment, one receipt, one pass; and nothing else moved."""
    assert len(site.mpesa.transactions) == 1
    assert await bando.db.read(site.tenant.id, check.breaches, site.clock.now()) == []


async def test_a_guest_joins_pays_and_is_online(tmp_path: Path, chromium_path: str) -> None:
    async with (
        road(tmp_path) as (site, bando, gateway),
        chromium(gateway.port, site.ca, executable=chromium_path) as context,
    ):
        page = context.pages[0]
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await to_the_prompt(page)
        await until_prompted(site)
        await type_the_pin(site, chromium_path)
        await page.wait_for_url(FIRST, timeout=60_000)
        await bytes_flow(page, site, gateway)
        await the_books_agree(site, bando)
        hosts = {httpx.URL(url).host for url in asked if url.startswith("http")}
        assert hosts == {"example.test", "portal.bando.test"}


async def test_the_same_without_javascript_and_cookies(tmp_path: Path, chromium_path: str) -> None:
    async with (
        road(tmp_path) as (site, bando, gateway),
        chromium(gateway.port, site.ca, executable=chromium_path, java_script=False, cookies=False) as context,
    ):
        page = context.pages[0]
        await to_the_prompt(page)
        await until_prompted(site)
        await site.mpesa.handset(PHONE).approve()
        await page.wait_for_url(FIRST, timeout=60_000)
        await bytes_flow(page, site, gateway)
        await the_books_agree(site, bando)
        assert await context.cookies() == []


async def test_the_same_with_the_browser_closed_right_after_paying(tmp_path: Path, chromium_path: str) -> None:
    async with road(tmp_path) as (site, bando, gateway):
        async with chromium(gateway.port, site.ca, executable=chromium_path) as context:
            await to_the_prompt(context.pages[0])
            await until_prompted(site)
        await site.mpesa.handset(PHONE).approve()
        async with asyncio.timeout(60):
            while not site.router.is_authorized(gateway.mac, gateway.address):
                await asyncio.sleep(0.05)
        async with chromium(gateway.port, site.ca, executable=chromium_path) as context:
            page = context.pages[0]
            await page.goto(FIRST)
            await bytes_flow(page, site, gateway)
        await the_books_agree(site, bando)


async def test_a_guest_who_comes_back_while_paying_finds_the_payment_again(tmp_path: Path, chromium_path: str) -> None:
    async with road(tmp_path) as (site, _, gateway):
        async with chromium(gateway.port, site.ca, executable=chromium_path) as context:
            await to_the_prompt(context.pages[0])
            await until_prompted(site)
        async with chromium(gateway.port, site.ca, executable=chromium_path) as context:
            page = context.pages[0]
            await page.goto(FIRST)
            await page.wait_for_url("https://portal.bando.test/w/**")
            # A MAC alone shows that something is being paid, and no number (R3).
            text = await page.inner_text("main")
            assert "0712" not in text
            assert "678" not in text
            await site.mpesa.handset(PHONE).approve()
            await page.wait_for_url(FIRST, timeout=60_000)
