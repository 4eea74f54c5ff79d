"""Sheets as paper: everything in its cell, nothing on anything else, whatever the ISP is called."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from itertools import combinations

import pypdfium2
import pytest
from PIL import ImageChops

from portal.errors import Misconfigured
from portal.vouchers.grids import CLEAR, GRIDS, LEAST_MODULE, MARGIN, PAGE_HEIGHT, Grid, grid_named
from portal.vouchers.paper import Face
from portal.vouchers.qr import QUIET
from portal.vouchers.sheets import sheets
from portal.vouchers.typeset import MM
from tests.vouchers.sheets import FACE, a_face, cards, cropped, logo, placed, rendered, the_longest_face

Box = tuple[float, float, float, float]  # left, top, right, bottom in mm from the top left corner of the page

FACES = {
    "plain": FACE,
    "logo and copy": a_face(logo=logo(), again=True),
    "bare": a_face(line="", support="", isp="X"),
    "longest": the_longest_face(),
}
STYLES = ("letters-8", "letters-10", "digits-15", "digits-17")
every_face = pytest.mark.parametrize("face", FACES.values(), ids=FACES)
every_grid = pytest.mark.parametrize("grid", GRIDS)


def texts_of(pdf: bytes | bytearray) -> Iterator[tuple[str, Box]]:
    """Every piece of text on the first page and where it stands."""
    with closing(pypdfium2.PdfDocument(bytes(pdf))) as document:
        page = document[0].get_textpage()
        for n in range(page.count_rects()):
            left, bottom, right, top = page.get_rect(n)
            box = (left / MM, PAGE_HEIGHT - top / MM, right / MM, PAGE_HEIGHT - bottom / MM)
            yield page.get_text_bounded(left, bottom, right, top), box


def cell_of(box: Box, grid: Grid) -> int:
    """The cell in whose middle lies the middle of a box; -1 for the foot of the page."""
    x, y = (box[0] + box[2]) / 2 - MARGIN, (box[1] + box[3]) / 2 - MARGIN
    row, column = int(y // grid.height), int(x // grid.width)
    return row * grid.columns + column if row < grid.rows else -1


def overlap(one: Box, two: Box, by: float = 0.0) -> bool:
    return min(one[2], two[2]) - max(one[0], two[0]) > by and min(one[3], two[3]) - max(one[1], two[1]) > by


@every_grid
@every_face
@pytest.mark.parametrize("style", ("letters-10", "digits-17"))
def test_no_text_leaves_its_cell_or_lies_on_another_or_on_the_symbol(grid: str, face: Face, style: str) -> None:
    measures = GRIDS[grid]
    drawn = cards(measures.on_page, style)
    cell = placed(face, drawn[0], grid)
    by_cell: dict[int, list[Box]] = {}
    for _, box in texts_of(sheets(face, drawn, measures)):
        by_cell.setdefault(cell_of(box, measures), []).append(box)
    del by_cell[-1]

    assert set(by_cell) == set(range(measures.on_page))
    for n, boxes in by_cell.items():
        x, y = (MARGIN + each for each in measures.corner(n))
        symbol = (x + cell.symbol_x, y + cell.symbol_y, x + measures.width - CLEAR, y + cell.symbol_y + cell.symbol)
        for box in boxes:
            assert box[0] > x + 0.3
            assert box[2] < x + measures.width - 0.3
            assert box[1] > y + 0.3
            assert box[3] < y + measures.height - 0.3
            assert not cell.symbols or not overlap(box, symbol)
        # Boxes are as high as the tallest letter could be, so neighbours may touch by a hair.
        assert not [pair for pair in combinations(boxes, 2) if overlap(*pair, by=0.35)]


@every_grid
@every_face
def test_the_quiet_zone_is_white(grid: str, face: Face) -> None:
    """Neither text nor cut marks nor the logo: seen in the picture of the page."""
    dots = 600 / 25.4
    drawn = cards(GRIDS[grid].on_page)
    cell = placed(face, drawn[0], grid)
    if not cell.symbols:
        return
    quiet = QUIET * cell.module
    ring = (cell.symbol_x, cell.symbol_y, cell.symbol_x + cell.symbol, cell.symbol_y + cell.symbol)
    inner = (ring[0] + quiet, ring[1] + quiet, ring[2] - quiet, ring[3] - quiet)
    for picture in cropped(rendered(sheets(face, drawn, GRIDS[grid]), 600)[0], GRIDS[grid], 600):
        left, top, right, bottom = (round(each * dots) for each in ring)
        seen = picture.crop((left + 1, top + 1, right - 1, bottom - 1))
        assert seen.getbbox() is not None
        dark = ImageChops.invert(seen).getbbox()
        assert dark is not None
        within = tuple(
            round((each - start) * dots) - 1 for each, start in zip(inner, (*ring[:2], *ring[:2]), strict=True)
        )
        assert dark[0] >= within[0] - 1
        assert dark[1] >= within[1] - 1
        assert dark[2] <= within[2] + 2
        assert dark[3] <= within[3] + 2


@every_grid
def test_symbols_are_as_coarse_as_printers_need_and_stand_clear_of_the_code(grid: str) -> None:
    for face in FACES.values():
        for style in STYLES:
            cell = placed(face, cards(1, style)[0], grid)
            if cell.symbols:
                assert cell.module >= LEAST_MODULE
                assert cell.code_top >= cell.symbol_y + cell.symbol - 0.05
    assert bool(placed(FACE, cards(1)[0], grid).symbols) is (grid != "5x13")


@pytest.mark.parametrize("grid", ("3x8", "4x9", "4x10"))
def test_codes_are_set_in_fourteen_points_or_more(grid: str) -> None:
    assert placed(FACE, cards(1)[0], grid).code_pt >= 14


@pytest.mark.parametrize("grid", ("3x8", "4x9", "4x10", "5x13"))
def test_a_sheet_says_all_that_a_guest_needs(grid: str) -> None:
    drawn = cards(1)
    said = " ".join(text for text, _ in texts_of(sheets(FACE, drawn, GRIDS[grid])))
    said = re.sub(r"\s+", " ", said)

    second = FACE.steps[1] if grid != "5x13" else FACE.typed
    wanted = (
        FACE.isp,
        "3 hours",
        "KSh 20",
        "for 2 devices",
        drawn[0].shown,
        "Savanna",
        second,
        FACE.use_by,
        FACE.support,
    )
    assert [each for each in (*wanted, "B12-0001") if each not in said] == []


@every_grid
def test_the_price_the_address_and_the_network_are_never_cut(grid: str) -> None:
    face = the_longest_face()
    said = "".join(text for text, _ in texts_of(sheets(face, cards(1), GRIDS[grid])))
    plain = re.sub(r"\s+", "", said)

    assert "KSh250,000.50" in plain
    assert "W" * 32 in plain
    assert "hotspot.kampuni-ya-mtandao.co.ke:8443" in plain
    assert "Useby31Desemba2026" in plain
    assert "…" in plain  # something had to be


def test_letters_that_the_font_lacks_become_question_marks_and_others_stay() -> None:
    said = " ".join(text for text, _ in texts_of(sheets(a_face(isp="Ŋwĩ Жо 中\u202e\tα"), cards(1))))

    assert "Ŋwĩ Жо ? α" in said


def test_as_many_pages_as_needed_and_the_last_is_not_filled_up() -> None:
    pages = rendered(sheets(FACE, cards(75)), 72)
    last = list(cropped(pages[2], GRIDS["4x9"], 72))

    assert len(pages) == 3
    assert [ImageChops.invert(each).crop((3, 3, 120, 80)).getbbox() is not None for each in last].count(True) == 3


def test_cut_marks_are_light_dots_on_the_edges_of_cells() -> None:
    page = rendered(sheets(FACE, cards(36)), 600)[0]
    dots, grid = 600 / 25.4, GRIDS["4x9"]
    edge = round((MARGIN + grid.height) * dots)
    columns = range(round(12 * dots), round(50 * dots))
    along = [min(page.crop((x, edge - 2, x + 1, edge + 3)).tobytes()) for x in columns]

    light = [each for each in along if each < 250]
    assert 0.1 < len(light) / len(along) < 0.5
    assert min(light) > 100


def test_progress_is_told_after_every_page() -> None:
    heard: list[int] = []
    sheets(FACE, cards(80), GRIDS["4x9"], heard.append)

    assert heard == [36, 72, 80]


def test_an_unknown_grid_is_answered_with_those_there_are() -> None:
    with pytest.raises(Misconfigured, match="3x8, 4x9, 4x10, 5x13"):
        grid_named("6x6")
    assert grid_named("4×10") is GRIDS["4x10"]
