"""From an empty installation to the first guest who pays, in a real browser: what docs/manual/first-hour.md tells."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import async_playwright

from app import build
from sandbox.first_hour import walked
from sandbox.manual import Album

pytestmark = pytest.mark.browser
CHAPTER = Path(__file__).parents[2] / "docs" / "manual" / "first-hour.md"


@pytest.mark.parametrize("size", ["desk", "phone"])
async def test_a_new_isp_has_its_first_paying_guest(tmp_path: Path, chromium_path: str, size: str) -> None:
    album = Album(folder=None)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        await walked(browser, tmp_path, build, album, size)
        await browser.close()

    assert sorted(set(re.findall(r"pictures/(hour-[a-z0-9-]+)\.png", CHAPTER.read_text()))) == sorted(album.kept)
