"""What somebody who can write to the database might do to the log; each way gives the first number that is wrong."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from portal.audit.chain import Entry, Head, canonical, digest, link, seal
from portal.seal import Vault
from tests.audit.ledger import CONTENT, Ledger
from tests.support import on_postgres

STRANGER = Vault(b"a key that somebody made up, since the real one is elsewhere")


def flipped(rng: random.Random, value: bytes) -> bytes:
    """One bit of it is another."""
    at, bit = rng.randrange(len(value)), rng.randrange(8)
    return value[:at] + bytes([value[at] ^ 1 << bit]) + value[at + 1 :]


def other_text(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text))
    new = rng.choice([each for each in "0aZ{} é" if each != text[at]])
    return rng.choice([text[:at] + new + text[at + 1 :], text + " ", text[:-1], text.swapcase() + "!"])


def odd(value: int | str | bytes | None) -> float | bytes | str:
    """The same as another kind of value; SQLite's columns take any."""
    if isinstance(value, int):
        return value + 0.5
    if isinstance(value, bytes):
        return value.hex()
    return b"{}" if value is None else value.encode()


@dataclass(kw_only=True)
class Tamperer:
    """Its methods that begin with `by_` are the ways."""

    ledger: Ledger
    rng: random.Random
    size: int

    def any_act(self) -> int:
        return self.rng.randint(1, self.size)

    def two_acts(self) -> tuple[int, int]:
        first, second = sorted(self.rng.sample(range(1, self.size + 1), 2))
        return first, second

    # --- one act ---

    def by_changing_a_text(self) -> int:
        n, name = self.any_act(), self.rng.choice(("actor", "act", "subject"))
        self.ledger.change(n, **{name: other_text(self.rng, self.ledger.row(n)[name])})
        return n

    def by_moving_a_letter_to_the_next_column(self) -> int:
        n = self.any_act()
        row = self.ledger.row(n)
        self.ledger.change(n, actor=row["actor"] + row["act"][0], act=row["act"][1:])
        return n

    def by_changing_a_column_to_another_kind_of_value(self) -> int:
        n, name = self.any_act(), self.rng.choice(("at", "actor", "subject", "payload", "chain", "payload_digest"))
        self.ledger.change(n, **{name: odd(self.ledger.row(n)[name])})
        return n

    def by_changing_when_it_was(self) -> int:
        n = self.any_act()
        self.ledger.change(n, at=self.ledger.row(n)["at"] + self.rng.choice((-1, 1)) * 2 ** self.rng.randrange(40))
        return n

    def by_changing_whether_it_is_about_money(self) -> int:
        n = self.any_act()
        other = 1 - self.ledger.row(n)["money"]
        self.ledger.change(n, money=bool(other) if on_postgres() else self.rng.choice((other, 2, -1)))
        return n

    def by_changing_a_bit_of_a_hash(self) -> int:
        n, name = self.any_act(), self.rng.choice(("chain", "payload_digest"))
        self.ledger.change(n, **{name: flipped(self.rng, self.ledger.row(n)[name])})
        return n

    def by_changing_a_payload(self) -> int:
        n = self.any_act()
        self.ledger.change(n, payload=other_text(self.rng, self.ledger.row(n)["payload"] or '{"made": "up"}'))
        return n

    def by_changing_a_payload_and_its_digest(self) -> int:
        n, text = self.any_act(), canonical({"made": self.rng.random()})
        vault = self.rng.choice((STRANGER, self.ledger.vault))  # even with a digest that fits the link does not
        self.ledger.change(n, payload=text, payload_digest=digest(vault, self.ledger.tenants[0], n, text))
        return n

    def by_clearing_a_payload_that_no_purge_took(self) -> int:
        n = self.rng.choice([row["number"] for row in self.ledger.rows() if row["payload"] is not None])
        self.ledger.change(n, payload=None)
        return int(n)

    def by_changing_a_number(self) -> int:
        n = self.any_act()
        between = () if on_postgres() else (n + 0.5,)
        new = self.rng.choice((self.size + self.rng.randint(1, 9), 0, -self.rng.randint(1, 9), *between))
        self.ledger.change(n, number=new)
        return 1 if new < 1 else n  # a number below the first is met before it

    # --- removing ---

    def by_removing_an_act(self) -> int:
        n = self.any_act()
        self.ledger.remove(n, n)
        return n

    def by_removing_acts_and_closing_the_gap(self) -> int:
        first, last = self.two_acts()
        self.ledger.remove(first, last - 1)
        for n in range(last, self.size + 1):
            self.ledger.change(n, number=n - (last - first))
        return first

    def by_cutting_off_the_tail(self) -> int:
        k = self.rng.randint(1, self.size - 1)
        self.ledger.remove(self.size - k + 1, self.size)
        return self.size - k + 1

    def by_cutting_off_the_tail_and_correcting_the_number_of_the_head(self) -> int:
        n = self.by_cutting_off_the_tail()
        self.ledger.set_head(self.ledger.head()["seal"], n - 1)
        return n

    def by_removing_all(self) -> int:
        self.ledger.remove(1, self.size)
        return 1

    def by_giving_an_act_to_the_other_isp(self) -> int:
        n = self.any_act()
        self.ledger.sql(
            "UPDATE audit SET tenant_id = ?, number = number + 1000 WHERE tenant_id = ? AND number = ?",
            *(self.ledger.tenants[1], self.ledger.tenants[0], n),
        )
        return n

    # --- changing places ---

    def _swap(self, *columns: str) -> int:
        first, second = self.two_acts()
        one, other = self.ledger.row(first), self.ledger.row(second)
        self.ledger.change(first, **{name: other[name] for name in columns})
        self.ledger.change(second, **{name: one[name] for name in columns})
        if columns == ("payload",) and other["payload"] is None and one["payload"] is not None:
            return second  # that the first one has lost its own is said at the end
        return first if any(one[name] != other[name] for name in columns) else self._swap(*columns)

    def by_swapping_two_acts(self) -> int:
        return self._swap(*CONTENT)

    def by_swapping_all_but_the_links(self) -> int:
        return self._swap(*(name for name in CONTENT if name != "chain"))

    def by_swapping_payloads(self) -> int:
        return self._swap("payload")

    def by_swapping_payloads_with_their_digests(self) -> int:
        return self._swap("payload", "payload_digest")

    def by_swapping_numbers(self) -> int:
        first, second = self.two_acts()
        self.ledger.change(first, number=9999)
        self.ledger.change(second, number=first)
        self.ledger.change(9999, number=second)
        return first

    # --- making up ---

    def by_adding_an_act(self) -> int:
        row = self.ledger.row(self.any_act())
        self.ledger.plant(row, number=self.size + 1, chain=self.rng.choice((self.rng.randbytes(32), row["chain"], b"")))
        return self.size + 1

    def by_squeezing_an_act_in(self) -> int:
        n = self.any_act()
        row = self.ledger.row(n)
        for later in range(self.size, n - 1, -1):
            self.ledger.change(later, number=later + 1)
        self.ledger.plant(row, number=n, subject="voucher:made-up")
        return n

    def by_copying_an_act_of_the_other_isp(self) -> int:
        n = self.any_act()
        self.ledger.remove(n, n)
        self.ledger.plant(self.ledger.row(n, self.ledger.tenants[1]))
        return n

    def by_adding_an_act_of_the_other_isp(self) -> int:
        theirs = self.ledger.row(self.any_act(), self.ledger.tenants[1])
        self.ledger.plant(theirs, number=self.size + 1)
        return self.size + 1

    def by_writing_all_from_one_act_on_with_another_key(self) -> int:
        n, tenant = self.any_act(), self.ledger.tenants[0]
        chain = bytes(self.ledger.row(n - 1)["chain"]).hex() if n > 1 else ""
        for number in range(n, self.size + 1):
            values: dict[str, Any] = {name: self.ledger.row(number)[name] for name in Entry.__dataclass_fields__}
            new = link(STRANGER, tenant, chain, Entry(**values))
            self.ledger.change(number, chain=new)
            chain = new.hex()
        self.ledger.set_head(seal(STRANGER, tenant, Head(number=self.size, chain=chain)))
        return n

    def by_adding_an_act_with_another_key(self) -> int:
        number, tenant = self.size + 1, self.ledger.tenants[0]
        row = self.ledger.row(self.size)
        values: dict[str, Any] = {name: row[name] for name in Entry.__dataclass_fields__} | {"number": number}
        chain = link(STRANGER, tenant, row["chain"].hex(), Entry(**values))
        self.ledger.plant(row, number=number, chain=chain)
        self.ledger.set_head(seal(STRANGER, tenant, Head(number=number, chain=chain.hex())), number)
        return number

    # --- the head ---

    def by_replacing_the_head(self) -> int:
        mine = bytes(self.ledger.head()["seal"])
        last = self.ledger.last()
        self.ledger.set_head(
            self.rng.choice(
                (
                    self.rng.randbytes(60),
                    b"",
                    flipped(self.rng, mine),
                    mine[:-1],
                    bytes(self.ledger.head(self.ledger.tenants[1])["seal"]),
                    seal(STRANGER, self.ledger.tenants[0], last),
                )
            )
        )
        return self.size

    def by_changing_the_number_of_the_head(self) -> int:
        self.ledger.set_head(self.ledger.head()["seal"], self.size + self.rng.choice((-1, 1)) * self.rng.randint(1, 9))
        return self.size

    def by_removing_the_head(self) -> int:
        self.ledger.sql("DELETE FROM audit_heads WHERE tenant_id = ?", self.ledger.tenants[0])
        return self.size

    def by_putting_an_old_head_back(self) -> int:
        m = self.rng.randint(1, self.size - 1)
        self.ledger.set_head(self.ledger.old_heads[m], m)
        return m + 1

    # --- what only a head that was kept elsewhere tells ---

    def rolled_back(self) -> int:
        """The tail and the head with it: the log is what it truly was earlier."""
        n = self.by_putting_an_old_head_back()
        self.ledger.remove(n, self.size)
        return n

    def vanished(self) -> int:
        """As if nothing had ever been done."""
        self.by_removing_the_head()
        return self.by_removing_all()

    def ways(self) -> list[Callable[[], int]]:
        names = [name for name in sorted(dir(type(self))) if name.startswith("by_")]
        if on_postgres():  # whose columns take no other kind of value
            names.remove("by_changing_a_column_to_another_kind_of_value")
        return [getattr(self, name) for name in names]
