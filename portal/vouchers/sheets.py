"""Vouchers on A4 sheets, as PDF.

On every page the face of the batch is drawn once, and its drawing repeated in the other cells; only the symbol, the
code and the label are each voucher's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from portal.vouchers.cells import Cell, widest
from portal.vouchers.grids import DEFAULT_GRID, GRIDS, MARGIN, PAGE_HEIGHT, PAGE_WIDTH, Grid
from portal.vouchers.paper import Card, Face
from portal.vouchers.qr import QUIET, Pen, Symbols
from portal.vouchers.typeset import MM, Line, Paper

CUT_GREY, CUT_WIDTH = 150, 0.12

Progress = Callable[[int], None]


def unseen(done: int) -> None:
    """For those who need not know how far it is."""


def sheets(
    face: Face, cards: Sequence[Card], grid: Grid = GRIDS[DEFAULT_GRID], progress: Progress = unseen
) -> bytearray:
    """The vouchers as a PDF; `progress` hears after every page how many are done."""
    with Paper(f"{face.isp} {cards[0].label} – {cards[-1].label}") as paper:
        sheet, done = _Sheet(paper, Cell(paper, face, widest(cards), grid)), 0
        for on_page in grid.pages(cards):
            paper.pdf.add_page()
            _cut_marks(paper, grid, -(-len(on_page) // grid.columns))
            sheet.draw(on_page)
            _foot(paper, face, on_page, f"{paper.pdf.page}/{-(-len(cards) // grid.on_page)}")
            paper.end_page()
            done += len(on_page)
            progress(done)
        return paper.output()


def _cut_marks(paper: Paper, grid: Grid, rows: int) -> None:
    """Light dotted lines where to cut."""
    pdf = paper.pdf
    right, bottom = PAGE_WIDTH - MARGIN, MARGIN + rows * grid.height
    with pdf.local_context(draw_color=CUT_GREY, line_width=CUT_WIDTH):
        pdf.set_dash_pattern(dash=0.4, gap=1.1)
        for n in range(rows + 1):
            y = MARGIN + n * grid.height
            pdf.line(MARGIN, y, right, y)
        for n in range(grid.columns + 1):
            x = MARGIN + n * grid.width
            pdf.line(x, MARGIN, x, bottom)
        pdf.set_dash_pattern()


def _foot(paper: Paper, face: Face, cards: Sequence[Card], number: str) -> None:
    """What is on this page, for whoever counts them; in the margin that is cut off."""
    text = f"{face.isp} · {face.plan} · {cards[0].label} – {cards[-1].label} · {number}"
    text = paper.shortened(paper.writable(text), "plain", 6, PAGE_WIDTH - 2 * MARGIN)
    paper.write(Line(text=text, style="plain", pt=6, x=MARGIN, y=PAGE_HEIGHT - 4.6))


class _Sheet:
    """Draws cells on the page."""

    def __init__(self, paper: Paper, cell: Cell) -> None:
        self.paper, self.cell = paper, cell
        self.pen = Pen(lambda x, y, length: f"{x} -{y + 1} {length} 1 re ")

    def draw(self, cards: Sequence[Card]) -> None:
        """These vouchers on the page, from its first cell on."""
        corners = [(MARGIN + x, MARGIN + y) for x, y in map(self.cell.grid.corner, range(len(cards)))]
        self._draw_faces(corners)
        for card, (x, y) in zip(cards, corners, strict=True):
            for line in self.cell.own(card):
                self.paper.write(line, x, y)
        if self.cell.symbols:
            self._draw_symbols(self.cell.symbols, cards, corners)

    def _draw_faces(self, corners: Sequence[tuple[float, float]]) -> None:
        pdf = self.paper.pdf
        drawn = pdf.pages[pdf.page].contents
        start = len(drawn)
        self._draw_face(*corners[0])
        face = bytes(drawn[start:])
        for x, y in corners[1:]:
            right, down = x - corners[0][0], y - corners[0][1]
            pdf._out(b"q 1 0 0 1 %.3f %.3f cm %s Q" % (right * MM, -down * MM, face))

    def _draw_face(self, x: float, y: float) -> None:
        cell = self.cell
        for line in cell.lines:
            self.paper.write(line, x, y)
        if cell.logo:
            y += cell.top + (cell.logo.height - cell.logo.drawn_height) / 2
            self.paper.pdf.image(cell.logo.image, x=x + cell.grid.pad, y=y, w=cell.logo.width, h=cell.logo.drawn_height)

    def _draw_symbols(self, symbols: Symbols, cards: Sequence[Card], corners: Sequence[tuple[float, float]]) -> None:
        """One path for each symbol, in units of a module from its top left corner."""
        size, module = symbols.size, self.cell.module
        for card, (x, y) in zip(cards, corners, strict=True):
            left = x + self.cell.symbol_x + QUIET * module
            top = y + self.cell.symbol_y + QUIET * module
            at = f"{left * MM:.3f} {(PAGE_HEIGHT - top) * MM:.3f}"
            strokes = self.pen.draw(symbols.symbol(card.code), size)
            self.paper.pdf._out(f"q {module * MM:.5f} 0 0 {module * MM:.5f} {at} cm {strokes}f Q")
