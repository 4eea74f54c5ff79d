"""The accounts of the books, and between which two of them each kind of fact moves money. Pure.

    prompt ─► paid ─► transit ◄─ placed ◄─ unplaced ◄─ receipt ◄─ M-Pesa
                │
                ▼
             revenue ◄─ redeemed ◄─ vouchers ◄─ sold ◄─ cash · handed-out ◄─ agents

A payment and its receipt come by different ways and in either order. So each is a fact of its own: *transit* holds
what is paid and whose receipt is to come, *unplaced* what has come and has no payment. When all is well both are empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

Account = Literal[
    "mpesa",  # in the paybill or till, by the receipts
    "transit",  # paid, and its receipt is to come
    "cash",  # in the drawer of somebody of the staff
    "safe",  # cash that was handed over
    "uncounted",  # cash for cards of our own stock that were redeemed: nobody has said who took it
    "agents",  # what agents owe for the cards they were given
    "unplaced",  # money that has come and has no payment
    "vouchers",  # cards that are sold and not redeemed: we owe the time
    "revenue",
    "expired",  # sold, and never redeemed
    "refunds",
    "commissions",
    "charges",  # of the provider
    "differences",  # between a drawer and its count, or the books and the provider's list
    "compensation",  # free time at its price, outside of revenue …
    "given",  # … and what it is balanced by
]

ACCOUNTS: tuple[Account, ...] = get_args(Account)
# Whose balance is what they were debited less what they were credited; of the others it is the other way round.
DEBIT: frozenset[Account] = frozenset(
    {
        *("mpesa", "transit", "cash", "safe", "uncounted", "agents"),
        *("refunds", "commissions", "charges", "differences", "compensation"),
    }
)


@dataclass(frozen=True)
class Legs:
    """The account that a fact debits, and the one that it credits."""

    debit: Account
    credit: Account


KINDS: Mapping[str, Legs] = MappingProxyType(
    {
        # M-Pesa; the cause is a receipt or a payment
        "receipt": Legs("mpesa", "unplaced"),
        "placed": Legs("unplaced", "transit"),
        "paid": Legs("transit", "revenue"),
        "sent-back": Legs("unplaced", "mpesa"),
        # cards; the cause is a card or a range of them
        "sold": Legs("cash", "vouchers"),
        "sale-undone": Legs("vouchers", "cash"),
        "handed-out": Legs("agents", "vouchers"),
        "taken-back": Legs("vouchers", "agents"),
        "redeemed": Legs("vouchers", "revenue"),
        "redeemed-stock": Legs("uncounted", "revenue"),  # nobody has posted its sale
        "expired": Legs("vouchers", "expired"),  # or lost by an agent, who owes for it all the same
        # agents
        "commission": Legs("commissions", "agents"),
        "commission-undone": Legs("agents", "commissions"),
        "settled": Legs("cash", "agents"),
        # refunds; the cause is a refund
        "refund-reversal": Legs("refunds", "mpesa"),
        "refund-cash": Legs("refunds", "cash"),
        "charge": Legs("charges", "mpesa"),
        # money that somebody has found not to be there; the cause is a receipt, or a payment that never got one
        "not-there": Legs("differences", "mpesa"),
        "there-after-all": Legs("mpesa", "differences"),
        "never-came": Legs("differences", "transit"),
        "came-after-all": Legs("transit", "differences"),
        # drawers
        "counted": Legs("cash", "uncounted"),
        "float": Legs("cash", "safe"),
        "handed-over": Legs("safe", "cash"),
        "over": Legs("cash", "differences"),
        "short": Legs("differences", "cash"),
        # outside of revenue
        "compensated": Legs("compensation", "given"),
        # from before there were books
        "brought-forward": Legs("safe", "agents"),
    }
)


def kinds_of(account: Account) -> tuple[str, ...]:
    """The kinds that move this account."""
    return tuple(kind for kind, legs in KINDS.items() if account in (legs.debit, legs.credit))


def balance(account: Account, debits: int, credits: int) -> int:
    """What stands on an account, in minor units, as people say it: what is owned, owed, earned or spent."""
    return debits - credits if account in DEBIT else credits - debits
