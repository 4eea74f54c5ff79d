"""The whole road at a router that asks RADIUS: a real Chromium, a real FreeRADIUS, the router's own login."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.async_api import BrowserContext, Page

from app import build
from portal.access import admission
from portal.access import store as access
from portal.clock import HOUR, MINUTE, SECOND, TravelClock
from portal.money import Money
from portal.tenancy import store as tenancy
from sandbox.gateway import Gateway
from sandbox.phone import Phone, chromium
from sandbox.world import PORTAL_HOST, Site, world
from tests.flows.test_road import PHONE, to_the_prompt, until_prompted
from tests.flows.test_voucher_road import card, see
from tests.radius.freeradius import required
from tests.support import a_plan, records

pytestmark = pytest.mark.browser

FIRST = "http://example.test/"
ROUTER = "login.wifi.test"


@asynccontextmanager
async def road(folder: Path, **options: Any) -> AsyncIterator[tuple[Site, Any]]:
    required()
    async with world(folder, build, radius=True, **options, **records()) as (site, bando):
        yield site, bando


@asynccontextmanager
async def browser(
    gateway: Gateway, site: Site, chromium_path: str, script: bool = True
) -> AsyncIterator[BrowserContext]:
    options: dict[str, Any] = {"executable": chromium_path, "java_script": script, "cookies": script}
    async with chromium(gateway.port, site.ca, **options) as context:
        yield context


async def until(true: Callable[[], object], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.05)


def online(site: Site, gateway: Gateway) -> bool:
    return site.router.is_authorized(gateway.mac, gateway.address)


async def redeem(page: Page, code: str) -> None:
    """From the router's redirect to the voucher that is typed."""
    await page.goto(FIRST)
    await page.wait_for_url(re.compile(r"/w/"))
    await page.goto(page.url.partition("?")[0] + "voucher")
    await page.fill("#code", code)
    await page.get_by_role("button", name="Use").or_(page.locator("form.voucher button")).first.click()


def logins(asked: list[str]) -> list[dict[str, list[str]]]:
    """What was asked of the router's own login page, with credentials."""
    found = [urlsplit(each) for each in asked if urlsplit(each).hostname == ROUTER]
    return [parse_qs(each.query) for each in found if each.path == "/login" and "password" in each.query]


@pytest.mark.parametrize("script", [True, False])
async def test_a_voucher_leads_through_the_routers_login_and_back(
    tmp_path: Path, chromium_path: str, script: bool
) -> None:
    async with road(tmp_path) as (site, bando):
        gateway, code = await site.phone(1), await card(site, bando)
        async with browser(gateway, site, chromium_path, script) as context:
            page, asked = context.pages[0], list[str]()
            page.on("request", lambda request: asked.append(request.url))
            await redeem(page, code)
            await until(lambda: online(site, gateway))
            await see(page, "You are online")
            assert await page.evaluate("1") == 1
        (login,) = logins(asked)
        assert urlsplit(login["dst"][0]).hostname == PORTAL_HOST
        assert site.router.active_of(gateway.mac, gateway.address)["radius"] == "true"  # type: ignore[index]
        ours = [each for each in asked if urlsplit(each).hostname == PORTAL_HOST]
        assert ours
        assert not [each for each in ours if login["password"][0] in each]


async def test_what_stands_in_the_routers_address_is_worthless_afterwards(tmp_path: Path, chromium_path: str) -> None:
    async with road(tmp_path) as (site, bando):
        gateway, other, code = await site.phone(1), await site.phone(2), await card(site, bando)
        async with browser(gateway, site, chromium_path) as context:
            page, asked = context.pages[0], list[str]()
            page.on("request", lambda request: asked.append(request.url))
            await redeem(page, code)
            await until(lambda: online(site, gateway))
        used = next(each for each in asked if urlsplit(each).hostname == ROUTER and "password" in each)
        async with Phone(other.port, site.ca) as phone:
            await phone.get(used)
        assert not online(site, other)
        site.router.logout(gateway.address, "user request")
        async with Phone(gateway.port, site.ca) as phone:
            await phone.get(used)
        assert not online(site, gateway)


async def test_a_payment_leads_there_and_on_to_where_the_guest_wanted(tmp_path: Path, chromium_path: str) -> None:
    async with road(tmp_path) as (site, _):
        gateway = await site.phone(1)
        async with browser(gateway, site, chromium_path) as context:
            page = context.pages[0]
            await to_the_prompt(page)
            await until_prompted(site)
            await site.mpesa.handset(PHONE).approve()
            await page.wait_for_url(FIRST, timeout=60_000)
        assert online(site, gateway)


async def test_with_the_browser_gone_the_next_arrival_does_it(tmp_path: Path, chromium_path: str) -> None:
    async with road(tmp_path) as (site, _):
        gateway = await site.phone(1)
        async with browser(gateway, site, chromium_path) as context:
            await to_the_prompt(context.pages[0])
            await until_prompted(site)
        await site.mpesa.handset(PHONE).approve()
        await asyncio.sleep(1)
        assert not online(site, gateway)
        async with browser(gateway, site, chromium_path) as context:
            await context.pages[0].goto(FIRST)
            await context.pages[0].wait_for_url(FIRST, timeout=60_000)
            await until(lambda: online(site, gateway))


