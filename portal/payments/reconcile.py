"""What was not said is asked for: the query loop, and the ends that time alone brings.

A provider lets one app ask only now and then (M-Pesa five times a minute in its sandbox), so all payments of an app
share one `Pace`. The answer goes to the inbox and through the same `settle` as a callback does.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import partial

import structlog

from portal.access.catalog import Catalog, TenantView
from portal.clock import DAY, HOUR, MINUTE, SECOND, Clock, Moment
from portal.db import Database
from portal.errors import ProviderError, ProviderRefused
from portal.loops import Bell, first
from portal.payments import channels, inbox, payment, settle, store
from portal.payments.accounts import Account, get_account
from portal.payments.apps import store as apps
from portal.payments.counts import store as counts
from portal.payments.limits import GUESS_KEPT_MS
from portal.payments.mpesa_notices import READERS
from portal.payments.provider import Heard, Providers, Readers
from portal.payments.store import Payment
from portal.seal import Vault
from portal.settings import Settings
from portal.tenancy.store import open_exception
from portal.units import Unit

log = structlog.get_logger("bando.reconcile")

PATIENCE_S = 2.0  # real seconds that a round waits for answers; an app that takes longer keeps no other one waiting
LOOK_EVERY_MS = 30 * SECOND  # for payments that another process made
SLOWEST_MS = 5 * MINUTE
PROMPTS_KEPT_MS = 2 * DAY
TIDY_EVERY_MS = HOUR


# --- pure: how fast an app may be asked ---


@dataclass(frozen=True, kw_only=True)
class Pace:
    """The spacing of one app's queries: doubled when it wants less, a tenth faster with each good answer."""

    usual_ms: int
    spacing_ms: int
    ready_at: Moment = 0

    def asked(self, now: Moment) -> Pace:
        eased = max(self.usual_ms, self.spacing_ms * 9 // 10)
        return Pace(usual_ms=self.usual_ms, spacing_ms=eased, ready_at=now + eased)

    def refused(self, now: Moment, retry_after_ms: int | None = None) -> Pace:
        slower = min(SLOWEST_MS, max(self.spacing_ms, 1) * 2)
        wait = max(slower, min(retry_after_ms or 0, SLOWEST_MS))
        return Pace(usual_ms=self.usual_ms, spacing_ms=slower, ready_at=now + wait)


# --- units ---


@dataclass(frozen=True, kw_only=True)
class Question:
    """A payment to ask about, and the account to ask with."""

    tenant: TenantView
    payment: Payment
    account: Account


def due(view: TenantView, providers: Container[str], now: Moment) -> Unit[list[Question]]:
    """What this tenant would like to ask now."""
    found: list[Question] = []
    accounts: dict[int, Account | None] = {}
    for each in (yield from store.due_queries(now)):
        if each.account_id not in accounts:
            accounts[each.account_id] = yield from get_account(each.account_id)
        account = accounts[each.account_id]
        if account is not None and account.provider in providers:
            found.append(Question(tenant=view, payment=each, account=account))
    return found


def heard(
    vault: Vault, payment_id: int, body: bytes, now: Moment, *, open_shop: bool, readers: Readers = READERS
) -> Unit[list[int]]:
    """Keep an answer as evidence and settle it; gives older evidence that is worth another look."""
    one = yield from store.payment(payment_id)
    assert one is not None
    yield from store.count_query(payment_id, payment.next_ask(one.submitted_at or one.created_at, now))
    row = yield from inbox.keep_row(vault, "query", body, True, now, payment_id=payment_id)
    yield from inbox.settle_row(vault, row, now, enforce=False, open_shop=open_shop, readers=readers)
    after = yield from store.payment(payment_id)
    if after is None or after.state != "paid":
        return []
    return (yield from store.look_again(payment_id))


def overdue(vault: Vault, now: Moment) -> Unit[int]:
    """Payments about which nothing was heard for ten minutes, and receipts that did not come for two days."""
    late = yield from store.in_state(payment.WAITING, now - payment.EXPIRES_MS)
    for payment_id in late:
        one = yield from store.payment(payment_id)
        if one is not None:
            said = settle.Said(kind="overdue", via="time", reason="unanswered")
            yield from settle.settle(vault, one, said, now)
            kind = "unknown-outcome" if one.state == "submit_unknown" else ""  # it cannot even be asked for
            if (yield from store.has_doubtful(one.id)):
                kind = "unproven"
            if kind:
                yield from open_exception(kind, f"payment:{one.public}", settle.LINES[kind], now)
    for each in (yield from store.overdue_receipts(now - payment.RECEIPT_DUE_MS)):
        yield from store.change_payment(each.id, receipt_state="overdue")
        line = settle.LINES["receipt-missing"]
        yield from open_exception("receipt-missing", f"payment:{each.public}", line, now)
    return len(late)


def trouble(question_account: Account, detail: str, now: Moment) -> Unit[None]:
    yield from channels.alert(question_account, "config", detail, now)


# --- loops ---


class Queries:
    """Asks about payments on their schedule, each app at its own pace. A `Loop`."""

    name = "payments queries"

    def __init__(
        self,
        db: Database,
        vault: Vault,
        clock: Clock,
        catalog: Catalog,
        settings: Settings,
        providers: Providers,
        *,
        shared: bool = False,
    ) -> None:
        self._shared = shared  # other processes ask the same apps, one after another
        self._usual_ms = settings.mpesa_query_every_ms
        self._db = db
        self._vault = vault
        self._clock = clock
        self._catalog = catalog
        self._providers = providers
        usual = settings.mpesa_query_every_ms
        self._paces: dict[bytes, Pace] = defaultdict(lambda: Pace(usual_ms=usual, spacing_ms=usual))
        self.bell = Bell()
        self._next: Moment | None = None
        self._asking: dict[bytes, asyncio.Task[int]] = {}  # by app: its question that is not answered yet

    async def take_up(self) -> None:
        """Go on at the pace of the process that asked before."""
        if self._shared:
            for app, (spacing, ready) in (await self._db.read(None, apps.paces)).items():
                self._paces[app] = Pace(usual_ms=self._usual_ms, spacing_ms=spacing, ready_at=ready)

    async def _set_pace(self, app: bytes, pace: Pace) -> None:
        self._paces[app] = pace
        if self._shared:
            await self._db.write(None, apps.set_pace, app, pace.spacing_ms, pace.ready_at)

    def wake(self) -> None:
        """There may be something new to ask."""
        self.bell.ring()

    async def run_once(self) -> int:
        """Ask one question of each app that is ready; how many were answered while it waited for that."""
        self.bell.clear()
        now = self._clock.now()
        by_app: dict[bytes, Question] = {}
        waiting: list[Moment] = []
        for view in self._catalog.all():
            for each in await self._db.read(view.tenant.id, due, view, self._providers, now):
                pace = self._paces[each.account.app_index]
                if each.account.app_index in self._asking:
                    continue
                if pace.ready_at > now:
                    waiting.append(pace.ready_at)
                elif self._known_less(each, by_app.get(each.account.app_index)):
                    by_app[each.account.app_index] = each
        answered = await self._ask_all(by_app)
        ready = [self._paces[app].ready_at for app in by_app if app not in self._asking]
        self._next = await self._next_due(now, waiting + ready)
        return answered

    async def _ask_all(self, by_app: Mapping[bytes, Question]) -> int:
        tasks = {app: asyncio.create_task(self._ask(each), name="query") for app, each in by_app.items()}
        if not tasks:
            return 0
        self._asking |= tasks
        try:
            await asyncio.wait(tasks.values(), timeout=PATIENCE_S)
        finally:
            for app, task in tasks.items():
                if task.done():
                    del self._asking[app]
                else:
                    task.add_done_callback(partial(self._answered_late, app))
        return sum(task.result() for task in tasks.values() if task.done())

    def _answered_late(self, app: bytes, task: asyncio.Task[int]) -> None:
        del self._asking[app]
        if not task.cancelled() and (failed := task.exception()) is not None:
            log.error("query broke off", error=type(failed).__name__, exc_info=failed)
        self.wake()

    async def drain(self) -> None:
        """Give up what is not answered yet; it is asked for again."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @staticmethod
    def _known_less(one: Question, than: Question | None) -> bool:
        """First those of which the least is known, then whose moment came first; tenants of an app take turns."""

        def rank(each: Question) -> tuple[int, Moment]:
            return each.payment.queries, each.payment.next_query_at or 0

        return than is None or rank(one) < rank(than)

    async def _ask(self, question: Question) -> int:
        app = question.account.app_index
        checkout, now = question.payment.checkout_request(self._vault), self._clock.now()
        try:
            answer = await self._providers[question.account.provider].ask(question.account, checkout, now)
        except ProviderError as failed:
            await self._set_pace(app, self._paces[app].refused(self._clock.now()))
            log.warning("query failed", payment=question.payment.public, kind=type(failed).__name__)
            if isinstance(failed, ProviderRefused) and failed.reason == "config":
                tenant_id = question.tenant.tenant.id
                await self._db.write(tenant_id, trouble, question.account, failed.detail, self._clock.now())
            return 0
        return await self._take(question, answer)

    async def _take(self, question: Question, answer: Heard) -> int:
        app, now = question.account.app_index, self._clock.now()
        if answer.throttled:
            await self._set_pace(app, self._paces[app].refused(now, answer.retry_after_ms))
            return 0
        await self._set_pace(app, self._paces[app].asked(now))
        tenant = question.tenant.tenant
        again = await self._db.write(
            tenant.id,
            heard,
            self._vault,
            question.payment.id,
            answer.body,
            now,
            open_shop=tenant.active,
            readers=self._providers,
        )
        for inbox_id in again:
            await self._db.write(
                tenant.id,
                inbox.settle_row,
                self._vault,
                inbox_id,
                now,
                enforce=True,
                open_shop=tenant.active,
                readers=self._providers,
            )
        return 1

    async def _next_due(self, now: Moment, ready: list[Moment]) -> Moment | None:
        """When to run again: a payment comes due, or an app that was busy is ready."""
        moments = list(ready)
        for view in self._catalog.all():
            at = await self._db.read(view.tenant.id, store.next_query, now)
            if at is not None:
                moments.append(at)
        return min(moments, default=None)

    async def wait(self) -> None:
        latest = self._clock.now() + LOOK_EVERY_MS
        until = latest if self._next is None else min(latest, self._next)
        await first(self.bell.wait(), self._clock.sleep_until(until))


class Deadlines:
    """Brings the ends that come by time alone. A `Loop`."""

    name = "payments deadlines"

    def __init__(self, db: Database, vault: Vault, clock: Clock, catalog: Catalog) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._catalog = catalog
        self._tidied_at: Moment | None = None

    async def run_once(self) -> int:
        now = self._clock.now()
        ended = 0
        for view in self._catalog.all():
            ended += await self._db.write(view.tenant.id, overdue, self._vault, now)
        if self._tidied_at is None or now >= self._tidied_at + TIDY_EVERY_MS:
            for view in self._catalog.all():
                await self._db.write(view.tenant.id, counts.forget_counts, now - GUESS_KEPT_MS, now - PROMPTS_KEPT_MS)
            self._tidied_at = now
        return ended

    async def wait(self) -> None:
        await self._clock.sleep(5 * SECOND)
