"""The statements of the dossier, made from the table of whose rows are whose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from portal.privacy.whose import BY_DEVICE, BY_PERSON, TENANT
from portal.units import Row, Unit, rows

_BY = {"device": BY_DEVICE, "person": BY_PERSON}
_READ = {
    (
        who,
        table,
    ): f"SELECT * FROM {table} WHERE {TENANT[table]} = :tenant AND {condition} ORDER BY id"
    for who, whose in _BY.items()
    for table, condition in whose.items()
}
TABLES = tuple(dict.fromkeys(table for _, table in _READ))


def read(who: str, table: str, bound: Mapping[str, Any]) -> Unit[Sequence[Row]]:
    """The rows of a table that are of a device or of a person."""
    text = _READ.get((who, table))
    if text is None:
        return []
    return (yield from rows(text, **{name: each for name, each in bound.items() if f":{name}" in text}))


def site_names() -> Unit[dict[int, str]]:
    found = yield from rows("SELECT id, name FROM routers WHERE tenant_id = :tenant")
    return {row["id"]: row["name"] for row in found}


def plan_names() -> Unit[dict[int, str]]:
    found = yield from rows("SELECT id, name FROM plans WHERE tenant_id = :tenant")
    return {row["id"]: row["name"] for row in found}
