"""What becomes of payments and receipts, in the books: each function posts one fact, once."""

from __future__ import annotations

from portal.books.ledger import About, post, posted
from portal.clock import Moment
from portal.money import Money
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


def given_up(payment_id: int, receipt_id: int | None) -> Unit[bool]:
    """Whether somebody has found that the money of a payment, with this receipt or without any, is not there."""
    if receipt_id is None:
        return (yield from posted("never-came", str(payment_id))) is not None
    gone = yield from posted("not-there", str(receipt_id))
    return gone is not None and (yield from posted("there-after-all", str(receipt_id))) is None


def there_after_all(receipt: Receipt, now: Moment) -> Unit[None]:
    """The provider lists a receipt that it did not list before, and whose money somebody had given up."""
    gone = yield from posted("not-there", str(receipt.id))
    if gone is not None:
        amount = Money(gone["amount_minor"], gone["currency"])
        yield from post("there-after-all", str(receipt.id), amount, now, _about(receipt))


def take(receipt: Receipt, payment_id: int, state: str, now: Moment) -> Unit[bool]:
    """Give a receipt to a payment, in the books too; False when one of them is taken already."""
    taken = yield from store.take_receipt(receipt.id, payment_id, state)
    if taken:
        yield from placed(receipt, now)
    return taken


def came_after_all(receipt: Receipt, payment_id: int, now: Moment) -> Unit[bool]:
    """Whether this is the money of a paid payment that somebody had given up; then it is here again."""
    gone = yield from posted("never-came", str(payment_id))
    if gone is None:
        return False
    amount = Money(gone["amount_minor"], gone["currency"])
    yield from post("came-after-all", str(payment_id), amount, now, _about(receipt))
    return True
