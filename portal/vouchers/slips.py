"""Vouchers on thermal slips: cards in, ESC/POS bytes out, one piece for each slip. Pure.

Printers at counters are cheap, old and differ. So only what all of them do is used: text in letters that have the
same byte in every Western code page, pictures as raster, one cut. The QR can be drawn by the printer (a hundred times
fewer bytes), but many 58 mm printers cannot and would print its data as text: raster unless asked.
"""

from __future__ import annotations

import io
import logging
import tempfile
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Any, Literal

from PIL import Image, ImageOps

from portal.errors import Misconfigured
from portal.vouchers import qr
from portal.vouchers.paper import Card, Face

Qr = Literal["raster", "native"]


@dataclass(frozen=True, kw_only=True)
class Width:
    """A paper: dots of the head, columns of font A (12 dots each), the best module of a QR in dots."""

    mm: int
    dots: int
    columns: int
    module: int
    profile: str  # of python-escpos; a plain printer of this width


WIDTHS = {
    58: Width(mm=58, dots=384, columns=32, module=6, profile="NT-5890K"),
    80: Width(mm=80, dots=576, columns=48, module=8, profile="NT-80-V-UL"),
}
LEAST_MODULE = 4  # dots; below, paper and heat close the gaps (Denso Wave's advice)
LOGO_HEIGHT = 112  # dots, 14 mm
CUTTER_LINES = 5  # lines of 30 dots, 19 mm: the last text stands past the blade or the tear bar
PARTIAL_CUT = b"\x1dV\x01"
NO_CHINESE = b"\x1c."  # clones start in a mode that eats letters above 127 in pairs


# --- text that comes out right ---


def _safe_letters() -> frozenset[str]:
    """Letters with one byte in cp437, cp850 and cp858: right whichever of them the printer has."""
    pages = [bytes(range(128, 255)).decode(page) for page in ("cp437", "cp850", "cp858")]
    return frozenset(first for first, *others in zip(*pages, strict=True) if set(others) == {first})


_SAFE = _safe_letters() | {chr(each) for each in range(32, 127)}
_LIKE = {
    "‘": "'", "’": "'", "‚": ",", "‛": "'", "“": '"', "”": '"', "„": '"', "′": "'", "″": '"', "‹": "<", "›": ">",
    "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "―": "-", "−": "-", "…": "...", "•": "*", "×": "x", "÷": "/",
    "€": "EUR", "™": "TM", "©": "(c)", "®": "(R)", "Ø": "O", "ø": "o", "Œ": "OE", "œ": "oe", "ß": "ss", "ı": "i",
    "Ł": "L", "ł": "l", "Đ": "D", "đ": "d", "Ð": "D", "ð": "d", "Þ": "Th", "þ": "th", "ʼ": "'", "ʻ": "'", "→": ">",
    "Ŋ": "N", "ŋ": "n", "Ɓ": "B", "ɓ": "b", "Ɗ": "D", "ɗ": "d", "Ƙ": "K", "ƙ": "k", "Ɛ": "E", "ɛ": "e",
    "Ɔ": "O", "ɔ": "o",
}  # fmt: skip
HARD_SPACE = "\u00a0"


@lru_cache(maxsize=4096)
def _printed(letter: str) -> str:
    if letter in _SAFE or letter == HARD_SPACE:
        return letter
    if letter in _LIKE:
        return _LIKE[letter]
    kind = unicodedata.category(letter)
    if kind.startswith("Z") or letter in "\t\n\r":
        return HARD_SPACE if letter in "\u202f\u2007" else " "
    if kind in ("Cc", "Cf", "Mn", "Me"):
        return ""  # no command hides in a name, nothing invisible takes a column
    bare = "".join(each for each in unicodedata.normalize("NFKD", letter) if unicodedata.category(each) != "Mn")
    return "".join(_printed(each) for each in bare) if bare != letter else "?"


def plain(text: str) -> str:
    """The text in letters that every printer has; hard spaces stay for the wrapping."""
    return "".join(_printed(letter) for letter in unicodedata.normalize("NFC", text))


def wrapped(text: str, columns: int) -> list[str]:
    """Lines no longer than the paper is wide; words that are longer break after a dot, slash or dash if they can."""
    lines: list[str] = []
    for word in plain(text).split(" "):
        if lines and word and len(lines[-1]) + 1 + len(word) <= columns:
            lines[-1] += f" {word}"
        elif word:
            lines += _pieces(word, columns)
    return [line.replace(HARD_SPACE, " ").removesuffix(" ·").removeprefix("· ") for line in lines]


