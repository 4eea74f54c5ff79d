"""Setting text on paper: lines that fit their place, whatever an ISP calls itself.

What does not fit is wrapped; then everything in the place is made smaller, step by step; what still does not fit at the
smallest size ends in an ellipsis. So nothing overlaps and nothing leaves its place.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Self

from fpdf import FPDF
from fpdf.output import OutputProducer, PDFPage

FONTS = Path(__file__).parent / "fonts"  # embedded, so that a sheet looks the same everywhere
FILES = {
    "plain": "DejaVuSansCondensed.ttf",
    "bold": "DejaVuSansCondensed-Bold.ttf",
    "code": "DejaVuSansMono-Bold.ttf",
}
MM = 72 / 25.4  # points in a millimetre
LEADING = 1.2  # line to line, in sizes
BASELINE = 0.93  # from the top of a line to its baseline, in sizes
CAPITAL = 0.73  # height of a capital, in sizes
# Sizes to try, and how many lines fewer: first nothing is cut, then more and more; only one line each may get tiny.
_SCALES = tuple(each / 20 for each in range(20, 13, -1))
_TINY = tuple((each / 20, 0) for each in range(20, 9, -1))
_TRIES = (
    *((scale, fewer) for fewer in range(4) for scale in _SCALES),
    *((each / 20, 9) for each in range(13, 4, -1)),
)
_BREAKS = re.compile(r"(?<=[./:@-])")  # where an address may go on in the next line


@dataclass(frozen=True, kw_only=True)
class Words:
    """A text to be set: its style, its size in points, how many lines it may take, the gap after it in mm."""

    text: str
    style: str = "plain"
    pt: float
    lines: int = 1
    after: float = 0.0
    mark: str = ""  # hangs before the first line: the number of a step


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line in its place: left end and baseline in mm from the top left corner."""

    text: str
    style: str
    pt: float
    x: float
    y: float


