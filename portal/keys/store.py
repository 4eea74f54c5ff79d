"""The statements of keys."""

from __future__ import annotations

from dataclasses import dataclass, field

from portal.clock import Moment
from portal.units import Row, Sql, Unit, insert, one, rows, update, value


@dataclass(frozen=True, kw_only=True)
class Known:
    """A key of sealing as the database keeps it."""

    id: int
    name: bytes
    wrapped: bytes | None = field(repr=False)
    made_at: Moment
    replaced_at: Moment | None
    destroyed_at: Moment | None


def _known(row: Row) -> Known:
    return Known(**{name: row[name] for name in Known.__dataclass_fields__})


def newest() -> Unit[Known | None]:
    """The key that seals what is the ISP's."""
    row = yield from one(
        "SELECT * FROM sealing_keys WHERE tenant_id = :tenant AND replaced_at IS NULL AND wrapped IS NOT NULL"
        " ORDER BY id DESC LIMIT 1"
    )
    return None if row is None else _known(row)


def named(name: bytes) -> Unit[Known | None]:
    """The key of this name, as long as it is not destroyed."""
    row = yield from one(
        "SELECT * FROM sealing_keys WHERE tenant_id = :tenant AND name = :name AND wrapped IS NOT NULL", name=name
    )
    return None if row is None else _known(row)


def known() -> Unit[list[Known]]:
    """All keys of the ISP, the oldest first."""
    found = yield from rows("SELECT * FROM sealing_keys WHERE tenant_id = :tenant ORDER BY id")
    return [_known(row) for row in found]


def add(name: bytes, wrapped: bytes, now: Moment) -> Unit[int]:
    """A further key; from now on it seals."""
    return (yield from insert("sealing_keys", name=name, wrapped=wrapped, made_at=now))


def wrap_anew(key_id: int, wrapped: bytes) -> Unit[None]:
    yield from update("sealing_keys", key_id, wrapped=wrapped)


def root() -> Unit[bytes | None]:
    """The wrapped root; None as long as the master key was never exchanged."""
    found = yield from value("SELECT wrapped FROM root_keys ORDER BY id DESC LIMIT 1")
    return None if found is None else bytes(found)


def set_root(wrapped: bytes, now: Moment) -> Unit[None]:
    yield Sql("DELETE FROM root_keys", {})
    yield Sql("INSERT INTO root_keys (wrapped, made_at) VALUES (:wrapped, :now)", {"wrapped": wrapped, "now": now})
