"""Vouchers on A4 sheets, as PDF.

The face of a batch is laid out once. On every page it is drawn once, and its drawing repeated in the other cells; only
the symbol, the code and the label are each voucher's own.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image

from portal.errors import Misconfigured
from portal.vouchers.paper import Card, Face
from portal.vouchers.qr import QUIET, Pen, Symbols
from portal.vouchers.typeset import BASELINE, CAPITAL, LEADING, MM, Line, Paper, Words

PAGE_WIDTH, PAGE_HEIGHT, MARGIN = 210.0, 297.0, 10.0
LEAST_MODULE = 0.33  # mm: four dots at 300 dpi, below which printers close the gaps (Denso Wave's advice)
CLEAR = 0.35  # mm between a symbol's quiet zone and a cut mark
CUT_GREY, CUT_WIDTH = 150, 0.12
LOGO_DPI = 400

Progress = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Grid:
    """How many vouchers are on a page, and the sizes that suit them: mm inside a cell, points of letters."""

    columns: int
    rows: int
    pad: float  # left and right
    edge: float  # top and bottom
    symbol: float  # side of a symbol with its quiet zone; 0 for a grid without
    isp: float
    title: float  # plan and price
    small: float  # everything else
    code: float  # at most; a long code is smaller

    @property
    def width(self) -> float:
        return (PAGE_WIDTH - 2 * MARGIN) / self.columns

    @property
    def height(self) -> float:
        return (PAGE_HEIGHT - 2 * MARGIN) / self.rows

    @property
    def on_page(self) -> int:
        return self.columns * self.rows

    def corner(self, n: int) -> tuple[float, float]:
        """The top left corner of the nth cell of a page."""
        row, column = divmod(n, self.columns)
        return MARGIN + column * self.width, MARGIN + row * self.height


GRIDS = {
    "3x8": Grid(columns=3, rows=8, pad=2.6, edge=1.7, symbol=18.6, isp=8, title=12.5, small=6.8, code=20),
    "4x9": Grid(columns=4, rows=9, pad=2.0, edge=1.4, symbol=16.5, isp=7, title=10, small=5.9, code=14.6),
    "4x10": Grid(columns=4, rows=10, pad=2.0, edge=1.1, symbol=14.4, isp=6.4, title=9, small=5.5, code=14),
    "5x13": Grid(columns=5, rows=13, pad=1.7, edge=1.2, symbol=0, isp=6, title=8.5, small=5.2, code=13),
}
DEFAULT_GRID = "4x9"


def grid_named(name: str) -> Grid:
    """The grid that staff mean by ``4x9``; raises `Misconfigured`."""
    found = GRIDS.get(name.replace("×", "x"))
    if found is None:
        raise Misconfigured(f"There is no grid {name!r}; take one of: {', '.join(GRIDS)}")
    return found


def sheets(
    face: Face, cards: Sequence[Card], grid: Grid = GRIDS[DEFAULT_GRID], progress: Progress = lambda done: None
) -> bytearray:
    """The vouchers as a PDF; `progress` hears after every page how many are done."""
    paper = Paper(f"{face.isp} {cards[0].label} – {cards[-1].label}")
    cell = Cell(paper, face, cards[0], grid)
    for start in range(0, len(cards), grid.on_page):
        on_page = cards[start : start + grid.on_page]
        paper.pdf.add_page()
        _cut_marks(paper, grid, -(-len(on_page) // grid.columns))
        cell.draw(on_page)
        _foot(paper, face, on_page, f"{start // grid.on_page + 1}/{-(-len(cards) // grid.on_page)}")
        paper.end_page()
        progress(start + len(on_page))
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


class Cell:
    """Where everything goes in a cell, measured from its top left corner; and the drawing of many cells."""

    def __init__(self, paper: Paper, face: Face, first: Card, grid: Grid) -> None:
        self.paper, self.face, self.grid = paper, face, grid
        self.symbols = self._symbols_for(first)
        self.symbol = grid.symbol if self.symbols else 0.0
        self.symbol_x, self.symbol_y = grid.width - CLEAR - self.symbol, CLEAR
        self.logo = Logo(face.logo, 1.9 * grid.isp / MM) if face.logo else None
        self.module = self.symbol / (self.symbols.size + 2 * QUIET) if self.symbols else 0.0
        small = LEADING * grid.small / MM
        self.foot = grid.height - grid.edge - small  # tops of the parts, from the bottom upwards
        self.steps = self.foot - 2 * small
        self.code = self.steps - 0.3 * small  # its baseline
        self.code_pt = paper.largest(first.shown, "code", grid.code, grid.width - 2 * grid.pad)
        self.code_top = self.code - CAPITAL * self.code_pt / MM
        dark = CLEAR + QUIET * self.module - (BASELINE - CAPITAL) * grid.isp / MM
        self.top = dark if self.symbols else grid.edge  # the name begins as high as the symbol
        self.lines = [*self._head(), *self._steps(), *self._support(first)]

    def _symbols_for(self, first: Card) -> Symbols | None:
        """The symbols; none where their modules would be too small for printers."""
        if not self.grid.symbol:
            return None
        found = Symbols(self.face.base_url, len(first.code))
        side = self.grid.symbol / (found.size + 2 * QUIET)
        return found if side >= LEAST_MODULE else None

    def _head(self) -> list[Line]:
        """Who sells it, what it is, what it costs, how long it may be used: beside the symbol, if there is one."""
        grid = self.grid
        room = (self.symbol_x if self.symbols else grid.width - grid.pad) - grid.pad
        name = Words(text=self.face.isp, style="bold", pt=grid.isp, lines=2, after=0.3)
        top, bottom = self.top, self.code_top - 1.0
        if not self.logo:
            what = [name, *self._what(room)]
            return self.paper.column(what, x=grid.pad, y=top, width=room, height=bottom - top, spread=0.7)
        left = self.logo.width + 0.9
        lines = self.paper.column([name], x=grid.pad + left, y=top, width=room - left, height=self.logo.height)
        top += self.logo.height + 0.4
        what = self._what(room)
        return lines + self.paper.column(what, x=grid.pad, y=top, width=room, height=bottom - top, spread=0.7)

    def _what(self, room: float) -> list[Words]:
        """Plan and price in one line where they fit; the price is never cut."""
        face, small = self.face, self.grid.small
        both, pt = f"{face.plan} · {face.price}", self.grid.title
        if self.paper.width(both, "bold", 0.85 * pt) <= room:
            what = [Words(text=both, style="bold", pt=pt)]
        else:
            what = [Words(text=face.plan, style="bold", pt=pt, lines=2), Words(text=face.price, style="bold", pt=pt)]
        if not self.symbols:
            return [*what, Words(text=f"{face.line} · {face.use_by}", pt=small, lines=2)]
        return [*what, Words(text=face.line, pt=small, lines=3), Words(text=face.use_by, style="bold", pt=small)]

    def _steps(self) -> list[Line]:
        grid = self.grid
        join, scan = self.face.steps
        texts = (join, scan if self.symbols else self.face.typed)
        words = [Words(text=text, pt=grid.small, lines=2, mark=str(n)) for n, text in enumerate(texts, 1)]
        return self.paper.column(
            words, x=grid.pad, y=self.steps, width=grid.width - 2 * grid.pad, height=self.foot - self.steps
        )

    def _support(self, first: Card) -> list[Line]:
        """At the left of the foot; the label, each voucher's own, is at its right."""
        grid = self.grid
        room = grid.width - 2 * grid.pad - self._label_width(first) - 1.5
        words = Words(text=self.face.support, pt=grid.small)
        return self.paper.column(
            [words], x=grid.pad, y=self.foot, width=room, height=grid.height - grid.edge - self.foot
        )

    def _label(self, card: Card) -> str:
        return f"{self.paper.writable(self.face.copy)} {card.label}" if self.face.again else card.label

    def _label_width(self, card: Card) -> float:
        return self.paper.width(self._label(card), "bold", self.grid.small)

    # --- drawing ---

    def draw(self, cards: Sequence[Card]) -> None:
        """These vouchers on the page, from its first cell on."""
        corners = [self.grid.corner(n) for n in range(len(cards))]
        self._draw_faces(corners)
        for card, (x, y) in zip(cards, corners, strict=True):
            self._write_own(card, x, y)
        if self.symbols:
            self._draw_symbols(cards, corners)

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
        for line in self.lines:
            self.paper.write(Line(text=line.text, style=line.style, pt=line.pt, x=x + line.x, y=y + line.y))
        if self.logo:
            self.logo.draw(self.paper, x + self.grid.pad, y + self.top)

    def _write_own(self, card: Card, x: float, y: float) -> None:
        grid = self.grid
        self.paper.write(Line(text=card.shown, style="code", pt=self.code_pt, x=x + grid.pad, y=y + self.code))
        label = self._label(card)
        right = x + grid.width - grid.pad - self.paper.width(label, "bold", grid.small)
        below = y + self.foot + BASELINE * grid.small / MM
        self.paper.write(Line(text=label, style="bold", pt=grid.small, x=right, y=below))

    def _draw_symbols(self, cards: Sequence[Card], corners: Sequence[tuple[float, float]]) -> None:
        """One path for each symbol, in units of a module from its bottom left corner."""
        assert self.symbols is not None
        pdf, size = self.paper.pdf, self.symbols.size
        module = self.module
        for card, (x, y) in zip(cards, corners, strict=True):
            left = x + self.symbol_x + QUIET * module
            bottom = y + self.symbol_y + (QUIET + size) * module
            at = f"{left * MM:.3f} {(PAGE_HEIGHT - bottom) * MM:.3f}"
            strokes = self.pen.draw(self.symbols.symbol(card.code))
            pdf._out(f"q {module * MM:.5f} 0 0 {module * MM:.5f} {at} cm {strokes}f Q")

    @property
    def pen(self) -> Pen:
        """Strokes as PDF rectangles; y goes upwards."""
        assert self.symbols is not None
        top = self.symbols.size - 1
        if not hasattr(self, "_pen"):
            self._pen = Pen(self.symbols.size, lambda x, y, length: f"{x} {top - y} {length} 1 re ")
        return self._pen


class Logo:
    """The ISP's logo on white paper, in the room it gets."""

    def __init__(self, png: bytes, height: float) -> None:
        with Image.open(io.BytesIO(png)) as opened:
            drawn = opened.convert("RGBA")
        box = drawn.getbbox() or (0, 0, *drawn.size)
        drawn = drawn.crop(box)
        fit = min(height / drawn.height, 2.2 * height / drawn.width)
        self.width, self.height = drawn.width * fit, height
        self._drawn_height = drawn.height * fit
        most = LOGO_DPI / 25.4
        drawn.thumbnail((max(1, round(self.width * most)), max(1, round(height * most))))
        self._image = Image.new("RGB", drawn.size, "white")
        self._image.paste(drawn, mask=drawn.getchannel("A"))

    def draw(self, paper: Paper, x: float, y: float) -> None:
        """Put it there, in the middle of its height."""
        y += (self.height - self._drawn_height) / 2
        paper.pdf.image(self._image, x=x, y=y, w=self.width, h=self._drawn_height)
