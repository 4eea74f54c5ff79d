"""Vouchers as a page that a browser prints, for places without anything that shows PDF.

One file that asks nobody for anything: fonts, symbols and the logo are in it, and its policy forbids the rest. Every
sheet of paper is one drawing with everything where the PDF has it, so that no card is cut by the end of a page.
"""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Iterator, Sequence

from markupsafe import escape

from portal.vouchers.cells import Cell, widest
from portal.vouchers.grids import DEFAULT_GRID, GRIDS, MARGIN, PAGE_HEIGHT, PAGE_WIDTH, Grid
from portal.vouchers.paper import Card, Face
from portal.vouchers.qr import QUIET, Pen
from portal.vouchers.sheets import Progress, unseen
from portal.vouchers.typeset import FILES, FONTS, MM, Line, Paper

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; font-src data:; img-src data:"
_WIDTH, _HEIGHT = PAGE_WIDTH - 2 * MARGIN, PAGE_HEIGHT - 2 * MARGIN
_STYLE = f"""
@page {{ size: A4; margin: {MARGIN}mm }}
body {{ margin: 0; background: #fff; color: #000 }}
svg.page {{ display: block; width: {_WIDTH}mm; height: {_HEIGHT - 0.1}mm; overflow: visible; break-inside: avoid }}
svg.page + svg.page {{ break-before: page }}
.plain {{ font-family: plain }} .bold {{ font-family: bold }} .code {{ font-family: code }}
text {{ white-space: pre }}
.cut {{ stroke: #999; stroke-width: .12; stroke-dasharray: .4 1.1; fill: none }}
@media screen {{ svg.page {{ margin: {MARGIN}mm auto }} }}
"""


def print_page(
    face: Face, cards: Sequence[Card], grid: Grid = GRIDS[DEFAULT_GRID], progress: Progress = unseen
) -> bytes:
    """The vouchers as HTML."""
    with Paper("") as paper:
        cell = Cell(paper, face, widest(cards), grid)
        return "".join(_parts(cell, face, cards, progress)).encode()


def _parts(cell: Cell, face: Face, cards: Sequence[Card], progress: Progress) -> Iterator[str]:
    pen, done = Pen(lambda x, y, length: f"M{x} {y}h{length}v1h-{length}z"), 0
    yield from _beginning(face, cards)
    yield from _faces(cell)
    for on_page in cell.grid.pages(cards):
        yield from _page(cell, on_page, pen)
        done += len(on_page)
        progress(done)
    yield "</body>\n</html>\n"


def _beginning(face: Face, cards: Sequence[Card]) -> Iterator[str]:
    title = escape(f"{face.isp} {cards[0].label} – {cards[-1].label}")
    yield f'<!DOCTYPE html>\n<html lang="{escape(face.lang)}">\n<head>\n<meta charset="utf-8">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
    yield f'<meta name="referrer" content="no-referrer">\n<title>{title}</title>\n<style>'
    for style, file in FILES.items():
        font = _base64((FONTS / file).read_bytes())
        yield f"@font-face {{ font-family: {style}; src: url(data:font/ttf;base64,{font}) }}\n"
    yield f"{_STYLE}</style>\n</head>\n<body>\n"


def _base64(content: bytes) -> str:
    return b64encode(content).decode()


def _faces(cell: Cell) -> Iterator[str]:
    """What is the same on all cards, once; every card refers to it."""
    yield '<svg width="0" height="0" style="position: absolute"><defs><g id="face">'
    yield from map(_text, cell.lines)
    if cell.logo:
        png = io.BytesIO()
        cell.logo.image.save(png, "PNG")
        y = cell.top + (cell.logo.height - cell.logo.drawn_height) / 2
        size = f'width="{cell.logo.width:.3f}" height="{cell.logo.drawn_height:.3f}"'
        yield f'<image x="{cell.grid.pad}" y="{y:.3f}" {size}'
        yield f' href="data:image/png;base64,{_base64(png.getvalue())}"/>'
    yield "</g></defs></svg>\n"


def _text(line: Line) -> str:
    at = f'x="{line.x:.3f}" y="{line.y:.3f}" font-size="{line.pt / MM:.3f}"'
    return f'<text class="{line.style}" {at}>{escape(line.text)}</text>'


def _page(cell: Cell, cards: Sequence[Card], pen: Pen) -> Iterator[str]:
    yield f'<svg class="page" viewBox="0 0 {_WIDTH} {_HEIGHT}"><path class="cut" d="{_cuts(cell.grid, len(cards))}"/>\n'
    for n, card in enumerate(cards):
        x, y = cell.grid.corner(n)
        yield f'<g transform="translate({x:.3f} {y:.3f})"><use href="#face"/>'
        yield from map(_text, cell.own(card))
        if cell.symbols:
            left, top = (at + QUIET * cell.module for at in (cell.symbol_x, cell.symbol_y))
            strokes = pen.draw(cell.symbols.symbol(card.code), cell.symbols.size)
            yield f'<path transform="translate({left:.3f} {top:.3f}) scale({cell.module:.5f})" d="{strokes}"/>'
        yield "</g>\n"
    yield "</svg>\n"


def _cuts(grid: Grid, count: int) -> str:
    rows = -(-count // grid.columns)
    across = (f"M0 {n * grid.height:.3f}h{_WIDTH}" for n in range(rows + 1))
    down = (f"M{n * grid.width:.3f} 0v{rows * grid.height:.3f}" for n in range(grid.columns + 1))
    return "".join([*across, *down])
