"""What a thermal printer puts on paper: lines of cells and pictures, burnt dot by dot at 203 dpi.

A roll moves under the head; the cutter sits some millimetres behind it, so what was printed last and not fed far
enough is cut off the slip and heads the next one, as on a real counter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from PIL import Image, ImageChops, ImageDraw, ImageFont

DPI = 203
CUTTER_GAP = 112  # dots from the head to the blade, 14 mm
PAPER = {384: 464, 576: 640}  # dots of the head: dots of the paper (58 and 80 mm)
CELLS = {"a": (12, 24), "b": (9, 17)}  # the two fonts of every such printer
LINE = 30  # the dots of a line until somebody says otherwise
BLACK = 0


@dataclass(kw_only=True)
class Wear:
    """What is wrong with the mechanics."""

    gain: int = 0  # dots by which everything black grows, left and right together (and up and down)
    dead: tuple[int, ...] = ()  # columns of the head that stay cold
    blank_band: tuple[int, int] | None = None  # first row and height, on each slip, where the paper slipped


@dataclass(frozen=True, kw_only=True)
class Style:
    """How the next characters look."""

    font: str = "a"
    wide: int = 1
    tall: int = 1
    bold: bool = False
    underline: int = 0
    reverse: bool = False
    spacing: int = 0

    @property
    def width(self) -> int:
        return (CELLS[self.font][0] + self.spacing) * self.wide

    @property
    def height(self) -> int:
        return CELLS[self.font][1] * self.tall


@lru_cache(maxsize=8)
def _typeface(font: str, bold: bool) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A monospaced face of the machine, or the small one that Pillow carries."""
    size = {"a": 20, "b": 15}[font]
    try:
        return ImageFont.truetype(f"DejaVuSansMono{'-Bold' if bold else ''}.ttf", size)
    except OSError:
        return ImageFont.load_default(size * 0.8)


@lru_cache(maxsize=4096)
def glyph(letter: str, style: Style) -> Image.Image:
    """One character cell, white ground."""
    width, height = CELLS[style.font]
    cell = Image.new("L", (width + style.spacing, height), 255)
    pen = ImageDraw.Draw(cell)
    pen.fontmode = "1"
    pen.text((0, height - 6 if style.font == "a" else height - 4), letter, 0, _typeface(style.font, style.bold), "ls")
    for row in range(style.underline):
        pen.line((0, height - 1 - row, width + style.spacing, height - 1 - row), 0)
    if style.reverse:
        cell = ImageChops.invert(cell)
    if style.wide > 1 or style.tall > 1:
        cell = cell.resize((cell.width * style.wide, cell.height * style.tall), Image.Resampling.NEAREST)
    return cell


@dataclass
class Roll:
    """The paper under one head. `pictures` are the slips that were cut off, `texts` what was written on each."""

    dots: int
    wear: Wear = field(default_factory=Wear)
    pictures: list[Image.Image] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    spilt: int = 0  # characters and columns of pictures that did not fit the paper

    def __post_init__(self) -> None:
        self._strips: list[tuple[Image.Image | None, int]] = [(None, CUTTER_GAP)]  # what lies under the hood
        self._cells: list[tuple[str, Style]] = []
        self._lines: list[str] = []
        self._used = 0
        self.line = LINE
        self.align = 0  # 0 left, 1 centre, 2 right
        self.left = 0
        self.area = self.dots

    # --- what is put on it ---

    def write(self, letter: str, style: Style) -> None:
        """One character; the printer itself begins a new line at the edge."""
        if self._used + style.width > self.area:
            self.spilt += 1
            self.end_line()
        self._cells.append((letter, style))
        self._used += style.width

    def tab(self, style: Style) -> None:
        stop = 8 * style.width
        while self._used % stop or not self._used:
            self.write(" ", style)
            if not self._used % stop:
                break

    def end_line(self) -> None:
        """Print what was gathered and move on by a line."""
        if not self._cells:
            self.feed(self.line)
            self._lines.append("")
            return
        height = max(style.height for _, style in self._cells)
        strip, at = Image.new("L", (self._used, height), 255), 0
        for letter, style in self._cells:
            strip.paste(glyph(letter, style), (at, height - style.height))
            at += style.width
        self._lines.append("".join(letter for letter, _ in self._cells).rstrip())
        self._cells, self._used = [], 0
        self.put(strip)
        self.feed(max(0, self.line - height))

    def put(self, picture: Image.Image) -> None:
        """A picture at the present alignment; what is too wide is lost."""
        if self._cells:
            self.end_line()
        fits = min(picture.width, self.area)
        self.spilt += picture.width - fits
        free = self.area - fits
        row = Image.new("L", (self.dots, picture.height), 255)
        row.paste(picture.crop((0, 0, fits, picture.height)), (self.left + (0, free // 2, free)[self.align], 0))
        self._strips.append((row, picture.height))

    def feed(self, dots: int) -> None:
        if self._cells:
            self.end_line()
            dots -= min(dots, self.line)
        if dots:
            self._strips.append((None, dots))

    def cut(self, feed: int | None = None) -> None:
        """Through the paper at the blade; `feed` brings the last line and that much more past it first."""
        if self._cells:
            self.end_line()
        if feed is not None:
            self.feed(CUTTER_GAP + feed)
        strip = self._together()
        at = strip.height - CUTTER_GAP
        if at <= 0:
            return  # nothing has come past the blade
        self._strips = [(strip.crop((0, at, strip.width, strip.height)), CUTTER_GAP)]
        self._finish(strip.crop((0, 0, strip.width, at)))

    def tear(self) -> None:
        """Tear everything off, as at the end of the day; nothing is lost."""
        self.cut(feed=0)

    def on_it(self) -> bool:
        """Whether something is printed that was not cut off yet."""
        return bool(self._cells) or any(each is not None and each.getextrema()[0] == 0 for each, _ in self._strips)

    # --- from strips to a slip ---

    def _together(self) -> Image.Image:
        whole, at = Image.new("L", (self.dots, sum(height for _, height in self._strips)), 255), 0
        for picture, height in self._strips:
            if picture is not None:
                whole.paste(picture, (0, at))
            at += height
        return whole

    def _finish(self, burnt: Image.Image) -> None:
        worn = self._worn(burnt)
        paper = Image.new("L", (PAPER.get(self.dots, self.dots + 64), worn.height), 255)
        paper.paste(worn, ((paper.width - self.dots) // 2, 0))
        self.pictures.append(paper.convert("1", dither=Image.Dither.NONE))
        self.texts.append("\n".join(self._lines).strip("\n"))
        self._lines = []

    def _worn(self, burnt: Image.Image) -> Image.Image:
        for column in self.wear.dead:
            burnt.paste(255, (column, 0, column + 1, burnt.height))
        if self.wear.blank_band:
            top, height = self.wear.blank_band
            burnt.paste(255, (0, top, burnt.width, top + height))
        return grown(burnt, self.wear.gain)


def grown(picture: Image.Image, dots: int) -> Image.Image:
    """Everything black, bigger by so many dots in each direction of both: heat spreads (dot gain)."""
    before = dots // 2
    for across in (True, False):
        base = picture
        for step in (*range(-before, 0), *range(1, dots - before + 1)):
            moved = Image.new("L", base.size, 255)
            moved.paste(base, (step, 0) if across else (0, step))
            picture = ImageChops.darker(picture, moved)
    return picture
