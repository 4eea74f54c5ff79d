"""Draws the console's pictures for docs/manual: the daily jobs, in a real browser (`make manual`)."""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.async_api import Browser, Page, async_playwright

from portal.access import admission
from portal.access import store as access
from portal.access.store import Cause
from sandbox.cards import printed
from sandbox.history import lived
from sandbox.owner import Owner, owner, runner
from sandbox.phone import CHROMIUM
from sandbox.stock import stocked
from sandbox.world import Build, Site, world

SIZES = {"phone": (360, 740), "desk": (1100, 760), "platform": (1100, 520)}
COLOURS = 128  # of a picture: enough for flat pages, and a fifth of the bytes
GUESTS = 4  # phones that are online while the pictures are drawn

Way = Callable[[Page], Awaitable[None]]


@dataclass(kw_only=True)
class Album:
    """Where pictures are kept; without a folder the walk is the same and nothing is kept."""

    folder: Path | None
    kept: list[str] = field(default_factory=list)

    async def keep(self, page: Page, name: str, *, whole: bool = False) -> None:
        """A picture of what the window shows, or of the whole page."""
        self.kept.append(name)
        if self.folder is None:
            return
        path = self.folder / f"{name}.png"
        await page.screenshot(path=str(path), full_page=whole)
        shrink(path)


def shrink(path: Path) -> None:
    """Fewer colours, the same picture."""
    with Image.open(path) as drawn:
        small = drawn.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


@asynccontextmanager
async def window(browser: Browser, size: str, *, dark: bool = False, script: bool = True) -> AsyncIterator[Page]:
    """A window of this size; the sandbox's authority is unknown to it."""
    width, height = SIZES[size]
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        java_script_enabled=script,
        ignore_https_errors=True,
        accept_downloads=True,
    )
    try:
        yield await context.new_page()
    finally:
        await context.close()


async def log_in(page: Page, home: str, who: Owner) -> None:
    """Through the login page, as everybody does."""
    await page.goto(f"{home}/console/login")
    await page.fill("input[name=email]", who.email)
    await page.fill("input[name=password]", who.password)
    await page.fill("input[name=second]", who.code)
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".bar")


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One picture: where to go, and what to do there before it is taken."""

    name: str
    path: str
    size: str = "desk"
    way: Way | None = None
    whole: bool = False


def searched(text: str) -> Way:
    """Type into the search box and press Enter."""

    async def go(page: Page) -> None:
        await page.keyboard.press("/")
        await page.keyboard.type(text)
        await page.keyboard.press("Enter")
        await page.wait_for_load_state()

    return go


def clicked(*words: str) -> Way:
    """Follow these links and buttons, one after the other."""

    async def go(page: Page) -> None:
        for word in words:
            await page.get_by_text(word, exact=False).locator("visible=true").first.click()
            await page.wait_for_load_state()

    return go


def pasted(field: str, text: str) -> Way:
    """Put a text into a field and send its form."""

    async def go(page: Page) -> None:
        await page.fill(field, text)
        await page.locator(f"form:has({field}) button").click()
        await page.wait_for_load_state()

    return go


async def online(site: Site, bando: Any) -> None:
    """Some guests who are online now."""
    plans = await bando.db.read(site.tenant.id, access.plan_list)
    for number in range(1, GUESTS + 1):
        phone = await site.phone(number)
        now = site.clock.now()
        device = await bando.db.write(site.tenant.id, access.touch_device, phone.mac, site.row.id, now)
        cause = Cause(kind="staff", ref=f"manual-{number}")
        await bando.db.write(site.tenant.id, admission.grant, plans[number % len(plans)], device.id, cause, now)
    async with asyncio.timeout(20):
        while not all(site.router.is_authorized(each.mac, each.address) for each in site.gateways):
            await site.clock.sleep(100)
    await site.clock.sleep(1_000)


async def draw(folder: Path, build: Build, shots: tuple[Shot, ...]) -> None:
    """Every picture of the daily jobs."""
    folder.mkdir(parents=True, exist_ok=True)
    album = Album(folder=folder)
    with tempfile.TemporaryDirectory() as home:
        async with world(Path(home), build, BANDO_POLL_EVERY="1") as (site, bando), async_playwright() as playwright:
            await printed(site, bando.db)
            await lived(bando.db, site.vault, site.tenant, site.row.id, site.clock.now())
            await stocked(bando.db, site.vault, site.tenant, site.row.id, site.clock.now())
            await online(site, bando)
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            for size in SIZES:
                await _in_window(browser, site, bando, size, [each for each in shots if each.size == size], album)
            await browser.close()


async def _in_window(browser: Browser, site: Site, bando: Any, size: str, shots: list[Shot], album: Album) -> None:
    home = f"https://127.0.0.1:{site.portal_address[1]}"
    async with window(browser, size) as page:
        if size != "phone":
            await site.clock.sleep(31_000)  # a code of two-step login works once
        await log_in(page, home, await (runner if size == "platform" else owner)(site, bando.db))
        for shot in shots:
            await page.goto(f"{home}/console{shot.path}")
            if shot.way:
                await shot.way(page)
            await page.wait_for_load_state("networkidle")
            await album.keep(page, shot.name, whole=shot.whole)


def names(text: str) -> list[str]:
    """The pictures that a chapter shows."""
    return re.findall(r"pictures/([a-z0-9-]+)\.png", text)


if __name__ == "__main__":
    from app import build  # the composition root is only known here
    from portal.logs import configure
    from sandbox import first_hour
    from sandbox.manual_shots import SHOTS
    from sandbox.radius import pictures as radius

    configure("warning")
    asyncio.run(draw(Path(sys.argv[1]), build, SHOTS))
    asyncio.run(first_hour.draw(Path(sys.argv[1]), build))
    asyncio.run(radius.draw(Path(sys.argv[1]), build))
