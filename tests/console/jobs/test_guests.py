"""Find a payer and fix what is wrong; see who is online, and stop them. What staff click is done at the router."""

from __future__ import annotations

import pytest
from playwright.async_api import Page

from portal.clock import MINUTE
from portal.phone import Phone as Number
from portal.vouchers import codes
from tests.console import guests
from tests.console.jobs.shop import CORE, EACH, Phone, Shop, says, text_of
from tests.vouchers import cards

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def looks_up(page: Page, s: Shop, text: str) -> None:
    """Type into the one search box, from whatever page."""
    await page.goto(f"{s.url}/account")
    await page.get_by_label("Find a guest, payment or voucher").fill(text)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/guests**")


async def finds(page: Page, s: Shop, text: str, phone: Phone) -> None:
    """Whatever is typed leads to the device, by itself or as a line of a list."""
    await looks_up(page, s, text)
    if "/device/" not in page.url:
        await page.get_by_role("link", name=phone.mac).first.click()
    await page.wait_for_url(f"**/guests/device/{phone.id}**")
    assert phone.mac in await page.inner_text("h1")


@pytest.mark.parametrize(*CORE)
async def test_a_payer_is_found_by_whatever_they_know(s: Shop, size: str, script: bool) -> None:
    phone = await s.joins()
    n = next(s.numbers)
    receipt, number = f"TKM4X7Y{n:03d}", Number(f"2547{10_000_000 + n}")
    await guests.paid(s.home, phone.id, number, receipt)
    await s.lets_in(phone)
    [code] = await cards.print_cards(s.home, 1)
    await s.bando.vouchers.redeem(
        s.bando.catalog.tenant(s.home.tenant.id), s.site.row, mac=phone.mac, text=code, source="192.0.2.1"
    )
    [card] = await s.rows("SELECT * FROM vouchers WHERE tenant_id = :tenant ORDER BY id DESC LIMIT 1")
    async with s.sits(size, "support", script=script) as page:
        message = f"{receipt} Confirmed. Ksh10.00 sent to KILIMANI WI-FI"
        spoken = f"+254 7{number.digits[4:6]} {number.digits[6:]}"
        for known in (receipt.lower(), message, spoken, codes.shown(code), card["label"], phone.mac.lower()):
            await finds(page, s, known, phone)
        story = await text_of(page)
        for line in (
            "Asked to buy 1 hour for KSh 10",
            "Prompt sent to",
            f"receipt {receipt}",
            "Went online with 1 hour",
        ):
            assert line in story, (line, story)
        assert story.index("Went online") < story.index("Prompt sent to"), "the newest comes first"
        await looks_up(page, s, "0799 999 999")
        await says(page, "Nothing was found")


@pytest.mark.parametrize(*CORE)
async def test_a_guest_is_connected_given_time_moved_and_noted(s: Shop, size: str, script: bool) -> None:
    phone, new = await s.online(), await s.joins()
    async with s.sits(size, "support", script=script) as page:
        await page.goto(f"{s.url}/guests/device/{phone.id}")
        s.site.router.logout(phone.address, "user request")
        assert not s.at_router(phone)
        await page.get_by_role("button", name="Connect this device").click()
        await says(page, "The router is asked to connect the device now")
        await s.lets_in(phone)

        await page.locator("#why").fill("It was slow")
        await page.get_by_role("button", name="+ 1 hour").click()
        await says(page, "The time is given")
        await page.locator("#why").fill("It was slow")
        await page.get_by_label("Or minutes").fill("many")
        await page.get_by_role("button", name="Give", exact=True).click()
        await says(page, "Type how many minutes to give")
        assert await page.get_by_label("Or minutes").input_value() == "many"
        await page.get_by_label("Or minutes").fill("30")
        await page.get_by_role("button", name="Give", exact=True).click()
        await says(page, "The time is given")
        queue = (await guests.state_of(s.home, phone.id)).queue
        assert [each.span_ms // MINUTE for each in queue] == [60, 60, 30]

        await page.get_by_label("For whoever helps next").fill("Paid twice by mistake.\nKSh 10 back by hand.")
        await page.get_by_role("button", name="Write it down").click()
        await says(page, "The note is written down")
        await says(page, "KSh 10 back by hand.")

        await page.get_by_label("MAC of the new device").fill(new.mac.replace(":", " "))
        await page.get_by_role("button", name="Move", exact=True).click()
        await page.wait_for_url(f"**/guests/device/{new.id}**")
        await says(page, "All passes are here now")
        await s.lets_in(new)
        await s.puts_out(phone)
        assert len((await guests.state_of(s.home, new.id)).queue) == 3
    assert (await s.last_act())["act"] == "move"


@pytest.mark.parametrize(*EACH)
async def test_a_pass_is_taken_away_with_a_reason(s: Shop, size: str) -> None:
    phone = await s.online()
    async with s.sits(size, "manager") as page:
        await page.goto(f"{s.url}/guests/device/{phone.id}")
        await page.get_by_role("link", name="End the pass 1 hour").click()
        await says(page, "The guest loses that for good")
        await page.get_by_label("Why").fill("Sold by mistake")
        await page.get_by_role("button", name="End the pass").click()
        await says(page, "The pass is ended")
        await says(page, "Sold by mistake")
    await s.puts_out(phone)
    assert (await guests.state_of(s.home, phone.id)).head is None


@pytest.mark.parametrize(*CORE)
async def test_who_is_online_is_kicked_let_in_blocked_and_unblocked(s: Shop, size: str, script: bool) -> None:
    phone = await s.online()
    async with s.sits(size, "manager", script=script) as page:
        await page.goto(f"{s.url}/online")
        line = (await page.locator("tr").filter(has_text=phone.mac).inner_text()).replace("\u00a0", " ")
        assert "Kilimani Mall" in line
        assert "1 hour" in line
        await page.get_by_role("button", name=f"Kick {phone.mac}").click()
        await says(page, "is kept off until")
        await s.puts_out(phone)
        await page.get_by_role("button", name="Let it in again").click()
        await says(page, "The device may come back now")
        await s.lets_in(phone)

        await s.until(lambda: s.is_known_online(phone))
        await page.goto(f"{s.url}/online")
        await page.get_by_role("link", name=f"Block {phone.mac}").click()
        await page.get_by_label("Why").fill("Sends mail of its own")
        await page.get_by_role("button", name="Block the device").click()
        await says(page, "The device is blocked at every site")
        await s.puts_out(phone)
        assert (await s.last_act())["act"] == "block"
        await page.get_by_role("button", name="Unblock").click()
        await says(page, "The device is no longer blocked")
        await s.lets_in(phone)

        await s.until(lambda: s.is_known_online(phone))
        await page.goto(f"{s.url}/online")
        await page.get_by_role("link", name=f"Extend {phone.mac}").click()
        await page.locator("#why").fill("It was slow")
        await page.get_by_role("button", name="+ 1 day").click()
        await says(page, "The time is given")
    assert len((await guests.state_of(s.home, phone.id)).queue) == 2
