"""Rows of any table, planted as they stand in the schema: whatever a row must point to is planted with it."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any

from sqlalchemy import Boolean, Column, LargeBinary, Text

from portal.columns import metadata
from portal.place import Place
from tests.raw import Raw, raw

NUMBERS = count(1)
NOW = int(datetime(2026, 11, 28, 12, 0, tzinfo=UTC).timestamp()) * 1000  # 15:00 in Nairobi
# A row that fits into the trade, where a number or a word of its own would not.
FITTING: dict[str, dict[str, Any]] = {
    "passes": {"kind": "wall", "cause_kind": "staff", "state": "ended", "span_ms": 1, "used_ms": 0, "max_devices": 1},
    "payments": {"state": "failed", "plan_copy": "{}", "amount_minor": 2000, "currency": "KES"},
    "receipts": {"state": "unmatched", "amount_minor": 2000, "currency": "KES"},
    "batches": {"count": 0, "price_minor": 0, "plan_copy": "{}", "ready_at": None, "currency": "KES"},
    "vouchers": {"state": "printed"},
    "plans": {"kind": "wall", "span_ms": 3_600_000, "price_minor": 2000, "currency": "KES", "sites": None},
    "consents": {"given": 0, "purpose": "offers"},
    "staff": {"state": "active", "role": "owner"},
}


class Planted:
    """A connection that plants; foreign keys are held."""

    def __init__(self, place: Place) -> None:
        self.connection: Raw = raw(place)

    def row(self, table: str, tenant: int, **values: Any) -> int:
        """A new row of a tenant; its id."""
        whose = {"tenant_id": tenant} if "tenant_id" in metadata.tables[table].columns else {}
        columns = {**self._needed(table, tenant, values), **FITTING.get(table, {}), **values, **whose}
        for each in metadata.tables[table].columns:
            if isinstance(each.type, Boolean) and columns.get(each.name) in (0, 1):
                columns[each.name] = bool(columns[each.name])
        names, marks = ", ".join(columns), ", ".join(f":{name}" for name in columns)
        found = self.connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING id", columns)
        return int(found.fetchone()[0])

    def _needed(self, table: str, tenant: int, given: dict[str, Any]) -> dict[str, Any]:
        wanted = [
            each
            for each in metadata.tables[table].columns
            if not each.nullable and each.server_default is None and each.name not in {"id", "tenant_id", *given}
        ]
        return {each.name: self._value(each, tenant) for each in wanted}

    def _value(self, column: Column[Any], tenant: int) -> Any:
        for key in column.foreign_keys:
            return self.row(key.column.table.name, tenant)
        if column.name.endswith("_at"):
            return NOW  # what is planted along is young
        number = next(NUMBERS)
        if isinstance(column.type, Boolean):
            return 1
        if isinstance(column.type, LargeBinary):
            return f"{column.name}{number}".encode()
        return f"{column.name}{number}" if isinstance(column.type, Text) else number

    def one(self, table: str, row_id: int) -> dict[str, Any] | None:
        """A row as it stands."""
        found = self.connection.execute(f"SELECT * FROM {table} WHERE id = ?", (row_id,)).fetchone()
        return None if found is None else dict(found)

    def rows(self, text: str, *params: object) -> list[dict[str, Any]]:
        return [dict(each) for each in self.connection.execute(text, params).fetchall()]

    def many_sessions(self, tenant: int, at: int, count: int) -> None:
        """So many sessions of one device, which differ in when they began."""
        first = self.row("sessions", tenant, started_at=at, seen_at=at, ended_at=at, end_cause="time")
        row = self.one("sessions", first) or {}
        names = ", ".join(name for name in row if name not in ("id", "started_at"))
        self.connection.execute(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?)"
            f" INSERT INTO sessions (started_at, {names}) SELECT n, {names} FROM n, sessions WHERE id = ?",
            (count - 1, first),
        )

    def everything(self) -> dict[str, list[dict[str, Any]]]:
        """All rows of all tables."""
        names = sorted(self.connection.tables)
        return {name: sorted(self.rows(f"SELECT * FROM {name}"), key=repr) for name in names}
