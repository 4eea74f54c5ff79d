"""What staff decide about money that settled nothing by itself: whose it was, what it buys, or that it went back.

Each goes the road that evidence goes, under the same rules: a receipt pays at most one payment, a payment has at most
one receipt and makes at most one pass, and the amounts must be the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from portal.access import admission
from portal.access import store as access
from portal.access.plans import Plan
from portal.access.store import Cause
from portal.clock import Moment
from portal.errors import Refused
from portal.payments import posting, store
from portal.payments.accounts import get_account
from portal.payments.claims import Wish, find_receipt, paid_with
from portal.payments.late import store as late
from portal.payments.settle import MoneyMoved, Said, same_payer, settle
from portal.payments.store import Payment, Receipt
from portal.people import store as people
from portal.phone import Phone
from portal.seal import Vault
from portal.units import Unit

BY = "staff"
# What is settled once the money of a receipt has its place, and once a payment has its money.
OF_RECEIPT = ("unmatched-money", "two-candidates", "wrong-shortcode", "second-receipt", "receipt-elsewhere")
OF_PAYMENT = (
    "unproven",
    "unknown-outcome",
    "receipt-missing",
    "wrong-amount",
    "wrong-ids",
    "receipt-used",
    "receipt-elsewhere",
    "tenant-closed",
    "payer-erased",
    "unknown-id",
    "money-in-review",
)


def waiting(receipt_id: int) -> Unit[Receipt]:
    """A receipt whose money has no place yet; raises `Refused`, ``money-done`` with the payment that has it."""
    found = yield from store.receipt_by_id(receipt_id)
    if found is None:
        raise Refused("not-found", status=404)
    if found.payment_id is not None:
        raise Refused("money-done", status=409, payment=found.payment_id)
    if found.state == "returned":
        raise Refused("money-returned", status=409)
    return found


# --- it belonged to an order ---


def match(vault: Vault, receipt_id: int, payment_id: int, now: Moment) -> Unit[Payment]:
    """The money of a receipt was meant for this payment, which is paid by it."""
    receipt = yield from waiting(receipt_id)
    one = yield from _open(payment_id)
    if one.amount != receipt.amount:
        raise Refused("match-amount", status=409)
    if one.environment != receipt.environment:
        raise Refused("match-elsewhere", status=409)
    return (yield from _decided(vault, one, _moved(receipt, one), now))


def _open(payment_id: int) -> Unit[Payment]:
    """A payment that has no receipt yet."""
    one = yield from store.payment(payment_id)
    if one is None:
        raise Refused("match-unknown", status=404)
    if (yield from store.receipt_of(payment_id)) is not None:
        raise Refused("match-has-receipt", status=409)
    if one.state != "paid" and (yield from late.nobodys(one.person_id, one.device_id)):
        raise Refused("match-erased", status=409)  # the pass would be nobody's
    return one


def _moved(receipt: Receipt, one: Payment) -> MoneyMoved:
    """A receipt of the books as evidence about this payment."""
    return MoneyMoved(
        number=receipt.number,
        provider=receipt.provider,
        environment=receipt.environment,
        amount=receipt.amount,
        account_id=receipt.account_id or one.account_id,
        shortcode="",
    )


def _decided(vault: Vault, one: Payment, money: MoneyMoved | None, now: Moment) -> Unit[Payment]:
    yield from settle(vault, one, Said(kind="decided", via=BY, money=money), now)
    yield from store.close_lines(OF_PAYMENT, f"payment:{one.public}", now)
    if money is not None:
        yield from store.close_lines(OF_RECEIPT, f"receipt:{money.number}", now)
    return one


def typed_number(payment_id: int, text: str) -> Unit[str | None]:
    """The number of a receipt as staff type it: M-Pesa's has a shape by which it is found in a message."""
    one = yield from store.payment(payment_id)
    account = None if one is None else (yield from get_account(one.account_id))
    if account is None or account.provider == store.PROVIDER:
        return find_receipt(text)
    return text.strip() if re.fullmatch(r"\s*[A-Za-z0-9_-]{4,40}\s*", text) else None


