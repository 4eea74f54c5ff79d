"""Where everything goes on a voucher of a sheet, in mm from the top left corner of its cell.

The same places serve the PDF and the page that a browser prints.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

from PIL import Image

from portal.errors import Misconfigured
from portal.vouchers.grids import CLEAR, LEAST_MODULE, Grid
from portal.vouchers.paper import Card, Face
from portal.vouchers.qr import QUIET, Symbols
from portal.vouchers.typeset import BASELINE, CAPITAL, LEADING, MM, Line, Paper, Words

LOGO_DPI = 400
AGENTS_ROOM = 0.3  # of the width, for who sells it


def widest(cards: Sequence[Card]) -> Card:
    """The card whose foot needs most room: the one of the agent with the longest name."""
    return max(cards, key=lambda each: len(each.agent))


def symbols_for(face: Face, first: Card, grid: Grid) -> Symbols | None:
    """The symbols of these vouchers; none where their modules would be too small for printers."""
    if not grid.symbol:
        return None
    found = Symbols(face.base_url, len(first.code))
    return found if grid.symbol / (found.size + 2 * QUIET) >= LEAST_MODULE else None


class Cell:
    """One voucher: what is the same on all (`lines`, `logo`), and how to find what is its own."""

    def __init__(self, paper: Paper, face: Face, first: Card, grid: Grid) -> None:
        self.paper, self.face, self.grid = paper, face, grid
        self.symbols = symbols_for(face, first, grid)
        self.symbol = grid.symbol if self.symbols else 0.0
        self.symbol_x, self.symbol_y = grid.width - CLEAR - self.symbol, CLEAR  # of its quiet zone
        self.logo = Logo(face.logo, (1.7 if self.symbols else 1.4) * grid.isp / MM) if face.logo else None
        self.module = self.symbol / (self.symbols.size + 2 * QUIET) if self.symbols else 0.0
        small = LEADING * grid.small / MM
        self.foot = grid.height - grid.edge - small  # tops of the parts, from the bottom upwards
        self.steps = self.foot - 2 * small
        self.code = self.steps - 0.45 * small  # its baseline
        self.code_pt = paper.largest(first.shown, "code", grid.code, grid.width - 2 * grid.pad)
        self.code_top = self.code - CAPITAL * self.code_pt / MM
        dark = CLEAR + QUIET * self.module - (BASELINE - CAPITAL) * grid.isp / MM
        self.top = dark if self.symbols else grid.edge  # the name begins as high as the symbol
        self.lines = [*self._head(), *self._steps(), *self._support(first)]

    def _head(self) -> list[Line]:
        """Who sells it, what it is, what it costs, how long it may be used: beside the symbol, if there is one."""
        grid = self.grid
        room = (self.symbol_x if self.symbols else grid.width - grid.pad) - grid.pad
        name = Words(text=self.face.isp, style="bold", pt=grid.isp, lines=2, after=0.3)
        top, bottom = self.top, self.code_top - (1.0 if self.symbols else 0.7)
        if not self.logo:
            what = [name, *self._what(room)]
            return self.paper.column(what, x=grid.pad, y=top, width=room, height=bottom - top, spread=0.7)
        left = self.logo.width + 0.9
        lines = self.paper.column(
            [name], x=grid.pad + left, y=top, width=room - left, height=self.logo.height, middle=True
        )
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
            return [*what, Words(text=f"{face.use_by} · {face.line}", pt=small, lines=2)]
        return [*what, Words(text=face.line, pt=small, lines=3), Words(text=face.use_by, style="bold", pt=small)]

    def _steps(self) -> list[Line]:
        grid = self.grid
        join, scan = self.face.steps
        texts = (join, scan if self.symbols else self.face.typed)
        words = [Words(text=text, pt=grid.small, lines=2, mark=str(n)) for n, text in enumerate(texts, 1)]
        return self.paper.column(
            words, x=grid.pad, y=self.steps, width=grid.width - 2 * grid.pad, height=self.foot - self.steps, whole=True
        )

    def _support(self, first: Card) -> list[Line]:
        """At the left of the foot; the label, each voucher's own, is at its right."""
        grid = self.grid
        room = grid.width - 2 * grid.pad - self._label_room(first) - 1.5
        words = Words(text=self.face.support, pt=grid.small)
        return self.paper.column(
            [words], x=grid.pad, y=self.foot, width=room, height=grid.height - grid.edge - self.foot
        )

    def _label(self, card: Card) -> str:
        label = f"{self.paper.writable(self.face.copy)} {card.label}" if self.face.again or card.again else card.label
        return f"{self._seller(card.agent)} · {label}" if card.agent else label

    def _seller(self, agent: str) -> str:
        """Who sells it, in a part of the foot: an agent is known by the first letters, too."""
        room = AGENTS_ROOM * self.grid.width
        return self.paper.shortened(self.paper.writable(agent), "bold", self.grid.small, room)

    def _label_room(self, first: Card) -> float:
        """The widest that a label gets: that of a copy."""
        return self.paper.width(self._label(replace(first, again=True)), "bold", self.grid.small)

    def own(self, card: Card) -> tuple[Line, Line]:
        """The code and the label of one voucher."""
        grid, label = self.grid, self._label(card)
        right = grid.width - grid.pad - self.paper.width(label, "bold", grid.small)
        below = self.foot + BASELINE * grid.small / MM
        return (
            Line(text=card.shown, style="code", pt=self.code_pt, x=grid.pad, y=self.code),
            Line(text=label, style="bold", pt=grid.small, x=right, y=below),
        )


class Logo:
    """The ISP's logo on white paper, in the room it gets."""

    def __init__(self, png: bytes, height: float) -> None:
        drawn = _picture(png)
        box = drawn.getbbox() or (0, 0, *drawn.size)
        drawn = drawn.crop(box)
        fit = min(height / drawn.height, 2.2 * height / drawn.width)
        self.width, self.height = drawn.width * fit, height
        self.drawn_height = drawn.height * fit
        most = LOGO_DPI / 25.4
        drawn.thumbnail((max(1, round(self.width * most)), max(1, round(height * most))))
        self.image = Image.new("RGB", drawn.size, "white")
        self.image.paste(drawn, mask=drawn.getchannel("A"))


def _picture(png: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(png)) as opened:
            return opened.convert("RGBA")
    except (OSError, SyntaxError, ValueError) as error:  # what Pillow raises for files that are broken
        raise Misconfigured("The logo is broken; give another with: bando tenant set --logo FILE.png") from error
