"""What an owner does now and then: takings of a span, the look of the guest pages, and who did what."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal.tenancy import store as tenancy
from tests.console.jobs.shop import CORE, EACH, Shop, says

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@pytest.mark.parametrize(*CORE)
async def test_takings_of_a_span_by_plan_and_site_and_as_a_table(s: Shop, size: str, script: bool) -> None:
    async with s.sits(size, "owner", script=script) as page:
        await page.goto(f"{s.url}/takings")
        await page.get_by_role("link", name="This month").click()
        await says(page, "By plan")
        await says(page, "By site")
        rows = await page.locator("section[aria-labelledby=plans] tbody tr").all_inner_texts()
        assert len(rows) > 1
        assert await page.locator(".chart canvas").count() == (1 if script else 0)
        async with page.expect_download() as coming:
            await page.get_by_role("button", name="Table (CSV)").click()
        table = Path(await (await coming.value).path()).read_text("utf-8-sig")
        assert all(each.split("\t")[0] in table for each in rows)
        await page.get_by_label("From").fill("2020-01-01")
        await page.get_by_label("Until").fill("2020-01-02")
        await page.get_by_role("button", name="Show these days").click()
        await says(page, "Nothing came in")


@pytest.mark.parametrize(*CORE)
async def test_the_guest_pages_take_on_the_look_of_the_isp(s: Shop, size: str, script: bool) -> None:
    words = f"Karibu {next(s.numbers)}"
    async with s.sits(size, "manager", script=script) as page:
        await page.goto(f"{s.url}/settings/look")
        await page.get_by_label("Your colour").fill("#7c2d92")
        await page.get_by_label("Welcome", exact=True).fill(words)
        await page.get_by_role("button", name="Save", exact=True).click()
        await says(page, "Guests see it")
        assert words in await page.frame_locator("iframe").locator("body").inner_text()
    found = await s.home.db.read(None, tenancy.tenants)
    assert (found[0].accent, found[0].welcome) == ("#7c2d92", words)
    assert (await s.last_act())["act"] == "look.change"


@pytest.mark.parametrize(*EACH)
async def test_who_did_what_is_looked_up_in_the_audit_log(s: Shop, size: str) -> None:
    phone = await s.online()
    async with s.sits(size, "support") as page:
        await page.goto(f"{s.url}/guests/device/{phone.id}")
        await page.get_by_label("For whoever helps next").fill("Called at noon")
        await page.get_by_role("button", name="Write it down").click()
        await says(page, "Called at noon")
    async with s.sits(size, "auditor") as page:
        await page.goto(f"{s.url}/audit")
        await page.get_by_label("What").select_option("note")
        await page.get_by_role("button", name="Show", exact=True).click()
        newest = page.locator("tbody tr").first
        assert "wrote a note" in (await newest.inner_text()).lower()
