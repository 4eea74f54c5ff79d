"""Questions to M-Pesa about one payment or about the balance, and its answers. Units, and who asks them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from dataclasses import dataclass

import structlog

from portal.access.catalog import TenantView
from portal.clock import HOUR, MINUTE, Clock, Moment
from portal.db import Database
from portal.errors import ProviderError, Refused
from portal.payments import channels, mpesa
from portal.payments.accounts import MpesaAccount, at_mpesa, get_account
from portal.payments.initiator import InitiatorResult, read_balance, status_of
from portal.payments.mpesa import C2bNotice
from portal.payments.mpesa_notices import of_c2b
from portal.payments.office import Office
from portal.payments.statement import read_payer
from portal.payments.statements import store
from portal.seal import Vault, new_public, token_hash
from portal.units import Row, Unit

log = structlog.get_logger("bando.statements")

AGAIN_MS = 2 * MINUTE  # the same receipt is asked about once in so long
AN_HOUR = 60  # questions of one ISP
OF_GUESTS = 45  # of these; the others are left for staff


@dataclass(frozen=True, kw_only=True)
class Question:
    """Something that is about to be asked."""

    account: MpesaAccount
    public: str
    number: str | None


def answer_token(vault: Vault, tenant_public: str, public: str) -> str:
    """The path token of a question's result address."""
    return vault.path_token(tenant_public, "question", public)


def ask(
    vault: Vault, tenant_public: str, kind: str, number: str | None, now: Moment, most: int = AN_HOUR
) -> Unit[list[Question]]:
    """Write down what is asked of each active account with an API user; raises `Refused`, asked-lately or ask-setup."""
    askable = [each for each in (yield from at_mpesa()) if each.active and each.can_reverse]
    if not askable:
        raise Refused("ask-setup", status=409)
    if number is not None and (yield from store.asked_since(number, now - AGAIN_MS)):
        raise Refused("asked-lately", status=429, wait_s=AGAIN_MS // 1000)
    if (yield from store.questions_since(now - HOUR)) >= most:
        raise Refused("asked-lately", status=429, wait_s=HOUR // 1000)
    made: list[Question] = []
    for account in askable:
        public = new_public(8)
        token = answer_token(vault, tenant_public, public)
        yield from store.add_question(
            public=public,
            kind=kind,
            account_id=account.id,
            number=number,
            result_hash=token_hash(token),
            asked_at=now,
        )
        made.append(Question(account=account, public=public, number=number))
    return made


def answered(vault: Vault, question: Row, result: InitiatorResult, now: Moment, open_shop: bool) -> Unit[str]:
    """An answer; a payment that M-Pesa confirms is evidence like a confirmation."""
    account = yield from get_account(question["account_id"])
    assert account is not None
    if question["kind"] == "balance":
        outcome = _balance(result)
    else:
        outcome = yield from _status(vault, account, question, result, now, open_shop)
    yield from store.answer_question(question["id"], outcome, now)
    return outcome.split("[", 1)[0] or "balance"


def _balance(result: InitiatorResult) -> str:
    if result.code != "0":
        return "refused"
    listed = read_balance(result.values.get("AccountBalance", ""))
    return json.dumps([[name, currency, amount.minor] for name, currency, amount in listed])


def _status(
    vault: Vault, account: MpesaAccount, question: Row, result: InitiatorResult, now: Moment, open_shop: bool
) -> Unit[str]:
    said = status_of(result)
    if said.state != "completed" or said.amount is None or said.receipt is None:
        return said.state
    if said.receipt != question["number"]:
        return "another-receipt"
    if _went_out(account, result):
        return "went-out"
    notice = C2bNotice(
        receipt=said.receipt,
        amount=said.amount,
        shortcode=account.pay_number,
        account_ref=mpesa.normal_ref(result.values.get("BillRefNumber", "")),
        payer=said.payer,
        paid_at=said.finalised_at,
    )
    return (
        yield from channels.settle_c2b(
            vault, account, of_c2b(notice), now, trusted=True, open_shop=open_shop, via="status"
        )
    )


def _went_out(account: MpesaAccount, result: InitiatorResult) -> bool:
    """Whether the shop itself paid, as in a reversal: such a number is no receipt of ours."""
    payer, payee = (
        result.values.get(name, "").split(" - ")[0].strip() for name in ("DebitPartyName", "CreditPartyName")
    )
    return account.owns(payer) or read_payer(payee) != ""


class Asking:
    """Asks M-Pesa, in the background of whoever wants to know."""

    def __init__(self, db: Database, vault: Vault, clock: Clock, public_url: str, office: Office) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._public_url = public_url
        self._office = office
        self._tasks: set[asyncio.Task[None]] = set()

    async def status(self, view: TenantView, number: str) -> int:
        """Ask about a receipt; how many accounts were asked. Raises `Refused`, asked-lately or ask-setup."""
        return await self._ask(view, "status", number)

    async def of_guest(self, view: TenantView, number: str) -> int:
        """`status` for whoever says "Already paid?"; guests alone cannot use up what staff may ask."""
        return await self._ask(view, "status", number, OF_GUESTS)

    async def balance(self, view: TenantView) -> int:
        """Ask for the balance of each account; how many were asked. Raises `Refused`."""
        return await self._ask(view, "balance", None)

    async def _ask(self, view: TenantView, kind: str, number: str | None, most: int = AN_HOUR) -> int:
        tenant, now = view.tenant, self._clock.now()
        asked = await self._db.write(tenant.id, ask, self._vault, tenant.public, kind, number, now, most)
        for each in asked:  # a slow gateway answers within half a minute: no page waits for that
            task = asyncio.create_task(self._sent(tenant.public, each), name="question")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return len(asked)

    async def drain(self) -> None:
        """Until the questions in hand are sent."""
        await asyncio.gather(*self._tasks)

    async def _sent(self, tenant_public: str, question: Question) -> None:
        token = answer_token(self._vault, tenant_public, question.public)
        try:
            await self._call(question, f"{self._public_url}/hook/result/{token}")
        except ProviderError as failed:
            log.warning("question not taken", kind=type(failed).__name__)

    def _call(self, question: Question, url: str) -> Awaitable[str]:
        if question.number is None:
            return self._office.balance(question.account, url)
        return self._office.ask_status(question.account, question.number, url)
