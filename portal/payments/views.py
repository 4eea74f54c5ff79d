"""Payments as pages see them. Read-only units."""

from __future__ import annotations

from dataclasses import dataclass

from portal.access.plans import Plan
from portal.clock import MINUTE, Moment
from portal.money import Money
from portal.payments import payment, settle, store
from portal.payments.accounts import Start, current_account, get_account
from portal.payments.payment import State
from portal.phone import Phone
from portal.seal import Vault, token_hash
from portal.units import Unit

OPEN_FOR_MS = 30 * MINUTE


@dataclass(frozen=True, kw_only=True)
class PaymentView:
    """A payment for whoever holds its token."""

    public: str
    state: State
    reason: str | None
    amount: Money
    phone: Phone
    plan: Plan
    account_ref: str
    pay_number: str
    pay_kind: str
    start: Start  # a phone rings, or there is a page to go to
    go_to: str
    say: str
    created_at: Moment
    submitted_at: Moment | None
    settled_at: Moment | None
    device_id: int
    router_id: int | None
    receipt: str | None
    may_retry_at: Moment | None


@dataclass(frozen=True, kw_only=True)
class OpenPayment:
    """What a claimed MAC may know of a payment (R3): that one is being checked. No phone, no receipt, no token."""

    public: str
    state: State
    reason: str | None
    amount: Money
    plan: Plan
    created_at: Moment
    submitted_at: Moment | None
    device_id: int
    router_id: int | None
    may_retry_at: Moment | None


def how_paid() -> Unit[Start]:
    """How a payment that began now would begin."""
    account = yield from current_account()
    return "prompt" if account is None else account.start


def retry_at(one: store.Payment) -> Moment | None:
    """A page can be paid for as long as it is open; a second one beside it would be paid twice."""
    if one.go_to_sealed is not None and one.state in payment.WAITING:
        return (one.submitted_at or one.created_at) + payment.EXPIRES_MS
    return payment.may_retry_at(one.state, one.reason, one.created_at, one.submitted_at)


def payment_by_token(vault: Vault, token: str) -> Unit[PaymentView | None]:
    """The payment of a purchase token; None for an unknown token, and when its guest was erased."""
    one = yield from store.payment_by_token(token_hash(token))
    return None if one is None else (yield from view_of(vault, one))


def view_of(vault: Vault, one: store.Payment) -> Unit[PaymentView | None]:
    phone = yield from settle.payers_phone(vault, one)
    account = yield from get_account(one.account_id)
    if phone is None or account is None:
        return None
    receipt = yield from store.receipt_of(one.id)
    return PaymentView(
        public=one.public,
        state=one.state,
        reason=one.reason,
        amount=one.amount,
        phone=phone,
        plan=one.plan,
        account_ref=one.account_ref,
        pay_number=account.pay_number,
        pay_kind=account.kind,
        start="page" if one.go_to_sealed is not None else account.start,
        go_to=one.go_to(vault),
        say=one.say or "",
        created_at=one.created_at,
        submitted_at=one.submitted_at,
        settled_at=one.settled_at,
        device_id=one.device_id,
        router_id=one.router_id,
        receipt=None if receipt is None else receipt.number,
        may_retry_at=retry_at(one),
    )


def open_payment_of(device_id: int, now: Moment) -> Unit[OpenPayment | None]:
    """The newest payment of a device whose end is not known yet, if it is younger than half an hour."""
    one = yield from store.newest_of_device(device_id, payment.UNSETTLED, now - OPEN_FOR_MS)
    if one is None:
        return None
    return OpenPayment(
        public=one.public,
        state=one.state,
        reason=one.reason,
        amount=one.amount,
        plan=one.plan,
        created_at=one.created_at,
        submitted_at=one.submitted_at,
        device_id=one.device_id,
        router_id=one.router_id,
        may_retry_at=retry_at(one),
    )
