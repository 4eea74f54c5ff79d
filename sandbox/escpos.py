"""A printer's side of ESC/POS: bytes in, marks on a roll out, as real printers take it, cheap ones included.

A parser as a generator: it takes as many bytes as a command needs and waits in the middle when they have not come.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace

import zxingcpp
from PIL import Image

from sandbox.thermal import LINE, Roll, Style

Bytes = Generator[None, None, bytes]
Act = Generator[None, None, None]

PAGES = {0: "cp437", 2: "cp850", 16: "cp1252", 19: "cp858"}
LEVELS = {48: "L", 49: "M", 50: "Q", 51: "H"}

# Commands that a printer knows and that leave no mark, with the bytes that follow them.
QUIET = {
    b"\x1bR": 1, b"\x1bc": 2, b"\x1b=": 1, b"\x1bp": 3, b"\x1bV": 1, b"\x1b{": 1, b"\x1b\\": 2, b"\x1b$": 2,
    b"\x1bT": 1, b"\x1bU": 1, b"\x1bS": 0, b"\x1bL": 0, b"\x1b\x0c": 0, b"\x1b7": 3, b"\x1b9": 1,
    b"\x1dh": 1, b"\x1dw": 1, b"\x1dH": 1, b"\x1df": 1, b"\x1da": 1, b"\x1dP": 2, b"\x1db": 1, b"\x1d|": 1,
    b"\x1c!": 1, b"\x1c-": 1, b"\x1cC": 1, b"\x1cS": 2, b"\x1cW": 1,
    b"\x10\x05": 1,
}  # fmt: skip


@dataclass(kw_only=True)
class Firmware:
    """What this printer's maker put in, or left out."""

    native_qr: bool = True  # without: the data of a QR comes out as garbage text, as on clones
    garbage: bool = False  # unknown commands are printed instead of swallowed
    chinese: bool = False  # starts in Chinese mode: bytes above 127 are eaten in pairs
    pages: tuple[int, ...] = (0, 2, 16, 19)
    first_page: int = 0


