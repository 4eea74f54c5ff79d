"""Vouchers as CSV, for shops that print or sell by other means. Pure.

A spreadsheet takes a cell that begins with ``=`` for a formula and may send what is beside it away. So such a cell
begins with an apostrophe.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from portal.vouchers.paper import Card, Face

HEAD = ("serial", "code", "address", "plan", "price", "what", "wifi", "use by", "support", "agent")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def guarded(cell: str) -> str:
    """The cell as text, whatever it begins with."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def rows(face: Face, cards: Sequence[Card]) -> list[tuple[str, ...]]:
    """The table without its head."""
    same = tuple(guarded(each) for each in (face.plan, face.price, face.line, face.ssid, face.use_by, face.support))
    return [
        (guarded(card.label), guarded(card.shown), guarded(face.url(card)), *same, guarded(card.agent))
        for card in cards
    ]


def export(face: Face, cards: Sequence[Card]) -> bytes:
    """The vouchers as CSV; UTF-8 with the mark by which spreadsheets know it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(HEAD)
    writer.writerows(rows(face, cards))
    return text.getvalue().encode("utf-8-sig")
