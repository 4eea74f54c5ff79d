"""What agents owe: the cards they were given, less what they brought back, paid and earned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from portal.books import store
from portal.books.ledger import About, balances, post
from portal.clock import Moment
from portal.errors import Refused
from portal.money import Money
from portal.units import Row, Unit


@dataclass(frozen=True, kw_only=True)
class Standing:
    """An agent in the books: what was posted about them, by kind, in minor units, when last; and what they owe."""

    sums: Mapping[str, int]
    counts: Mapping[str, int]
    last: Mapping[str, Moment]
    debt: Money

    def sum(self, kind: str) -> int:
        return self.sums.get(kind, 0)


def standing(agent_id: int, currency: str) -> Unit[Standing]:
    """How an agent stands, added up anew."""
    return of_sums((yield from store.agent_sums(agent_id)), currency)


def of_sums(sums_of_all: Sequence[Row], currency: str) -> Standing:
    """How an agent stands whose sums are known."""
    found = [row for row in sums_of_all if row["currency"] == currency]
    sums = {row["kind"]: int(row["minor"]) for row in found}
    return Standing(
        sums=sums,
        counts={row["kind"]: int(row["n"]) for row in found},
        last={row["kind"]: int(row["last"]) for row in found},
        debt=Money(balances(found, currency)["agents"], currency),
    )


@dataclass(frozen=True, kw_only=True)
class Payment:
    """Cash that an agent brings; `key` is that of the form, so that a second tap brings nothing twice."""

    agent_id: int
    amount: Money
    staff_id: int  # into whose drawer
    key: str


def settle(paid: Payment, now: Moment) -> Unit[None]:
    """An agent pays what they owe, or a part; raises `Refused`, settle-more when it is more than that."""
    owed = (yield from standing(paid.agent_id, paid.amount.currency)).debt
    if paid.amount.minor <= 0:
        raise Refused("settle-amount")
    if paid.amount > owed:
        raise Refused("settle-more", status=409)
    about = About(agent_id=paid.agent_id, staff_id=paid.staff_id)
    if not (yield from post("settled", paid.key, paid.amount, now, about)):
        raise Refused("settle-there", status=409)
