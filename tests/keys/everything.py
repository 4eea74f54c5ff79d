"""A row of every table in which something is sealed, made from the schema: a new sealed column is in it by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Boolean, Column, LargeBinary, Table, Text

from portal.access.plans import to_json
from portal.audit import store as audit
from portal.columns import metadata
from portal.keys.cells import CELLS, Cells
from portal.seal import Vault
from portal.units import Row, Unit, insert, rows
from tests.support import a_plan

# What other rooms read when they show or export such a row.
KNOWN = {
    "plan_copy": to_json(a_plan()),
    "currency": "KES",
    "style": "letters-10",
    "role": "cashier",
    "state": "off",
    "kind": "email",
    "provider": "mpesa",
    "source": "csv",
    "environment": "sandbox",
}
SEALED = {each.table for each in CELLS}


def planted(vault: Vault, tenant: int, mark: str, rows_each: int = 1, *, act: bool = False) -> Unit[None]:
    """Rows of an ISP, each sealed cell with a value of its own; `mark` keeps two ISPs apart.

    With `act` the audit log has one act with its true head, so that it can go on.
    """
    if act:
        yield from audit.append(vault, actor="command", act="line.close", subject="x", payload={}, now=1)
    made: dict[str, int] = {"tenants": tenant}
    for number in range(rows_each):
        for table in _needed():
            if table.name == "audit_heads" and (number or act):
                continue  # each ISP has one
            made[table.name] = yield from _row(vault, table, tenant, f"{mark}{number}", made)


def value_of(cells: Cells, row: Mapping[str, object]) -> str:
    """What is sealed in a cell."""
    return f"secret {cells.of(row)['row']} {cells.name}"


def _needed() -> list[Table]:
    """The tables with sealed columns, and those to which they must refer; referred ones first."""
    wanted: set[str] = set()

    def want(name: str) -> None:
        if name not in wanted and name != "tenants":
            wanted.add(name)
            for each in _links(metadata.tables[name]).values():
                want(each)

    for each in SEALED:
        want(each)
    return [each for each in metadata.sorted_tables if each.name in wanted]


def _links(table: Table) -> dict[str, str]:
    """The columns that must refer to a row, and of which table."""
    found = {each.parent.name: each.column.table.name for each in table.foreign_keys if not each.parent.nullable}
    return {name: other for name, other in found.items() if other not in ("tenants", table.name)}


def _row(vault: Vault, table: Table, tenant: int, mark: str, made: Mapping[str, int]) -> Unit[int]:
    columns: dict[str, Any] = {each.name: _filler(each, mark) for each in table.columns if _must_be_given(each)}
    columns |= {name: made[other] for name, other in _links(table).items()}
    for each in CELLS:
        if each.table == table.name:
            whole = {**columns, "tenant_id": tenant}
            columns[each.column] = vault.seal(value_of(each, whole), **each.of(whole))
    return (yield from insert(table.name, **columns))


def _must_be_given(column: Column[Any]) -> bool:
    given = column.name not in ("id", "tenant_id")
    return given and not column.nullable and column.server_default is None


def _filler(column: Column[Any], mark: str) -> Any:
    if column.name in KNOWN:
        return KNOWN[column.name]
    if isinstance(column.type, LargeBinary):
        return mark.encode()
    if isinstance(column.type, Text):
        return mark
    return False if isinstance(column.type, Boolean) else sum(mark.encode())


def all_cells() -> Unit[list[tuple[Cells, Row]]]:
    """Every sealed cell of the ISP, with what its place is named by."""
    found: list[tuple[Cells, Row]] = []
    for each in CELLS:
        text = (
            f"SELECT {', '.join(('id', *each.named_by))}, {each.column} AS sealed FROM {each.table}"
            f" WHERE tenant_id = :tenant AND length({each.column}) > 0"
        )
        found += [(each, row) for row in (yield from rows(text))]
    return found


def opened(vault: Vault, cells: Cells, row: Row) -> bytes:
    return vault.open(row["sealed"], **cells.of(row))
