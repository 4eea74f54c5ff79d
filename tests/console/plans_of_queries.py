"""Which statements a unit makes, and how SQLite would carry each of them out."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from portal.db import open_connection
from portal.db.groups import positional
from portal.units import Row, Unit, drive
from tests.support import Seed


def plans(home: Seed, unit: Unit[Any]) -> list[str]:
    """Every step of every plan, as ``SEARCH payments USING INDEX …``; nothing is written."""
    connection = open_connection(home.db.path)
    found: list[str] = []

    def execute(text: str, params: Mapping[str, Any]) -> Sequence[Row]:
        marked, pick = positional(text)
        explained = connection.execute(f"EXPLAIN QUERY PLAN {marked}", pick(params)).fetchall()
        found.extend(_text(row) for row in explained)
        return connection.execute(marked, pick(params)).fetchall()

    try:
        connection.execute("BEGIN")
        drive(unit, home.tenant.id, execute)
    finally:
        connection.rollback()
        connection.close()
    return found


def _text(row: sqlite3.Row) -> str:
    return str(row["detail"])


def scans(found: Sequence[str], tables: Sequence[str] = ("payments", "passes", "audit", "vouchers")) -> list[str]:
    """What goes through a whole table, under its name or its first letter as an alias."""
    names = {*tables, *(each[0] for each in tables)}
    return [each for each in found if each.startswith("SCAN ") and each.split()[1] in names]