def _pieces(word: str, columns: int) -> Iterator[str]:
    while len(word) > columns:
        at = max(word.rfind(mark, columns // 2, columns) for mark in "./-" + HARD_SPACE) + 1 or columns
        yield word[:at]
        word = word[at:]
    yield word


# --- the symbol and the logo ---


def fitting(url: str, width: Width) -> tuple[str, int]:
    """Level and size of a module in dots: the best level whose modules are wide enough on this paper.

    Q first: a thermal printer may skip a band of paper, which M does not survive.
    """
    for level in ("Q", "M"):
        module = min(width.module, width.dots // (qr.plain(url, level)[1] + 2 * qr.QUIET))
        if module >= LEAST_MODULE:
            return level, module
    raise Misconfigured("the public address is too long for a QR that a printer could draw")


_GREY = bytes.maketrans(b"01", b"\xff\x00")


def picture(symbol: int, size: int, module: int) -> Image.Image:
    """A symbol as dots, without its quiet zone."""
    bits = f"{symbol:0{size * (size + 1)}b}".encode().translate(_GREY)
    small = Image.frombytes("L", (size + 1, size), bits).crop((0, 0, size, size))
    return small.resize((size * module, size * module), Image.Resampling.NEAREST)


def logo_picture(png: bytes, width: Width) -> Image.Image:
    """The logo on white, as large as its place, in grey; the printer's dots are made of it later."""
    try:
        with Image.open(io.BytesIO(png)) as opened:
            drawn = opened.convert("RGBA")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise Misconfigured("The logo cannot be drawn; set another one: bando tenant set --logo FILE.png") from error
    drawn = drawn.crop(drawn.getbbox() or (0, 0, *drawn.size))
    ground = Image.new("RGBA", drawn.size, "white")
    ground.alpha_composite(drawn)
    return ImageOps.contain(ImageOps.autocontrast(ground.convert("L")), (width.dots * 3 // 4, LOGO_HEIGHT))


# --- the slip ---


@cache
def _library() -> Any:
    """python-escpos, kept from what it does on import: a folder left behind in the temporary place, a log handler."""
    handlers, place = list(logging.root.handlers), tempfile.tempdir
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        try:
            from escpos.printer import Dummy
        finally:
            tempfile.tempdir = place
            logging.root.handlers[:] = handlers
    return Dummy


def fits(left: str, right: str, columns: int) -> bool:
    """Whether both stand on one line with two spaces between them."""
    return len(plain(left)) + 2 + len(plain(right)) <= columns


class Ink:
    """What is written on one slip, or on a part of one."""

    def __init__(self, width: Width) -> None:
        self._width = width
        self._out = _library()(profile=width.profile)
        self._out.charcode("CP437")

    @property
    def data(self) -> bytes:
        return bytes(self._out.output)

    def raw(self, data: bytes) -> None:
        self._out._raw(data)

    def style(self, *, wide: bool = False, tall: bool = False, bold: bool = False, align: str = "left") -> None:
        """Size first: it takes the bold away."""
        self._out.set(normal_textsize=not (wide or tall), double_width=wide, double_height=tall, bold=bold, align=align)

    def line(self, text: str) -> None:
        """One line as it is; it must fit."""
        self._out.text(plain(text).replace(HARD_SPACE, " ") + "\n")

    def lines(self, text: str, *, first: str = "", columns: int | None = None) -> None:
        """Wrapped; after `first` the further lines are indented by as much."""
        room = (columns or self._width.columns) - len(first)
        for n, line in enumerate(wrapped(text, room)):
            self.line((first if n == 0 else " " * len(first)) + line)

    def both(self, left: str, right: str) -> None:
        """Left and right on one line if there is room, else below each other."""
        columns = self._width.columns
        if fits(left, right, columns):
            self._apart(left, right, columns)
        else:
            self.lines(left)
            for line in wrapped(right, columns):
                self.line(f"{line:>{columns}}")

    def large(self, left: str, right: str) -> None:
        """The same as large as there is room for."""
        is_wide = fits(left, right, self._width.columns // 2)
        self.style(wide=is_wide, tall=True, bold=True)
        if is_wide:
            self._apart(left, right, self._width.columns // 2)
        else:
            self.both(left, right)

    def _apart(self, left: str, right: str, columns: int) -> None:
        self.line(f"{plain(left)}{plain(right):>{columns - len(plain(left))}}")

    def rule(self) -> None:
        self.style()
        self.line("-" * self._width.columns)

    def space(self, dots: int) -> None:
        """Blank paper."""
        while dots > 0:
            self.raw(b"\x1bJ" + bytes([min(dots, 255)]))
            dots -= 255

    def dots(self, drawn: Image.Image) -> None:
        self._out.image(drawn)

    def native_qr(self, url: str, level: str, module: int) -> None:
        self._out.qr(url, ec="LMQH".index(level), size=module, native=True)

    def cut(self) -> None:
        self._out.print_and_feed(CUTTER_LINES)
        self.raw(PARTIAL_CUT)


@dataclass(frozen=True, kw_only=True)
class Press:
    """Makes the slips of one batch. What all of them share is made once."""

    face: Face
    width: Width
    drawing: Qr = "raster"

    def slip(self, card: Card) -> bytes:
        """All bytes of one slip, from the first command to the cut; it depends on no other slip."""
        whole = b"".join((self._head, self._middle(card), self._steps, self._foot(card)))
        return b"\x1b@" + (NO_CHINESE if self._is_foreign or not plain(card.agent).isascii() else b"") + whole

    @cached_property
    def _is_foreign(self) -> bool:
        texts = (self.face.isp, self.face.plan, self.face.line, self.face.validity, self.face.price, self.face.use_by)
        return not plain(" ".join((*texts, *self.face.steps, self.face.support, self.face.copy))).isascii()

    @cached_property
    def _head(self) -> bytes:
        ink, face, columns = Ink(self.width), self.face, self.width.columns
        ink.style(align="center")
        if face.logo is not None:
            ink.dots(logo_picture(face.logo, self.width))
            ink.space(8)
        is_short = len(plain(face.isp)) <= columns // 2
        ink.style(wide=is_short, tall=True, bold=True, align="center")
        ink.lines(face.isp, columns=columns // 2 if is_short else columns)
        ink.rule()
        ink.large(face.plan, face.price)
        ink.style()
        ink.lines(self._bought())
        ink.rule()
        return ink.data

    def _bought(self) -> str:
        """Length, data, speed, devices; no line ends inside one of them."""
        said = f"{self.face.plan} {self.face.line}".casefold()
        missing = [self.face.validity] if self.face.validity.casefold() not in said else []
        parts = (*missing, *self.face.line.split(" · "))
        return " · ".join(part.replace(" ", HARD_SPACE) for part in parts if part)

    @cached_property
    def _sizes(self) -> dict[int, tuple[str, int]]:
        return {}

    @cached_property
    def _symbols(self) -> dict[int, qr.Symbols]:
        return {}

    def _middle(self, card: Card) -> bytes:
        ink, shown = Ink(self.width), card.shown
        level, module = self._fitting(len(card.code))
        ink.space(10)
        ink.style(wide=2 * len(shown) <= self.width.columns, tall=True, bold=True, align="center")
        ink.line(shown)
        ink.style(align="center")
        ink.space(qr.QUIET * module)
        if self.drawing == "native":
            ink.native_qr(self.face.url(card), level, module)
        else:
            ink.dots(self._drawn(card, level, module))
        ink.space(qr.QUIET * module)
        return ink.data

    def _fitting(self, length: int) -> tuple[str, int]:
        """The same for all codes of one length."""
        if length not in self._sizes:
            self._sizes[length] = fitting(f"{self.face.base_url}{'0' * length}", self.width)
        return self._sizes[length]

    def _drawn(self, card: Card, level: str, module: int) -> Image.Image:
        length = len(card.code)
        if length not in self._symbols:
            self._symbols[length] = qr.Symbols(self.face.base_url, length, level)
        symbols = self._symbols[length]
        return picture(symbols.symbol(card.code), symbols.size, module)

    @cached_property
    def _steps(self) -> bytes:
        ink = Ink(self.width)
        ink.style()
        for n, step in enumerate(self.face.steps, start=1):
            ink.lines(step, first=f"{n} ")
        ink.rule()
        ink.style(bold=True)
        ink.lines(self.face.use_by)
        return ink.data

    def _foot(self, card: Card) -> bytes:
        ink, face = Ink(self.width), self.face
        ink.style()
        label = f"{card.label} {face.copy}" if card.again or face.again else card.label
        ink.both(label, face.support)
        if card.agent:
            ink.lines(card.agent)
        ink.cut()
        return ink.data
