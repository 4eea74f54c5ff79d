"""Several statements of a unit as one, for a server: an answer that need not be waited for is a tenth of a millisecond.

What `later` marks waits for the next statement and is carried out in it, as ``WITH w0 AS (INSERT …) UPDATE …``. Parts
of one statement do not see what the others write, and two of them must not change the same row. So a statement joins
only those whose tables it does not touch; with any other one they are carried out before it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from portal.errors import BandoError
from portal.schema import TENANT_TABLES
from portal.sql import on_a_server
from portal.units import Row, Sql, Step, Unit, tenant_tables

T = TypeVar("T")


def merging(unit: Unit[T]) -> Unit[T]:
    """The same unit in fewer statements."""
    waiting: list[Sql] = []
    try:
        step = next(unit)
        while True:
            try:
                found = yield from _next(waiting, step)
            except BandoError as refused:
                step = unit.throw(refused)
            else:
                step = unit.send(found)
    except StopIteration as done:
        result: T = done.value
    yield from _carry_out(waiting)
    return result


def _next(waiting: list[Sql], step: Step) -> Unit[Sequence[Row]]:
    """What this step finds; that of one that may wait is nothing."""
    if not isinstance(step, Sql):
        return (yield step)
    if not _joins(waiting, step):
        yield from _carry_out(waiting)
    if step.later:
        waiting.append(step)
        return ()
    if not waiting:
        return (yield step)
    try:
        found = yield together([*waiting, step])
    except BandoError:  # it may be mended, and is not the others' fault
        yield from _carry_out(waiting)
        return (yield step)
    waiting.clear()
    return found


def _carry_out(waiting: list[Sql]) -> Unit[None]:
    if waiting:
        parts = waiting.copy()
        waiting.clear()
        yield together(parts)


def _joins(waiting: Sequence[Sql], step: Sql) -> bool:
    """Whether a statement touches nothing that these change, and can stand behind them."""
    tables = _tables(step.text)
    return tables is not None and not any(_target(each.text) in tables for each in waiting)


@lru_cache(maxsize=4096)
def _tables(text: str) -> frozenset[str] | None:
    """What a statement touches; None when it can be no part of another one."""
    if text.startswith("WITH "):
        return None
    return frozenset(tenant_tables(on_a_server(text)))


@lru_cache(maxsize=4096)
def _target(text: str) -> str:
    """What a statement changes."""
    found = re.match(r"(?:INSERT INTO|UPDATE|DELETE FROM) ([a-z_]+)", text)
    assert found is not None, f"nothing that may wait: {text[:40]}"
    assert found[1] in TENANT_TABLES, "whether another statement touches it is only known of tenants' tables"
    return found[1]


def together(parts: Sequence[Sql]) -> Sql:
    """These as one statement, which finds what the last of them finds."""
    if len(parts) == 1:
        return parts[0]
    text, names = _merged(tuple(each.text for each in parts))
    params: dict[str, Any] = {}
    for own, part in zip(names, parts, strict=True):
        params |= {own[name]: value for name, value in part.params.items() if name in own}
    return Sql(text, params)


@lru_cache(maxsize=1024)
def _merged(texts: tuple[str, ...]) -> tuple[str, Sequence[Mapping[str, str]]]:
    """The text, and what each parameter of each part is called in it."""
    parts: list[str] = []
    names: list[Mapping[str, str]] = []
    for number, text in enumerate(map(on_a_server, texts)):
        own = {name: f"w{number}_{name}" for name in _NAMED.findall(text) if name != "tenant"}
        parts.append(_renamed(text, own))
        names.append(own)
    before = ", ".join(f"w{number} AS ({part})" for number, part in enumerate(parts[:-1]))
    return f"WITH {before} {parts[-1]}", names


def _renamed(text: str, names: Mapping[str, str]) -> str:
    return _NAMED.sub(lambda match: f":{names.get(match[1], match[1])}", text)


_NAMED = re.compile(r"(?<![\w:]):([a-z_][a-z_0-9]*)")
