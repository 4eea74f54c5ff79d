"""The statements of leases. They are for PostgreSQL alone, whose clock all processes share."""

from __future__ import annotations

from collections.abc import Sequence

from portal.db.fences import Fence
from portal.units import Sql, Unit, one, rows, value

_NOW = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"


def renew(owner: str, lasts_ms: int) -> Unit[list[Fence]]:
    """What this process still holds, for as long again."""
    found = yield from rows(
        f"UPDATE leases SET until = {_NOW} + :lasts WHERE owner = :owner AND until >= {_NOW} RETURNING name, fence",
        owner=owner,
        lasts=lasts_ms,
    )
    return [Fence(row["name"], row["fence"]) for row in found]


def take(name: str, owner: str, lasts_ms: int) -> Unit[Fence | None]:
    """This work, if nobody does it."""
    row = yield from one(
        f"INSERT INTO leases (name, owner, fence, until) VALUES (:name, :owner, 1, {_NOW} + :lasts)"
        " ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, fence = leases.fence + 1, until = excluded.until"
        f" WHERE leases.until < {_NOW} RETURNING fence",
        name=name,
        owner=owner,
        lasts=lasts_ms,
    )
    return None if row is None else Fence(name, row["fence"])


def leave(owner: str, names: Sequence[str]) -> Unit[None]:
    """Others may do this now."""
    for name in names:
        yield Sql("UPDATE leases SET until = 0 WHERE name = :name AND owner = :owner", {"name": name, "owner": owner})


def leave_all(owner: str) -> Unit[None]:
    """This process has ended."""
    yield Sql("UPDATE leases SET until = 0 WHERE owner = :owner", {"owner": owner})
    yield Sql("DELETE FROM leases WHERE name = :name", {"name": f"{MEMBER}{owner}"})


def members() -> Unit[int]:
    """How many processes share the work now."""
    return int(
        (
            yield from value(
                f"SELECT COUNT(*) FROM leases WHERE name LIKE :begin AND until >= {_NOW}", begin=f"{MEMBER}%"
            )
        )
    )


def forget_gone() -> Unit[None]:
    """Processes that ended without a word, a day ago."""
    yield Sql(f"DELETE FROM leases WHERE name LIKE :begin AND until < {_NOW} - 86400000", {"begin": f"{MEMBER}%"})


MEMBER = "member/"
