"""Rows as they travel, and back: sealed cells are opened here and sealed anew there. Pure but for the vault.

In a line a value stands as JSON writes it, and bytes as ``{"hex": …}``. What does not open travels as
``{"shut": …}`` and is put back as it is: it opens nowhere, as before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portal.backup.sealed import Unusable
from portal.keys.cells import BY_AN_ACT, CELLS, Cells
from portal.moving import values
from portal.moving.tables import COLUMNS, FLAGS, HASHES
from portal.moving.values import NUMBER
from portal.people import store as people
from portal.seal import NotOurs, Vault, open_with, seal_with
from portal.units import Row

SEALED: dict[str, tuple[Cells, ...]] = {
    table: tuple(each for each in CELLS if each.table == table) for table in COLUMNS if table != BY_AN_ACT
}


@dataclass(frozen=True, kw_only=True)
class Line:
    """A row as it travels: what must be equal on the other side, and the hashes that cannot be."""

    table: str
    row: dict[str, Any]
    was: dict[str, Any]

    def equal(self) -> str:
        """The one text of what must be equal."""
        return json.dumps(self.row, separators=(",", ":"), sort_keys=True)

    def text(self) -> str:
        """As it stands in the file."""
        return f'["{self.table}",{self.equal()},{json.dumps(self.was, separators=(",", ":"))}]\n'


def opened(vault: Vault, table: str, row: Row) -> Line:
    """The row with its cells opened; `vault` is that of its ISP."""
    plain: dict[str, Any] = {name: row[name] for name in COLUMNS[table]}
    for cells in SEALED[table]:
        plain[cells.column] = _opened(vault, cells, row)
    if table == NUMBER[0]:
        plain[NUMBER[1]] = _number(row, plain["key_sealed"])
    was = {name: _plain(row[name]) for name in HASHES[table]}
    return Line(table=table, row={name: _plain(each) for name, each in plain.items() if name not in was}, was=was)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return {"hex": bytes(value).hex()}
    return int(value) if isinstance(value, bool) else value


def _opened(vault: Vault, cells: Cells, row: Row) -> Any:
    sealed = row[cells.column]
    if not isinstance(sealed, bytes):
        return sealed
    try:
        return _text(vault.open(sealed, **cells.of(row)))
    except NotOurs:
        return {"shut": sealed.hex()}


def _text(plain: bytes) -> Any:
    """As text, which people can read, if it is one."""
    try:
        return plain.decode()
    except UnicodeDecodeError:
        return {"hex": plain.hex()}


def _number(row: Row, key: Any) -> Any:
    sealed = row["phone_sealed"]
    if not isinstance(sealed, bytes):
        return sealed
    try:
        return _text(open_with(_bytes(key), sealed, people.place(row["ref"])))
    except (NotOurs, ValueError):  # the key is none
        return {"shut": sealed.hex()}


def is_shut(value: Any) -> bool:
    """Whether this is something that did not open."""
    return isinstance(value, dict) and "shut" in value


def stored(vault: Vault, line: Line) -> dict[str, Any]:
    """The row as the new installation keeps it, but for its hashes; raises `Unusable`."""
    kept = as_kept(line)
    for cells in SEALED[line.table]:
        if line.row[cells.column] is not None and not is_shut(line.row[cells.column]):
            kept[cells.column] = vault.seal(_bytes(line.row[cells.column]), **cells.of(kept))
    if line.table == NUMBER[0]:
        kept[NUMBER[1]] = _sealed_number(line.row)
    return kept


def as_kept(line: Line) -> dict[str, Any]:
    """The row with values as an engine takes them; its cells are still open."""
    kept = {name: _back(each) for name, each in line.row.items()}
    return kept | {name: bool(kept[name]) for name in FLAGS[line.table] if kept[name] in (0, 1)}


def _sealed_number(row: Mapping[str, Any]) -> bytes | None:
    number = row["phone_sealed"]
    if number is None or is_shut(number):
        return None if number is None else _bytes(number)
    return seal_with(_bytes(row["key_sealed"]), _bytes(number), people.place(row["ref"]))


def _back(value: Any) -> Any:
    return _bytes(value) if isinstance(value, dict) else value


def _bytes(value: Any) -> bytes:
    """The bytes of a value as it travels; raises `Unusable`."""
    if isinstance(value, str):
        return value.encode()
    try:
        return bytes.fromhex(value["hex"] if "hex" in value else value["shut"])
    except (TypeError, KeyError, ValueError):
        raise values.none() from None


def read(text: bytes) -> Line | dict[str, Any]:
    """A line of the file: a row, or what the file says of itself. Raises `Unusable`."""
    try:
        found = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Unusable("The file holds a line that is none.") from None
    return found if isinstance(found, dict) else _row(found)


def _no_number(_: str) -> None:
    """NaN and the like."""
    raise values.none()


def _row(found: Any) -> Line:
    if not (isinstance(found, list) and len(found) == 3 and isinstance(found[0], str) and found[0] in COLUMNS):
        raise Unusable("The file holds a row of a table that is not known here.")
    table, row, was = found
    if not (isinstance(row, dict) and isinstance(was, dict)):
        raise Unusable("The file holds a row that is none.")
    extra = {"payer"} if table == NUMBER[0] else set()
    hashes = set(HASHES[table])
    if set(row) != set(COLUMNS[table]) - hashes or set(was) - extra != hashes:
        raise Unusable(f"The file holds a row of {table} with other columns than are known here.")
    values.hold(table, row, was)
    return Line(table=table, row=row, was=was)


def old_hash(line: Line, name: str) -> bytes | None:
    """The hash that a row had; raises `Unusable`."""
    value = line.was.get(name)
    return None if value is None else _bytes(value)
