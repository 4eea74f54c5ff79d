"""What an owner looks after: takings, payments, what waits for somebody, plans and prices, staff, and the audit log."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from playwright.async_api import Page

from portal import spans
from portal.access import store as access
from portal.money import Money
from portal.payments import accounts
from portal.tenancy import store as tenancy
from portal.units import update
from portal.words import money as in_words
from tests.console import money
from tests.console.jobs.shop import CORE, EACH, Shop, says, text_of
from tests.staff.people import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

TAKINGS = (
    "SELECT COALESCE(SUM(amount_minor), 0) AS sum FROM payments WHERE tenant_id = :tenant AND state = 'paid'"
    " AND settled_at >= :since"
)


async def taken(s: Shop, since: int) -> str:
    [row] = await s.rows(TAKINGS, since=since)
    return in_words(Money(int(row["sum"])), "en")


@pytest.mark.parametrize(*CORE)
async def test_takings_of_today_and_of_the_month(s: Shop, size: str, script: bool) -> None:
    zone, now = s.home.tenant.timezone, s.home.clock.now()
    (today, _), (month, _) = spans.last_days(now, zone, 1)[-1], spans.month_span(now, zone)
    async with s.sits(size, "owner", script=script) as page:
        await page.goto(f"{s.url}/")
        told = await page.locator(".tiles.six").inner_text()
        assert await taken(s, today) in told
        assert await taken(s, month) in told
        if script:
            await page.locator(".chart canvas").first.wait_for()
        else:
            assert not await page.locator(".chart").first.is_visible()
        table = page.get_by_text("As a table").first
        await table.click()
        first = page.locator(".figures table").first
        assert await first.locator("tbody tr").count() == 30
        await first.get_by_role("link").nth(1).click()
        await page.wait_for_url("**/payments?state=paid&day=*")
        assert await page.get_by_role("row").count() > 5


@pytest.mark.parametrize(*EACH)
async def test_payments_are_narrowed_by_state_and_day(s: Shop, size: str) -> None:
    async with s.sits(size, "auditor") as page:
        await page.goto(f"{s.url}/payments")
        await page.get_by_role("link", name="Not paid").click()
        lines = await page.locator("tbody tr").all_inner_texts()
        assert lines
        assert not [each for each in lines if "SKH" in each], "no receipt where nobody paid"
        await page.get_by_role("link", name="Older").click()
        await says(page, "Newest")
        await page.get_by_label("From").fill("2020-01-01")
        await page.get_by_label("Until").fill("2020-01-01")
        await page.get_by_role("button", name="Show", exact=True).click()
        await says(page, "No such payment")
        await page.get_by_role("link", name="All days").click()
        await page.get_by_role("link", name="Paid", exact=True).click()
        await page.locator("tbody tr").first.get_by_role("link").click()
        await says(page, "What happened")
        story = await text_of(page)
        assert "xx xxx" in story, "an auditor sees no whole number"


@pytest.mark.parametrize(*CORE)
async def test_a_line_of_the_queue_is_closed_with_a_note(s: Shop, size: str, script: bool) -> None:
    number = f"SKL4TQ{next(s.numbers):04d}"
    about = f"KSh 50 came under account {number}."
    await s.home.write(tenancy.open_exception, "unmatched-money", f"receipt:{number}", about, s.home.clock.now())
    async with s.sits(size, "owner", script=script) as page:
        await page.goto(f"{s.url}/")
        await page.get_by_role("link", name=re.compile("Look at them")).first.click()
        line = page.locator("li.matter").filter(has_text=about)
        await line.get_by_label("What you did").fill("Given back by hand")
        await line.get_by_role("button", name="Done").click()
        await says(page, "That line is done")
        assert await page.get_by_text(about).count() == 0
    act = await s.last_act()
    assert act["act"] == "line.close"
    assert "Given back by hand" in str(act["payload"])


@pytest.mark.parametrize(*CORE)
async def test_a_price_is_changed_and_guests_see_it(s: Shop, size: str, script: bool) -> None:
    name = f"Half a day {next(s.numbers)}"
    plan = await s.home.plan_of(name=name)
    async with s.sits(size, "owner", script=script) as page:
        await page.goto(f"{s.url}/plans")
        await page.get_by_role("link", name=name).click()
        await page.get_by_label("Price in whole KES").fill("free")
        await page.get_by_role("button", name="Save").click()
        await says(page, "The price must be a whole number")
        assert await page.get_by_label("Price in whole KES").input_value() == "free"
        await page.get_by_label("Price in whole KES").fill("45")
        await page.get_by_role("button", name="Save").click()
        await says(page, "Saved. Guests see it now")
        await s.until(lambda: _price(s, plan.id) == 4500)
        await page.get_by_role("button", name="Withdraw the plan").click()
        await says(page, "The plan is withdrawn")
        await s.until(lambda: _price(s, plan.id) is None)
        await page.get_by_role("button", name="Put it on sale").click()
        await says(page, "The plan is on sale")
        await page.goto(f"{s.url}/plans")
        before = await _place(s, plan.id)
        await page.get_by_role("button", name=f"{name}: one place down").click()
        await s.until(lambda: _is_at(s, plan.id, before + 1))


async def _place(s: Shop, plan_id: int) -> int:
    return [each.id for each in await s.home.read(access.plan_list)].index(plan_id)


async def _is_at(s: Shop, plan_id: int, place: int) -> bool:
    return await _place(s, plan_id) == place


def _price(s: Shop, plan_id: int) -> int | None:
    view = s.bando.catalog.tenant(s.home.tenant.id)
    return next((each.price.minor for each in view.plans if each.id == plan_id and each.on_sale), None)


@pytest.mark.parametrize(*EACH)
async def test_a_plan_is_added(s: Shop, size: str) -> None:
    name = f"Two days {next(s.numbers)}"
    async with s.sits(size) as page:
        await page.goto(f"{s.url}/plans")
        await page.get_by_role("link", name="Add a plan").click()
        await page.get_by_label("Name").fill(name)
        await page.get_by_label("Price in whole KES").fill("90")
        await page.get_by_label("Time", exact=True).fill("2")
        await page.locator("select[name=time_unit]").select_option("days")
        await page.get_by_role("button", name="Put it on sale").click()
        await says(page, "The plan is on sale")
        await says(page, "2 days")
    assert [each.price.minor for each in await s.home.read(access.plan_list) if each.name == name] == [9000]


@pytest.mark.parametrize(*CORE)
async def test_somebody_is_invited_comes_in_changes_role_and_is_switched_off(s: Shop, size: str, script: bool) -> None:
    name = f"Otieno {next(s.numbers)}"
    email = f"otieno{next(s.numbers)}@kilimani.test"
    async with s.sits(size, script=script) as page, s.opened(size, script=script) as theirs:
        await page.goto(f"{s.url}/staff")
        await page.get_by_label("Name").fill(name)
        await page.get_by_label("E-mail").fill(email)
        await page.get_by_label("Cashier").check()
        await page.get_by_role("button", name="Make the invitation").click()
        link = await page.get_by_label("Link").input_value()
        await takes_up(theirs, link, email)
        assert name in await theirs.locator(".menu-who").inner_html()

        await page.get_by_role("link", name="I have it").click()
        await page.get_by_role("link", name=name).click()
        await page.get_by_label("Role").select_option("auditor")
        await page.get_by_label("Why (for the audit log)").first.fill("A new job")
        await page.get_by_role("button", name="Change the role").click()
        await says(page, "The role is changed")
        await theirs.goto(f"{s.url}/account")
        assert "/console/login" in theirs.url
        await page.get_by_role("button", name="Switch off").click()
        await says(page, "They are switched off")
        await page.get_by_role("button", name="Switch on").click()
        await says(page, "They may log in again")

        await page.get_by_role("link", name="What they did").click()
        await says(page, "Set a password by a link")
        await page.get_by_role("link", name="Everything").click()
        await page.get_by_label("What").select_option(label="Changed a role")
        await page.get_by_role("button", name="Show").click()
        line = await page.locator("tbody tr").first.inner_text()
        assert "A new job" in line


async def takes_up(page: Page, link: str, email: str) -> None:
    """Open the invitation, choose a password, log in."""
    await page.goto(link)
    await page.get_by_label("New password").fill(PASSWORD)
    await page.get_by_label("The same again").fill(PASSWORD)
    await page.get_by_role("button", name="Set the password").click()
    await says(page, "Your password is set")
    await page.get_by_label("E-mail").fill(email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await page.locator(".menu summary").wait_for()


@pytest.mark.parametrize(*EACH)
async def test_own_logins_are_seen_and_ended(s: Shop, size: str) -> None:
    staff = await s.hired("manager")
    async with s.opened(size) as page, s.opened(size) as other:
        for each in (page, other):
            await each.goto(f"{s.url}/login")
            await each.get_by_label("E-mail").fill(staff.email(s.home.vault))
            await each.get_by_label("Password").fill(PASSWORD)
            await each.get_by_label("Code of your authenticator app").fill(s.code(1 if each is other else 0))
            await each.get_by_role("button", name="Log in").click()
            await each.locator(".menu summary").wait_for()
        await page.goto(f"{s.url}/account")
        assert await page.get_by_role("button", name="End", exact=True).count() == 1
        await page.get_by_role("button", name="End", exact=True).click()
        await says(page, "That login is ended")
        await other.goto(f"{s.url}/online")
        assert "/console/login" in other.url


@pytest.mark.parametrize(*EACH)
async def test_keys_are_tried_and_a_paybill_is_switched_off_and_on(s: Shop, size: str) -> None:
    [account] = await s.rows("SELECT * FROM mpesa_accounts WHERE tenant_id = :tenant ORDER BY id LIMIT 1")
    keys = {name: account[f"{name}_sealed"] for name in accounts.SECRETS}
    async with s.sits(size) as page:
        await page.goto(f"{s.url}/settings/mpesa/{account['id']}")
        await page.get_by_role("button", name="Try the keys").click()
        await says(page, "M-Pesa takes these keys")
        for name in ("Consumer key", "Consumer secret", "Passkey"):
            await page.get_by_label(name).fill(f"not the {name}")
        await page.get_by_role("button", name="Keep the new keys").click()
        await says(page, "The new keys are kept")
        await page.get_by_role("button", name="Try the keys").click()
        await says(page, "M-Pesa refuses the consumer key and secret")
        await page.get_by_role("button", name="Copy the Confirmation URL").click()
        await page.get_by_role("link", name="Switch off …").click()
        await says(page, "guests cannot pay by phone until there is one")
        await page.get_by_label("Why").fill("Moved to another bank")
        await page.get_by_role("button", name="Switch it off").click()
        assert await page.locator("h1 .pill").inner_text() == "off"
        await page.get_by_role("button", name="Switch on").click()
        assert await page.locator("h1 .pill").inner_text() == "on"
    sealed = {f"{name}_sealed": kept for name, kept in keys.items()}
    await s.home.write(update, "mpesa_accounts", account["id"], app_index=account["app_index"], **sealed)


@pytest.mark.parametrize(*CORE)
async def test_records_are_taken_away_as_tables_and_whole(s: Shop, size: str, script: bool) -> None:
    async with s.sits(size, "auditor", script=script) as page:
        await page.goto(f"{s.url}/export")
        async with page.expect_download() as coming:
            await page.get_by_role("button", name="Download Payments as a table").click()
        table = Path(await (await coming.value).path()).read_text().splitlines()
        [row] = await s.rows("SELECT COUNT(*) AS n FROM payments WHERE tenant_id = :tenant")
        assert len(table) == row["n"] + 1
        async with page.expect_download() as coming:
            await page.get_by_role("button", name="Download everything").click()
        with zipfile.ZipFile(await (await coming.value).path()) as archive:
            assert archive.testzip() is None
            assert len(archive.namelist()) > 5
    assert (await s.last_act())["act"].startswith("export")


@pytest.mark.parametrize(*CORE)
async def test_money_that_matches_nothing_is_given_its_pass(s: Shop, size: str, script: bool) -> None:
    phone, number = await s.joins(), f"SKM5TQ{next(s.numbers):04d}"
    came = await money.receipt(s.home, number, s.home.clock.now(), account_id=1, paid_at=s.home.clock.now())
    await s.home.write(
        tenancy.open_exception, "unmatched-money", f"receipt:{number}", "Money came.", s.home.clock.now()
    )
    async with s.sits(size, "owner", script=script) as page:
        await page.goto(f"{s.url}/payments/money/{came}")
        await page.get_by_placeholder("MAC, phone, voucher or receipt").fill(phone.mac)
        await page.get_by_role("button", name="Find the device").click()
        await page.get_by_role("button", name="Give the pass").first.click()
        await says(page, "The money has its pass")
    await s.lets_in(phone)
