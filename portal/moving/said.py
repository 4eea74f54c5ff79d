"""What a file says of itself: its first line, a line after each table, and the last one. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from portal.audit.chain import START
from portal.backup.sealed import Unusable
from portal.moving import values
from portal.moving.cells import Line
from portal.moving.tables import ORDER

FORMAT = 1
LATEST = 253_402_300_799_999  # the last moment of the year 9999
DIGEST = 32  # bytes
LONGEST = 500  # characters of what was wrong with the log of acts
NOT_WHOLE = "The file is not whole: it does not hold all tables."
NOT_SO = "The file does not say what is in it as Bando writes it."


@dataclass(kw_only=True)
class Said:
    """What the file has said so far, and how many rows have come of each table."""

    head: dict[str, Any]
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    end: dict[str, Any] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)

    def row(self, line: Line) -> None:
        """Another row; raises `Unusable` when no more of this table can come."""
        if self.end or line.table in self.tables:
            raise Unusable("The file goes on where it has ended.")
        self.seen[line.table] += 1

    def line(self, found: dict[str, Any]) -> None:
        """Another line that is no row; raises `Unusable` when it is none that can come now."""
        if self.end:
            raise Unusable("The file goes on where it has ended.")
        if "table" in found:
            self._table(found)
        else:
            self.end = _end(found)

    def _table(self, found: dict[str, Any]) -> None:
        if set(found) != {"table", "rows", "digest"}:
            raise Unusable(NOT_SO)
        table = found["table"]
        if not isinstance(table, str) or table not in ORDER or table in self.tables:
            raise Unusable("The file says something of a table that is not known here, or says it twice.")
        if not values.is_whole(found["rows"]) or not is_digest(found["digest"]):
            raise Unusable(NOT_SO)
        if found["rows"] != self.seen[table]:
            raise Unusable(f"What came in of {table} is not what the file says.")
        self.tables[table] = {"rows": found["rows"], "digest": found["digest"]}

    def must_be_whole(self) -> None:
        """Raises `Unusable` unless all tables and the end have come."""
        if not self.end or set(self.tables) != set(ORDER):
            raise Unusable(NOT_WHOLE)


def is_digest(value: Any) -> bool:
    """Whether it can be one of SHA-256."""
    return values.is_bytes({"hex": value}) and len(value) == 2 * DIGEST


def head(found: Line | dict[str, Any], schema: str | None) -> dict[str, Any]:
    """The first line; raises `Unusable` unless it says whose the file is, of when, and of the same schema."""
    if isinstance(found, Line) or found.get("bando") != FORMAT:
        raise Unusable("The file was made by another version of Bando; install that one.")
    if not (values.is_id(found.get("tenant")) and _is_moment(found.get("moment"))):
        raise Unusable("The file does not say whose it is.")
    if found.get("schema") != schema:
        raise Unusable(
            f"The file has schema {_shown(found.get('schema'))} and this database {schema}; bring both to the same"
            " version of Bando (bando migrate), and make the file anew."
        )
    return found


def _shown(schema: Any) -> str:
    """It stands in a sentence on somebody's screen."""
    plain = isinstance(schema, str) and schema.isascii() and schema.isalnum() and len(schema) <= len("0001") * 2
    return str(schema) if plain else "unknown"


def _is_moment(value: Any) -> bool:
    return type(value) is int and 0 <= value <= LATEST


def _end(found: dict[str, Any]) -> dict[str, Any]:
    """The last line; raises `Unusable`."""
    shut, balances, acts = (found.get(name) for name in ("shut", "balances", "acts"))
    if found.get("end") is not True or not isinstance(acts, dict) or not _are_acts(acts):
        raise Unusable(NOT_SO)
    if not (values.is_whole(shut) and isinstance(balances, dict) and all(map(values.is_whole, balances.values()))):
        raise Unusable(NOT_SO)
    return {"shut": shut, "balances": balances, "acts": {name: acts[name] for name in ("number", "link", "broken")}}


def _are_acts(acts: dict[str, Any]) -> bool:
    broken = acts.get("broken")
    return (
        values.is_whole(acts.get("number"))
        and (acts.get("link") == START or is_digest(acts.get("link")))
        and (broken is None or (values.is_text(broken) and broken.isprintable() and len(broken) <= LONGEST))
    )
