"""A guest asks to pay: one payment per click, the limits, and the push in the background.

`begin` writes the payment and counts its prompt in one transaction and returns; the page then asks our own
state only. The push is made by a task: claim (submitting) → call → write what came back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from portal.access.catalog import TenantView
from portal.access.plans import Plan
from portal.clock import MINUTE, SECOND, Clock, Moment
from portal.db import Database, DatabaseAway
from portal.errors import ProviderRefused, ProviderUnknown, Refused
from portal.payments import views
from portal.payments.limits import seconds
from portal.payments.orders import (
    MAC,
    Order,
    Outcome,
    Submission,
    before_again,
    callback_token,
    claim_submission,
    click_key,
    create,
    purchase_token,
    record_outcome,
)
from portal.payments.provider import Prompt, Providers
from portal.phone import Phone
from portal.seal import Vault
from portal.settings import Settings
from portal.tenancy.store import Router, Tenant

log = structlog.get_logger("bando.checkout")

MAX_CLICK = 200
HELD_MS = 10 * MINUTE  # after that the payment has an end without it


@dataclass(frozen=True, kw_only=True)
class Started:
    """A payment that has begun; `token` is the purchase's own, the proof of R3."""

    public: str
    token: str


class Checkout:
    """Begins payments and sends their prompts."""

    def __init__(
        self,
        db: Database,
        vault: Vault,
        clock: Clock,
        settings: Settings,
        providers: Providers,
        on_accepted: Callable[[], None],
    ) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._settings = settings
        self._providers = providers
        self._on_accepted = on_accepted
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(
        self,
        view: TenantView,
        router: Router,
        plan: Plan,
        *,
        mac: str,
        phone: Phone,
        click: str,
        after: Moment | None = None,
    ) -> Started:
        """The payment of this click; the same click of the same device gives the same payment.

        `after`: when the payment was begun that failed, and is tried again.
        Raises `Refused`: prompt-open, prompt-limit-phone, prompt-limit-device, too-early, shop-busy (each with
        `wait_s`), no-payments, plan, plan-closed, mac.
        """
        order = Order(
            tenant=view.tenant,
            router=router,
            plan=plan,
            mac=mac.upper(),
            phone=phone,
            click=click[:MAX_CLICK],
            after=after,
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
        return Started(public=public, token=self._token(view.tenant, click_key(self._vault, order)))

    async def again(self, view: TenantView, payment_token: str, click: str) -> Started:
        """A new prompt for the same plan, phone and device; raises `Refused`, also not-again."""
        now = self._clock.now()
        found = await self._db.read(view.tenant.id, before_again, self._vault, payment_token)
        if found is None:
            raise Refused("not-found", status=404)
        one, phone, mac = found
        retry_at = views.retry_at(one)
        if retry_at is None:
            raise Refused("not-again", status=409)
        if now < retry_at:
            raise Refused("too-early", status=429, wait_s=seconds(retry_at - now))
        plan = view.plan(one.plan.public)
        router = view.routers.get(one.router_id or 0)
        if plan is None or router is None:
            raise Refused("plan", status=409)
        return await self.begin(view, router, plan, mac=mac, phone=phone, click=click, after=one.created_at)

    def send(self, tenant: Tenant, payment_id: int) -> None:
        """Send the prompt of a created payment, in the background."""
        task = asyncio.create_task(self._submit(tenant, payment_id), name="push")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _token(self, tenant: Tenant, click: str) -> str:
        return purchase_token(self._vault, tenant, click)

    async def drain(self, patience_s: float = 45) -> None:
        """Until the prompts in hand are sent and written down."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=patience_s)

    async def _submit(self, tenant: Tenant, payment_id: int) -> None:
        try:
            sub = await self._db.write(
                tenant.id, claim_submission, self._vault, payment_id, self._clock.now(), self._providers
            )
            if sub is None:
                return
            outcome = await self._call(tenant, sub)
            await self._write_down(tenant, payment_id, outcome)
            self._on_accepted()
        except DatabaseAway:
            log.warning("a push waits for the database", payment=payment_id)
        except Exception as failed:  # the payment stays as written: a restart or its ten minutes resolve it
            log.error("push failed", payment=payment_id, error=type(failed).__name__, exc_info=failed)

    async def _write_down(self, tenant: Tenant, payment_id: int, outcome: Outcome) -> None:
        """What the provider said is said once: a database that is away for a while must not lose it."""
        came = self._clock.now()
        while True:
            try:
                await self._db.write(tenant.id, record_outcome, self._vault, tenant.id, payment_id, outcome, came)
            except DatabaseAway:
                if self._clock.now() - came > HELD_MS:
                    raise
                await self._clock.sleep(SECOND)
            else:
                return

    async def _call(self, tenant: Tenant, sub: Submission) -> Outcome:
        token = callback_token(self._vault, tenant, sub.payment.public)
        prompt = Prompt(
            phone=sub.phone,
            amount=sub.payment.amount,
            account_ref=sub.payment.account_ref,
            description=sub.payment.plan.name,
            callback_url=f"{self._settings.public_url}/hook/{token}",
            payment=sub.payment.public,
            return_url=f"{self._settings.public_url}/p/{self._token(tenant, sub.payment.click_key)}/?back=1",
        )
        try:
            return await self._providers[sub.account.provider].push(sub.account, prompt, self._clock.now())
        except (ProviderRefused, ProviderUnknown) as failed:
            log.warning("push not accepted", payment=sub.payment.public, kind=type(failed).__name__)
            return failed