@dataclass
class Interpreter:
    """One printer's head and memory. `answers` are the bytes it says back, in the order of the work."""

    roll: Roll
    firmware: Firmware = field(default_factory=Firmware)
    answers: bytearray = field(default_factory=bytearray)
    paper_byte: Callable[[], int] = lambda: 0

    def __post_init__(self) -> None:
        self._inbox = bytearray()
        self._reset()
        self._parser = self._forever()
        next(self._parser)

    def _reset(self) -> None:
        self.style = Style()
        self.page = PAGES[self.firmware.first_page]
        self.pairs = self.firmware.chinese
        self.roll.line, self.roll.align, self.roll.left, self.roll.area = LINE, 0, 0, self.roll.dots
        self._qr_size, self._qr_level, self._qr_data = 3, "L", b""
        self._graphic: Image.Image | None = None

    def feed(self, data: bytes) -> None:
        self._inbox += data
        next(self._parser)

    @property
    def waiting(self) -> int:
        """Bytes that belong to a command whose rest has not come."""
        return len(self._inbox)

    # --- reading ---

    def _take(self, count: int) -> Bytes:
        while len(self._inbox) < count:
            yield
        taken = bytes(self._inbox[:count])
        del self._inbox[:count]
        return taken

    def _one(self) -> Generator[None, None, int]:
        return (yield from self._take(1))[0]

    def _word(self) -> Generator[None, None, int]:
        return int.from_bytes((yield from self._take(2)), "little")

    def _forever(self) -> Act:
        while True:
            first = yield from self._take(1)
            if first in (b"\x1b", b"\x1d", b"\x1c", b"\x10"):
                yield from self._command(first)
            else:
                yield from self._plain(first[0])

    def _plain(self, byte: int) -> Act:
        if byte == 0x0A:
            self.roll.end_line()
        elif byte == 0x09:
            self.roll.tab(self.style)
        elif byte >= 0x80 and self.pairs:
            pair = bytes([byte]) + (yield from self._take(1))
            self._print(pair.decode("gb18030", "replace"))
        elif byte >= 0x20:
            self._print(bytes([byte]).decode(self.page, "replace"))

    def _print(self, text: str) -> None:
        for letter in text:
            self.roll.write(letter, self.style)

    # --- commands ---

    def _command(self, first: bytes) -> Act:
        name = first + (yield from self._take(1))
        if name in (b"\x1d(", b"\x1d8") and not (name == b"\x1d(" and not self.firmware.native_qr):
            yield from self._long()
        elif (act := ACTS.get(name)) is not None:
            yield from act(self)
        elif name in QUIET:
            yield from self._take(QUIET[name])
        elif name == b"\x10\x04":
            yield from self._take(1)  # answered when it came in: see the printer
        elif self.firmware.garbage or name == b"\x1d(":
            self._print(name[1:].decode("latin-1") if name[1] >= 0x20 else "")

    def _select(self) -> Act:
        n = yield from self._one()
        self.style = replace(
            self.style,
            font="b" if n & 1 else "a",
            bold=bool(n & 8),
            tall=2 if n & 16 else 1,
            wide=2 if n & 32 else 1,
            underline=1 if n & 128 else 0,
        )

    def _size(self) -> Act:
        n = yield from self._one()
        self.style = replace(self.style, wide=(n >> 4 & 7) + 1, tall=(n & 7) + 1)

    def _bold(self) -> Act:
        self.style = replace(self.style, bold=bool((yield from self._one()) & 1))

    def _underline(self) -> Act:
        self.style = replace(self.style, underline=(yield from self._one()) % 48 % 3)

    def _reverse(self) -> Act:
        self.style = replace(self.style, reverse=bool((yield from self._one()) & 1))

    def _font(self) -> Act:
        self.style = replace(self.style, font="b" if (yield from self._one()) % 48 == 1 else "a")

    def _spacing(self) -> Act:
        self.style = replace(self.style, spacing=(yield from self._one()))

    def _align(self) -> Act:
        self.roll.align = min((yield from self._one()) % 48, 2)

    def _init(self) -> Act:
        self._reset()
        yield from ()

    def _line_two(self) -> Act:
        self.roll.line = LINE
        yield from ()

    def _line_n(self) -> Act:
        self.roll.line = yield from self._one()

    def _code_page(self) -> Act:
        n = yield from self._one()
        if n in self.firmware.pages and n in PAGES:
            self.page = PAGES[n]

    def _chinese_on(self) -> Act:
        self.pairs = True
        yield from ()

    def _chinese_off(self) -> Act:
        self.pairs = False
        yield from ()

    def _feed_dots(self) -> Act:
        self.roll.feed((yield from self._one()))

    def _feed_lines(self) -> Act:
        self.roll.feed((yield from self._one()) * self.roll.line)

    def _tabs(self) -> Act:
        while (yield from self._one()):
            pass

    def _left(self) -> Act:
        self.roll.left = yield from self._word()

    def _area(self) -> Act:
        self.roll.area = min((yield from self._word()), self.roll.dots - self.roll.left)

    def _cut(self) -> Act:
        kind = yield from self._one()
        if kind in (65, 66, 97, 98, 103, 104):
            self.roll.cut(feed=(yield from self._one()))
        else:
            self.roll.cut()

    def _old_cut(self) -> Act:
        self.roll.cut()
        yield from ()

    def _status(self) -> Act:
        """GS r: answered when its turn has come, so everything before it is on paper."""
        yield from self._one()
        self.answers.append(self.paper_byte() & 0x0F)

    def _identity(self) -> Act:
        yield from self._one()
        self.answers.append(0x02)

    def _barcode(self) -> Act:
        if (yield from self._one()) > 6:
            yield from self._take((yield from self._one()))
        else:
            while (yield from self._one()):
                pass

    # --- pictures ---

    def _raster(self) -> Act:
        head = yield from self._take(2)
        wide = yield from self._word()
        tall = yield from self._word()
        bits = _bits((yield from self._take(wide * tall)), wide * 8, tall)
        mode = head[1] % 48
        self.roll.put(_stretched(bits, 1 + (mode & 1), 1 + (mode >> 1 & 1)))

    def _columns(self) -> Act:
        mode = yield from self._one()
        width = yield from self._word()
        deep = 3 if mode >= 32 else 1
        data = yield from self._take(width * deep)
        picture = Image.new("L", (width, 8 * deep), 255)
        for at, byte in enumerate(data):
            column, block = divmod(at, deep)
            for bit in range(8):
                if byte >> (7 - bit) & 1:
                    picture.putpixel((column, block * 8 + bit), 0)
        self.roll.put(_stretched(picture, 1 if mode & 1 else 2, 1 if deep == 3 else 3))
        if (yield from self._take(1)) != b"\n":  # the line feed that ends each strip moves by the strip itself
            self.roll.spilt += 1

    def _long(self) -> Act:
        kind = yield from self._take(1)
        data = yield from self._take((yield from self._word()))
        if kind == b"k" and data[:1] == b"1":
            self._qr_function(data[1], data[2:])
        elif kind == b"L":
            self._graphics(data[1], data[2:])

    def _qr_function(self, number: int, data: bytes) -> None:
        if number == 67:
            self._qr_size = data[0]
        elif number == 69:
            self._qr_level = LEVELS[data[0]]
        elif number == 80:
            self._qr_data = data[1:]
        elif number == 81:
            self.roll.put(qr_picture(self._qr_data, self._qr_level, self._qr_size))

    def _graphics(self, number: int, data: bytes) -> None:
        if number == 112:
            across, down = data[1], data[2]
            wide, tall = int.from_bytes(data[4:6], "little"), int.from_bytes(data[6:8], "little")
            bits = _bits(data[8:], -(-wide // 8) * 8, tall).crop((0, 0, wide, tall))
            self._graphic = _stretched(bits, across, down)
        elif number in (2, 50) and self._graphic is not None:
            self.roll.put(self._graphic)
            self._graphic = None


ACTS: dict[bytes, Callable[[Interpreter], Act]] = {
    b"\x1b@": Interpreter._init,
    b"\x1b!": Interpreter._select,
    b"\x1b*": Interpreter._columns,
    b"\x1b-": Interpreter._underline,
    b"\x1b ": Interpreter._spacing,
    b"\x1b2": Interpreter._line_two,
    b"\x1b3": Interpreter._line_n,
    b"\x1bD": Interpreter._tabs,
    b"\x1bE": Interpreter._bold,
    b"\x1bG": Interpreter._bold,
    b"\x1bJ": Interpreter._feed_dots,
    b"\x1bM": Interpreter._font,
    b"\x1ba": Interpreter._align,
    b"\x1bd": Interpreter._feed_lines,
    b"\x1bi": Interpreter._old_cut,
    b"\x1bm": Interpreter._old_cut,
    b"\x1bt": Interpreter._code_page,
    b"\x1d!": Interpreter._size,
    b"\x1dB": Interpreter._reverse,
    b"\x1dI": Interpreter._identity,
    b"\x1dL": Interpreter._left,
    b"\x1dV": Interpreter._cut,
    b"\x1dW": Interpreter._area,
    b"\x1dk": Interpreter._barcode,
    b"\x1dr": Interpreter._status,
    b"\x1dv": Interpreter._raster,
    b"\x1c&": Interpreter._chinese_on,
    b"\x1c.": Interpreter._chinese_off,
}


def _bits(data: bytes, width: int, height: int) -> Image.Image:
    """Rows of bits, 1 is black."""
    return Image.frombytes("1", (width, height), bytes(byte ^ 0xFF for byte in data)).convert("L")


def _stretched(picture: Image.Image, across: int, down: int) -> Image.Image:
    return picture.resize((picture.width * across, picture.height * down), Image.Resampling.NEAREST)


def qr_picture(data: bytes, level: str, dots: int) -> Image.Image:
    """The symbol that the printer draws itself, without a quiet zone."""
    symbol = zxingcpp.create_barcode(data.decode("latin-1"), zxingcpp.QRCode, ec_level=level)
    view = memoryview(symbol.to_image(1, False, False))
    rows, columns = view.shape or (0, 0)
    return _stretched(Image.frombytes("L", (columns, rows), view.tobytes()), dots, dots)
