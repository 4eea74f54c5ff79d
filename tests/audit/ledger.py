"""Two ISPs with a chain each, on one raw connection, for those who tamper with them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from portal.audit import store
from portal.audit.chain import Broken, Head, Walk
from portal.clock import DAY, Moment
from portal.seal import Vault
from portal.tenancy import store as tenancy
from portal.units import Row, Unit, drive
from tests.raw import Raw, raw
from tests.support import MASTER, fresh_place

BEGIN: Moment = 1_760_000_000_000
ACTS = ("kick", "refund", "price", "invite", "block")
CONTENT = ("at", "actor", "act", "subject", "payload", "payload_digest", "chain", "money")


def an_act(vault: Vault, n: int, rng: random.Random) -> Unit[int]:
    """The nth act: about money each fifth time, one a day, with something personal in its payload."""
    return (
        yield from store.append(
            vault,
            actor=f"staff:{rng.choice(('ada', 'ben', 'cat'))}",
            act=rng.choice(ACTS),
            subject=f"pass:{rng.randrange(1000)}",
            payload={"address": f"192.0.2.{n % 250}", "before": {"name": "Zoë"}, "after": n},
            now=BEGIN + n * DAY,
            money=n % 5 == 0,
        )
    )


@dataclass(kw_only=True)
class Ledger:
    """A database without its triggers: whoever tampers drops them first."""

    connection: Raw
    vault: Vault = field(default_factory=lambda: Vault(MASTER))
    tenants: list[int] = field(default_factory=list)
    old_heads: dict[int, bytes] = field(default_factory=dict)  # of the first ISP, as they were at each number

    def run(self, tenant: int | None, unit: Unit[Any]) -> Any:
        return drive(unit, tenant, self.connection.run)

    def sql(self, text: str, *params: object) -> list[Row]:
        return list(self.connection.execute(text, params).fetchall())

    def grow(self, tenant: int, numbers: Sequence[int], rng: random.Random) -> None:
        for n in numbers:
            number = self.run(tenant, an_act(self.vault, n, rng))
            if tenant == self.tenants[0]:
                self.old_heads[number] = bytes(self.head()["seal"])

    def purge(self, tenant: int, until: int, now: int, *, money: bool = False) -> int:
        """Clear what is older than the nth act's day."""
        unit = store.clear(self.vault, before=BEGIN + until * DAY, money=money, now=BEGIN + now * DAY)
        return int(self.run(tenant, unit))

    def verify(self, tenant: int | None = None, kept: Mapping[int, set[str]] | None = None) -> Broken | None:
        found: Broken | None = self.run(tenant or self.tenants[0], store.verify_all(self.vault, kept))
        return found

    def without_the_head(self) -> Broken | None:
        """What would be found by somebody who looks at the links alone."""
        return Walk(vault=self.vault, tenant=self.tenants[0]).along(self.rows())

    def rows(self, tenant: int | None = None) -> list[Row]:
        return self.sql("SELECT * FROM audit WHERE tenant_id = ? ORDER BY number", tenant or self.tenants[0])

    def row(self, number: int, tenant: int | None = None) -> dict[str, Any]:
        of = tenant or self.tenants[0]
        (found,) = self.sql("SELECT * FROM audit WHERE tenant_id = ? AND number = ?", of, number)
        return dict(found)

    def head(self, tenant: int | None = None) -> Row:
        (found,) = self.sql("SELECT * FROM audit_heads WHERE tenant_id = ?", tenant or self.tenants[0])
        return found

    def last(self, tenant: int | None = None) -> Head:
        """What `bando audit heads` would print."""
        found: Head = self.run(tenant or self.tenants[0], store.head(self.vault))
        return found

    def change(self, number: float, /, **columns: Any) -> None:
        """Write over columns of an act of the first ISP."""
        texts = ", ".join(f"{name} = ?" for name in columns)
        where = "WHERE tenant_id = ? AND number = ?"
        self.connection.execute(
            f"UPDATE audit SET {texts} {where}",
            (*columns.values(), self.tenants[0], number),
        )

    def plant(self, row: Mapping[str, Any], **changes: Any) -> None:
        """Insert a row as an act of the first ISP."""
        columns = {**{k: v for k, v in row.items() if k != "id"}, "tenant_id": self.tenants[0], **changes}
        marks = ", ".join("?" * len(columns))
        self.connection.execute(
            f"INSERT INTO audit ({', '.join(columns)}) VALUES ({marks})",
            tuple(columns.values()),
        )

    def remove(self, first: int, last: int) -> None:
        self.sql("DELETE FROM audit WHERE tenant_id = ? AND number BETWEEN ? AND ?", self.tenants[0], first, last)

    def set_head(self, seal: bytes, number: int | None = None) -> None:
        number = self.head()["number"] if number is None else number
        self.sql("UPDATE audit_heads SET seal = ?, number = ? WHERE tenant_id = ?", seal, number, self.tenants[0])

    @contextmanager
    def tampered(self, how: Callable[[], int]) -> Iterator[int]:
        """Tamper, and undo it afterwards; gives the first number that is to be found."""
        heads = dict(self.old_heads)
        self.connection.execute("BEGIN")
        try:
            yield how()
        finally:
            self.connection.execute("ROLLBACK")
            self.old_heads = heads


@contextmanager
def a_ledger(folder: Path, *, acts: int = 0, others: int = 0) -> Iterator[Ledger]:
    """A ledger of two ISPs, whose acts came in turns."""
    connection = raw(fresh_place(folder))
    ledger = Ledger(connection=connection)
    rng = random.Random(7)
    connection.execute("BEGIN")
    connection.drop_triggers()
    ledger.tenants = [ledger.run(None, tenancy.add_tenant(name, BEGIN)).id for name in ("Kilimani", "Ngong")]
    for n in range(1, max(acts, others) + 1):
        ledger.grow(ledger.tenants[0], [n] if n <= acts else [], rng)
        ledger.grow(ledger.tenants[1], [n] if n <= others else [], rng)
    connection.execute("COMMIT")
    try:
        yield ledger
    finally:
        connection.close()
