"""What a table said last time, so that a row in the same bytes is not taken apart again. No sockets here.

A sentence says itself where it ends. So bytes that begin where a sentence begins, and are those of a whole sentence of
last time, are that sentence, whatever follows. For that the command that reads a table carries the same tag each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Row = dict[str, str]


@dataclass(slots=True, eq=False)
class Told:
    """A row as the router told it; `made` is what its reader made of it, once for as long as it stays the same."""

    raw: bytes
    row: Row
    made: Any = None


class Table:
    """The rows of one menu: those of the last whole answer, and those of the answer that is coming in."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.asked = False  # whether its answer is still to come
        self.coming: list[Told] = []
        self._last: list[Told] = []
        self._at = 0  # of the last answer's rows, the one that should come next
        self._places: dict[bytes, int] = {}

    def begin(self) -> None:
        """A new answer is asked for."""
        self.asked, self.coming, self._at = True, [], 0

    def again(self, buffer: bytearray, position: int) -> int:
        """How many bytes here are the row that should come next, which is then taken as told; 0 when they are not."""
        if self._at >= len(self._last) or not buffer.startswith(self._last[self._at].raw, position):
            return 0
        told = self._last[self._at]
        self.coming.append(told)
        self._at += 1
        return len(told.raw)

    def take(self, raw: bytes, row: Row) -> None:
        """Another row came than should have: a new one, a changed one, or a later one after some that are gone."""
        if not self._places:
            self._places = {each.raw: n for n, each in enumerate(self._last)}
        place = self._places.get(raw)
        if place is None:
            self._at += 1
            self.coming.append(Told(raw, row))
        else:
            self._at = place + 1
            self.coming.append(self._last[place])

    def end(self) -> list[Told]:
        """The whole answer is here."""
        self.asked, self._last, self.coming, self._places = False, self.coming, [], {}
        return self._last
