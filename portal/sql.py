"""Names and marks inside of statements.

The text of a statement is put together from texts in our files, from columns that the schema knows, and from marks such
as ``:v0``; values are bound. `tests/test_statements_are_our_own.py` goes through all stores and holds that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from portal.schema import metadata


def listed(table: str, names: Iterable[str]) -> str:
    """``name, price_minor``: columns of this table; raises `KeyError` on a name that is none."""
    return _listed(table, tuple(names))


@lru_cache(maxsize=512)
def _listed(table: str, names: tuple[str, ...]) -> str:
    columns = metadata.tables[table].c
    return ", ".join(columns[name].name for name in names)


def marks(names: Iterable[str]) -> str:
    """``:name, :price_minor``; the names are those of parameters, which the engine looks up."""
    return ", ".join(f":{name}" for name in names)


def changes(table: str, names: Iterable[str]) -> str:
    """``name = :name, price_minor = :price_minor``; raises `KeyError` on a name that is no column."""
    return _changes(table, tuple(names))


@lru_cache(maxsize=512)
def _changes(table: str, names: tuple[str, ...]) -> str:
    columns = metadata.tables[table].c
    return ", ".join(f"{columns[name].name} = :{name}" for name in names)


_ON_A_SERVER: dict[str, str] = {}


def otherwise(text: str, on_a_server: str) -> str:
    """The first text, which PostgreSQL is to run as the second: for what only one of the engines can say."""
    _ON_A_SERVER[text] = on_a_server
    return text


def on_a_server(text: str) -> str:
    """The text that PostgreSQL runs."""
    return _ON_A_SERVER.get(text, text)


def any_of(values: Iterable[Any]) -> tuple[str, Mapping[str, Any]]:
    """``:v0, :v1`` and what they stand for, for IN (…); of none, what nothing is equal to: a server takes no ``()``."""
    bound = {f"v{n}": value for n, value in enumerate(values)}
    return marks(bound) or "NULL", bound


def numbered(subjects: Mapping[str, bytes]) -> Mapping[str, Any]:
    """What ``:in_0, :by_0, :in_1 …`` stand for: each bucket, and who is counted in it."""
    bound: dict[str, Any] = {}
    for n, (bucket, subject) in enumerate(subjects.items()):
        bound |= {f"in_{n}": bucket, f"by_{n}": subject}
    return bound
