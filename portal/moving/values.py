"""What a value may be that comes in: held against its column, since the engine stores anything in any. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from portal.backup.sealed import Unusable
from portal.columns import metadata
from portal.keys.cells import BY_AN_ACT, CELLS
from portal.moving.tables import COLUMNS, HASHES

LARGEST_ID = 1 << 53  # the engine gives the next ids from the largest on, and behind the last one it has none
NUMBER = ("persons", "phone_sealed")  # under the person's own key
SEALED = {NUMBER, *((each.table, each.column) for each in CELLS if each.table != BY_AN_ACT)}

Check = Callable[[Any], bool]


def none() -> Unusable:
    """What is raised for a value that its column cannot have."""
    return Unusable("The file holds a value that is none.")


def is_whole(value: Any) -> bool:
    """A whole number as the engine keeps it; True is none."""
    return type(value) is int and -(2**63) <= value < 2**63


def is_flag(value: Any) -> bool:
    """Yes or no, as the engine keeps it."""
    return type(value) is int and value in (0, 1)


def is_id(value: Any) -> bool:
    """An id that leaves room for others."""
    return type(value) is int and 0 < value <= LARGEST_ID


def is_text(value: Any) -> bool:
    """A text that can be stored: half of a character cannot."""
    if not isinstance(value, str):
        return False
    try:
        return value.isascii() or bool(value.encode())
    except UnicodeEncodeError:
        return False


def is_bytes(value: Any, *ways: str) -> bool:
    """Bytes as they travel: ``{"hex": …}``, or what else a cell may be."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    ((way, digits),) = value.items()
    return way in (ways or ("hex",)) and isinstance(digits, str) and _is_hex(digits)


def _is_hex(digits: str) -> bool:
    try:
        return bytes.fromhex(digits).hex() == digits
    except ValueError:
        return False


def is_cell(value: Any) -> bool:
    """A sealed cell: what it says, or how it stood when it did not open."""
    return is_text(value) or is_bytes(value, "hex", "shut")


_KINDS: Mapping[type, Check] = {int: is_whole, bool: is_flag, str: is_text, bytes: is_bytes}


def _check(column: Any) -> Check:
    if column.primary_key:
        return is_id
    found = is_cell if (column.table.name, column.name) in SEALED else _KINDS[column.type.python_type]
    return (lambda value: value is None or found(value)) if column.nullable else found


CHECKS: Mapping[str, Mapping[str, Check]] = {
    name: {each.name: _check(each) for each in metadata.tables[name].columns} for name in COLUMNS
}


def hold(table: str, row: Mapping[str, Any], was: Mapping[str, Any]) -> None:
    """Raises `Unusable` unless each value is one that its column can have; the columns are those of the table."""
    checks = CHECKS[table]
    if not all(checks[name](value) for name, value in row.items()):
        raise none()
    if not all(value is None or is_bytes(value) for value in was.values()):
        raise none()
    if not all(was.get(name) is not None or checks[name](None) for name in HASHES[table]):
        raise none()
