"""What a column can be: `plain`, `secret` (sealed or hashed, R7) or `personal` (with a purpose and an end, R8)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, text

# Retention classes and their default periods in days (R8); a tenant sets its own inside the bounds.
RETENTION_DAYS = {
    "payment": 7 * 365 + 2,
    "session": 365,
    "person": 730,
    "evidence": 90,
    "guess": 1,
    "act": 730,
    "staff": 730,  # after they have left
    "support": 3 * 365,  # after the last word
    "consent": 3 * 365,  # after it was taken back
}

NAMING = {
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMING)

# Integers are 64 bit everywhere; SQLite wants INTEGER for a row id.
Whole = BigInteger().with_variant(Integer, "sqlite")


def plain(name: str, kind: Any, *args: Any, **kw: Any) -> Column[Any]:
    """A column that says nothing about a person."""
    return Column(name, kind, *args, info={"data": "plain"}, **kw)


def secret(name: str, kind: Any = LargeBinary, **kw: Any) -> Column[Any]:
    """A sealed value or a keyed hash (R7)."""
    return Column(name, kind, info={"data": "secret"}, **kw)


def personal(name: str, kind: Any, *args: Any, purpose: str, keep: str, **kw: Any) -> Column[Any]:
    """A personal datum with its purpose and retention class (R8)."""
    return Column(name, kind, *args, info={"data": "personal", "purpose": purpose, "keep": keep}, **kw)


def key() -> Column[Any]:
    return plain("id", Whole, primary_key=True, autoincrement=True)


def tenant() -> Column[Any]:
    return plain("tenant_id", Whole, ForeignKey("tenants.id"), nullable=False)


def link(name: str, target: str, **kw: Any) -> Column[Any]:
    return plain(name, Whole, ForeignKey(f"{target}.id"), **kw)


def part(*columns: str, where: str) -> Index:
    """An index of those rows alone for which this is so."""
    return Index(None, *columns, sqlite_where=text(where), postgresql_where=text(where))


def where(name: str, condition: str, *columns: str) -> Index:
    """A unique index over the rows that meet a condition; writing any other row does not touch it."""
    only = text(condition)
    return Index(name, *columns, unique=True, sqlite_where=only, postgresql_where=only)
