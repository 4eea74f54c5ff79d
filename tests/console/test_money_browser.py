"""Placing money in a real Chromium, on a phone and on a desk, with scripts and without."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from portal.units import rows
from tests.console import guests
from tests.console.office import Office
from tests.console.samples import _batch
from tests.console.test_browser import sitting_down
from tests.console.test_unmatched import came
from tests.looking import AXE

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("size", "scheme", "script"), [("phone", "light", True), ("desk", "dark", True), ("phone", "dark", False)]
)
async def test_from_the_queue_to_a_pass(o: Office, browser: Browser, size: str, scheme: str, script: bool) -> None:
    await guests.device(o.home)
    await came(o)
    context = await sitting_down(browser, await o.of("owner"), size, scheme, script)
    page = await context.new_page()
    await page.goto(f"{o.url}/console/payments/queue")
    await page.get_by_role("link", name="What this money was for").click()
    await page.get_by_placeholder("MAC, phone, voucher or receipt").fill(guests.mac(1))
    await page.get_by_role("button", name="Find the device").click()
    await page.get_by_role("button", name="Give the pass").click()
    await page.get_by_text("The money has its pass.").wait_for()

    assert len(await o.home.read(rows, "SELECT id FROM passes WHERE tenant_id = :tenant")) == 1


@pytest.mark.parametrize(("size", "scheme"), [("phone", "light"), ("desk", "dark")])
async def test_the_pages_about_one_thing_have_no_barriers(o: Office, browser: Browser, size: str, scheme: str) -> None:
    await guests.device(o.home)
    await guests.device(o.home, 2)
    receipt, who = await came(o), await o.of("owner")
    batch = await _batch(who)
    context = await sitting_down(browser, who, size, scheme)
    page = await context.new_page()
    for path in (
        f"/payments/money/{receipt}",
        f"/vouchers/batch/{batch}",
        "/takings?span=30",
        "/payments?since=2026-01-01",
    ):
        await page.goto(f"{o.url}/console{path}")
        await page.evaluate(AXE.read_text())
        found = await page.evaluate("axe.run()")
        bad = [each["id"] for each in found["violations"] if each["impact"] in ("serious", "critical")]

        assert bad == [], path
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
