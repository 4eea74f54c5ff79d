"""Importing in a real Chromium, on a phone and at a desk: a dump, a router and a table, looked at and taken."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from portal.units import value
from sandbox.routeros.api import serve_api
from tests.console.office import Office
from tests.console.test_browser import sitting_down
from tests.imports.sources import drawn, dump, mikhmon
from tests.looking import AXE
from tests.support import add_router

pytestmark = pytest.mark.browser
SIZES = {"phone": (360, 740), "desk": (1440, 900)}


async def has_no_barriers(page: Page, script: bool) -> None:
    """What axe says, which needs script itself; and nothing is wider than the page."""
    assert await page.locator("h1").count() == 1
    if not script:
        return
    await page.evaluate(AXE.read_text())
    found = await page.evaluate("axe.run()")
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]] == []
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


async def opened(o: Office, browser: Browser, size: str, scheme: str, script: bool) -> Page:
    who = await o.of("owner")
    page = await (await sitting_down(browser, who, size, scheme, script=script)).new_page()
    width, height = SIZES[size]
    await page.set_viewport_size({"width": width, "height": height})
    await page.goto(f"{o.url}/console/settings")
    await page.click("text=Import from another system")
    return page


async def count(o: Office, table: str) -> int:
    return int(await o.home.read(value, f"SELECT COUNT(*) FROM {table} WHERE tenant_id = :tenant"))


async def tile(page: Page, name: str) -> str:
    return (await page.locator(f".tile:has-text('{name}') .much").inner_text()).strip()


LOOKS = [("phone", "light", True), ("desk", "dark", True), ("phone", "dark", False), ("desk", "light", False)]


@pytest.mark.parametrize(("size", "scheme", "script"), LOOKS)
async def test_a_dump_of_phpnuxbill(
    o: Office, browser: Browser, tmp_path: Path, size: str, scheme: str, script: bool
) -> None:
    file = tmp_path / "nuxbill.sql"
    file.write_bytes(dump(o.home.clock.now()))
    page = await opened(o, browser, size, scheme, script)
    await has_no_barriers(page, script)

    for first in (True, False):
        await page.set_input_files("#dump", file)
        await page.click("form:has(#dump) >> text=Read the file")
        assert await page.inner_text("h1") == "Import from PHPNuxBill"
        await has_no_barriers(page, script)
        if first:
            assert await tile(page, "Left") == "5"
            assert "Bando sells no PPPoE" in await page.inner_text("main")
            assert await count(o, "vouchers") == 0
            await page.click("button:has-text('Import 3 plans, 3 unused codes, 1 running guest')")
            assert await page.inner_text("[role=status]") == "It is imported."
            await has_no_barriers(page, script)
            assert (await count(o, "plans"), await count(o, "vouchers"), await count(o, "passes")) == (4, 3, 1)
            await page.click(".trail a")
        else:
            assert "There is nothing to take" in await page.inner_text("main")
            assert await tile(page, "Here already") == "7"
            assert await page.locator("main form button.primary").count() == 0


@pytest.mark.parametrize(("size", "scheme", "script"), LOOKS[:3])
async def test_a_router_of_mikhmon(o: Office, browser: Browser, size: str, scheme: str, script: bool) -> None:
    server = await serve_api(mikhmon(o.home.clock))
    o.beside.append(server)
    fields = {"name": "Old site", "port": server.port, "password": "sandbox"}
    await o.home.write(lambda: add_router(o.home.vault, o.home.clock.now(), **fields))
    await o.services.catalog.refresh()
    page = await opened(o, browser, size, scheme, script)

    await page.select_option("#router", label="Old site")
    await page.click("text=Read the router")

    assert await page.inner_text("h1") == "Import from Mikhmon on Old site"
    told = await page.inner_text("main")
    assert "4 digits" in told
    assert "Too easy to guess even for one day: these codes are left." in told
    assert "at most 3,200 wrong codes an hour" in told
    assert "r1m4x7q1" not in told.lower()  # codes are shown in part
    await has_no_barriers(page, script)
    await page.click("button:has-text('Import 2 plans, 11 unused codes, 2 running guests')")
    await page.click("text=batches")
    assert await count(o, "passes") == 2
    assert (await page.inner_text("table")).count("3hours") == 1


async def test_codes_that_are_too_easy_are_refused_until_their_life_is_shortened(o: Office, browser: Browser) -> None:
    lines = "\n".join(f"1 day,50,1d,{code}" for code in drawn(500, 6))
    page = await opened(o, browser, "phone", "light", True)
    await page.fill("#pasted", f"plan,price,time,code\n{lines}\n")
    await page.click("form:has(#pasted) >> text=Read the file")
    assert "They end after 56 days" in await page.inner_text("main")
    await page.uncheck("[name=shorten]")

    await page.click("text=Look again")

    assert "For 56 days at most they would do." in await page.inner_text("main")
    assert await tile(page, "Left") == "500"
    await has_no_barriers(page, True)
    await page.locator("#days").evaluate("each => each.removeAttribute('maxlength')")
    await page.fill("#days", "900")
    await page.click("text=Look again")
    assert "stay good for 1 to 90 days" in await page.inner_text("[role=alert]")
    await page.fill("#days", "56")
    await page.click("text=Look again")
    await page.locator("button:has-text('Import 1 plan, 500 unused codes')").wait_for()


async def test_a_file_that_is_none_says_so(o: Office, browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "photo.sql"
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100)
    page = await opened(o, browser, "desk", "light", True)
    await page.set_input_files("#dump", file)

    await page.click("form:has(#dump) >> text=Read the file")

    assert "The file is not plain text" in await page.inner_text("[role=alert]")
    await has_no_barriers(page, True)
    assert await count(o, "imports") == 0
