"""Those who do not sit at an ISP's desk: agents, the platform, who looks in, and whose ISP is off."""

from __future__ import annotations

import pytest
from playwright.async_api import Page

from portal.tenancy import closing
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant
from tests.console.jobs.furniture import filled, furnish, nobody_else
from tests.console.jobs.hands import walk
from tests.console.jobs.shop import CORE, EACH, SIZES, Shop, says
from tests.console.jobs.test_counter import addresses, redeemed, saved
from tests.looking import FEWER, Traffic, faults, shape
from tests.vouchers.cards import print_cards

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def platform(s: Shop) -> Tenant:
    found = await s.home.db.read(None, tenancy.platform)
    if found is None:
        now = s.home.clock.now()
        found = await s.home.db.write(None, tenancy.add_tenant, "Platform", now, kind="platform")
    return found


async def clean(page: Page) -> None:
    """No barrier (axe looks at it on the phone), and on the desk the keyboard goes through it and out again."""
    await page.wait_for_load_state("load")
    assert page.viewport_size is not None
    if page.viewport_size["width"] == SIZES["phone"][0]:
        assert await faults(page) == [], page.url
        return
    await page.evaluate(FEWER)
    await page.evaluate("document.activeElement.blur()")
    assert await walk(page), page.url
    assert await shape(page) == [], page.url


# --- an agent ---


async def with_stock(s: Shop) -> tuple[int, int]:
    """An agent with five cards: their id and the batch's."""
    agent = await s.hired("agent")
    await print_cards(s.home, 5, agent_id=agent.id)
    [row] = await s.rows("SELECT id FROM batches WHERE tenant_id = :tenant AND agent_id = :agent", agent=agent.id)
    return agent.id, int(row["id"])


@pytest.mark.parametrize(*CORE)
async def test_an_agent_sells_a_card_of_their_own_stock_and_prints_the_rest(s: Shop, size: str, script: bool) -> None:
    agent, batch = await with_stock(s)
    async with s.opened(size, script=script) as page:
        await s.gets_cookie(page.context, await s.login_of(agent))
        await page.goto(f"{s.url}/")
        await page.wait_for_url("**/console/stock")
        await page.get_by_role("button", name="1 hour").click()
        await page.locator(".sold-code").wait_for()
        code = (await page.locator(".sold-code").inner_text()).strip()
        assert await page.locator(".symbol svg").count() == 1
        await page.get_by_role("link", name="Back to my stock").click()
        await says(page, "4 left")
        await page.get_by_role("link", name=f"B{await number_of(s, batch)}").click()
        await says(page, "sold on a screen")
        assert len(addresses(await saved(page, "Print (PDF)"), 4)) == 4
        await page.goto(f"{s.url}/stock")
        await says(page, "No card is left that can be shown here")
    await redeemed(s, await s.joins(), code)


async def number_of(s: Shop, batch: int) -> int:
    [row] = await s.rows("SELECT number FROM batches WHERE tenant_id = :tenant AND id = :id", id=batch)
    return int(row["number"])


# --- the platform, and being let in ---


@pytest.mark.parametrize(*CORE)
async def test_an_isp_is_added_switched_off_and_on_and_closed(s: Shop, size: str, script: bool) -> None:
    name, n = f"Mtaa Net {next(s.numbers)}", next(s.numbers)
    async with s.sits(size, "platform", await platform(s), script=script) as page:
        await page.goto(f"{s.url}/")
        await page.get_by_role("link", name="Add an ISP").first.click()
        await page.get_by_label("Name", exact=True).fill(name)
        await page.get_by_label("Name of the owner").fill("Achieng Odhiambo")
        await page.get_by_label("E-mail of the owner").fill(f"achieng{n}@mtaa.test")
        await page.get_by_role("button", name="Add it").click()
        link = await page.get_by_label("Link").input_value()
        await page.get_by_role("link", name="I have it").click()
        await says(page, "No owner of it can log in yet")
        for act, button, after in (
            ("Switch off …", "Switch it off", "off"),
            ("Switch on …", "Switch it on", "on"),
            ("Close …", "Close it", "closed"),
        ):
            await page.get_by_role("link", name=act).click()
            if after == "closed":
                await page.get_by_label("The name of the ISP").fill(name)
            await page.get_by_label("Why").fill("because")
            await page.get_by_role("button", name=button).click()
            assert await page.locator("h1 .pill").inner_text() == after
    async with s.opened(size, script=script) as page:  # by its owner, who cannot come in to one that is closed
        await page.goto(link)
        assert await page.get_by_role("heading", level=1).count() == 1


