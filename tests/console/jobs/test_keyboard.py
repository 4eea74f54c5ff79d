"""Each daily job with the keyboard alone; the focus is always seen, never lost and never held."""

from __future__ import annotations

import pytest
from playwright.async_api import Page

from portal.tenancy import store as tenancy
from tests.console import guests
from tests.console.jobs.furniture import PAGES, filled, furnish
from tests.console.jobs.hands import enter, focus, press, step, tab_to, types, walk
from tests.console.jobs.shop import SWEEP, Shop, says, text_of
from tests.looking import FEWER
from tests.staff.people import PASSWORD

MENU = "WYour account and the menu"
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def past_the_frame(page: Page) -> None:
    """The skip link is the first stop of each page, and leads to what is in it."""
    assert (await step(page)) == await focus(page)
    at = await focus(page)
    assert at is not None
    assert at.name == "Skip to the page"
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "main"


@pytest.mark.parametrize("size", [pytest.param("phone", marks=[pytest.mark.slow, SWEEP]), "desk"])
async def test_the_focus_goes_through_every_page_and_out_again(s: Shop, size: str) -> None:
    await furnish(s)
    async with s.sits(size) as page:
        for path in PAGES:
            await page.goto(f"{s.url}{await filled(s, path)}")
            await page.evaluate(FEWER)
            await page.evaluate("document.activeElement.blur()")
            assert await walk(page), path


async def test_logging_in(s: Shop) -> None:
    staff = await s.hired("owner")
    async with s.opened() as page:
        await page.goto(f"{s.url}/login")
        await types(page, staff.email(s.home.vault))
        await enter(page, "Password", "wrong horse battery")
        await page.keyboard.press("Enter")
        await page.get_by_role("alert").wait_for()
        await page.wait_for_selector("input:focus")
        at = await focus(page)
        assert at is not None
        assert at.name == "Password", "where to go on"
        assert await page.evaluate("document.activeElement.getAttribute('aria-describedby')") == "fault"
        await page.keyboard.type(PASSWORD)
        await enter(page, "Code of your authenticator app", s.code())
        await page.keyboard.press("Enter")
        await page.locator(".menu summary").wait_for()


async def test_the_menu_opens_closes_and_gives_the_focus_back(s: Shop) -> None:
    async with s.sits("phone") as page:
        await page.goto(f"{s.url}/account")
        await tab_to(page, MENU)
        await page.keyboard.press("Enter")
        await tab_to(page, "Plans")
        await page.keyboard.press("Escape")
        assert await page.locator(".menu[open]").count() == 0
        assert await page.evaluate("document.activeElement.tagName") == "SUMMARY"
        await page.keyboard.press("Space")
        await press(page, "Dark")
        assert await page.locator("html").get_attribute("data-theme") == "dark"
        await tab_to(page, MENU)
        await page.keyboard.press("Enter")
        await tab_to(page, "Log out")
        await step(page)
        assert await page.locator(".menu[open]").count() == 0, "it closes when one goes on"


async def test_a_payer_is_found_and_put_right(s: Shop) -> None:
    phone, new = await s.joins(), await s.joins()
    receipt = f"TKM5X7Y{next(s.numbers):03d}"
    await guests.paid(s.home, phone.id, receipt=receipt)
    await s.lets_in(phone)
    async with s.sits(role="support") as page:
        await page.goto(f"{s.url}/account")
        await page.keyboard.press("/")
        await types(page, receipt)
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        await page.wait_for_url("**/guests/device/*")
        await past_the_frame(page)
        await enter(page, "Why", "It was slow")
        await press(page, "+ 1 hour", "Space")
        await says(page, "The time is given")
        await enter(page, "Why", "It was slow")
        await enter(page, "Or minutes", "many")
        await press(page, "Give")
        at = await focus(page)
        assert at is not None
        assert at.name.startswith("Type how many minutes"), "what went wrong is read out"
        assert await _next(page) == "Why", "and its form comes next"
        await enter(page, "For whoever helps next", "Called at noon")
        await press(page, "Write it down")
        await says(page, "Called at noon")
        await enter(page, "MAC of the new device", new.mac)
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        await says(page, "All passes are here now")
    await s.lets_in(new)


async def _next(page: Page) -> str:
    at = await step(page)
    return at.name if at else ""


async def test_who_is_online_is_kicked_let_in_and_blocked(s: Shop) -> None:
    phone = await s.online()
    async with s.sits(role="manager") as page:
        await page.goto(f"{s.url}/online")
        await tab_to(page, f"Kick {phone.mac}")
        again = "htmx.ajax('GET', location.href, {target: '#online', select: '#online', swap: 'outerHTML'})"
        await page.evaluate(again)
        at = await focus(page)
        assert at is not None
        assert at.name == f"Kick {phone.mac}", "a list that renews itself leaves the focus where it was"
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        await s.puts_out(phone)
        await press(page, "Let it in again")
        await s.lets_in(phone)
        await s.until(lambda: s.is_known_online(phone))
        await page.goto(f"{s.url}/online")
        await press(page, f"Block {phone.mac}")
        await types(page, "Sends mail of its own")  # the field has the focus
        await press(page, "Block the device")
        await s.puts_out(phone)
        await press(page, "Unblock")
    await s.lets_in(phone)


