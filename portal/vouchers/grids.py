"""How vouchers are divided on a page of A4: measures only, so that whoever offers a choice loads nothing that draws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from portal.errors import Misconfigured
from portal.vouchers.paper import Card

PAGE_WIDTH, PAGE_HEIGHT, MARGIN = 210.0, 297.0, 10.0
LEAST_MODULE = 0.33  # mm: four dots at 300 dpi, below which printers close the gaps (Denso Wave's advice)
CLEAR = 0.35  # mm between a symbol's quiet zone and a cut mark


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
        """The top left corner of the nth cell, from where the cells of a page begin."""
        row, column = divmod(n, self.columns)
        return column * self.width, row * self.height

    def pages(self, cards: Sequence[Card]) -> Iterator[Sequence[Card]]:
        """The cards of each page."""
        for start in range(0, len(cards), self.on_page):
            yield cards[start : start + self.on_page]


GRIDS = {
    "3x8": Grid(columns=3, rows=8, pad=2.6, edge=1.7, symbol=18.0, isp=8, title=12.5, small=6.8, code=17),
    "4x9": Grid(columns=4, rows=9, pad=2.0, edge=1.4, symbol=16.5, isp=7, title=10, small=5.9, code=14.6),
    "4x10": Grid(columns=4, rows=10, pad=2.0, edge=1.1, symbol=14.4, isp=6.4, title=9, small=5.5, code=14),
    "5x13": Grid(columns=5, rows=13, pad=1.7, edge=1.2, symbol=0, isp=5.8, title=8.2, small=5, code=12.6),
}
DEFAULT_GRID = "4x9"


def grid_named(name: str) -> Grid:
    """The grid that staff mean by ``4x9``; raises `Misconfigured`."""
    found = GRIDS.get(name.replace("×", "x"))
    if found is None:
        raise Misconfigured(f"There is no grid {name!r}; take one of: {', '.join(GRIDS)}")
    return found
