"""What the sandbox Paystack knows and does; `api.py` is how it is spoken to."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import httpx

from portal.clock import Clock

Hook = Literal["once", "twice", "never", "late", "before reply", "wrong signature", "re-serialised"]
Reply = Literal["well", "html", "500", "500 after accept", "cut after accept"]


@dataclass(kw_only=True)
class Switches:
    """How unpleasant it is today."""

    hook: Hook = "once"
    late_ms: int = 120_000
    reply: Reply = "well"
    pays_at_once: bool = False  # the guest has paid before our request is answered
    amount_is: int | None = None  # the wrong amount, in what it tells


@dataclass(kw_only=True)
class Transaction:
    """One attempt to pay."""

    id: int
    reference: str
    access: str
    amount: int
    currency: str
    email: str
    callback_url: str
    channel: str
    phone: str = ""
    status: str = "abandoned"
    said: str = ""
    paid_at: str = ""


@dataclass(kw_only=True)
class Told:
    """A webhook that was delivered."""

    status: int
    body: bytes
    signature: str


@dataclass
class SandboxPaystack:
    """One business at Paystack, in test mode or live by its key."""

    clock: Clock
    key: str = "sk_test_of_the_sandbox"
    switches: Switches = field(default_factory=Switches)
    webhook_url: str = ""
    url: str = ""
    reach: dict[str, str] = field(default_factory=dict)  # the portal's public address, and where it is in truth
    verify: Any = True
    transactions: dict[str, Transaction] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def begin(self, wish: dict[str, Any], channel: str) -> Transaction:
        """A new transaction; raises `ValueError` with what is wrong with it."""
        reference, amount = str(wish.get("reference") or secrets.token_hex(8)), wish.get("amount")
        if reference in self.transactions:
            raise ValueError("Duplicate Transaction Reference")
        if not isinstance(amount, int) or amount < 100:
            raise ValueError("Invalid Amount Sent")
        if "@" not in str(wish.get("email")):
            raise ValueError("Invalid Email Address Passed")
        if wish.get("currency") != "KES":
            raise ValueError("Currency not supported by merchant")
        made = Transaction(
            id=4_099_000_000 + len(self.transactions) + secrets.randbelow(900) * 1000,
            reference=reference,
            access=secrets.token_hex(8),
            amount=amount,
            currency="KES",
            email=str(wish["email"]),
            callback_url=str(wish.get("callback_url") or ""),
            channel=channel,
            phone=str((wish.get("mobile_money") or {}).get("phone") or ""),
            status="pending" if channel == "mobile_money" else "abandoned",
        )
        self.transactions[reference] = made
        return made

    async def pay(self, reference: str) -> None:
        """The guest pays."""
        one = self.transactions[reference]
        if one.status != "success":
            one.status, one.said = "success", "Approved"
            one.paid_at = datetime.fromtimestamp(self.clock.now() / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
            await self._tell(one)

    def refuse(self, reference: str, why: str = "Insufficient Funds", status: str = "failed") -> None:
        """The guest could not pay, or would not."""
        one = self.transactions[reference]
        if one.status != "success":
            one.status, one.said = status, why

    def shown(self, one: Transaction) -> dict[str, Any]:
        """A transaction as Paystack tells it, with much that nobody asked for."""
        amount = one.amount if self.switches.amount_is is None else self.switches.amount_is
        return {
            "id": one.id,
            "domain": "live" if self.key.startswith("sk_live_") else "test",
            "status": one.status,
            "reference": one.reference,
            "amount": amount,
            "gateway_response": one.said,
            "paid_at": one.paid_at or None,
            "channel": one.channel,
            "currency": one.currency,
            "fees": round(amount * 0.015),
            "metadata": {"note": "prix réduit / 5 €"},
            "customer": {"email": one.email, "phone": None},
        }

    def body_of(self, one: Transaction) -> bytes:
        """A webhook's body: no two programs would write it with the same bytes."""
        said = json.dumps({"event": "charge.success", "data": self.shown(one)}, indent=1, ensure_ascii=True)
        return said.replace("/", "\\/").encode()

    def sign(self, body: bytes) -> str:
        return hmac.new(self.key.encode(), body, hashlib.sha512).hexdigest()

    def reached(self, address: str) -> str:
        """Where an address of the portal is in truth."""
        for public, truth in self.reach.items():
            address = address.replace(public, truth)
        return address

    # --- webhooks ---

    async def _tell(self, one: Transaction) -> None:
        how = self.switches.hook
        if how == "never":
            return
        if how == "late":
            self._later(self._late(one))
            return
        for _ in range(2 if how == "twice" else 1):
            await self.deliver(one, how)

    async def _late(self, one: Transaction) -> None:
        await self.clock.sleep(self.switches.late_ms)
        await self.deliver(one)

    async def deliver(self, one: Transaction, how: Hook = "once") -> None:
        """Call the webhook once, and remember what came back; a portal that is away is not told again."""
        body = self.body_of(one)
        signature = self.sign(body)
        if how == "wrong signature":
            signature = hmac.new(b"sk_test_of_somebody_else", body, hashlib.sha512).hexdigest()
        if how == "re-serialised":
            body = json.dumps(json.loads(body)).encode()
        address = self.reached(self.webhook_url)
        headers = {"Content-Type": "application/json", "x-paystack-signature": signature}
        try:
            async with httpx.AsyncClient(trust_env=False, verify=self.verify, timeout=10) as http:
                answer = await http.post(address, content=body, headers=headers)
            self.told.append(Told(status=answer.status_code, body=body, signature=signature))
        except httpx.HTTPError:
            self.told.append(Told(status=0, body=body, signature=signature))

    def _later(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
