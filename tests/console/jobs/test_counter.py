"""Cards: a batch is made, printed, printed again and taken back; one is sold with one tap; and how many are left."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from playwright.async_api import Page

from portal.clock import DAY, as_datetime
from portal.vouchers import codes
from portal.vouchers import store as vouchers
from portal.vouchers.grids import GRIDS
from tests.console.jobs.shop import CORE, EACH, Phone, Shop, says, text_of
from tests.vouchers import cards
from tests.vouchers.sheets import cropped, decoded, rendered

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def redeemed(s: Shop, phone: Phone, code: str) -> None:
    """A guest types the code, and is online with it."""
    view = s.bando.catalog.tenant(s.home.tenant.id)
    await s.bando.vouchers.redeem(view, s.site.row, mac=phone.mac, text=code, source="192.0.2.1")
    await s.lets_in(phone)


async def saved(page: Page, button: str) -> Path:
    """What the browser keeps when this button is clicked."""
    async with page.expect_download() as download:
        await page.get_by_role("button", name=button).click()
    return Path(await (await download.value).path())


def addresses(sheet: Path, count: int) -> list[str]:
    """What a phone reads from the first cards of a sheet."""
    [page] = rendered(sheet.read_bytes(), 200)
    found = [decoded(cell) for cell in itertools.islice(cropped(page, GRIDS["4x9"], 200), count)]
    return [each for each in found if each]


async def makes_a_batch(page: Page, s: Shop, count: int, agent: str) -> None:
    await page.goto(f"{s.url}/vouchers")
    await page.get_by_role("link", name="Make a batch").first.click()
    await page.get_by_label("Plan").select_option(label="1 hour – KSh\u00a010")
    await page.get_by_label("How many cards").fill("many")
    await page.get_by_label("Who sells them").fill(agent)
    await page.get_by_role("button", name="Make the batch").click()
    await says(page, "A batch holds 1 to 50,000 cards")
    assert await page.get_by_label("Who sells them").input_value() == agent, "nothing typed is lost"
    await page.get_by_label("How many cards").fill(str(count))
    last = as_datetime(s.home.clock.now() + 60 * DAY).strftime("%Y-%m-%d")
    await page.get_by_label("Good until").fill(last)
    await page.get_by_role("button", name="Make the batch").click()
    await says(page, "The batch is made")


@pytest.mark.parametrize(*CORE)
async def test_a_batch_is_made_printed_printed_again_and_partly_taken_back(s: Shop, size: str, script: bool) -> None:
    agent = f"Mama Njeri {next(s.numbers)}"
    async with s.sits(size, "manager", script=script) as page:
        await makes_a_batch(page, s, 5, agent)
        [batch] = await s.rows("SELECT * FROM batches WHERE tenant_id = :tenant AND agent = :agent", agent=agent)
        sheet = await saved(page, "Print (PDF)")
        [first, *_] = addresses(sheet, 1)
        await redeemed(s, await s.joins(), codes.read(first))

        await page.get_by_label("Which cards").fill("2 to 3")
        await page.get_by_label("Why, if they were printed before").fill("The printer was out of ink")
        await page.get_by_role("button", name="Print (PDF)").click()
        await says(page, "Say which cards, like 10-36")
        assert await page.get_by_label("Which cards").input_value() == "2 to 3"
        await page.get_by_label("Which cards").fill("2-3")
        again = await saved(page, "Print (PDF)")
        assert len(set(addresses(again, 2)) - {first}) == 2
        done = await s.home.read(vouchers.acts, batch["id"])
        assert "The printer was out of ink" in str((await s.last_act())["payload"])
        assert {("printed", 1), ("reprinted", 2)} <= {(each["act"], each["first_serial"]) for each in done}

        await page.goto(f"{s.url}/vouchers")
        await page.get_by_role("link", name=f"B{batch['number']}", exact=True).click()
        await says(page, "Reprinted: ")
        await page.get_by_role("link", name="Void cards").click()
        await page.get_by_label("Other serials").fill("4-5")
        await page.get_by_role("button", name="Other cards").click()
        await says(page, "Cards 4-5")
        await page.get_by_label("Why").fill("Lost by the shop")
        await page.get_by_role("button", name="Void them for good").click()
        await says(page, "The cards are void")
        await says(page, "Lost by the shop")
    states = "SELECT state FROM vouchers WHERE batch_id = :id AND tenant_id = :tenant ORDER BY serial"
    found = await s.rows(states, id=batch["id"])
    assert [each["state"] for each in found] == ["redeemed", "printed", "printed", "void", "void"]
    assert (await s.last_act())["act"] == "voucher.void"


@pytest.mark.parametrize(*CORE)
async def test_a_card_is_sold_with_one_tap_and_leads_online(s: Shop, size: str, script: bool) -> None:
    async with s.sits(size, "cashier", script=script) as page:
        await page.goto(f"{s.url}/vouchers")
        await page.get_by_role("link", name="Sell one").click()
        await page.get_by_role("button", name=re.compile("^3 hours")).click()
        shown = (await page.locator(".sold-code").inner_text()).strip()
        assert await page.get_by_role("img").count() or await page.locator(".symbol svg").count()
        assert "KSh 20" in await text_of(page)
        await redeemed(s, await s.joins(), shown)
        await page.get_by_role("link", name="Next sale").click()
        await says(page, "Your latest sales today")
        latest = page.locator("tbody tr").first
        assert "3 hours" in await latest.inner_text()
        await latest.get_by_role("link").click()
        await says(page, "The code of this card is not shown any more")
    act = await s.last_act()
    assert (act["act"], act["money"]) == ("voucher.sell", 1)


@pytest.mark.parametrize(*EACH)
async def test_the_stock_of_unused_cards_is_told_by_plan(s: Shop, size: str) -> None:
    name = f"Weekend {next(s.numbers)}"
    plan = await s.home.plan_of(name=name)
    first, *_ = await cards.print_cards(s.home, 7, plan)
    await redeemed(s, await s.joins(), first)
    async with s.sits(size, "manager") as page:
        await page.goto(f"{s.url}/vouchers")
        tile = page.locator(".tile").filter(has_text=name)
        assert "6" in (await tile.inner_text()).split()
        await page.get_by_role("link", name="With unused cards").click()
        line = page.locator("tr").filter(has_text=name)
        assert await line.get_by_label("6 unused").count() == 1
        await page.get_by_role("link", name="Sold at the counter").click()
        assert name not in await page.locator("table, .empty").first.inner_text()
