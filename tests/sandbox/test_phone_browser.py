"""A real Chromium behind the sandbox router, with certificate checks on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Error

from sandbox.phone import chromium
from tests.sandbox.web import ADDRESS, MAC, PORTAL, World, let_in, world

pytestmark = pytest.mark.browser


@pytest.fixture
async def here(chromium_path: str, tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        yield made


async def test_chromium_walks_from_the_intercept_through_the_portal_to_the_internet(
    here: World, chromium_path: str
) -> None:
    garden = {"dst-host": PORTAL, "protocol": "tcp", "dst-port": "443"}
    here.router.tables["/ip/hotspot/walled-garden/ip"].add(garden)
    async with chromium(here.gateway.port, here.ca, executable=chromium_path) as browser:
        page = await browser.new_page()

        await page.goto("http://example.test/wanted")
        assert page.url == "http://login.wifi.test/login?dst=http%3A%2F%2Fexample.test%2Fwanted"
        await page.goto(f"https://{PORTAL}/")
        assert await page.inner_text("h1") == "the portal"
        with pytest.raises(Error, match=r"ERR_SOCKS_CONNECTION_FAILED|ERR_CONNECTION"):
            await page.goto("https://example.test/")

        let_in(here.router)
        page = await browser.new_page()
        for url in ("https://example.test/", "http://example.test/wanted"):
            await page.goto(url)
            assert await page.inner_text("h1") == "the internet"
        assert here.internet.served_to(MAC) > 0

        here.router.logout(ADDRESS, "admin reset")
        await page.goto("http://example.test/again")
        assert page.url.startswith("http://login.wifi.test/login")


async def test_chromium_refuses_a_certificate_for_another_name(here: World, chromium_path: str) -> None:
    here.gateway.inside["www.example.test:443"] = here.portal.address
    here.gateway.appear()
    let_in(here.router)
    async with chromium(here.gateway.port, here.ca, executable=chromium_path) as browser:
        page = await browser.new_page()

        with pytest.raises(Error, match="ERR_CERT_COMMON_NAME_INVALID"):
            await page.goto("https://www.example.test/")


async def test_without_a_store_only_pinned_keys_are_trusted(here: World, chromium_path: str) -> None:
    here.gateway.appear()
    let_in(here.router)
    pins = [here.ca.leaf(PORTAL).spki_pin]
    async with chromium(here.gateway.port, here.ca, pins=pins, in_store=False, executable=chromium_path) as browser:
        page = await browser.new_page()

        await page.goto(f"https://{PORTAL}/")
        assert await page.inner_text("h1") == "the portal"
        with pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
            await page.goto("https://example.test/")


@pytest.mark.parametrize("cookies", [True, False])
async def test_chromium_does_without_javascript_and_cookies(here: World, chromium_path: str, cookies: bool) -> None:
    here.gateway.appear()
    let_in(here.router)
    async with chromium(
        here.gateway.port, here.ca, executable=chromium_path, java_script=False, cookies=cookies
    ) as browser:
        page = await browser.new_page()
        await page.goto("http://example.test/cookie")

        assert await page.inner_text("h1") == "the internet"
        assert len(await browser.cookies()) == (1 if cookies else 0)
