"""Symbols to scan: drawn by the `qrcode` library, many at once.

A library draws about a thousand symbols a second. But with the mask fixed, a symbol is an affine function over GF(2) of
its data bits: so are the error correction, the mask and the places of the modules. So for one address the library draws
one symbol and what each bit of a code changes in it (about seventy symbols), and every further one is a few XORs.

A symbol is held as an integer: rows from the top, a light module after each row, so that no run of dark modules goes
on into the next row.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from qrcode.constants import ERROR_CORRECT_M, ERROR_CORRECT_Q
from qrcode.main import QRCode
from qrcode.util import ALPHA_NUM, MODE_8BIT_BYTE, MODE_ALPHA_NUM, QRData

QUIET = 4  # modules of white around a symbol
_MASK = 2
_LEVELS = {"M": ERROR_CORRECT_M, "Q": ERROR_CORRECT_Q}
_LETTERS: str = ALPHA_NUM.decode()  # 45 of them; two letters are eleven bits, a single one at the end is six
_PAIR_BITS, _SINGLE_BITS = 11, 6
_DARK = re.compile("1+")


def plain(text: str, level: str = "M") -> tuple[int, int]:
    """The symbol of a text as the library draws it, and how many modules it has on a side."""
    symbol = QRCode(error_correction=_LEVELS[level], mask_pattern=_MASK, border=QUIET)
    letters = set(text) <= set(_LETTERS)
    symbol.add_data(QRData(text, mode=MODE_ALPHA_NUM) if letters else QRData(text.encode(), mode=MODE_8BIT_BYTE))
    symbol.make(fit=True)
    rows = ["".join("01"[bool(dark)] for dark in row) for row in symbol.modules]
    return int("0".join([*rows, ""]), 2), symbol.modules_count


class Symbols:
    """The symbols of one address with codes of one length behind it."""

    def __init__(self, base_url: str, length: int, level: str = "M") -> None:
        self.base_url, self._level = base_url, level
        self._affine = set(base_url) <= set(_LETTERS)
        first = base_url + _LETTERS[0] * length
        self._start, self.size = plain(first, level)
        # Letters go in pairs from the start of the text; the last one of the address may share a pair with the code.
        self._odd = len(base_url) % 2
        self._changes: list[dict[str, int]] = []
        if self._affine:
            places = range(len(base_url) - self._odd, len(first), 2)
            self._changes = [self._changes_at(first, at) for at in places]

    def _changes_at(self, first: str, at: int) -> dict[str, int]:
        """What each pair (or the single last letter) at this place changes in the first symbol."""
        alone = at + 1 == len(first)
        before = "" if alone or at >= len(self.base_url) else first[at]
        width, bits = (1, _SINGLE_BITS) if alone else (2, _PAIR_BITS)
        zero = _written(0, width)
        base = plain(first[:at] + zero + first[at + width :], self._level)[0]
        deltas = [
            plain(first[:at] + _written(1 << bit, width) + first[at + width :], self._level)[0] ^ base
            for bit in range(bits)
        ]
        origin = _value(first[at : at + width])
        tails = _LETTERS if alone or before else [a + b for a in _LETTERS for b in _LETTERS]
        return {tail: _combined(deltas, _value(before + tail) ^ origin) for tail in tails}

    def symbol(self, code: str) -> int:
        """The symbol that leads to this code."""
        if not self._affine:
            return plain(self.base_url + code, self._level)[0]
        found = self._start
        at = 0
        for n, changes in enumerate(self._changes):
            width = 1 if n == 0 and self._odd else 2
            found ^= changes[code[at : at + width]]
            at += width
        return found


def _value(letters: str) -> int:
    value = 0
    for letter in letters:
        value = value * len(_LETTERS) + _LETTERS.index(letter)
    return value


def _written(value: int, width: int) -> str:
    """The letters of a value; the reverse of `_value`."""
    high, low = divmod(value, len(_LETTERS))
    return _LETTERS[low] if width == 1 else _LETTERS[high] + _LETTERS[low]


def _combined(deltas: list[int], bits: int) -> int:
    found = 0
    for n, delta in enumerate(deltas):
        if bits >> n & 1:
            found ^= delta
    return found


class Pen:
    """Draws symbols as runs of dark modules; `stroke` writes one run: column, row from the top, length."""

    def __init__(self, stroke: Callable[[int, int, int], str]) -> None:
        self._stroke = stroke
        self._strokes: dict[int, dict[tuple[int, int], str]] = {}

    def draw(self, symbol: int, size: int) -> str:
        """All strokes of a symbol with so many modules on a side."""
        known, strokes = self._strokes.setdefault(size, {}), []
        for run in _DARK.finditer(f"{symbol:0{size * (size + 1)}b}"):
            span = run.span()
            strokes.append(known.get(span) or known.setdefault(span, self._learn(span, size)))
        return "".join(strokes)

    def _learn(self, span: tuple[int, int], size: int) -> str:
        row, column = divmod(span[0], size + 1)
        return self._stroke(column, row, span[1] - span[0])
