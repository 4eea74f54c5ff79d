"""Pictures of every page of the console, light and dark: ``python -m tests.console.jobs.shots FOLDER``.

For looking at, not for comparing: run it after each change of the style sheet. Further words choose pages.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from pathlib import Path

from sandbox.phone import CHROMIUM
from tests.console.jobs.furniture import PAGES, filled, furnish, nobody_else
from tests.console.jobs.shop import Shop, shop

WIDTHS = ("360", "768", "1440")


async def shoot(s: Shop, folder: Path, only: list[str], *, empty: bool = False) -> None:
    tenant = await nobody_else(s) if empty else None
    for width in WIDTHS:
        for dark in (False, True):
            async with s.sits(width, tenant=tenant, dark=dark) as page:
                for path in PAGES:
                    if (only and path not in only) or (empty and "{" in path):
                        continue
                    await page.goto(s.url + (path if empty else await filled(s, path)))
                    name = re.sub(r"\W+", "-", f"{path}{'-empty' if empty else ''}").strip("-") or "first"
                    await page.screenshot(
                        path=folder / f"{name}-{width}-{'dark' if dark else 'light'}.png", full_page=True
                    )


async def main(folder: Path, only: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        async with shop(Path(place), CHROMIUM) as s:
            await furnish(s)
            await shoot(s, folder, only)
            await shoot(s, folder, only, empty=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
