"""The statements of imports. Each decides nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from portal.clock import Moment
from portal.sql import any_of
from portal.units import Row, Sql, Unit, insert, one, rows, update

CHUNK = 500


@dataclass(frozen=True, kw_only=True)
class Import:
    """What was read of another system, and what became of it; `found_sealed` is gone once it is taken, or a day old."""

    id: int
    source: str
    title: str
    days: int
    shorten: bool
    unsold: bool
    found_sealed: bytes | None
    counts: Mapping[str, int]
    made_by: str
    read_at: Moment
    done_at: Moment | None


def _import(row: Row) -> Import:
    fields: dict[str, Any] = {name: row[name] for name in Import.__dataclass_fields__}
    flags = {name: bool(fields[name]) for name in ("shorten", "unsold")}
    return Import(**{**fields, **flags, "counts": json.loads(fields["counts"])})


def add(**columns: Any) -> Unit[int]:
    """Keep what was read."""
    return (yield from insert("imports", **columns))


def get(import_id: int) -> Unit[Import | None]:
    row = yield from one("SELECT * FROM imports WHERE tenant_id = :tenant AND id = :id", id=import_id)
    return None if row is None else _import(row)


def latest(limit: int = 20) -> Unit[list[Import]]:
    """The latest ones that were taken, the newest first."""
    found = yield from rows(
        "SELECT * FROM imports WHERE tenant_id = :tenant AND done_at IS NOT NULL ORDER BY read_at DESC, id DESC"
        " LIMIT :limit",
        limit=limit,
    )
    return [_import(row) for row in found]


def choose(import_id: int, days: int, shorten: bool, unsold: bool) -> Unit[None]:
    """What staff chose for it."""
    yield from update("imports", import_id, days=days, shorten=shorten, unsold=unsold)


def set_done(import_id: int, counts: Mapping[str, int], now: Moment) -> Unit[None]:
    """It is taken; what was read is not needed any more."""
    yield from update("imports", import_id, found_sealed=None, counts=json.dumps(counts), done_at=now)


def forget(before: Moment) -> Unit[None]:
    """What was read and never taken goes."""
    yield Sql(
        "DELETE FROM imports WHERE tenant_id = :tenant AND done_at IS NULL AND read_at < :before", {"before": before}
    )


def any_before(before: Moment) -> Unit[bool]:
    """Whether there is something of that kind."""
    text = "SELECT id FROM imports WHERE tenant_id = :tenant AND done_at IS NULL AND read_at < :before LIMIT 1"
    return (yield from one(text, before=before)) is not None


def plan_ids(source: str) -> Unit[dict[str, int]]:
    """Which plan of this source is which of ours."""
    found = yield from rows(
        "SELECT foreign_key, plan_id FROM imported_plans WHERE tenant_id = :tenant AND source = :source", source=source
    )
    return {row["foreign_key"]: row["plan_id"] for row in found}


def remember_plan(source: str, key: str, plan_id: int) -> Unit[None]:
    """This plan of theirs is that one of ours."""
    yield Sql(
        "INSERT INTO imported_plans (tenant_id, source, foreign_key, plan_id)"
        " VALUES (:tenant, :source, :key, :plan_id) ON CONFLICT (tenant_id, source, foreign_key) DO NOTHING",
        {"source": source, "key": key, "plan_id": plan_id},
    )


def known_codes(indexes: Sequence[bytes]) -> Unit[frozenset[bytes]]:
    """Those of these codes that the ISP has."""
    found: set[bytes] = set()
    for start in range(0, len(indexes), CHUNK):
        marks, bound = any_of(indexes[start : start + CHUNK])
        text = f"SELECT code_index FROM vouchers WHERE tenant_id = :tenant AND code_index IN ({marks})"
        found.update(bytes(row["code_index"]) for row in (yield from rows(text, **bound)))
    return frozenset(found)


def known_causes(refs: Sequence[str]) -> Unit[frozenset[str]]:
    """Those of these that have made a pass."""
    found: set[str] = set()
    for start in range(0, len(refs), CHUNK):
        marks, bound = any_of(refs[start : start + CHUNK])
        text = (
            "SELECT cause_ref FROM passes WHERE tenant_id = :tenant AND cause_kind = 'staff'"
            f" AND cause_ref IN ({marks})"
        )
        found.update(row["cause_ref"] for row in (yield from rows(text, **bound)))
    return frozenset(found)


_CARD = ("serial", "label", "code_index", "code_sealed", "use_by", "state", "redeemed_at")


@lru_cache(maxsize=128)
def _add_cards(count: int) -> str:
    marks = ", ".join(f"(:tenant, :batch_id, {', '.join(f':{name}{n}' for name in _CARD)})" for n in range(count))
    return f"INSERT INTO vouchers (tenant_id, batch_id, {', '.join(_CARD)}) VALUES {marks}"


def add_cards(batch_id: int, cards: Iterable[Mapping[str, Any]]) -> Unit[None]:
    """Vouchers whose codes belong to this ISP alone: no owner is written down, so nobody finds them from outside."""
    made = list(cards)
    for start in range(0, len(made), 100):
        part = made[start : start + 100]
        fields = {f"{name}{n}": each[name] for n, each in enumerate(part) for name in _CARD}
        yield Sql(_add_cards(len(part)), {"batch_id": batch_id, **fields})
