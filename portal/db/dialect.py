"""Our statements in PostgreSQL's marks: ``:name`` becomes ``$1::bigint``. Pure.

PostgreSQL gives each parameter one type before it sees a value, and guesses it from the statement: ``:now + :span``
would be 32 bit. So each mark says of which type its value is. An absent value stands in the text as NULL, which fits
everywhere; a statement so has as many texts as there are ways to leave values away, and each is prepared once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from portal.sql import on_a_server

_NAMED = re.compile(r"(?<![\w:]):([a-z_][a-z_0-9]*)")
_TYPES: Mapping[type, str] = {
    bool: "boolean",
    int: "bigint",
    str: "text",
    bytes: "bytea",
    bytearray: "bytea",
    memoryview: "bytea",
    float: "double precision",
}


def numbered(text: str, params: Mapping[str, Any]) -> tuple[str, Sequence[Any]]:
    """A statement and its parameters as PostgreSQL wants them."""
    text = on_a_server(text)
    values = [params[name] for name in _names(text)]
    marked = _marked(text, tuple(map(type, values)))
    return marked, [value for value in values if value is not None]


@lru_cache(maxsize=8192)
def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_NAMED.findall(text)))


@lru_cache(maxsize=16384)
def _marked(text: str, types: tuple[type, ...]) -> str:
    marks: dict[str, str] = {}
    count = 0
    for name, kind in zip(_names(text), types, strict=True):
        if kind is type(None):
            marks[name] = "NULL"
            continue
        count += 1
        marks[name] = f"${count}" if kind is list else f"${count}::{_type_of(kind)}"  # a list is cast where it stands
    return _NAMED.sub(lambda match: marks[match[1]], text)


def _type_of(kind: type) -> str:
    """Of an enumeration or another subclass too."""
    for each in kind.__mro__:
        if each in _TYPES:
            return _TYPES[each]
    raise TypeError(f"no column holds a {kind.__name__}")
