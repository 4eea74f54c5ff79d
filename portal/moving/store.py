"""The statements of a move, made from the table of tables; each text is a constant of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from portal.moving.tables import COLUMNS, ORDER
from portal.units import Row, Sql, Unit, rows, value

PAGE = 500  # rows in memory at a time


def _of(table: str) -> str:
    return "+id" if table == "tenants" else "+tenant_id"  # by the rows' ids: each page goes on where the last one ended


_PAGE = {
    name: f"SELECT {', '.join(COLUMNS[name])} FROM {name} WHERE {_of(name)} = :tenant AND id > :after"
    " ORDER BY id LIMIT :many"
    for name in ORDER
}
_COUNT = {name: f"SELECT COUNT(*) FROM {name} WHERE {_of(name)[1:]} = :tenant" for name in ORDER}


_ADD = {
    name: f"INSERT INTO {name} ({', '.join(COLUMNS[name])}) VALUES"
    f" ({', '.join(':tenant' if each == 'tenant_id' else f':{each}' for each in COLUMNS[name])})"
    for name in ORDER
}


def page(table: str, after: int) -> Unit[Sequence[Row]]:
    """The next rows of a table."""
    return (yield from rows(_PAGE[table], after=after, many=PAGE))


def count(table: str) -> Unit[int]:
    return int((yield from value(_COUNT[table])))


def add(table: str, row: Mapping[str, Any]) -> Unit[None]:
    """A row as it stood, with its id; raises `Conflict`."""
    yield Sql(_ADD[table], row)


def is_empty() -> Unit[bool]:
    """Whether nobody is here yet, no ISP and no platform."""
    return (yield from value("SELECT 1 FROM tenants LIMIT 1")) is None


def own_code(code_index: bytes) -> Unit[None]:
    """Whose a code is, for a guest who comes from outside."""
    yield Sql("INSERT INTO code_owners (code_index, owner) VALUES (:code_index, :tenant)", {"code_index": code_index})


def own_address(email_index: bytes) -> Unit[None]:
    """Whose an address of staff is."""
    yield Sql(
        "INSERT INTO staff_owners (email_index, owner) VALUES (:email_index, :tenant)", {"email_index": email_index}
    )


def add_head(number: int, seal: bytes) -> Unit[None]:
    """The end of a log of acts that has none."""
    yield Sql(
        "INSERT INTO audit_heads (tenant_id, number, seal) VALUES (:tenant, :number, :seal)",
        {"number": number, "seal": seal},
    )


# --- which old hash is which new one, as long as a move goes on ---


def begin_hashes() -> Unit[None]:
    yield Sql("CREATE TEMP TABLE moved_hashes (old BYTEA PRIMARY KEY, new BYTEA NOT NULL)", {})


def note_hash(old: bytes, new: bytes) -> Unit[None]:
    yield Sql(
        "INSERT INTO moved_hashes (old, new) VALUES (:old, :new) ON CONFLICT DO NOTHING", {"old": old, "new": new}
    )


def new_hash(old: bytes) -> Unit[bytes | None]:
    """What an old hash is called now; None when nobody here has it."""
    found: bytes | None = yield from value("SELECT new FROM moved_hashes WHERE old = :old", old=old)
    return found


def end_hashes() -> Unit[None]:
    yield Sql("DROP TABLE moved_hashes", {})
