"""Which statements a unit makes, and how the engine would carry each of them out, in the words of SQLite.

PostgreSQL reads a small table as a whole, whatever the index; so it is asked what it would do if that were dear.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from portal.db import open_connection
from portal.db.groups import positional
from portal.place import Server
from portal.units import Row, Unit, drive
from tests.hand import hand_on
from tests.support import Seed


def plans(home: Seed, unit: Unit[Any]) -> list[str]:
    """Every step of every plan, as ``SEARCH payments USING INDEX …``; nothing is written."""
    if isinstance(home.db.place, Server):
        return _of_server(home.db.place, home.tenant.id, unit)
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


def _of_server(server: Server, tenant: int, unit: Unit[Any]) -> list[str]:
    found: list[str] = []
    with closing(hand_on(server)) as hand, hand.trial():
        hand.execute("SET LOCAL enable_seqscan = off")

        def execute(text: str, params: Mapping[str, Any]) -> Sequence[Row]:
            (explained,) = hand.ask(f"EXPLAIN (FORMAT JSON) {text}", params)
            found.extend(_steps(json.loads(explained["QUERY PLAN"])[0]["Plan"]))
            return hand.ask(text, params)

        hand.run(unit, tenant, execute)
    return found


def _steps(node: Mapping[str, Any]) -> Iterator[str]:
    """What a plan of PostgreSQL does with each table."""
    for below in node.get("Plans", ()):
        yield from _steps(below)
    if (table := node.get("Relation Name")) is None:
        return
    index = next(_indexes(node), None)
    if index is None:
        yield f"SCAN {table}"
        return
    columns = sorted(set(re.findall(r"\b([a-z_]+) (?:=|<|>|IS)", index.get("Index Cond", ""))))
    conditions = " AND ".join(f"{each}=?" for each in columns)
    covering = "COVERING " if node["Node Type"] == "Index Only Scan" else ""
    what = f"{table} USING {covering}INDEX {index['Index Name']}"
    yield f"SEARCH {what} ({conditions})" if columns else f"SCAN {what}"


def _indexes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The index by which a table is read; of several that are put together the first."""
    if "Index Name" in node:
        yield node
    for below in node.get("Plans", ()):
        yield from _indexes(below)


def _text(row: sqlite3.Row) -> str:
    return str(row["detail"])


def scans(found: Sequence[str], tables: Sequence[str] = ("payments", "passes", "audit", "vouchers")) -> list[str]:
    """What goes through a whole table, under its name or its first letter as an alias."""
    names = {*tables, *(each[0] for each in tables)}
    return [each for each in found if each.startswith("SCAN ") and each.split()[1] in names]
