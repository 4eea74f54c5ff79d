"""A voucher's way in a real browser behind the sandbox router: typed, scanned, moved; and over mobile data."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Page

from app import build
from portal import check
from portal.texts import said_in
from portal.vouchers import codes, store
from portal.vouchers.batches import code_index, label_of
from portal.vouchers.faces import face
from portal.vouchers.paper import Card
from portal.vouchers.sheets import sheets
from portal.vouchers.store import Batch
from sandbox.gateway import Gateway
from sandbox.phone import chromium
from sandbox.world import PORTAL_HOST, SSID, Site, world
from tests.support import records
from tests.vouchers.cards import batch_of
from tests.vouchers.sheets import addresses_of_sheet

pytestmark = pytest.mark.browser

FIRST = "http://example.test/"
PLAN = "3 hours"


@asynccontextmanager
async def road(folder: Path) -> AsyncIterator[tuple[Site, Any]]:
    async with world(folder, build, **records()) as (site, bando):
        yield site, bando


async def batch(site: Site, bando: Any, count: int = 1, plan_name: str = PLAN) -> tuple[Batch, list[str]]:
    """Fresh codes of this plan."""
    view = bando.catalog.tenant(site.tenant.id)
    plan = next(each for each in view.plans if each.name == plan_name)
    drawn = [codes.draw(codes.STYLES["letters-10"]) for _ in range(count)]
    made = await bando.db.write(site.tenant.id, batch_of, site.vault, site.tenant.id, plan, drawn, site.clock.now())
    return await bando.db.read(site.tenant.id, store.batch, made), drawn


async def card(site: Site, bando: Any, plan_name: str = PLAN) -> str:
    return (await batch(site, bando, 1, plan_name))[1][0]


async def state_of(site: Site, bando: Any, code: str) -> str:
    found = await bando.db.read(site.tenant.id, store.with_batch, code_index(site.vault, code))
    return str(found[0].state)


async def is_online(site: Site, bando: Any, gateway: Gateway) -> None:
    """The router lets this phone through, and everything agrees."""
    async with asyncio.timeout(60):
        while not site.router.is_authorized(gateway.mac, gateway.address):
            await asyncio.sleep(0.05)
    assert await bando.db.read(site.tenant.id, check.breaches, site.clock.now()) == []


async def see(page: Page, text: str) -> None:
    await page.get_by_text(text).first.wait_for(timeout=60_000)


@pytest.mark.parametrize("script", [True, False])
async def test_a_guest_types_a_code_and_is_online(tmp_path: Path, chromium_path: str, script: bool) -> None:
    async with road(tmp_path) as (site, bando):
        gateway, code = await site.phone(1), await card(site, bando)
        options: dict[str, Any] = {"executable": chromium_path, "java_script": script, "cookies": script}
        async with chromium(gateway.port, site.ca, **options) as context:
            page = context.pages[0]
            asked: list[str] = []
            page.on("request", lambda request: asked.append(request.url))
            await page.goto(FIRST)
            await page.wait_for_url(f"https://{PORTAL_HOST}/w/**")
            await page.fill("input[name=code]", codes.shown(code).lower())
            await page.press("input[name=code]", "Enter")
            await page.wait_for_url(FIRST, timeout=60_000)
            await is_online(site, bando, gateway)

            assert {httpx.URL(url).host for url in asked if url.startswith("http")} == {"example.test", PORTAL_HOST}
            assert not [url for url in asked if code in url.upper()]


@pytest.mark.parametrize("script", [True, False])
async def test_a_scanned_code_is_one_tap_and_online(tmp_path: Path, chromium_path: str, script: bool) -> None:
    async with road(tmp_path) as (site, bando):
        gateway, code = await site.phone(1), await card(site, bando)
        async with chromium(gateway.port, site.ca, executable=chromium_path, java_script=script) as context:
            page = context.pages[0]
            await page.goto(f"HTTPS://{PORTAL_HOST.upper()}/V/{code}")
            await see(page, "Turn off mobile data")
            await page.get_by_role("link", name="Connect").click()
            await page.wait_for_url(f"https://{PORTAL_HOST}/w/**")
            assert code not in page.url
            assert await state_of(site, bando, code) == "printed"
            await page.get_by_role("button", name="Connect").click()
            await see(page, "You are online")
            await is_online(site, bando, gateway)
            assert await state_of(site, bando, code) == "redeemed"


@pytest.mark.parametrize("script", [True, False])
async def test_on_a_known_wifi_the_phone_goes_to_the_one_tap_page_by_itself(
    tmp_path: Path, chromium_path: str, script: bool
) -> None:
    async with road(tmp_path) as (site, bando):
        gateway, code = await site.phone(1), await card(site, bando)
        async with chromium(gateway.port, site.ca, executable=chromium_path, java_script=script) as context:
            page = context.pages[0]
            await page.goto(FIRST)  # the Wi-Fi's own page has come up, as it does
            await page.wait_for_url(f"https://{PORTAL_HOST}/w/**")
            await page.goto(f"https://{PORTAL_HOST}/V/{code}")
            await page.wait_for_url(f"https://{PORTAL_HOST}/w/**", timeout=60_000)
            await page.get_by_role("button", name="Connect").click()
            await see(page, "You are online")
            await is_online(site, bando, gateway)


async def test_the_address_on_the_card_can_be_typed_as_well(tmp_path: Path, chromium_path: str) -> None:
    async with road(tmp_path) as (site, bando):
        gateway, code = await site.phone(1), await card(site, bando)
        async with chromium(gateway.port, site.ca, executable=chromium_path) as context:
            page = context.pages[0]
            await page.goto(f"https://{PORTAL_HOST}/")
            await page.fill("input[name=code]", codes.shown(code).lower())
            await page.press("input[name=code]", "Enter")
            await page.get_by_role("link", name="Connect").click()
            await page.get_by_role("button", name="Connect").click()
            await see(page, "You are online")
            await is_online(site, bando, gateway)


async def test_who_is_online_and_scans_a_card_adds_its_time(tmp_path: Path, chromium_path: str) -> None:
    async with road(tmp_path) as (site, bando):
        gateway, first, second = await site.phone(1), await card(site, bando), await card(site, bando, "1 hour")
        async with chromium(gateway.port, site.ca, executable=chromium_path) as context:
            page = context.pages[0]
            await page.goto(FIRST)
            await page.fill("input[name=code]", first)
            await page.press("input[name=code]", "Enter")
            await page.wait_for_url(FIRST, timeout=60_000)
            await page.goto(f"https://{PORTAL_HOST}/V/{second}")
            await page.wait_for_url(f"https://{PORTAL_HOST}/w/**", timeout=60_000)
            await page.get_by_role("button", name="Add this time").click()
            await see(page, "Added to your time")
            assert await state_of(site, bando, second) == "redeemed"


async def test_a_phone_that_is_not_on_the_wifi_can_go_back_to_the_page(tmp_path: Path, chromium_path: str) -> None:
    """The address it comes from is one of our Wi-Fi, but the router's login page is not there for it."""
    async with road(tmp_path) as (site, bando):
        gateway, code = await site.phone(1), await card(site, bando)
        async with chromium(gateway.port, site.ca, executable=chromium_path) as context:
            page = context.pages[0]
            await page.goto(FIRST)
            await page.wait_for_url(f"https://{PORTAL_HOST}/w/**")
            await page.route("http://login.wifi.test/**", lambda route: route.abort())
            async with page.expect_event("requestfailed"):
                await page.goto(f"https://{PORTAL_HOST}/V/{code}")
            await page.wait_for_timeout(1_000)  # the browser's own page about it
            await page.evaluate("history.back()")
            await see(page, "Turn off mobile data")
            assert page.url.endswith(f"/V/{code}?once=1")
            await page.wait_for_timeout(2_500)
            assert page.url.endswith(f"/V/{code}?once=1")


