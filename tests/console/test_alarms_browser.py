"""The page of alarms in a real Chromium, at 360 and 1440 pixels: no barrier, nothing that sticks out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from portal.clock import HOUR, MINUTE
from portal.units import update
from sandbox.history import lived
from tests.console import alarms
from tests.console.office import Office
from tests.console.test_browser import sitting_down
from tests.looking import faults
from tests.pages.house import account_at

pytestmark = pytest.mark.browser
SHOTS = os.environ.get("BANDO_SHOTS", "")  # where pictures are kept, for whoever wants to look


async def furnished(o: Office) -> int:
    """Alarms of each sort, a month of payments, and somebody who is told."""
    home, now = o.home, o.home.clock.now()
    await home.write(account_at, home, "paybill", "http://127.0.0.1:9")
    await lived(home.db, home.vault, home.tenant, home.router_id, now)
    await alarms.opened(home, since=now - 42 * MINUTE)
    text = "12 guests have tried to pay since 13:20, and no payment was finished. Usually 75 of 100 are."
    await alarms.opened(home, kind="silence-paid", subject="", sentence=text, since=now - 30 * MINUTE)
    seen = await alarms.opened(
        home, kind="balance", subject="Paybill 600100", severity="warn", sentence="Paybill 600100 is nearly full."
    )
    who = await o.of("manager")
    await who.post(f"/alarms/{seen}/seen")
    for n in range(4):
        at = now - (n + 1) * 9 * HOUR
        await alarms.opened(home, since=at - HOUR, gone_at=at, closed_at=at, sentence=f"Site {n} does not answer.")
    return await alarms.channel(home)


async def look(page: Page, where: str) -> None:
    await page.wait_for_load_state("load")
    if SHOTS:
        await page.screenshot(path=Path(SHOTS) / f"{where}.png", full_page=True)
    assert await faults(page) == [], where


@pytest.mark.parametrize(
    ("size", "scheme"), [("phone", "light"), ("phone", "dark"), ("desk", "light"), ("desk", "dark")]
)
async def test_every_page_of_alarms_is_without_barriers(o: Office, browser: Browser, size: str, scheme: str) -> None:
    channel = await furnished(o)
    page = await (await sitting_down(browser, await o.of("owner"), size, scheme)).new_page()
    for name, path in {
        "alarms": "/alarms",
        "channels": "/settings/alarms",
        "channel": f"/settings/alarms/{channel}",
        "remove": f"/settings/alarms/{channel}/remove",
        "dashboard": "/",
        "settings": "/settings",
    }.items():
        await page.goto(f"{o.url}/console{path}")
        await look(page, f"{name}-{size}-{scheme}")


@pytest.mark.parametrize(("size", "script"), [("phone", False), ("desk", True)])
async def test_an_alarm_is_taken_and_a_webhook_is_added(o: Office, browser: Browser, size: str, script: bool) -> None:
    await alarms.opened(o.home)
    page = await (await sitting_down(browser, await o.of("owner"), size, "light", script=script)).new_page()
    await page.goto(f"{o.url}/console/alarms")
    await page.click("text=I take care of it")
    assert "Seen by Amina Owner" in await page.inner_text("#open")
    await page.click("text=Mute until it is back")
    assert "muted until it is back" in await page.inner_text("#open")
    await page.click("text=Who is told")
    await page.check("input[value=webhook]")
    await page.fill("#address", "https://10.0.0.1/x")
    await page.click("button:has-text('Add it')")
    await page.wait_for_selector("text=whole https address")
    await page.fill("#address", "https://hooks.example.test/x")
    await page.uncheck("text=Many wrong codes")
    await page.click("button:has-text('Add it')")
    secret = await page.input_value("#secret")
    assert secret.startswith("whs_")
    if script:
        await look(page, f"secret-{size}")
    await page.click("text=I have it")
    await page.click("text=Send a test message")
    assert "on its way" in await page.inner_text("#latest")


async def test_what_is_not_told_in_an_hour_is_told_by_the_page(o: Office, browser: Browser) -> None:
    """The page renews its open alarms by itself."""
    alarm = await alarms.opened(o.home)
    page = await (await sitting_down(browser, await o.of("owner"), "desk", "light")).new_page()
    await page.goto(f"{o.url}/console/alarms")
    await o.home.write(update, "alarms", alarm, sentence="Site 1 is still away.")
    await page.evaluate("htmx.trigger('#open', 'every 30s')")
    await page.evaluate("htmx.ajax('GET', '/console/alarms', {target: '#open', select: '#open', swap: 'outerHTML'})")
    await page.wait_for_selector("text=Site 1 is still away.")
