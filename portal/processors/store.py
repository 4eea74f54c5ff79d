"""The statements of the register. Whoever is removed stays in it with the day, and nothing is sent there any more."""

from __future__ import annotations

from dataclasses import asdict

from portal.clock import Moment
from portal.processors.registry import Processor, Told
from portal.units import Row, Unit, insert_new, one, rows, update, value

_FIELDS = ", ".join(Processor.__dataclass_fields__)
_MANY = 500  # of one ISP: few


def _processor(row: Row) -> Processor:
    return Processor(**row)


def registered(mark: str) -> Unit[Processor | None]:
    """The entry that lets an adapter send."""
    row = yield from one(
        f"SELECT {_FIELDS} FROM processors WHERE tenant_id = :tenant AND mark = :mark AND removed_at IS NULL",
        mark=mark,
    )
    return None if row is None else _processor(row)


def one_of(processor_id: int) -> Unit[Processor | None]:
    """An entry that stands, by its number."""
    row = yield from one(
        f"SELECT {_FIELDS} FROM processors WHERE tenant_id = :tenant AND id = :id AND removed_at IS NULL",
        id=processor_id,
    )
    return None if row is None else _processor(row)


def last_of(mark: str) -> Unit[Processor | None]:
    """The latest entry of this mark, even if it was removed."""
    row = yield from one(
        f"SELECT {_FIELDS} FROM processors WHERE tenant_id = :tenant AND mark = :mark ORDER BY id DESC LIMIT 1",
        mark=mark,
    )
    return None if row is None else _processor(row)


def standing() -> Unit[list[Processor]]:
    """The register as it stands, in the order of entry."""
    found = yield from rows(
        f"SELECT {_FIELDS} FROM processors WHERE tenant_id = :tenant AND removed_at IS NULL ORDER BY id"
    )
    return [_processor(row) for row in found]


def removed() -> Unit[list[Processor]]:
    """Those that were removed, the latest first."""
    found = yield from rows(
        f"SELECT {_FIELDS} FROM processors WHERE tenant_id = :tenant AND removed_at IS NOT NULL"
        " ORDER BY removed_at DESC LIMIT :many",
        many=_MANY,
    )
    return [_processor(row) for row in found]


def how_many() -> Unit[int]:
    return int((yield from value("SELECT COUNT(*) FROM processors WHERE tenant_id = :tenant")))


def add(mark: str, told: Told, by: str, now: Moment, looked_at: Moment | None) -> Unit[int | None]:
    """A new entry; None when this mark is in the register already."""
    columns = asdict(told)
    return (yield from insert_new("processors", mark=mark, added_by=by, added_at=now, looked_at=looked_at, **columns))


def change(processor_id: int, told: Told, now: Moment) -> Unit[None]:
    yield from update("processors", processor_id, **asdict(told), looked_at=now)


def remove(processor_id: int, by: str, now: Moment) -> Unit[None]:
    yield from update("processors", processor_id, removed_by=by, removed_at=now)