def found_receipt(vault: Vault, payment_id: int, number: str, now: Moment) -> Unit[Payment]:
    """Staff have found the receipt of a payment in the provider's own list; it shows the amount that was asked for."""
    one = yield from _open(payment_id)
    account = yield from get_account(one.account_id)
    provider = store.PROVIDER if account is None else account.provider
    known = yield from store.receipt(number, one.environment, provider)
    if known is not None:
        return (yield from match(vault, known.id, payment_id, now))
    money = MoneyMoved(
        number=number,
        provider=provider,
        environment=one.environment,
        amount=one.amount,
        account_id=one.account_id,
        shortcode="",
        account_ref=one.account_ref,
        payer_tail=one.phone_tail,
        paid_at=one.submitted_at or one.created_at,
    )
    done = yield from _decided(vault, one, money, now)
    taken = yield from store.receipt_of(payment_id)
    if taken is None:
        raise Refused("match-taken", status=409)  # the number is in somebody else's books (I3)
    return done


def count_as_paid(vault: Vault, payment_id: int, now: Moment) -> Unit[Payment]:
    """The pass now, the receipt later: if the money shows up, it finds this payment waiting for it."""
    one = yield from _open(payment_id)
    if one.state == "paid":
        raise Refused("paid-already", status=409)
    return (yield from _decided(vault, one, None, now))


# --- it buys a pass ---


@dataclass(frozen=True, kw_only=True)
class Given:
    """A pass for a device, for the money of a receipt. `phone` is the paying number, where it is known."""

    device_id: int
    plan: Plan
    phone: Phone | None = None
    reason: str = ""  # needed when the plan does not cost just as much


def give(vault: Vault, tenant_id: int, receipt_id: int, given: Given, now: Moment) -> Unit[int]:
    """One pass for the money of a receipt, however often and by however many it is asked for; gives its payment."""
    receipt = yield from waiting(receipt_id)
    if given.plan.price != receipt.amount and not given.reason:
        raise Refused("give-reason")
    device = yield from access.device(given.device_id)
    if device is None or (yield from late.device_gone(device.id)):
        raise Refused("give-device", status=404)
    if device.hold.blocked:
        raise Refused("give-blocked", status=409)
    person_id = yield from _payer(vault, tenant_id, receipt, given.phone, now)
    wish = Wish(plan=given.plan, device_id=device.id, router_id=device.last_router_id, person_id=person_id)
    tail = given.phone.tail if given.phone else receipt.payer_tail
    payment_id, public = yield from paid_with(receipt, wish, BY, tail, now)
    if not (yield from posting.take(receipt, payment_id, "claimed", now)):
        raise Refused("receipt-used", status=409)
    yield from admission.grant(given.plan, device.id, Cause(kind="payment", ref=public), now, person_id)
    yield from admission.wanted_since(device.id, now, now)
    yield from _placed(receipt, now)
    return payment_id


def _payer(vault: Vault, tenant_id: int, receipt: Receipt, phone: Phone | None, now: Moment) -> Unit[int]:
    """Who paid. A number that staff were told must agree with what the receipt shows of it."""
    if receipt.account_id is None:
        raise Refused("give-account", status=409)
    if phone is None:
        return (yield from people.nobody_known(now))
    shown = receipt.payer_tail is not None or receipt.payer_index is not None
    if shown and not same_payer(vault, receipt.payer_tail, receipt.payer_index, phone):
        raise Refused("give-payer")
    return (yield from people.person_for(vault, tenant_id, phone, now))


def _placed(receipt: Receipt, now: Moment) -> Unit[None]:
    """The lines about this money are done, and those of the payment that it named but did not fit."""
    yield from store.close_lines(OF_RECEIPT, f"receipt:{receipt.number}", now)
    named = None
    if receipt.account_ref:
        named = yield from store.payment_by_ref(receipt.account_ref, receipt.environment)
    if named is not None and named.state == "review":
        yield from store.close_lines(OF_PAYMENT, f"payment:{named.public}", now)


# --- it went back ---


def sent_back(receipt_id: int, now: Moment) -> Unit[Receipt]:
    """Staff have sent the money back; from now on it pays nothing."""
    receipt = yield from waiting(receipt_id)
    if not (yield from store.give_back(receipt.id)):
        raise Refused("money-returned", status=409)
    yield from posting.sent_back(receipt, now)
    yield from _placed(receipt, now)
    return receipt
