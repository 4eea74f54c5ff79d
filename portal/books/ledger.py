"""Posting: each fact about money becomes one transfer, in the transaction that makes it so, and only once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from portal.books import store
from portal.books.chart import ACCOUNTS, KINDS, Account, balance
from portal.clock import Moment
from portal.money import Money
from portal.units import Row, Unit


@dataclass(frozen=True, kw_only=True)
class About:
    """What a transfer is about beside its amount; reports are made from it."""

    account_id: int | None = None  # the paybill or till
    staff_id: int | None = None  # whose drawer
    agent_id: int | None = None
    plan_id: int | None = None
    router_id: int | None = None
    happened_at: Moment | None = None  # by the provider's clock


NOTHING = About()


def post(kind: str, cause: str, amount: Money, now: Moment, about: About = NOTHING) -> Unit[bool]:
    """Post a fact to the books, unless it stands there already or is about nothing; whether it was new."""
    if not amount.minor:
        return False
    legs = KINDS[kind]
    made = yield from store.add_transfer(
        kind=kind,
        cause=cause,
        debit=legs.debit,
        credit=legs.credit,
        amount_minor=amount.minor,
        currency=amount.currency,
        posted_at=now,
        happened_at=about.happened_at,
        account_id=about.account_id,
        staff_id=about.staff_id,
        agent_id=about.agent_id,
        plan_id=about.plan_id,
        router_id=about.router_id,
    )
    return made is not None


def posted(kind: str, cause: str) -> Unit[Row | None]:
    """The transfer of this fact, if it was posted."""
    return (yield from store.transfer(kind, cause))


def balances(sums: Iterable[Mapping[str, Any]], currency: str) -> Mapping[Account, int]:
    """What stands on each account after transfers that were summed by kind, in minor units."""
    debits, credits = dict.fromkeys(ACCOUNTS, 0), dict.fromkeys(ACCOUNTS, 0)
    for row in sums:
        if row["currency"] == currency:
            legs = KINDS[row["kind"]]
            debits[legs.debit] += int(row["minor"])
            credits[legs.credit] += int(row["minor"])
    return {each: balance(each, debits[each], credits[each]) for each in ACCOUNTS}