class Paper:
    """A PDF of A4 pages with our fonts, whose files it keeps open: to be closed, or used with ``with``."""

    def __init__(self, title: str) -> None:
        self.pdf = FPDF(unit="mm", format="A4")
        self.pdf.set_auto_page_break(False)
        self.pdf.set_margin(0)
        self.pdf.set_title(title)
        self.pdf.set_creator("Bando")
        for style, file in FILES.items():
            self.pdf.add_font(style, fname=FONTS / file)
        self._width_of = lru_cache(maxsize=4096)(self._measure)

    def close(self) -> None:
        """Close the files of the fonts; the library leaves them open."""
        for font in self.pdf.fonts.values():
            font.ttfont.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def _measure(self, text: str, style: str) -> float:
        self.pdf.set_font(style, size=10)
        return float(self.pdf.get_string_width(text)) / 10

    def width(self, text: str, style: str, pt: float) -> float:
        """How wide a text is, in mm."""
        return self._width_of(text, style) * pt

    def writable(self, text: str, style: str = "plain") -> str:
        """The text in letters that the font has."""
        known = self.pdf.fonts[style].cmap
        return "".join(_in_font(letter, known) for letter in unicodedata.normalize("NFC", text))

    def write(self, line: Line, x: float = 0.0, y: float = 0.0) -> None:
        """Put a line on the page; its place is measured from here."""
        self.pdf.set_font(line.style, size=line.pt)
        self.pdf.text(x + line.x, y + line.y, line.text)

    def end_page(self) -> None:
        """Keep the finished page packed: ten thousand vouchers draw thirty megabytes."""
        page = self.pdf.pages[self.pdf.page]
        page.contents = bytearray(zlib.compress(page.contents, level=1))

    def output(self) -> bytearray:
        """The document, whose pages have all been ended."""
        made: bytearray = self.pdf.output(output_producer_class=_PageByPage)
        return made

    # --- fitting ---

    def column(
        self,
        words: Sequence[Words],
        *,
        x: float,
        y: float,
        width: float,
        height: float,
        spread: float = 0.0,
        whole: bool = False,
        middle: bool = False,
    ) -> list[Line]:
        """The texts below each other in this place; what is left of the height goes between them, up to `spread` mm.

        Texts that are no use when they are cut (an address, a network's name) are kept `whole` as long as possible.
        """
        words = [each for each in words if each.text]
        for scale, fewer in (*_TINY, *_TRIES) if whole else _TRIES:
            found = [self._lines(each, each.pt * scale, width, fewer) for each in words]
            texts = [lines for lines, _ in found]
            left = height - _height(words, texts, scale)
            if left >= 0 and (fewer or not any(cut for _, cut in found)):
                break
        gap = min(spread, max(0.0, left) / (len(words) - 1)) if len(words) > 1 else 0.0
        return list(self._placed(words, texts, scale, x, y + left / 2 if middle and left > 0 else y, gap))

    def _placed(
        self, words: Sequence[Words], texts: Sequence[Sequence[str]], scale: float, x: float, y: float, gap: float
    ) -> Iterator[Line]:
        for each, lines in zip(words, texts, strict=True):
            pt = each.pt * scale
            size = pt / MM
            if each.mark:
                yield Line(text=each.mark, style="bold", pt=pt, x=x, y=y + BASELINE * size)
            for text in lines:
                yield Line(text=text, style=each.style, pt=pt, x=x + _indent(each, pt), y=y + BASELINE * size)
                y += LEADING * size
            y += each.after * scale + gap

    def _lines(self, words: Words, pt: float, width: float, fewer: int) -> tuple[list[str], bool]:
        """The lines of a text at this size, and whether it had to be cut."""
        room, most = width - _indent(words, pt), max(1, words.lines + 1 - fewer) if fewer else words.lines
        lines = self.wrapped(self.writable(words.text, words.style), words.style, pt, room)
        if len(lines) <= most:
            return lines, False
        last = self.shortened(f"{lines[most - 1]} {lines[most]}", words.style, pt, room)
        return [*lines[: most - 1], last], True

    def wrapped(self, text: str, style: str, pt: float, width: float) -> list[str]:
        """Lines no wider than this; a word that is wider breaks after a dot or a slash, else anywhere."""
        lines: list[str] = []
        for word in text.split(" "):
            if lines and self.width(f"{lines[-1]} {word}", style, pt) <= width:
                lines[-1] += f" {word}"
            elif word:
                lines += self._pieces(word, style, pt, width)
        return [line.removesuffix(" ·").removeprefix("· ") for line in lines]

    def _pieces(self, word: str, style: str, pt: float, width: float) -> list[str]:
        if self.width(word, style, pt) <= width:
            return [word]
        pieces = [""]
        for part in _BREAKS.split(word):
            for piece in [part] if self.width(part, style, pt) <= width else part:
                if pieces[-1] and self.width(pieces[-1] + piece, style, pt) > width:
                    pieces.append("")
                pieces[-1] += piece
        return pieces

    def shortened(self, text: str, style: str, pt: float, width: float) -> str:
        """The text, or its beginning with an ellipsis."""
        if self.width(text, style, pt) <= width:
            return text
        while text and self.width(f"{text}…", style, pt) > width:
            text = text[:-1].rstrip()
        return f"{text}…"

    def largest(self, text: str, style: str, most: float, width: float) -> float:
        """The largest size up to `most` at which a text is no wider than this."""
        return min(most, width / self._width_of(text, style))

    def fitted(self, text: str, style: str, most: float, least: float, width: float) -> tuple[str, float]:
        """One line: smaller down to `least`, then shortened."""
        pt = max(least, self.largest(text, style, most, width))
        return self.shortened(text, style, pt, width), pt


class _PageByPage(OutputProducer):  # type: ignore[misc]  # the library's types are not followed
    """Unpacks one page at a time when the document is put together."""

    def _add_pages(self, _slice: slice = slice(0, None)) -> list[PDFPage]:
        added: list[PDFPage] = []
        for number in range(*_slice.indices(self.fpdf.pages_count)):
            page = self.fpdf.pages[number + 1]
            page.contents = bytearray(zlib.decompress(page.contents))
            added += super()._add_pages(slice(number, number + 1))
        return added


def _indent(words: Words, pt: float) -> float:
    return 1.15 * pt / MM if words.mark else 0.0


def _height(words: Sequence[Words], texts: Sequence[Sequence[str]], scale: float) -> float:
    lines = sum(len(found) * LEADING * each.pt * scale / MM for each, found in zip(words, texts, strict=True))
    return lines + sum(each.after * scale for each in words[:-1])


def _in_font(letter: str, known: Container[int]) -> str:
    if ord(letter) in known:
        return letter
    if unicodedata.category(letter) in ("Cc", "Cf", "Mn", "Me", "Zs"):
        return " " if letter.isspace() else ""
    bare = unicodedata.normalize("NFKD", letter)
    return "".join(each for each in bare if ord(each) in known) or "?"