async def test_a_batch_is_made_printed_and_partly_taken_back(s: Shop) -> None:
    async with s.sits(role="manager") as page:
        await page.goto(f"{s.url}/vouchers")
        await press(page, "Make a batch")
        await tab_to(page, "Plan")
        await page.keyboard.press("ArrowDown")
        await enter(page, "How many cards", "many")
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        at = await focus(page)
        assert at is not None
        assert at.name.startswith("A batch holds")
        await enter(page, "How many cards", "4")
        await press(page, "Make the batch")
        await says(page, "The batch is made")
        await tab_to(page, "Print (PDF)")
        async with page.expect_download() as download:
            await page.keyboard.press("Enter")
        assert await (await download.value).path()
        await press(page, "Void cards …")
        await enter(page, "Other serials", "2-3")
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        await enter(page, "Why", "Wet")
        await press(page, "Void them for good")
        await says(page, "The cards are void")
    [batch] = await s.rows("SELECT * FROM batches WHERE tenant_id = :tenant ORDER BY id DESC LIMIT 1")
    assert batch["plan_id"] == s.home.plan.id, "the second of the list"
    assert (batch["count"], (await s.last_act())["act"]) == (4, "voucher.void")


async def test_a_card_is_sold(s: Shop) -> None:
    async with s.sits(role="cashier") as page:
        await page.goto(f"{s.url}/sale")
        await past_the_frame(page)
        await press(page, "1 hourKSh", "Space")
        assert await page.locator(".sold-code").count()
        await press(page, "Next sale")
        await says(page, "not used yet")


async def test_takings_are_read_and_the_queue_is_done(s: Shop) -> None:
    about = f"KSh 70 came under account LANE{next(s.numbers)}."
    await s.home.write(
        tenancy.open_exception, "unmatched-money", f"receipt:K{next(s.numbers)}", about, s.home.clock.now()
    )
    async with s.sits() as page:
        await page.goto(f"{s.url}/")
        await tab_to(page, "As a table")
        await page.keyboard.press("Enter")
        assert (await _next(page)).split()[0].isdecimal(), "the newest day"
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        await press(page, "What matched nothing")
        await enter(page, "What you did", "Given back")
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        await says(page, "That line is done")
        assert about not in await text_of(page)


async def test_stock_is_narrowed_and_a_price_is_changed(s: Shop) -> None:
    plan = await s.home.plan_of(name=f"Evening {next(s.numbers)}")
    async with s.sits() as page:
        await page.goto(f"{s.url}/vouchers")
        await press(page, "With unused cards")
        assert "only=stock" in page.url
        await page.goto(f"{s.url}/plans")
        await press(page, plan.name)
        await enter(page, "Price in whole KES", "35")
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        await says(page, "Saved. Guests see it now")
        await page.goto(f"{s.url}/plans")
        await press(page, f"{plan.name}: one place down")


async def test_staff_are_invited_changed_and_looked_up_in_the_log(s: Shop) -> None:
    name = f"Achieng {next(s.numbers)}"
    async with s.sits() as page:
        await page.goto(f"{s.url}/staff")
        await enter(page, "Name", name)
        await enter(page, "E-mail", f"achieng{next(s.numbers)}@kilimani.test")
        await tab_to(page, "Cashier")
        await page.keyboard.press("ArrowDown")
        await press(page, "Make the invitation")
        assert "/console/link/" in await page.get_by_label("Link").input_value()
        await press(page, "I have it")
        await press(page, name)
        await says(page, "Switch off")
        await tab_to(page, "Role")
        await page.keyboard.type("Aud")
        await enter(page, "Why (for the audit log)", "Counts only")
        await press(page, "Change the role")
        await says(page, "The role is changed")
        await page.goto(f"{s.url}/audit")
        await tab_to(page, "What")
        await page.keyboard.type("Changed a role")
        await press(page, "Show")
        assert "Counts only" in await page.locator("tbody tr").first.inner_text()


async def test_own_logins_are_ended(s: Shop) -> None:
    staff = await s.hired("manager")
    tokens = [await s.login_of(staff.id) for _ in range(2)]
    async with s.opened() as page:
        await s.gets_cookie(page.context, tokens[0])
        await page.goto(f"{s.url}/account")
        await press(page, "End", whole=True)
        await says(page, "That login is ended")
        assert await page.get_by_role("button", name="End", exact=True).count() == 0
