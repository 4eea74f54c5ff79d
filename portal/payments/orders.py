"""The units of a payment's first steps: made by a click, taken in hand, what the push came to, after a restart."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from portal.access import store as access
from portal.access.hours import still_sold
from portal.access.plans import Plan, to_json
from portal.clock import MINUTE, Moment
from portal.errors import ProviderRefused, ProviderUnknown, Refused
from portal.payments import channels, limits, payment, settle, store
from portal.payments.accounts import Account, current_account, get_account
from portal.payments.counts import store as counts
from portal.payments.limits import seconds
from portal.payments.mpesa_notices import READERS
from portal.payments.payment import Evidence
from portal.payments.provider import Accepted, Readers
from portal.payments.store import Payment
from portal.people import store as people
from portal.phone import Phone
from portal.seal import Vault, new_public, token_hash
from portal.settings import Settings
from portal.tenancy import store as tenancy
from portal.tenancy.store import Router, Tenant
from portal.units import Unit

# No vowels (no words), nothing that looks like something else.
REF_LETTERS = "23456789BCDFGHJKMNPQRSTVWXYZ"
REF_LENGTH = 7
MAX_SAY = 300  # what a provider says to a guest
_LONG_NUMBER = re.compile(r"\+?\d[\d ]{5,}\d")  # may be the guest's own: it is not kept in plain
AGAIN_MS = 30 * MINUTE  # so long a payment that failed may be tried again, although the sale is over by then
MAC = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){5}")


@dataclass(frozen=True, kw_only=True)
class Order:
    """What was clicked."""

    tenant: Tenant
    router: Router
    plan: Plan
    mac: str
    phone: Phone
    click: str
    after: Moment | None = None  # when the payment was begun that this one follows, with a new prompt


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A payment that is about to be given to the provider."""

    payment: Payment
    account: Account
    phone: Phone


Outcome = Accepted | ProviderRefused | ProviderUnknown


# --- names ---


def derived(vault: Vault, tenant: Tenant, kind: str, value: str) -> str:
    """A token of the tenant that only this installation can make, and makes again (R6)."""
    return f"{tenant.public}.{vault.index(tenant.id, kind, value).hex()[:32]}"


def click_key(vault: Vault, order: Order) -> str:
    """One payment for each click of a device."""
    return vault.index(order.tenant.id, "click", f"{order.mac}|{order.click}").hex()


def purchase_token(vault: Vault, tenant: Tenant, click: str) -> str:
    """The purchase's token, by its click's key: the same click of the same device finds it again."""
    return derived(vault, tenant, "purchase", click)


def callback_token(vault: Vault, tenant: Tenant, payment_public: str) -> str:
    """The path token of a payment's callback address."""
    return derived(vault, tenant, "callback", payment_public)


def checkout_index(vault: Vault, tenant_id: int, request: str) -> bytes:
    """The keyed hash that finds a payment by the provider's name of its prompt."""
    return vault.index(tenant_id, "checkout", request)


def new_ref() -> str:
    """An account reference that people can type."""
    return "".join(secrets.choice(REF_LETTERS) for _ in range(REF_LENGTH))


# --- units ---


def create(vault: Vault, settings: Settings, order: Order, now: Moment) -> Unit[tuple[int, str, bool]]:
    """The payment of this click, made if it is new: its id, public name, and whether it is new."""
    token = purchase_token(vault, order.tenant, click_key(vault, order))
    known = yield from store.payment_by_token(token_hash(token))
    if known is not None:
        return known.id, known.public, False
    if not (yield from tenancy.is_on()):
        raise Refused("isp-closed", status=503)
    in_its_hours(order, now)
    account = yield from current_account()
    if account is None or order.plan.price.minor < 100 or order.plan.price.minor % 100:
        raise Refused("no-payments", status=409)
    device = yield from access.touch_device(order.mac, order.router.id, now)
    person_id = yield from people.person_for(vault, order.tenant.id, order.phone, now)
    index = people.phone_index(vault, order.tenant.id, order.phone)
    yield from limits.check_prompts(limits.prompt_budgets(settings, index, device.id, order.router.id), now)
    yield from _one_prompt(person_id, order.plan, now)
    payment_id, public = yield from _insert(vault, order, account, device.id, person_id, now)
    yield from counts.insert_prompt(
        phone_index=index, device_id=device.id, router_id=order.router.id, payment_id=payment_id, sent_at=now
    )
    return payment_id, public, True


def in_its_hours(order: Order, now: Moment) -> None:
    """Raise `Refused("plan-closed")` outside the hours of sale; what was begun in time may be tried again."""
    hours, timezone = order.plan.hours, order.tenant.timezone
    begun = order.after is not None and now - order.after <= AGAIN_MS and still_sold(hours, order.after, timezone)
    if not begun and not still_sold(hours, now, timezone):
        raise Refused("plan-closed", status=409)


def _one_prompt(person_id: int, plan: Plan, now: Moment) -> Unit[None]:
    """One open prompt per phone; the provider refuses the same amount again within two minutes (result 17)."""
    span = max(payment.PROMPT_LIVES_MS, payment.SAME_AMOUNT_MS)
    for each in (yield from store.lately_asked(person_id, now - span)):
        since = each.created_at if each.submitted_at is None else each.submitted_at
        if each.state in payment.WAITING and now < since + payment.PROMPT_LIVES_MS:
            raise Refused("prompt-open", status=429, wait_s=seconds(since + payment.PROMPT_LIVES_MS - now))
        counts = each.prompted and (each.state != "failed" or each.reason == "duplicate")
        if counts and each.amount == plan.price and now < since + payment.SAME_AMOUNT_MS:
            raise Refused("too-early", status=429, wait_s=seconds(since + payment.SAME_AMOUNT_MS - now))


