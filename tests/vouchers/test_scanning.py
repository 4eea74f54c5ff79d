"""Every printed voucher is read by a decoder that has nothing to do with the library that drew it."""

from __future__ import annotations

import random

import pytest
from PIL import Image, ImageDraw

from portal.vouchers import codes
from portal.vouchers.grids import GRIDS
from portal.vouchers.qr import QUIET, Symbols, plain
from portal.vouchers.sheets import sheets
from tests.vouchers.sheets import (
    FACE,
    addresses_of_sheet,
    blurred,
    cards,
    codes_of_sheet,
    cropped,
    decoded,
    placed,
    rendered,
)

WITH_SYMBOL = [name for name, grid in GRIDS.items() if grid.symbol]


@pytest.mark.parametrize("dpi", (300, 203))
@pytest.mark.parametrize("grid", WITH_SYMBOL)
@pytest.mark.parametrize("style", ("letters-10", "digits-15"))
def test_every_voucher_of_a_sheet_is_read_through_a_blur(grid: str, dpi: int, style: str) -> None:
    printed = cards(GRIDS[grid].on_page, style)

    found = addresses_of_sheet(sheets(FACE, printed, GRIDS[grid]), dpi, grid)

    assert found == [f"HTTPS://PORTAL.SAVANNA.CO.KE/V/{card.code}" for card in printed]


def test_what_is_read_is_the_code_on_the_card() -> None:
    printed = cards(72)

    assert codes_of_sheet(sheets(FACE, printed), 203) == [card.code for card in printed]


def _symbol_box(grid: str, dpi: float) -> tuple[float, float, float, float]:
    cell = placed(FACE, cards(1)[0], grid)
    dots = dpi / 25.4
    left, top = (cell.symbol_x + QUIET * cell.module) * dots, (cell.symbol_y + QUIET * cell.module) * dots
    side = (cell.symbol - 2 * QUIET * cell.module) * dots
    return left, top, left + side, top + side


def test_a_black_frame_in_the_quiet_zone_makes_a_voucher_unreadable() -> None:
    """That the test above can fail: it is the quiet zone that makes them readable."""
    left, top, right, bottom = _symbol_box("4x9", 300)
    readable = 0
    for cell in cropped(rendered(sheets(FACE, cards(36)), 300)[0], GRIDS["4x9"], 300):
        ImageDraw.Draw(cell).rectangle((left - 9, top - 9, right + 9, bottom + 9), outline=0, width=9)
        readable += decoded(blurred(cell)) is not None

    assert readable == 0


def _small_picture(text: str, side: int) -> Image.Image:
    """A symbol with its quiet zone as a camera sees it from too far away: so many pixels wide."""
    symbol, size = plain(text)
    modules = f"{symbol:0{size * (size + 1)}b}"
    whole = Image.new("L", (size + 2 * QUIET, size + 2 * QUIET), 255)
    for at, dark in enumerate(modules):
        if dark == "1":
            row, column = divmod(at, size + 1)
            whole.putpixel((QUIET + column, QUIET + row), 0)
    large = whole.resize((whole.width * 12, whole.height * 12), Image.Resampling.NEAREST)
    return blurred(large.resize((side, side), Image.Resampling.BOX))


def test_an_address_in_small_letters_is_not_read_from_where_capitals_are() -> None:
    """Why the address is in capitals (facts/captive-portal.md 4.3): fewer modules on the same paper."""
    drawn = [card.code for card in cards(30)]
    far = (87, 88, 89, 90, 91, 92)  # px; each is luckier or unluckier with the grid of modules

    def read(address: str) -> float:
        pictures = [_small_picture(f"{address}{code}", side) for code in drawn for side in far]
        return sum(decoded(each) is not None for each in pictures) / len(pictures)

    assert read("HTTPS://W.EXAMPLE.CO.KE/V/") >= 0.6
    assert read("https://w.example.co.ke/v/") <= 0.1


@pytest.mark.parametrize("style", codes.STYLES)
@pytest.mark.parametrize("host", ("W.EXAMPLE.CO.KE", "W.EXAMPL.CO.KE", "PORTAL.BANDO.TEST:8443", "A-HOST.WITH_ONE.KE"))
def test_symbols_made_many_at_once_are_those_of_the_library(host: str, style: str) -> None:
    """Even and odd lengths before the code; the last host is none of the letters that need few modules."""
    base = f"HTTPS://{host}/V/"
    drawn = [codes.draw(codes.STYLES[style]) for _ in range(25)]
    symbols = Symbols(base, len(drawn[0]))

    assert [(symbols.symbol(code), symbols.size) for code in drawn] == [plain(base + code) for code in drawn]


def test_symbols_agree_for_any_letters_not_only_codes() -> None:
    chance = random.Random(7)
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
    symbols = Symbols("HTTPS://W.KE/V/", 11)
    for _ in range(200):
        text = "".join(chance.choices(letters, k=11))

        assert symbols.symbol(text) == plain("HTTPS://W.KE/V/" + text)[0]
