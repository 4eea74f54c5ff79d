"""What a year is filled with: how much of everything, and the hand that writes it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from portal.access.plans import Plan
from portal.clock import DAY, MINUTE, Moment
from portal.db import executor, quiet
from portal.seal import Vault
from portal.tenancy.store import Tenant
from portal.units import Unit, drive

YEAR = 365 * DAY
BIG, MIDDLE = 50_000, 5_000  # cards of a batch
ROUTERS, STAFF, ONLINE = 20, 30, 2_000
REQUESTS = 1_500  # of people, about their data
FIRST = ("owner", "agent")  # the two who are logged in
HANDED = 2_000  # cards that the agent sold with a tap and that nobody has used yet
SLOT = 15 * MINUTE


@dataclass(frozen=True, kw_only=True)
class Size:
    """How many rows there are."""

    sessions: int = 1_000_000
    payments: int = 200_000
    vouchers: int = 500_000
    devices: int = 100_000
    acts: int = 200_000
    lines: int = 5_000

    def part(self, share: int) -> Size:
        return Size(**{name: number // share for name, number in self.__dict__.items()})


@dataclass(kw_only=True)
class Year:
    """Who it is, and what a page can be asked about."""

    tenant: Tenant
    size: Size
    now: Moment
    routers: Sequence[int] = ()
    plans: Sequence[Plan] = ()
    named: dict[str, str] = field(default_factory=dict)  # of screens: ids
    sought: dict[str, str] = field(default_factory=dict)  # of the search box: what is typed
    token: str = ""
    agents_token: str = ""
    agent: int = 0  # whose stock the batches of middle size are


class Filling:
    """One connection that fills many tables."""

    def __init__(self, connection: sqlite3.Connection, vault: Vault, year: Year) -> None:
        self._connection = connection
        self.vault = vault
        self.year = year
        self.random = Random(year.size.sessions)

    def unit(self, unit: Unit[Any]) -> Any:
        return drive(unit, self.year.tenant.id, executor(self._connection, quiet))

    def next_id(self, table: str) -> int:
        return int(self._connection.execute(f"SELECT COALESCE(MAX(id), 0) + 1 FROM {table}").fetchone()[0])

    def many(self, table: str, names: str, values: Iterable[Sequence[Any]]) -> None:
        """Rows of a tenant's table."""
        marks = ", ".join("?" * (names.count(",") + 2))
        tenant = self.year.tenant.id
        self._connection.executemany(
            f"INSERT INTO {table} (tenant_id, {names}) VALUES ({marks})",
            ((tenant, *each) for each in values),
        )

    def at(self, share: float) -> Moment:
        """A moment of the year: 0 is its beginning, 1 is now."""
        return int(self.year.now - YEAR * (1 - share))


def batch_sizes(total: int) -> list[int]:
    """Half of the cards in a few large batches, the rest in small ones, and some sold one by one at the counter."""
    big, middle = max(1, total // 2 // BIG), total // 5 // MIDDLE
    size = min(BIG, total // 2)
    counter = total // 60
    left = total - big * size - middle * MIDDLE - counter
    small = [300] * (left // 300) + ([left % 300] if left % 300 else [])
    return [*small, *[1] * counter, *[MIDDLE] * middle, *[size] * big]  # the newest are the largest: the worst list
