"""What the watch wants to know of accounts at M-Pesa: their balances, and when the API user's password ends."""

from __future__ import annotations

import json
from collections.abc import Sequence

from portal.clock import Moment
from portal.money import Money
from portal.payments.accounts import accounts
from portal.payments.statements import store
from portal.units import Unit


def balances() -> Unit[Sequence[tuple[str, Money, int | None, Moment]]]:
    """The largest part of the latest balances: the account as staff know it, how much, its limit, when it was read."""
    active = {each.id: each for each in (yield from accounts()) if each.active}
    found: list[tuple[str, Money, int | None, Moment]] = []
    for row in (yield from store.balances()):
        parts = [Money(minor, currency) for _, currency, minor in json.loads(row["outcome"])]
        one = active.get(row["account_id"])
        if one is not None and parts:
            most = max(parts, key=lambda part: part.minor)
            found.append((f"{one.kind} {one.pay_number}", most, one.balance_limit_minor, row["answered_at"]))
    return found


def passwords() -> Unit[Sequence[tuple[str, str, Moment]]]:
    """The API user's password of each account: its name, the account, and since when it is used."""
    return [
        (f"The password of the API user {each.initiator}", f"account:{each.public}", each.credential_at)
        for each in (yield from accounts())
        if each.active and each.credential_at is not None
    ]
