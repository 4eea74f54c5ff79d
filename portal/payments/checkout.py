"""A guest asks to pay: one payment per click, the limits, and the push in the background.

`begin` writes the payment and counts its prompt in one transaction and returns; the page then asks our own
state only. The push is made by a task: claim (submitting) → call → write what came back.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from portal.access import store as access
from portal.access.catalog import TenantView
from portal.access.plans import Plan, to_json
from portal.clock import Clock, Moment
from portal.db import Database
from portal.errors import ProviderRefused, ProviderUnknown, Refused
from portal.payments import limits, payment, settle, store
from portal.payments.accounts import MpesaAccount, current_account, get_account
from portal.payments.limits import seconds
from portal.payments.payment import Evidence
from portal.payments.provider import Accepted, Prompt, Provider
from portal.payments.store import Payment
from portal.people import store as people
from portal.phone import Phone
from portal.seal import Vault, new_public, token_hash
from portal.settings import Settings
from portal.tenancy.store import Router, Tenant
from portal.units import Unit

log = structlog.get_logger("bando.checkout")

# No vowels (no words), nothing that looks like something else.
REF_LETTERS = "23456789BCDFGHJKMNPQRSTVWXYZ"
REF_LENGTH = 7
MAC = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){5}")
MAX_CLICK = 200


@dataclass(frozen=True, kw_only=True)
class Started:
    """A payment that has begun; `token` is the purchase's own, the proof of R3."""

    public: str
    token: str


@dataclass(frozen=True, kw_only=True)
class Order:
    """What was clicked."""

    tenant: Tenant
    router: Router
    plan: Plan
    mac: str
    phone: Phone
    click: str


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A payment that is about to be given to the provider."""

    payment: Payment
    account: MpesaAccount
    phone: Phone


Outcome = Accepted | ProviderRefused | ProviderUnknown


# --- names ---


def derived(vault: Vault, tenant: Tenant, kind: str, value: str) -> str:
    """A token of the tenant that only this installation can make, and makes again (R6)."""
    return f"{tenant.public}.{vault.index(tenant.id, kind, value).hex()[:32]}"


def purchase_token(vault: Vault, order: Order) -> str:
    """The purchase's token: the same click of the same device finds it again."""
    return derived(vault, order.tenant, "purchase", f"{order.mac}|{order.click}")


def callback_token(vault: Vault, tenant: Tenant, payment_public: str) -> str:
    """The path token of a payment's callback address."""
    return derived(vault, tenant, "callback", payment_public)


def new_ref() -> str:
    """An account reference that people can type."""
    return "".join(secrets.choice(REF_LETTERS) for _ in range(REF_LENGTH))


# --- units ---


def create(vault: Vault, settings: Settings, order: Order, now: Moment) -> Unit[tuple[int, str, bool]]:
    """The payment of this click, made if it is new: its id, public name, and whether it is new."""
    token = purchase_token(vault, order)
    known = yield from store.payment_by_token(token_hash(token))
    if known is not None:
        return known.id, known.public, False
    account = yield from current_account()
    if account is None or order.plan.price.minor < 100 or order.plan.price.minor % 100:
        raise Refused("no-payments", status=409)
    device = yield from access.touch_device(order.mac, order.router.id, now)
    person_id = yield from people.person_for(vault, order.tenant.id, order.phone, now)
    index = people.phone_index(vault, order.tenant.id, order.phone)
    yield from limits.check_prompts(limits.prompt_budgets(settings, index, device.id, order.router.id), now)
    yield from _one_prompt(person_id, order.plan, now)
    payment_id, public = yield from _insert(vault, order, account, device.id, person_id, now)
    yield from store.insert_prompt(
        phone_index=index, device_id=device.id, router_id=order.router.id, payment_id=payment_id, sent_at=now
    )
    return payment_id, public, True


