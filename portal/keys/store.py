"""The statements of keys, and of the cells that they have sealed; made from the table of sealed columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from portal.clock import Moment
from portal.keys.cells import CELLS, Cells
from portal.seal import BY_MASTER, HEAD
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
    fields = {name: row[name] for name in Known.__dataclass_fields__}
    odd = not isinstance(fields["wrapped"], bytes | None)  # nothing that Bando wrote; it does not open
    return Known(**{**fields, "wrapped": b"" if odd else fields["wrapped"]})


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


def replaced(newest_id: int, now: Moment) -> Unit[int]:
    """Nothing in the database is under the older keys any more; gives how many these are."""
    found = yield from rows(
        "UPDATE sealing_keys SET replaced_at = :now WHERE tenant_id = :tenant AND id < :id AND replaced_at IS NULL"
        " RETURNING id",
        id=newest_id,
        now=now,
    )
    return len(found)


def due(before: Moment) -> Unit[list[Known]]:
    """Keys that were replaced before this moment and are not destroyed yet."""
    found = yield from rows(
        "SELECT * FROM sealing_keys WHERE tenant_id = :tenant AND replaced_at < :before AND wrapped IS NOT NULL"
        " ORDER BY id",
        before=before,
    )
    return [_known(row) for row in found]


def destroy(key_id: int, now: Moment) -> Unit[None]:
    yield from update("sealing_keys", key_id, wrapped=None, destroyed_at=now)


def owners() -> Unit[list[tuple[int, str]]]:
    """Whoever may have keys: each ISP, whatever its state, and the platform; with the name."""
    found = yield from rows("SELECT id, name FROM tenants ORDER BY id")
    return [(row["id"], row["name"]) for row in found]


# --- sealed cells ---


GONE = b"gone:"  # how an erased ISP's cells begin, which open nothing (portal/privacy/closed/ends.py)
# Not by an index of the ISP's rows: the engine would sort them all for each look.
_OTHERS = {
    each.name: f"SELECT id, {', '.join(each.named_by)}, {each.column} AS sealed FROM {each.table}"
    f" WHERE +tenant_id = :tenant AND id > :after AND substr({each.column}, 1, {HEAD}) <> :head"
    f" AND length({each.column}) > 0 AND substr({each.column}, 1, {len(GONE)}) <> :gone ORDER BY id LIMIT :many"
    for each in CELLS
}
_EXCHANGE = {
    each.name: f"UPDATE {each.table} SET {each.column} = :fresh WHERE tenant_id = :tenant AND id = :id"
    f" AND {each.column} = :sealed RETURNING id"
    for each in CELLS
}
_COUNT = {
    each.name: f"SELECT CASE WHEN substr({each.column}, 1, 1) = :master THEN :master"
    f" ELSE substr({each.column}, 1, {HEAD}) END AS head, COUNT(*) AS many FROM {each.table}"
    f" WHERE tenant_id = :tenant AND length({each.column}) > 0 GROUP BY 1"
    for each in CELLS
}


def others(cells: Cells, head: bytes, after: int, many: int) -> Unit[Sequence[Row]]:
    """Cells of a column that another key has sealed, in rows after this one."""
    return (yield from rows(_OTHERS[cells.name], head=head, gone=GONE, after=after, many=many))


def exchange(cells: Cells, row_id: int, sealed: bytes, fresh: bytes) -> Unit[bool]:
    """Put this into a cell in the place of that; False when something else is there by now."""
    return (yield from one(_EXCHANGE[cells.name], id=row_id, sealed=sealed, fresh=fresh)) is not None


def heads(cells: Cells) -> Unit[dict[bytes, int]]:
    """What the cells of a column begin with, and how many do; under the master key they say no more than that."""
    found = yield from rows(_COUNT[cells.name], master=BY_MASTER)
    return {bytes(row["head"]): row["many"] for row in found}
