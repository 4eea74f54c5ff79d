"""Setting text on paper: lines that fit their place, whatever an ISP calls itself.

What does not fit is wrapped; then everything in the place is made smaller, step by step; what still does not fit at the
smallest size ends in an ellipsis. So nothing overlaps and nothing leaves its place.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fpdf import FPDF

FONTS = Path(__file__).parent / "fonts"  # embedded, so that a sheet looks the same everywhere
FILES = {
    "plain": "DejaVuSansCondensed.ttf",
    "bold": "DejaVuSansCondensed-Bold.ttf",
    "code": "DejaVuSansMono-Bold.ttf",
}
MM = 72 / 25.4  # points in a millimetre
LEADING = 1.2  # line to line, in sizes
_BASELINE = 0.93  # from the top of a line to its baseline, in sizes
_SCALES = tuple(each / 20 for each in range(20, 11, -1))
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
    """A PDF of A4 pages with our fonts."""

    def __init__(self, title: str) -> None:
        self.pdf = FPDF(unit="mm", format="A4")
        self.pdf.set_auto_page_break(False)
        self.pdf.set_margin(0)
        self.pdf.set_title(title)
        self.pdf.set_creator("Bando")
        for style, file in FILES.items():
            self.pdf.add_font(style, fname=FONTS / file)
        self._width_of = lru_cache(maxsize=4096)(self._measure)

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

    def write(self, line: Line) -> None:
        """Put a line on the page."""
        self.pdf.set_font(line.style, size=line.pt)
        self.pdf.text(line.x, line.y, line.text)

    # --- fitting ---

    def column(
        self, words: Sequence[Words], *, x: float, y: float, width: float, height: float, spread: float = 0.0
    ) -> list[Line]:
        """The texts below each other in this place; what is left of the height goes between them, up to `spread` mm."""
        words = [each for each in words if each.text]
        for scale in _SCALES:
            set_ = [self._lines(each, each.pt * scale, width) for each in words]
            fits = not any(cut for _, cut in set_) and _height(words, [found for found, _ in set_], scale) <= height
            if fits:
                break
        texts = [found for found, _ in set_]
        gap = 0.0
        if len(words) > 1:
            gap = min(spread, max(0.0, height - _height(words, texts, scale)) / (len(words) - 1))
        return list(self._placed(words, texts, scale, x, y, gap))

    def _placed(
        self, words: Sequence[Words], texts: Sequence[Sequence[str]], scale: float, x: float, y: float, gap: float
    ) -> Iterator[Line]:
        for each, lines in zip(words, texts, strict=True):
            pt = each.pt * scale
            size = pt / MM
            if each.mark:
                yield Line(text=each.mark, style="bold", pt=pt, x=x, y=y + _BASELINE * size)
            for text in lines:
                yield Line(text=text, style=each.style, pt=pt, x=x + _indent(each, pt), y=y + _BASELINE * size)
                y += LEADING * size
            y += each.after * scale + gap

    def _lines(self, words: Words, pt: float, width: float) -> tuple[list[str], bool]:
        """The lines of a text at this size, and whether it had to be cut."""
        room = width - _indent(words, pt)
        lines = self.wrapped(self.writable(words.text, words.style), words.style, pt, room)
        if len(lines) <= words.lines:
            return lines, False
        kept = lines[: words.lines]
        return [*kept[:-1], self.shortened(f"{kept[-1]} {lines[words.lines]}", words.style, pt, room)], True

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


def _indent(words: Words, pt: float) -> float:
    return 1.15 * pt / MM if words.mark else 0.0


def _height(words: Sequence[Words], texts: Sequence[Sequence[str]], scale: float) -> float:
    lines = sum(len(found) * LEADING * each.pt * scale / MM for each, found in zip(words, texts, strict=True))
    return lines + sum(each.after * scale for each in words[:-1])


def _in_font(letter: str, known: object) -> str:
    if ord(letter) in known:  # type: ignore[operator]
        return letter
    if unicodedata.category(letter) in ("Cc", "Cf", "Mn", "Me", "Zs"):
        return " " if letter.isspace() else ""
    bare = unicodedata.normalize("NFKD", letter)
    return "".join(each for each in bare if ord(each) in known) or "?"  # type: ignore[operator]
