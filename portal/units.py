"""A transaction is a plain generator (design 5): it yields statements and receives rows.

It knows no engine, no connection and no `await`, so it composes with ``yield from``, runs on any engine, can
be tested without asyncio and cannot call the world in the middle. `drive` runs one; `Database` decides where.

A statement on a table that belongs to tenants must name its tenant (R6): `Guard` refuses the others before
they reach the engine, and binds ``:tenant`` itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from contextvars import ContextVar
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

from portal.errors import BandoError
from portal.schema import TENANT_TABLES
from portal.sql import changes, listed, marks

T = TypeVar("T")
Row = Mapping[str, Any]


class Sql(NamedTuple):
    """One statement with named parameters (``:name``); ``:tenant`` is bound by the database."""

    text: str
    params: Mapping[str, Any]
    later: bool = False  # see `later`


class Signal(NamedTuple):
    """Something to tell listeners in this process, after the commit and only then."""

    topic: str
    key: int


class Alone(NamedTuple):
    """From here on no other unit of the tenant may run beside this one; where some do, it begins again without them."""


ALONE = Alone()

Step = Sql | Signal | Alone
Unit = Generator[Step, Sequence[Row], T]


class TenantMissing(BandoError):
    """A statement on a tenant's table does not name its tenant."""


class Conflict(BandoError):
    """A statement broke a constraint."""


def rows(text: str, **params: Any) -> Unit[Sequence[Row]]:
    """All rows of a statement."""
    return (yield Sql(text, params))


def one(text: str, **params: Any) -> Unit[Row | None]:
    """The first row of a statement, or None."""
    found = yield Sql(text, params)
    return found[0] if found else None


def value(text: str, **params: Any) -> Unit[Any]:
    """The first column of the first row, or None."""
    found = yield Sql(text, params)
    return next(iter(dict(found[0]).values())) if found else None


def later(unit: Unit[T]) -> Unit[T]:
    """The same unit, whose statements may be carried out together with those that come after them.

    For statements that break no constraint, and whose rows nobody wants: they get none. A server so answers once in the
    place of several times (`portal/db/merging.py`); whatever has to do with the same tables still comes after them.
    """
    try:
        step = next(unit)
        while True:
            step = unit.send((yield step._replace(later=True) if isinstance(step, Sql) else step))
    except StopIteration as done:
        result: T = done.value
        return result


Several = Callable[[Sequence[tuple[Any, ...]]], Unit[Sequence[Any]]]
_several: dict[Callable[..., Unit[Any]], Several] = {}


def for_several(unit: Callable[..., Unit[Any]]) -> Callable[[Several], Several]:
    """What does for several calls of this unit what it does for each, and finds their results in their order.

    It takes the arguments of each call. An engine to which each question is a journey runs it when several wait.
    """

    def also(several: Several) -> Several:
        _several[unit] = several
        return several

    return also


def several_of(unit: Callable[..., Unit[Any]]) -> Several | None:
    """What does it for several, if anything does."""
    return _several.get(unit)


def insert(table: str, **columns: Any) -> Unit[int]:
    """Insert a row of a tenant's table; gives its id."""
    row = yield from one(f"{_insert(table, tuple(columns))} RETURNING id", **columns)
    assert row is not None
    return int(row["id"])


def insert_new(table: str, **columns: Any) -> Unit[int | None]:
    """The same, or None when a unique constraint says that it is there already."""
    row = yield from one(insert_new_text(table, *columns), **columns)
    return None if row is None else int(row["id"])


@lru_cache(maxsize=256)
def insert_new_text(table: str, *names: str) -> str:
    """The statement of `insert_new`, for whoever has a row's values together already."""
    return f"{_insert(table, names)} ON CONFLICT DO NOTHING RETURNING id"


@lru_cache(maxsize=256)
def _insert(table: str, names: tuple[str, ...]) -> str:
    return f"INSERT INTO {table} (tenant_id, {listed(table, names)}) VALUES (:tenant, {marks(names)})"


