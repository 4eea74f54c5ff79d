"""The statements of voucher guesses. Each decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from portal.clock import Moment
from portal.sql import any_of, numbered
from portal.units import Row, Sql, Unit, picker, value

_GUESSES = "guesses WHERE tenant_id = :tenant AND door = 'voucher'"
_OPEN = "open_guesses WHERE 1 = 1"


@lru_cache(maxsize=32)
def _nths(table: str, asked: tuple[tuple[str, int], ...]) -> tuple[str, Callable[[Row], tuple[Any, ...]]]:
    """A statement of one row, and what reads it: for each (bucket, n) when the nth latest guess was made."""
    one_of = (
        "(SELECT guessed_at FROM {} AND bucket = '{}' AND subject = :by_{}"
        " ORDER BY guessed_at DESC LIMIT 1 OFFSET {}) AS n{}"
    )
    names = tuple(f"n{number}" for number in range(len(asked)))
    parts = [one_of.format(table, bucket, bucket, nth - 1, n) for n, (bucket, nth) in enumerate(asked)]
    return f"SELECT {', '.join(parts)}", picker(names)


def _by(subjects: Mapping[str, bytes]) -> dict[str, bytes]:
    """The parameters; ``:tenant`` itself is the database's word."""
    return {f"by_{bucket}": subject for bucket, subject in subjects.items()}


def _ask(table: str, subjects: Mapping[str, bytes], asked: tuple[tuple[str, int], ...]) -> Unit[tuple[Any, ...]]:
    text, read = _nths(table, asked)
    found = yield Sql(text, _by(subjects))
    return read(found[0])


def nth_guesses(subjects: Mapping[str, bytes], asked: tuple[tuple[str, int], ...]) -> Unit[tuple[Moment | None, ...]]:
    """For each (bucket, n): when the nth latest failed guess of this subject was made; None when there were fewer."""
    return (yield from _ask(_GUESSES, subjects, asked))


def nth_open_guesses(
    subjects: Mapping[str, bytes], asked: tuple[tuple[str, int], ...]
) -> Unit[tuple[Moment | None, ...]]:
    """The same of guests whom no router has named."""
    return (yield from _ask(_OPEN, subjects, asked))


def add_guesses(subjects: Mapping[str, bytes], now: Moment) -> Unit[None]:
    """A failed guess in the bucket of each subject."""
    each = ", ".join(f"(:tenant, 'voucher', :in_{n}, :by_{n}, :now)" for n in range(len(subjects)))
    yield Sql(
        f"INSERT INTO guesses (tenant_id, door, bucket, subject, guessed_at) VALUES {each}",
        {**numbered(subjects), "now": now},
    )


def add_open_guesses(subjects: Mapping[str, bytes], now: Moment) -> Unit[None]:
    """The same of a guest whom no router has named."""
    each = ", ".join(f"(:in_{n}, :by_{n}, :now)" for n in range(len(subjects)))
    yield Sql(
        f"INSERT INTO open_guesses (bucket, subject, guessed_at) VALUES {each}",
        {**numbered(subjects), "now": now},
    )


def guesses_since(bucket: str, subjects: Sequence[bytes], since: Moment) -> Unit[int]:
    """How many failed guesses these subjects of a bucket have made after `since`."""
    marks, bound = any_of(subjects)
    found = yield from value(
        "SELECT COUNT(*) FROM guesses WHERE tenant_id = :tenant AND door = 'voucher' AND bucket = :bucket"
        f" AND subject IN ({marks}) AND guessed_at > :since",
        bucket=bucket,
        since=since,
        **bound,
    )
    return int(found)


def open_guesses_since(bucket: str, subject: bytes, since: Moment) -> Unit[int]:
    """The same of guests whom no router has named."""
    text = "SELECT COUNT(*) FROM open_guesses WHERE bucket = :bucket AND subject = :subject AND guessed_at > :since"
    return int((yield from value(text, bucket=bucket, subject=subject, since=since)))


def delete_open_guesses(before: Moment) -> Unit[None]:
    yield Sql("DELETE FROM open_guesses WHERE guessed_at < :before", {"before": before})