async def test_over_mobile_data_nothing_is_spent(tmp_path: Path) -> None:
    async with road(tmp_path) as (site, bando):
        code = await card(site, bando)
        host, port = site.portal_address
        async with httpx.AsyncClient(verify=site.ca.client_context(), trust_env=False, timeout=60) as http:
            for _ in range(3):
                answer = await http.get(
                    f"https://{host}:{port}/V/{code}",
                    headers={"host": PORTAL_HOST},
                    extensions={"sni_hostname": PORTAL_HOST},
                )

        assert answer.status_code == 200
        assert "Turn off mobile data" in answer.text
        assert SSID in answer.text
        assert await state_of(site, bando, code) == "printed"


async def test_a_new_phone_takes_the_time_over_with_a_confirming_tap(tmp_path: Path, chromium_path: str) -> None:
    async with road(tmp_path) as (site, bando):
        old, new, code = await site.phone(1), await site.phone(2), await card(site, bando, "1 hour")
        async with chromium(old.port, site.ca, executable=chromium_path) as context:
            page = context.pages[0]
            await page.goto(FIRST)
            await page.fill("input[name=code]", code)
            await page.press("input[name=code]", "Enter")
            await page.wait_for_url(FIRST, timeout=60_000)
            await is_online(site, bando, old)
        async with chromium(new.port, site.ca, executable=chromium_path) as context:
            page = context.pages[0]
            await page.goto(FIRST)
            await page.fill("input[name=code]", code)
            await page.press("input[name=code]", "Enter")
            await see(page, "In use on another device")
            assert site.router.is_authorized(old.mac, old.address)
            await page.get_by_role("button", name="Move my time to this phone").click()
            await page.wait_for_url(FIRST, timeout=60_000)
            await is_online(site, bando, new)
            async with asyncio.timeout(60):
                while site.router.is_authorized(old.mac, old.address):
                    await asyncio.sleep(0.05)


async def test_a_card_of_a_printed_sheet_is_scanned_and_leads_online(tmp_path: Path, chromium_path: str) -> None:
    async with road(tmp_path) as (site, bando):
        gateway, (made, drawn) = await site.phone(1), await batch(site, bando, 36)
        printed = face(site.tenant, made, said_in("default", "en"), site.settings.public_url)
        cards = [Card(label=label_of(made.number, n, 36), code=code) for n, code in enumerate(drawn, start=1)]
        scanned = addresses_of_sheet(sheets(printed, cards), 300)
        assert scanned == [f"HTTPS://{PORTAL_HOST.upper()}/V/{code}" for code in drawn]
        address = scanned[16]
        assert address is not None
        async with chromium(gateway.port, site.ca, executable=chromium_path) as context:
            page = context.pages[0]
            await page.goto(address)
            await page.get_by_role("link", name="Connect").click()
            await page.get_by_role("button", name="Connect").click()
            await see(page, "You are online")
            await is_online(site, bando, gateway)
            assert [await state_of(site, bando, drawn[n]) for n in (15, 16, 17)] == ["printed", "redeemed", "printed"]
