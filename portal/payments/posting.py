"""What becomes of payments and receipts, in the books: each function posts one fact, once."""

from __future__ import annotations

from portal.books.ledger import About, post
from portal.clock import Moment
from portal.payments import store
from portal.payments.store import Payment, Receipt
from portal.units import Unit


def written(receipt: Receipt, now: Moment) -> Unit[None]:
    """Money has come; whose it was is another question."""
    yield from post("receipt", str(receipt.id), receipt.amount, now, _about(receipt))


def placed(receipt: Receipt, now: Moment) -> Unit[None]:
    """The receipt has its payment."""
    yield from post("placed", str(receipt.id), receipt.amount, now, _about(receipt))


def sent_back(receipt: Receipt, now: Moment) -> Unit[None]:
    """The money of a receipt that paid nothing went back."""
    yield from post("sent-back", str(receipt.id), receipt.amount, now, _about(receipt))


def paid(payment: Payment, now: Moment) -> Unit[None]:
    """A payment is paid, by whatever evidence."""
    about = About(account_id=payment.account_id, plan_id=payment.plan.id, router_id=payment.router_id)
    yield from post("paid", payment.public, payment.amount, now, about)


def _about(receipt: Receipt) -> About:
    return About(account_id=receipt.account_id, happened_at=receipt.paid_at)


def take(receipt: Receipt, payment_id: int, state: str, now: Moment) -> Unit[bool]:
    """Give a receipt to a payment, in the books too; False when one of them is taken already."""
    taken = yield from store.take_receipt(receipt.id, payment_id, state)
    if taken:
        yield from placed(receipt, now)
    return taken
