"""Properties of a menu: their names, forms and defaults, read from a short text.

A property is written ``name*:kind=default?``: `*` it must be given, `kind` is one of `KINDS` (text if
left out), `?` it is not printed while it has its default (the router leaves unset properties out).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.routeros import values

if TYPE_CHECKING:
    from sandbox.routeros.tables import Table


class Trap(Exception):
    """The router's refusal of a command: one `!trap` sentence, or several."""

    def __init__(self, message: str, category: int | None = None, *, also: tuple[Trap, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.category = category
        self.also = also


Tables = Mapping[str, "Table"]
Clean = Callable[[Tables, str, str], str]  # (all tables, property, text given) -> text kept


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One property."""

    name: str
    clean: Clean
    default: str | None = None
    required: bool = False
    read_only: bool = False
    secret: bool = False  # shown only with the policy `sensitive`
    hidden: bool = False  # never shown
    quiet: bool = False  # left out of print while it has its default


def _plain(read: Callable[[str], str]) -> Clean:
    def clean(tables: Tables, name: str, text: str) -> str:
        try:
            return read(text)
        except ValueError:
            raise Trap(f"invalid value for argument {name}", 1) from None

    return clean


def _span_or_none(text: str) -> str:
    return text if text in ("none", "auto", "received") else values.format_span(values.parse_span(text))


def _limit(text: str) -> str:
    return text if text == "unlimited" else str(int(text))


def _bytes(text: str) -> str:
    """Byte counts take the suffixes k, M and G (of 1024 here, unlike rates)."""
    found = re.fullmatch(r"(\d+)([kKMG]?)", text)
    if not found:
        raise ValueError(text)
    return str(int(found[1]) * {"": 1, "k": 1 << 10, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}[found[2]])


def _rate(text: str) -> str:
    if text:
        values.parse_rate_limit(text)
    return text


def _mac(tables: Tables, name: str, text: str) -> str:
    try:
        return values.clean_mac(text)
    except ValueError:
        raise Trap(f"invalid value of {name}, mac address required", 1) from None


def _no_match(name: str) -> Trap:
    return Trap(f"input does not match any value of {name}", 1)


def _enum(words: str) -> Clean:
    allowed = words.split("|")

    def clean(tables: Tables, name: str, text: str) -> str:
        if text not in allowed:
            raise _no_match(name)
        return text

    return clean


def _many(words: str) -> Clean:
    allowed = words.split("|")

    def clean(tables: Tables, name: str, text: str) -> str:
        given = [part for part in text.split(",") if part]
        if any(part not in allowed for part in given):
            raise _no_match(name)
        return ",".join(word for word in allowed if word in given)

    return clean


def _reference(words: str) -> Clean:
    """A row of another menu by name, unique beginning of a name, or id; further words are allowed as they are."""
    path, *literals = words.split("|")

    def clean(tables: Tables, name: str, text: str) -> str:
        if text in literals:
            return text
        rows = tables[path].rows
        if text in rows:
            return rows[text]["name"]
        names = [row["name"] for row in rows.values()]
        if text in names:
            return text
        found = [candidate for candidate in names if candidate.startswith(text)]
        if not found:
            raise _no_match(name)
        if len(found) > 1 or not text:
            raise Trap(f"ambiguous value of {name}, more than one possible value matches input", 1)
        return found[0]

    return clean


KINDS: dict[str, Clean] = {
    "text": lambda tables, name, text: text,
    "millis": _plain(lambda text: values.format_millis(values.parse_millis(text))),
    "time": _plain(lambda text: values.format_span(values.parse_span(text))),
    "timenone": _plain(_span_or_none),
    "bool": _plain(lambda text: values.format_bool(values.parse_bool(text))),
    "int": _plain(lambda text: str(int(text))),
    "limit": _plain(_limit),
    "bytes": _plain(_bytes),
    "ip": _plain(values.clean_address),
    "ips": _plain(values.clean_addresses),
    "cidr": _plain(lambda text: ipaddress.ip_interface(text).with_prefixlen),
    "rate": _plain(_rate),
    "mac": _mac,
}
_MAKERS = {"enum": _enum, "many": _many, "ref": _reference}
_TOKEN = re.compile(
    r"(?P<name>[\w.-]+)(?P<req>\*)?(?::(?P<kind>[a-z]+)(?:\((?P<words>[^)]*)\))?)?(?P<eq>=(?P<default>.*?))?(?P<quiet>\?)?"
)


def read_column(token: str) -> Column:
    found = _TOKEN.fullmatch(token)
    if not found:
        raise ValueError(token)
    kind = found["kind"] or "text"
    clean = _MAKERS[kind](found["words"]) if kind in _MAKERS else KINDS.get(kind, KINDS["text"])
    return Column(
        name=found["name"],
        clean=clean,
        default=found["default"] if found["eq"] else None,
        required=bool(found["req"]),
        read_only=kind == "ro",
        secret=kind == "secret",
        hidden=kind == "hidden",
        quiet=bool(found["quiet"]),
    )


def read_columns(text: str) -> dict[str, Column]:
    return {column.name: column for column in map(read_column, text.split())}