def _one_prompt(person_id: int, plan: Plan, now: Moment) -> Unit[None]:
    """One open prompt per phone; the provider refuses the same amount again within two minutes (result 17)."""
    span = max(payment.PROMPT_LIVES_MS, payment.SAME_AMOUNT_MS)
    for each in (yield from store.lately_asked(person_id, now - span)):
        since = each.created_at if each.submitted_at is None else each.submitted_at
        if each.state in payment.WAITING and now < since + payment.PROMPT_LIVES_MS:
            raise Refused("prompt-open", status=429, wait_s=seconds(since + payment.PROMPT_LIVES_MS - now))
        if each.prompted and each.amount == plan.price and now < since + payment.SAME_AMOUNT_MS:
            raise Refused("too-early", status=429, wait_s=seconds(since + payment.SAME_AMOUNT_MS - now))


def _insert(
    vault: Vault, order: Order, account: MpesaAccount, device_id: int, person_id: int, now: Moment
) -> Unit[tuple[int, str]]:
    token = purchase_token(vault, order)
    for _ in range(8):  # until its random names are free
        public = new_public()
        payment_id = yield from store.insert_payment(
            public=public,
            token_hash=token_hash(token),
            callback_hash=token_hash(callback_token(vault, order.tenant, public)),
            click_key=vault.index(order.tenant.id, "click", f"{order.mac}|{order.click}").hex(),
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
    raise Refused("shop-busy", status=503, wait_s=60)


def claim_submission(vault: Vault, payment_id: int, now: Moment) -> Unit[Submission | None]:
    """Take a created payment in hand, before the provider is called; None when it is not ours to send."""
    one = yield from store.payment(payment_id)
    if one is None or payment.step(one.state, "claimed").state == one.state:
        return None
    phone = yield from settle.payers_phone(vault, one)
    account = yield from get_account(one.account_id)
    if phone is None or account is None:
        return None
    yield from store.change_payment(one.id, state=payment.step(one.state, "claimed").state, submitted_at=now)
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
            yield from settle.alert(account, reason, outcome.detail, now)
    elif isinstance(outcome, ProviderUnknown):
        evidence = "lost"
    after = payment.step(one.state, evidence).state
    if after != one.state:
        yield from store.change_payment(one.id, state=after, reason=reason)
    if after == "awaiting":
        first = payment.next_ask(one.submitted_at or now, now)
        yield from store.change_payment(one.id, next_query_at=first)


def _keep_ids(vault: Vault, tenant_id: int, one: Payment, ids: Accepted) -> Unit[None]:
    def sealed(text: str, column: str) -> bytes | None:
        return vault.seal(text, table="payments", row=one.public, column=column) if text else None

    yield from store.change_payment(
        one.id,
        merchant_request_sealed=sealed(ids.merchant_request, "merchant_request_sealed"),
        checkout_request_sealed=sealed(ids.checkout_request, "checkout_request_sealed"),
        checkout_index=vault.index(tenant_id, "checkout", ids.checkout_request) if ids.checkout_request else None,
    )


def recover(now: Moment) -> Unit[list[int]]:
    """After a start: what was being sent has an unknown outcome; what was not, is sent if the guest still waits."""
    for payment_id in (yield from store.in_state(("submitting",), now)):
        after = payment.step("submitting", "restarted").state
        yield from store.change_payment(payment_id, state=after)
    for payment_id in (yield from store.in_state(("created",), now - payment.UNSENT_MS)):
        after = payment.step("created", "unsent").state
        yield from store.change_payment(payment_id, state=after, reason="not-sent")
    return (yield from store.in_state(("created",), now))


# --- the service ---


class Checkout:
    """Begins payments and sends their prompts."""

    def __init__(
        self,
        db: Database,
        vault: Vault,
        clock: Clock,
        settings: Settings,
        provider: Provider,
        on_accepted: Callable[[], None],
    ) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._settings = settings
        self._provider = provider
        self._on_accepted = on_accepted
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(
        self, view: TenantView, router: Router, plan: Plan, *, mac: str, phone: Phone, click: str
    ) -> Started:
        """The payment of this click; the same click of the same device gives the same payment.

        Raises `Refused`: prompt-open, prompt-limit-phone, prompt-limit-device, too-early, shop-busy (each with
        `wait_s`), no-payments, plan, mac.
        """
        order = Order(
            tenant=view.tenant, router=router, plan=plan, mac=mac.upper(), phone=phone, click=click[:MAX_CLICK]
        )
        if not view.tenant.active:
            raise Refused("no-payments", status=409)
        if router.tenant_id != view.tenant.id or not plan.sold_at(router.id):
            raise Refused("plan", status=409)
        if not MAC.fullmatch(order.mac):
            raise Refused("mac")
        payment_id, public, fresh = await self._db.write(
            view.tenant.id, create, self._vault, self._settings, order, self._clock.now()
        )
        if fresh:
            self.send(view.tenant, payment_id)
        return Started(public=public, token=purchase_token(self._vault, order))

    async def again(self, view: TenantView, payment_token: str, click: str) -> Started:
        """A new prompt for the same plan, phone and device; raises `Refused`, also not-again."""
        now = self._clock.now()
        found = await self._db.read(view.tenant.id, _before, self._vault, payment_token)
        if found is None:
            raise Refused("not-found", status=404)
        one, phone, mac = found
        retry_at = payment.may_retry_at(one.state, one.reason, one.created_at, one.submitted_at, prompted=one.prompted)
        if retry_at is None:
            raise Refused("not-again", status=409)
        if now < retry_at:
            raise Refused("too-early", status=429, wait_s=seconds(retry_at - now))
        plan = view.plan(one.plan.public)
        router = view.routers.get(one.router_id or 0)
        if plan is None or router is None:
            raise Refused("plan", status=409)
        return await self.begin(view, router, plan, mac=mac, phone=phone, click=click)

    def send(self, tenant: Tenant, payment_id: int) -> None:
        """Send the prompt of a created payment, in the background."""
        task = asyncio.create_task(self._submit(tenant, payment_id), name="push")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self, patience_s: float = 45) -> None:
        """Until the prompts in hand are sent and written down."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=patience_s)

    async def _submit(self, tenant: Tenant, payment_id: int) -> None:
        try:
            sub = await self._db.write(tenant.id, claim_submission, self._vault, payment_id, self._clock.now())
            if sub is None:
                return
            outcome = await self._call(tenant, sub)
            await self._db.write(
                tenant.id, record_outcome, self._vault, tenant.id, payment_id, outcome, self._clock.now()
            )
            self._on_accepted()
        except Exception as failed:  # the payment stays as written: a restart or its ten minutes resolve it
            log.error("push failed", payment=payment_id, error=type(failed).__name__, exc_info=failed)

    async def _call(self, tenant: Tenant, sub: Submission) -> Outcome:
        token = callback_token(self._vault, tenant, sub.payment.public)
        prompt = Prompt(
            phone=sub.phone,
            amount=sub.payment.amount,
            account_ref=sub.payment.account_ref,
            description=sub.payment.plan.name,
            callback_url=f"{self._settings.public_url}/hook/{token}",
        )
        try:
            return await self._provider.push(sub.account, prompt, self._clock.now())
        except (ProviderRefused, ProviderUnknown) as failed:
            log.warning("push not accepted", payment=sub.payment.public, kind=type(failed).__name__)
            return failed


def _before(vault: Vault, token: str) -> Unit[tuple[Payment, Phone, str] | None]:
    """A payment with the phone and the device it was for."""
    one = yield from store.payment_by_token(token_hash(token))
    if one is None:
        return None
    phone = yield from settle.payers_phone(vault, one)
    device = yield from access.device(one.device_id)
    return None if phone is None or device is None else (one, phone, device.mac)
