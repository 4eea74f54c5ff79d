"""What a changeover takes along: every table, whole. Made from the schema; no code but what a column can hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, Table

from portal.schema import metadata

SUMMED = ("_minor", "_ms", "_at", "bytes", "count")  # ends of columns with money, time and data
Fits = Callable[[Any], bool]


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A table: its columns in order, by which it is read page by page, and which columns are summed."""

    name: str
    columns: tuple[str, ...]
    key: str
    paged: bool  # texts come in another order on each engine; such a table is small, and is read at once
    summed: tuple[str, ...]
    flags: tuple[int, ...]  # which columns are yes or no: a file has 1 and 0
    fits: tuple[Fits, ...]
    numbered: bool  # whether the engine gives the next key

    def as_kept(self, row: Mapping[str, Any]) -> Sequence[Any]:
        """The values of a row as a server has them, whichever engine has read it."""
        values = [row[name] for name in self.columns]
        for at in self.flags:
            if values[at] in (0, 1):
                values[at] = bool(values[at])
        return values

    def odd(self, values: Sequence[Any]) -> str | None:
        """The column whose value is none that a server takes."""
        for name, fits, value in zip(self.columns, self.fits, values, strict=True):
            if not fits(value):
                return name
        return None


def _whole(bits: int) -> Fits:
    most = 1 << (bits - 1)
    return lambda value: value is None or (type(value) is int and -most <= value < most)


def _text(value: Any) -> bool:
    return value is None or (isinstance(value, str) and "\0" not in value)


def _fits(column: Column[Any]) -> Fits:
    kind = column.type
    if isinstance(kind, Boolean):
        return lambda value: value is None or isinstance(value, bool)
    if isinstance(kind, LargeBinary):
        return lambda value: value is None or isinstance(value, bytes)
    if isinstance(kind, Integer):
        return _whole(64 if isinstance(kind, BigInteger) else 32)
    return _text


def _taken(table: Table) -> Taken:
    (key,) = table.primary_key.columns
    columns = list(table.columns)
    whole = [each for each in columns if isinstance(each.type, Integer)]
    return Taken(
        name=table.name,
        columns=tuple(each.name for each in columns),
        key=key.name,
        paged=isinstance(key.type, Integer | LargeBinary),
        summed=tuple(each.name for each in whole if each.name.endswith(SUMMED)),
        flags=tuple(at for at, each in enumerate(columns) if isinstance(each.type, Boolean)),
        fits=tuple(map(_fits, columns)),
        numbered=isinstance(key.type, Integer),
    )


ALL = tuple(_taken(each) for each in metadata.sorted_tables)
