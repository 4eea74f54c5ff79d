"""The sandbox M-Pesa itself: merchants, handsets, pushes and the money that really moved."""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Literal

from starlette.applications import Starlette

from portal.clock import Clock
from sandbox.mpesa.agenda import Act, Agenda
from sandbox.mpesa.answers import Refusal
from sandbox.mpesa.api import api
from sandbox.mpesa.c2b import Notices
from sandbox.mpesa.delivery import Courier
from sandbox.mpesa.faults import Fault, Faults, Switches
from sandbox.mpesa.handset import Handset, international
from sandbox.mpesa.ids import Ids
from sandbox.mpesa.initiator import Initiators, certificate_pem
from sandbox.mpesa.oauth import Gate
from sandbox.mpesa.push import Order
from sandbox.mpesa.records import TYPES, Code, Declined, Delivery, Kind, Merchant, Push, Transaction
from sandbox.mpesa.statement import Statement

PRODUCTS = frozenset({"stk", "c2b/v2", "pull", "status", "reversal", "balance"})
PROMPT_LIMIT = 182  # characters a prompt may have (facts/mpesa.md 2.1)
TEST_NUMBER = "254708374149"


class SandboxMpesa:
    """Safaricom's side of everything. `app` is the ASGI application, to be mounted at the root."""

    def __init__(
        self,
        clock: Clock,
        *,
        seed: int = 1,
        environment: Literal["sandbox", "production"] = "sandbox",
        faults: Faults | None = None,
        switches: Switches | None = None,
    ) -> None:
        self.clock = clock
        self.environment = environment
        self.faults = faults or Faults()
        self.switches = switches or Switches()
        random = Random(f"{environment} {seed}")
        self.ids = Ids(random)
        self.agenda = Agenda(clock)
        self.gate = Gate(clock, self.ids, self.switches)
        self.courier = Courier(clock, self.agenda, self.switches, random)
        production = environment == "production"
        self.notices = Notices(clock, self.courier, self.switches, production=production)
        self.statement = Statement(self)
        self.initiators = Initiators(self)
        self.merchants: list[Merchant] = []
        self.handsets: dict[str, Handset] = {}
        self.pushes: dict[str, Push] = {}
        self.transactions: list[Transaction] = []
        self._prompts: dict[str, Push] = {}
        self._last: dict[str, Push] = {}
        self._of_phone: defaultdict[str, list[Push]] = defaultdict(list)
        self.app: Starlette = api(self)

    def add_shortcode(
        self,
        *,
        kind: Kind = "paybill",
        shortcode: str,
        store: str | None = None,
        passkey: str,
        consumer_key: str,
        consumer_secret: str,
        callback_ca: ssl.SSLContext | str | Path | None = None,
        name: str = "DEMO HOTSPOT",
        validation: bool = False,
        on_old_broker: bool = False,
        products: Iterable[str] = PRODUCTS,
    ) -> Merchant:
        """A paybill, or a till under its store number; its app gets `products`, each named as in `PRODUCTS`."""
        merchant = Merchant(
            kind=kind,
            shortcode=shortcode,
            store=store,
            passkey=passkey,
            consumer_key=consumer_key,
            name=name,
            callback_ca=callback_ca,
            validation=validation,
            on_old_broker=on_old_broker,
        )
        self.merchants.append(merchant)
        self.gate.add(consumer_key, consumer_secret, set(products))
        return merchant

    def handset(self, phone: str) -> Handset:
        number = international(phone)
        if number not in self.handsets:
            self.handsets[number] = Handset(mpesa=self, phone=number)
        return self.handsets[number]

    def pending(self, phone: str) -> Push | None:
        """The prompt that is on this phone's screen now."""
        return self._prompts.get(international(phone))

    @property
    def certificate(self) -> str:
        """What seals an API user's password, as PEM."""
        return certificate_pem()

    @property
    def deliveries(self) -> list[Delivery]:
        return self.courier.log

    # Pushes

    def trading(self, business: str, consumer_key: str) -> list[Merchant]:
        """The app's merchants that push under this BusinessShortCode; a store may have several tills."""
        found = [m for m in self.merchants if m.business == business and m.consumer_key == consumer_key]
        if not found:
            raise Refusal(500, "500.001.1001", "Merchant does not exist")
        return found

    def locked(self, phone: str) -> bool:
        last = self._last.get(phone)
        if last is None or last.open:
            return last is not None
        return self.clock.now() < (last.ended_at or 0) + self.switches.lock_lingers_ms

    def accept(self, order: Order, merchants: list[Merchant], fault: Fault) -> Push:
        """The push is in: it gets its ids, and a prompt or a result comes later."""
        now = self.clock.now()
        right = [m for m in merchants if m.shortcode == order.party_b]
        push = Push(
            checkout_id=self.ids.checkout(now, order.phone),
            merchant_request_id=self.ids.merchant_request(),
            merchant=(right or merchants)[0],
            phone=order.phone,
            amount=order.amount,
            account=order.account,
            description=order.description,
            callback_url=order.callback_url,
            at=now,
            fault=fault,
        )
        code = self._refused_by_core(push, order, paired=bool(right))
        self.pushes[push.checkout_id] = push
        self._of_phone[push.phone].append(push)
        if code is None:
            self._ring(push)
        else:
            self.agenda.at(now + self.switches.decide_ms, lambda: self.end(push, code))
        return push

    def _refused_by_core(self, push: Push, order: Order, *, paired: bool) -> Code | None:
        """The result of a push that never reaches the handset (facts/mpesa.md 2.4, 2.5, 3.3, 11.3)."""
        if order.type != TYPES[push.merchant.kind]:
            return 2028
        if not paired:
            return "SFC_IC0003"
        if len(push.prompt) >= PROMPT_LIMIT:
            return 1025
        if self._duplicate(push):
            return 17
        if self.switches.refuse_real_numbers and push.phone != TEST_NUMBER:
            return "E3008"
        return None

    def _duplicate(self, push: Push) -> bool:
        since = push.at - self.switches.duplicate_ms
        return any(
            other.amount == push.amount
            and other.at > since
            and (other.code == 0 if self.switches.duplicate_of == "payments" else other.prompted)
            for other in self._of_phone[push.phone]
        )

    def _ring(self, push: Push) -> None:
        push.prompted = True
        self._prompts[push.phone] = self._last[push.phone] = push
        self.agenda.at(push.at + self.switches.prompt_ms, lambda: self._expire(push))
        handset = self.handset(push.phone)
        if handset.habit is not None and not push.fault.before_ack:
            self.agenda.at(push.at + handset.habit_after_ms, lambda: self._by_habit(push))

    async def _expire(self, push: Push) -> None:
        await self.end(push, self.switches.unanswered_code)

    async def _by_habit(self, push: Push) -> None:
        handset = self.handset(push.phone)
        if push.open and handset.pending is push and handset.habit is not None:
            await handset.act(handset.habit)

    async def answer_at_once(self, push: Push) -> None:
        """The customer was quicker than our answer to the merchant."""
        handset = self.handset(push.phone)
        if push.open and handset.pending is push:
            await handset.act(handset.habit or "approve")

    async def end(self, push: Push, code: Code) -> None:
        """The push has its result, and the merchant hears of it. A second end changes nothing."""
        if not push.open:
            return
        push.code = code if push.fault.code is None else push.fault.code
        push.ended_at = self.clock.now()
        if self._prompts.get(push.phone) is push:
            del self._prompts[push.phone]
        handset = self.handset(push.phone)
        payment = None
        if push.code == 0:
            push.receipt = self.ids.receipt(push.ended_at)
            payment = self._paid(push)
            self._book(payment)
        else:
            handset.failed(push, push.ended_at)
        await self._report(push, payment)

    def _paid(self, push: Push) -> Transaction:
        assert push.receipt is not None
        assert push.ended_at is not None
        return Transaction(
            receipt=push.receipt,
            phone=push.phone,
            merchant=push.merchant,
            account=push.account if push.merchant.kind == "paybill" else "",
            amount=push.amount,
            at=push.ended_at,
            via="stk",
            checkout_id=push.checkout_id,
        )

    def _book(self, payment: Transaction) -> None:
        self.transactions.append(payment)
        takings = self.notices.takings
        takings[payment.shortcode] = takings.get(payment.shortcode, 0) + payment.amount
        self.handset(payment.phone).paid(payment)

    # Telling the merchant

    async def _report(self, push: Push, payment: Transaction | None) -> None:
        fault = push.fault
        if fault.fail_first is not None:
            await self.courier.callback(push, fault.fail_first)
        for step in fault.order:
            if step == "callback":
                await self._after(fault.late_ms, lambda: self._call_back(push))
            elif payment is not None:
                await self._after(fault.c2b_late_ms, lambda: self._confirm(payment))
        if fault.again_after_ms is not None:
            later = self.clock.now() + fault.again_after_ms
            self.agenda.at(later, lambda: self._call_back(push))

    async def _after(self, span_ms: int, act: Act) -> None:
        if span_ms:
            self.agenda.at(self.clock.now() + span_ms, act)
        else:
            await act()

    async def _call_back(self, push: Push) -> None:
        assert push.code is not None
        code = push.code
        await asyncio.gather(*(self.courier.callback(push, code) for _ in range(push.fault.copies)))

    async def _confirm(self, payment: Transaction, third_party: str = "") -> None:
        await self.notices.confirm(payment, self.handset(payment.phone).first_name, third_party)

    # Payments by hand

    async def pay_by_hand(self, phone: str, shortcode: str, account: str, amount: int) -> str:
        """Pay a paybill or till from the M-Pesa menu; the receipt, or `Declined`."""
        merchant = next((m for m in self.merchants if m.shortcode == shortcode), None)
        handset = self.handset(phone)
        if merchant is None:
            raise Declined("no such business")
        if not 1 <= amount <= min(handset.purse, self.switches.max_amount):
            raise Declined("amount")
        fault = self.faults.take(handset.phone)
        now = self.clock.now()
        payment = Transaction(
            receipt=self.ids.receipt(now),
            phone=handset.phone,
            merchant=merchant,
            account=account if merchant.kind == "paybill" else "",
            amount=amount,
            at=now,
            via="hand",
        )
        third_party = await self.notices.validate(payment, handset.first_name)
        self._book(payment)
        if "c2b" in fault.order:
            await self._after(fault.c2b_late_ms, lambda: self._confirm(payment, third_party))
        return payment.receipt

    # Life

    async def run(self) -> None:
        """Let prompts expire and late messages leave, until cancelled."""
        await self.agenda.run()

    async def aclose(self) -> None:
        await self.agenda.aclose()
        await self.courier.aclose()