def picker(names: Sequence[str]) -> Callable[[Row], tuple[Any, ...]]:
    """What takes these out of a row, or out of parameters, in this order."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda row: tuple(row[name] for name in names)  # of one name `itemgetter` gives the bare value


def update(table: str, id: int, **columns: Any) -> Unit[None]:
    """Change a row of a tenant's table by its id."""
    text = f"UPDATE {table} SET {changes(table, columns)} WHERE tenant_id = :tenant AND id = :row_id"
    yield Sql(text, {**columns, "row_id": id})


# After a comma too: FROM passes, payments. A column that is called like a table would count, so none is.
_REFERENCE = re.compile(r'(?:\b(?:FROM|JOIN|INTO|UPDATE)\s+|,\s*)"?([a-z_]+)', re.IGNORECASE)


@lru_cache(maxsize=4096)
def tenant_tables(text: str) -> tuple[str, ...]:
    """The tenants' tables that a statement refers to."""
    return tuple(name for name in _REFERENCE.findall(text) if name.lower() in TENANT_TABLES)


@lru_cache(maxsize=4096)
def names_tenant(text: str) -> bool:
    """Whether each tenant's table in the statement is bound to ``:tenant``.

    Counted, not parsed: every reference needs a ``tenant_id`` of its own and ``:tenant`` must occur.
    """
    tables = tenant_tables(text)
    mentions = len(re.findall(r"\btenant_id\b", text))
    return not tables or (":tenant" in text and mentions >= len(tables))


@lru_cache(maxsize=4096)
def _manner(text: str) -> tuple[bool, bool, bool]:
    """Of a statement: whether it needs a tenant, whether it names its tenant, whether ``:tenant`` is to be bound."""
    return bool(tenant_tables(text)), names_tenant(text), ":tenant" in text


def bind(step: Sql, tenant: int | None) -> Mapping[str, Any]:
    """The parameters of a statement with its tenant; raises `TenantMissing`."""
    needs, names, binds = _manner(step.text)
    if needs and (tenant is None or not names):
        raise TenantMissing(f"This statement does not name its tenant: {step.text[:80]}")
    return {**step.params, "tenant": tenant} if binds and tenant is not None else step.params


class Running(NamedTuple):
    """Whose the unit is that runs, and how its statements are executed."""

    tenant: int | None
    execute: Callable[[str, Mapping[str, Any]], Sequence[Row]]


_running: ContextVar[Running | None] = ContextVar("running", default=None)


def running() -> Running | None:
    """The unit that runs on this thread. For the keys alone: a vault so knows whose value it seals."""
    return _running.get()


def drive(
    unit: Unit[T],
    tenant: int | None,
    execute: Callable[[str, Mapping[str, Any]], Sequence[Row]],
    signals: list[Signal] | None = None,
    alone: Callable[[], None] = lambda: None,
) -> T:
    """Run a unit to its end with `execute`; a refused statement is thrown into the unit, which may mend it.

    `alone` is called when the unit wants its tenant to itself.
    """
    before = _running.set(Running(tenant, execute))
    try:
        return _driven(unit, tenant, execute, signals, alone)
    finally:
        _running.reset(before)


def _driven(
    unit: Unit[T],
    tenant: int | None,
    execute: Callable[[str, Mapping[str, Any]], Sequence[Row]],
    signals: list[Signal] | None,
    alone: Callable[[], None],
) -> T:
    try:
        step = next(unit)
        while True:
            if isinstance(step, Signal):
                if signals is not None:
                    signals.append(step)
                step = unit.send(())
                continue
            if isinstance(step, Alone):
                alone()
                step = unit.send(())
                continue
            try:
                found = execute(step.text, bind(step, tenant))
            except BandoError as refused:
                step = unit.throw(refused)
            else:
                step = unit.send(found)
    except StopIteration as done:
        result: T = done.value
        return result