def _insert(
    vault: Vault, order: Order, account: Account, device_id: int, person_id: int, now: Moment
) -> Unit[tuple[int, str]]:
    click = click_key(vault, order)
    token = purchase_token(vault, order.tenant, click)
    for _ in range(8):  # until its random names are free
        public = new_public()
        payment_id = yield from store.insert_payment(
            public=public,
            token_hash=token_hash(token),
            callback_hash=token_hash(callback_token(vault, order.tenant, public)),
            click_key=click,
            account_id=account.id,
            environment=account.environment,
            router_id=order.router.id,
            device_id=device_id,
            person_id=person_id,
            phone_tail=order.phone.tail,
            plan_id=order.plan.id,
            plan_copy=to_json(order.plan),
            amount_minor=order.plan.price.minor,
            currency=order.plan.price.currency,
            account_ref=new_ref(),
            state="created",
            created_at=now,
        )
        if payment_id is not None:
            return payment_id, public
    raise Refused("shop-busy", status=429, wait_s=60)


def claim_submission(vault: Vault, payment_id: int, now: Moment, readers: Readers = READERS) -> Unit[Submission | None]:
    """Take a created payment in hand, before the provider is called; None when it is not ours to send.

    No prompt rings for an ISP that was switched off since the click: that payment has failed.
    """
    one = yield from store.payment(payment_id)
    if one is None or payment.step(one.state, "claimed").state == one.state:
        return None
    if not (yield from tenancy.is_on()):
        yield from store.change_payment(one.id, state=payment.step(one.state, "unsent").state, reason="not-sent")
        return None
    phone = yield from settle.payers_phone(vault, one)
    account = yield from get_account(one.account_id)
    if phone is None or account is None or account.provider not in readers:
        return None
    yield from store.change_payment(one.id, state=payment.step(one.state, "claimed").state, submitted_at=now)
    if not readers[account.provider].names_itself:  # so it can be asked about, whatever becomes of the request
        yield from _keep_ids(vault, account.tenant_id, one, Accepted(checkout_request=one.public))
    return Submission(payment=one, account=account, phone=phone)


def record_outcome(vault: Vault, tenant_id: int, payment_id: int, outcome: Outcome, now: Moment) -> Unit[None]:
    """Write down what the push came to. The ids are kept whatever happened meanwhile; the state moves on only
    from submitting, for the callback may have been quicker (R1)."""
    one = yield from store.payment(payment_id)
    assert one is not None
    if isinstance(outcome, Accepted):
        yield from _keep_ids(vault, tenant_id, one, outcome)
    evidence: Evidence = "accepted"
    reason = None
    if isinstance(outcome, ProviderRefused):
        evidence, reason = "refused", outcome.reason
        account = yield from get_account(one.account_id)
        if reason == "config" and account is not None:
            yield from channels.alert(account, reason, outcome.detail, now)
    elif isinstance(outcome, ProviderUnknown):
        evidence = "lost"
    after = payment.step(one.state, evidence).state
    if after != one.state:
        yield from store.change_payment(one.id, state=after, reason=reason)
    if after == "awaiting" or (after == "submit_unknown" and one.checkout_request_sealed is not None):
        first = payment.next_ask(one.submitted_at or now, now)
        yield from store.change_payment(one.id, next_query_at=first)


def _keep_ids(vault: Vault, tenant_id: int, one: Payment, ids: Accepted) -> Unit[None]:
    def sealed(text: str, column: str) -> bytes | None:
        return vault.seal(text, table="payments", row=one.public, column=column) if text else None

    yield from store.change_payment(
        one.id,
        merchant_request_sealed=sealed(ids.merchant_request, "merchant_request_sealed"),
        checkout_request_sealed=sealed(ids.checkout_request, "checkout_request_sealed"),
        checkout_index=checkout_index(vault, tenant_id, ids.checkout_request) if ids.checkout_request else None,
        go_to_sealed=sealed(ids.go_to, "go_to_sealed"),
        say=_LONG_NUMBER.sub("…", ids.say[:MAX_SAY]) or None,
    )


def recover(now: Moment, age_ms: int = 0) -> Unit[list[int]]:
    """After a start: what was being sent has an unknown outcome; what was not, is sent if the guest still waits.

    `age_ms`: of what has stood so for that long; where other processes send as well.
    """
    for payment_id in (yield from store.in_state(("submitting",), now - age_ms)):
        after = payment.step("submitting", "restarted").state
        yield from store.change_payment(payment_id, state=after, next_query_at=now)
    for payment_id in (yield from store.in_state(("created",), now - payment.UNSENT_MS)):
        after = payment.step("created", "unsent").state
        yield from store.change_payment(payment_id, state=after, reason="not-sent")
    return (yield from store.in_state(("created",), now - age_ms))


def before_again(vault: Vault, token: str) -> Unit[tuple[Payment, Phone, str] | None]:
    """A payment with the phone and the device it was for."""
    one = yield from store.payment_by_token(token_hash(token))
    if one is None:
        return None
    phone = yield from settle.payers_phone(vault, one)
    device = yield from access.device(one.device_id)
    return None if phone is None or device is None else (one, phone, device.mac)
