"""The statements of a changeover, made from the table of tables. They are no units: they are of all ISPs at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from portal.changeover.tables import ALL, Taken
from portal.db import Execute
from portal.units import Row

PAGE = 2_000  # rows in memory at a time

_FIRST = {
    each.name: f"SELECT {', '.join(each.columns)} FROM {each.name}"
    + (f" ORDER BY {each.key} LIMIT :many" if each.paged else "")
    for each in ALL
}
_NEXT = {
    each.name: f"SELECT {', '.join(each.columns)} FROM {each.name} WHERE {each.key} > :after"
    f" ORDER BY {each.key} LIMIT :many"
    for each in ALL
    if each.paged
}


def _summed(name: str) -> str:
    """Two sums for one column: that of all times in ms is more than 64 bits hold, which is all that a file can sum."""
    return f"SUM({name} / 1000000) AS {name}_high, SUM({name} % 1000000) AS {name}_low"


_SUMS = {
    each.name: f"SELECT {', '.join(['COUNT(*) AS row_count', *map(_summed, each.summed)])} FROM {each.name}"
    for each in ALL
}


def pages(run: Execute, table: Taken, size: int = PAGE) -> Iterator[Sequence[Row]]:
    """All rows, in the order of their keys."""
    found = run(_FIRST[table.name], {"many": size} if table.paged else {})
    if not table.paged:
        yield sorted(found, key=lambda row: str(row[table.key]))
        return
    while found:
        yield found
        found = run(_NEXT[table.name], {"after": found[-1][table.key], "many": size})


def sums(run: Execute, table: Taken) -> Mapping[str, int]:
    """How many rows there are, and what each column of money, time or data adds up to, as the engine counts."""
    (found,) = run(_SUMS[table.name], {})
    return {name: int(value or 0) for name, value in dict(found).items()}


def first_filled(run: Execute) -> str | None:
    """A table in which there is something."""
    return next((each.name for each in ALL if run(f"SELECT 1 AS found FROM {each.name} LIMIT 1", {})), None)


def hold(run: Execute) -> None:
    """Nobody else writes to a server until this has ended."""
    run(f"LOCK TABLE {', '.join(each.name for each in ALL)} IN EXCLUSIVE MODE NOWAIT", {})
