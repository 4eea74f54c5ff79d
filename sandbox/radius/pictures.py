"""Draws the pictures of a router that asks RADIUS, in a real browser (`make manual`)."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.async_api import async_playwright

from sandbox.manual import Album, log_in, window
from sandbox.owner import owner
from sandbox.phone import CHROMIUM, Phone
from sandbox.world import Build, world

PATHS = {"router-radius": "/routers/1", "router-radius-new": "/routers/new"}


async def draw(folder: Path | None, build: Build, *, sizes: tuple[str, ...] = ("desk",)) -> list[str]:
    """The console's pages of such a router; without a folder the walk is the same. The names of the pictures."""
    album = Album(folder=folder)
    with tempfile.TemporaryDirectory() as home:
        async with world(Path(home), build, radius=True) as (site, bando), async_playwright() as playwright:
            gateway = await site.phone(1)
            async with Phone(gateway.port, site.ca) as phone:
                await phone.get("http://example.test/")
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            for size in sizes:
                async with window(browser, size) as page:
                    at = f"https://127.0.0.1:{site.portal_address[1]}"
                    if size != sizes[0]:
                        await site.clock.sleep(31_000)  # a code of two-step login works once
                    await log_in(page, at, await owner(site, bando.db))
                    for name, path in PATHS.items():
                        await page.goto(f"{at}/console{path}")
                        if path.endswith("new"):
                            await page.get_by_text("The router asks (RADIUS)").click()
                        await page.wait_for_load_state("networkidle")
                        shown = name if size == sizes[0] else f"{name}-{size}"
                        await album.keep(page, shown, whole=not path.endswith("new") or size != sizes[0])
            await browser.close()
    return album.kept
