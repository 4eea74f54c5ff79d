"""The page that a browser prints: whole in itself, and on paper what the PDF is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import async_playwright

from portal.vouchers.grids import GRIDS
from portal.vouchers.print_page import print_page
from sandbox.phone import CHROMIUM
from tests.vouchers.sheets import FACE, a_face, addresses_of_sheet, cards, logo, rendered


def test_the_page_asks_nobody_for_anything() -> None:
    page = print_page(a_face(logo=logo()), cards(40)).decode()

    assert "default-src 'none'" in page
    assert not re.findall(r"(?:src|href)=\"(?!#|data:)|url\((?!data:)|@import|<script|<link", page)


def test_names_cannot_become_markup() -> None:
    page = print_page(a_face(isp="<script>alert(1)</script>", plan='"&<b>', support="</text><b>"), cards(1)).decode()

    assert "<script" not in page
    assert "<b>" not in page


@pytest.mark.browser
@pytest.mark.parametrize("grid", ("3x8", "4x9"))
async def test_a_browser_prints_every_voucher_on_as_many_pages_as_the_pdf_has(grid: str, tmp_path: Path) -> None:
    drawn, asked = cards(GRIDS[grid].on_page + 1), []
    (tmp_path / "page.html").write_bytes(print_page(FACE, drawn, GRIDS[grid]))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = await browser.new_page()
        tab.on("request", lambda request: asked.append(request.url))
        await tab.goto((tmp_path / "page.html").as_uri())
        pdf = await tab.pdf(prefer_css_page_size=True)
        await browser.close()
    found = addresses_of_sheet(pdf, 300, grid)

    assert len(rendered(pdf, 20)) == 2
    assert [each for each in found if each] == [FACE.url(card) for card in drawn]
    assert not [url for url in asked if not url.startswith(("file:", "data:"))]