@pytest.mark.parametrize(*CORE)
async def test_an_owner_lets_the_platform_look_in_and_shuts_the_window(s: Shop, size: str, script: bool) -> None:
    phone = await s.online()
    where = f"{s.url}/guests/device/{phone.id}"
    async with (
        s.sits(size, "owner", script=script) as owner,
        s.sits(size, "platform", await platform(s), script=script) as helper,
    ):
        await helper.goto(where)
        await says(helper, "That did not work")
        await owner.goto(f"{s.url}/support")
        await owner.get_by_label("What they should look at").fill("A guest is offline")
        await owner.get_by_role("button", name="Open the window").click()
        await says(owner, "A guest is offline")

        await helper.goto(f"{s.url}/isps")
        await helper.get_by_role("link", name=s.home.tenant.name).click()
        await helper.get_by_role("button", name="Look in").click()
        await helper.goto(where)
        await says(helper, "Each page is written into its log")
        assert await helper.get_by_role("button", name="+ 1 hour").count() == 0

        await owner.goto(f"{s.url}/support")
        await says(owner, "/guests/device/{device}")
        await owner.get_by_role("button", name="Shut it now").click()
        await helper.goto(where)
        await says(helper, "That did not work")


# --- an ISP that is off ---


@pytest.mark.parametrize(*EACH)
async def test_an_owner_takes_the_records_of_an_isp_away_that_is_off(s: Shop, size: str) -> None:
    tenant = await nobody_else(s)
    await s.home.db.write(None, closing.switch, tenant.id, False, s.home.clock.now())
    await s.bando.catalog.refresh()
    try:
        async with s.sits(size, "owner", tenant) as page:
            await page.goto(f"{s.url}/")
            await says(page, "is switched off")
            for path in ("/export", "/support", "/account"):
                await page.goto(f"{s.url}{path}")
                await clean(page)
            await page.goto(f"{s.url}/export")
            async with page.expect_download() as coming:
                await page.get_by_role("button", name="Download everything").click()
            assert (await coming.value).suggested_filename.endswith(".zip")
            assert "Vouchers" not in await page.locator("nav").first.inner_text()
    finally:
        await s.home.db.write(None, closing.switch, tenant.id, True, s.home.clock.now())
        await s.bando.catalog.refresh()


# --- no page of theirs has barriers ---


@pytest.mark.parametrize(*EACH)
async def test_no_page_of_an_agent_has_barriers(s: Shop, size: str) -> None:
    agent, batch = await with_stock(s)
    nobody = await s.hired("agent")
    async with s.opened(size) as page:
        await s.gets_cookie(page.context, await s.login_of(nobody.id))
        await page.goto(f"{s.url}/stock")
        await says(page, "You have no cards yet")
        await clean(page)
    async with s.opened(size) as page:
        await s.gets_cookie(page.context, await s.login_of(agent))
        for path in ("/stock", f"/stock/batch/{batch}", "/account"):
            await page.goto(f"{s.url}{path}")
            await clean(page)
        await page.locator(".menu summary").click()
        box = await page.locator(".menu-card").bounding_box()
        assert box is not None
        assert box["x"] >= 0, "the menu opens on the screen, without a search box beside it, too"
        assert box["x"] + box["width"] <= SIZES[size][0]
        await page.goto(f"{s.url}/stock")
        await page.get_by_role("button", name="1 hour").click()
        await page.locator(".sold-code").wait_for()
        await clean(page)


@pytest.mark.parametrize(*EACH)
async def test_no_page_of_the_platform_has_barriers(s: Shop, size: str) -> None:
    isp = (await nobody_else(s)).id
    paths = ("", "/new", f"/{isp}", f"/{isp}/owner", f"/{isp}/switch?to=off", f"/{isp}/switch?to=close")
    async with s.sits(size, "platform", await platform(s)) as page:
        traffic = Traffic(page)
        await traffic.watch()
        for path in (*(f"/isps{each}" for each in paths), "/staff", "/staff/invite", "/audit", "/account"):
            await page.goto(f"{s.url}{path}")
            await clean(page)
        assert traffic.hosts == {"portal.bando.test"}


@pytest.mark.parametrize(*EACH)
async def test_no_page_has_barriers_for_who_looks_in(s: Shop, size: str) -> None:
    await furnish(s)
    async with s.sits(size, "owner") as owner, s.sits(size, "platform", await platform(s)) as page:
        await owner.goto(f"{s.url}/support")
        await owner.get_by_label("What they should look at").fill("Everything")
        await owner.get_by_role("button", name="Open the window").click()
        await page.goto(f"{s.url}/isps/{s.home.tenant.id}")
        await page.get_by_role("button", name="Look in").click()
        for path in ("/", "/guests/device/{device}", "/payments/{id}", "/vouchers/batch/{id}", "/routers/{id}"):
            await page.goto(f"{s.url}{await filled(s, path)}")
            await says(page, "Each page is written into its log")
            await clean(page)
        await owner.get_by_role("button", name="Shut it now").click()
