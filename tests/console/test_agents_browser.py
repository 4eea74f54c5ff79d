"""Agents in a real Chromium, on a phone and on a desk: the ISP's pages and the agent's own."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page

from portal.clock import DAY
from tests.console.office import Office, Visitor
from tests.console.test_agents import form, owes
from tests.console.test_browser import sitting_down
from tests.looking import AXE
from tests.vouchers.cards import print_cards, show

pytestmark = pytest.mark.browser
WAYS = (("size", "scheme", "script"), [("phone", "light", True), ("desk", "dark", True), ("phone", "dark", False)])


async def no_barriers(page: Page, where: str) -> None:
    """Neither for a screen reader nor for a narrow screen."""
    await page.evaluate(AXE.read_text())
    found = await page.evaluate("axe.run()")
    bad = [(each["id"], [n["html"] for n in each["nodes"]]) for each in found["violations"]]
    assert bad == [], where
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), where


@pytest.mark.parametrize(*WAYS)
async def test_from_the_batch_to_the_signed_slip(
    o: Office, browser: Browser, size: str, scheme: str, script: bool
) -> None:
    agent = await o.of("agent")
    await print_cards(o.home, 50)
    context = await sitting_down(browser, await o.of("owner"), size, scheme, script)
    page = await context.new_page()
    await page.goto(f"{o.url}/console/agents")
    await page.get_by_role("link", name="Amina Agent").click()
    await page.get_by_label("Commission, in per cent").fill("10")
    await page.get_by_label("Most that they may owe").fill("1,000")
    await page.get_by_role("button", name="Keep it").click()
    await page.get_by_text("Saved.").wait_for()

    await page.get_by_role("link", name="Hand out cards").click()
    await page.get_by_label("Serials").fill("1-20")
    await page.get_by_role("button", name="Show what it will do").click()
    await page.get_by_role("heading", name="20 cards of B1").wait_for()
    await page.get_by_role("button", name="Hand them out").click()
    await page.get_by_text("The cards are handed out").wait_for()
    assert await owes(o, agent) == 40_000

    await page.get_by_role("link", name="Cards were lost").click()
    await page.get_by_label("Serials").fill("19-20")
    await page.get_by_text("They are let off").click()
    await page.get_by_role("button", name="Show what it will do").click()
    await page.get_by_label("Why").fill("Rain came in")
    await page.get_by_role("button", name="Write them off").click()
    await page.get_by_text("The cards are void.").wait_for()
    assert await owes(o, agent) == 36_000

    await page.get_by_label("How much").fill("100")
    await page.get_by_role("button", name="Take the cash").click()
    await page.get_by_text("Still owed").wait_for()
    assert await owes(o, agent) == 26_000
    if script:
        await no_barriers(page, "slip")


async def furnished(o: Office) -> Visitor:
    """An agent with some of everything: moves, redeemed cards, commission, a payment."""
    agent, owner = await o.of("agent"), await o.of("owner")
    here = f"/agents/{agent.staff_id}"
    drawn = await print_cards(o.home, 120)
    await owner.post(f"{here}/terms", percent="7.5", limit="20000")
    await owner.post(f"{here}/move", **form("handed", "1-100", 100, n=1, reason="For the kiosk at the stage"))
    for n in range(9):
        await show(o.home, drawn[n], n + 1)
        if n % 3 == 2:
            o.home.clock.advance(DAY)
    owner = await o.again(owner)
    await owner.post(f"{here}/move", **form("returned", "91-100", 10, n=2))
    await owner.post(f"{here}/move", **form("lost", "81-85", 5, n=3, reason="Left in a matatu"))
    await owner.post(f"{here}/settle", amount="500", key="c" * 16)
    return agent


@pytest.mark.parametrize(("size", "scheme"), [("phone", "light"), ("desk", "dark")])
async def test_the_pages_about_agents_have_no_barriers(o: Office, browser: Browser, size: str, scheme: str) -> None:
    agent = await furnished(o)
    here = f"/agents/{agent.staff_id}"
    context = await sitting_down(browser, await o.of("owner"), size, scheme)
    page = await context.new_page()
    for path in (
        "/agents",
        here,
        f"{here}/account",
        f"{here}/account?span=today",
        f"{here}/move?kind=handed",
        f"{here}/move?kind=handed&batch=1&serials=90-110",
        f"{here}/move?kind=returned&batch=1",
        f"{here}/move?kind=lost&batch=1&serials=10-20",
        f"{here}/move?kind=handed&batch=1&serials=x",
        "/vouchers/batch/1",
    ):
        await page.goto(f"{o.url}/console{path}")
        await no_barriers(page, path)


@pytest.mark.parametrize(("size", "scheme"), [("phone", "dark"), ("desk", "light")])
async def test_an_agents_own_pages_have_no_barriers(o: Office, browser: Browser, size: str, scheme: str) -> None:
    agent = await o.again(await furnished(o))
    context = await sitting_down(browser, agent, size, scheme)
    page = await context.new_page()
    for path in ("/stock", "/stock/account", "/stock/moves", "/stock/batch/1"):
        await page.goto(f"{o.url}/console{path}")
        await no_barriers(page, path)
    await page.goto(f"{o.url}/console/stock")
    await page.get_by_role("link", name="My account").click()
    await page.get_by_text("Lost, still owed: B1, 81-85").wait_for()
    await page.get_by_text("Paid to Amina Owner").wait_for()