async def runs(site: Site, bando: Any) -> None:
    """Until the router has told of a pass, and its time runs."""
    async with asyncio.timeout(30):
        while not any(row["state"] == "running" for row in await bando.db.read(site.tenant.id, access.pass_list, 10)):
            await asyncio.sleep(0.05)


async def test_time_ends_and_the_guest_hears_it(tmp_path: Path, chromium_path: str) -> None:
    clock = TravelClock()
    async with road(tmp_path, clock=clock) as (site, bando):
        gateway, code = await site.phone(1), await card(site, bando, "1 hour")
        async with browser(gateway, site, chromium_path) as context:
            page = context.pages[0]
            await redeem(page, code)
            await until(lambda: online(site, gateway))
            await see(page, "You are online")
            await runs(site, bando)  # its time has begun: before, it would begin after the leap
            clock.advance(HOUR + 5 * SECOND)
            await until(lambda: not online(site, gateway))
            await page.goto(FIRST)
            await see(page, "Your time has ended")


async def test_a_phone_that_comes_back_is_let_in_by_its_mac(tmp_path: Path, chromium_path: str) -> None:
    async with road(tmp_path) as (site, bando):
        gateway, code = await site.phone(1), await card(site, bando)
        async with browser(gateway, site, chromium_path) as context:
            await redeem(context.pages[0], code)
            await until(lambda: online(site, gateway))
        site.router.reboot()
        assert not online(site, gateway)
        gateway.appear()
        await until(lambda: online(site, gateway))
        active = site.router.active_of(gateway.mac, gateway.address)
        assert active
        assert active["login-by"] == "mac"


async def test_whoever_staff_stop_is_off_at_once(tmp_path: Path, chromium_path: str) -> None:
    async with road(tmp_path) as (site, bando):
        gateway, code = await site.phone(1), await card(site, bando)
        async with browser(gateway, site, chromium_path) as context:
            page = context.pages[0]
            await redeem(page, code)
            await until(lambda: online(site, gateway))
            await see(page, "You are online")
            device = await bando.db.read(site.tenant.id, access.device_by_mac, gateway.mac)
            now = site.clock.now()
            await bando.db.write(site.tenant.id, admission.hold, device.id, "staff", now + HOUR, now)
            await until(lambda: not online(site, gateway), 10)
            await page.goto(FIRST)
            await see(page, "This device is stopped")
        assert not online(site, gateway)


async def test_a_guest_disconnects_where_the_router_cannot_be_reached(tmp_path: Path, chromium_path: str) -> None:
    async with road(tmp_path) as (site, bando):
        site.router.tables["/radius/incoming"].set("", {"accept": "no"})
        gateway, code = await site.phone(1), await card(site, bando)
        async with browser(gateway, site, chromium_path) as context:
            page = context.pages[0]
            await redeem(page, code)
            await see(page, "You are online")
            mine = page.url.partition("?")[0]
            await page.goto(mine)
            await page.get_by_role("button", name="Disconnect").click()
            await until(lambda: not online(site, gateway))
            await see(page, "You are disconnected")
            await page.get_by_role("button", name="Connect").click()
            await until(lambda: online(site, gateway))


async def test_a_router_that_gets_no_answer_says_so_on_our_page(tmp_path: Path, chromium_path: str) -> None:
    async with road(tmp_path) as (site, bando):
        gateway, code = await site.phone(1), await card(site, bando)
        site.router.tables["/radius"].set(site.router.tables["/radius"].find()[0][".id"], {"timeout": "100ms"})
        site.router.faults.radius.wrong_secret = True
        async with browser(gateway, site, chromium_path) as context:
            page = context.pages[0]
            await redeem(page, code)
            await see(page, "got no answer from us")
            assert not online(site, gateway)
            site.router.faults.radius.wrong_secret = False
            await page.get_by_text("Connect", exact=True).click()
            await until(lambda: online(site, gateway))


async def test_a_free_trial_needs_the_routers_own_word(tmp_path: Path, chromium_path: str) -> None:
    async with road(tmp_path) as (site, bando):
        fields: dict[str, Any] = {"price": Money(0), "span_ms": 15 * MINUTE, "trial_days": 1, "trial_cap": 10}
        await bando.db.write(site.tenant.id, access.add_plan, a_plan(name="Free trial", **fields), site.clock.now())
        await bando.db.write(None, tenancy.bump, site.tenant.id)
        await bando.catalog.refresh()
        gateway = await site.phone(1)
        async with browser(gateway, site, chromium_path) as context:
            page = context.pages[0]
            await page.goto(FIRST)
            await page.wait_for_url(re.compile(r"/w/"))
            await page.locator("form[action=trial] button").click()
            await until(lambda: online(site, gateway))
        forged = {"mac": "02:00:00:00:00:77", "ip": "10.5.50.77", "link-login": f"http://{ROUTER}/login"}
        url = f"https://{PORTAL_HOST}/e/{site.row.public}?{urlencode(forged)}"
        async with Phone(gateway.port, site.ca) as phone:
            first = (await phone.get(url)).headers["location"]
            answer = await phone.post(f"https://{PORTAL_HOST}{first}trial", {})
        assert answer.status_code == 409
