"""The sandbox M-Pesa's back office, asked by the service's own client over real sockets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from portal.clock import HOUR, SECOND, Moment
from portal.money import Money
from portal.payments.accounts import SECRETS, MpesaAccount
from portal.payments.daraja import Daraja
from portal.payments.initiator import (
    Ack,
    Initiator,
    InitiatorResult,
    read_result,
    security_credential,
)
from portal.payments.statement import PullPage, read_pull
from portal.seal import Vault
from tests.sandbox.mpesa import (
    KEY,
    PASSKEY,
    PAYBILL,
    PHONE,
    SECRET,
    STORE,
    TILL,
    Shop,
    receiving,
    shop,
)
from tests.support import anybody

VAULT = Vault(b"k" * 32)
USER, PASSWORD = "bandoapi", "Safe#2026"
OTHER = "254722000678"


def account(url: str, kind: Any = "paybill") -> MpesaAccount:
    sealed: dict[str, Any] = {
        f"{name}_sealed": VAULT.seal(text, table="mpesa_accounts", row="a", column=f"{name}_sealed")
        for name, text in zip(SECRETS, (KEY, SECRET, PASSKEY), strict=True)
    }
    return MpesaAccount(
        id=1,
        tenant_id=1,
        public="a",
        provider="mpesa",
        environment="sandbox",
        base_url=url,
        kind=kind,
        shortcode=STORE if kind == "till" else PAYBILL,
        party_b=TILL if kind == "till" else PAYBILL,
        app_index=b"app",
        active=True,
        **sealed,
    )


@dataclass
class Office:
    """The shop with the service's own client."""

    seller: Shop
    daraja: Daraja
    account: MpesaAccount
    initiator: Initiator

    @property
    def now(self) -> Moment:
        return self.seller.clock.now()

    @property
    def switches(self) -> Any:
        return self.seller.mpesa.switches

    async def paid(self, amount: int = 20, ref: str = "B4KD92X", phone: str = PHONE) -> str:
        return await self.seller.mpesa.pay_by_hand(phone, self.account.pay_number, ref, amount)

    async def registered(self) -> None:
        await self.daraja.register_pull(self.account, PHONE, f"{self.seller.receiver.url}/cb")

    async def page(self, offset: int = 0, since: int = 3 * HOUR, until: int = 0) -> PullPage:
        now = self.now
        answer = await self.daraja.pull(self.account, now - since, now - until, offset, now)
        return read_pull(answer.status, answer.body)

    @property
    def urls(self) -> tuple[str, str]:
        return f"{self.seller.receiver.url}/result", f"{self.seller.receiver.url}/timeout"

    async def reverse(self, receipt: str, amount: int = 20) -> Ack:
        return await self.daraja.reverse(self.account, self.initiator, receipt, Money(amount * 100), "Back", *self.urls)

    async def posted(self, count: int = 1) -> InitiatorResult:
        """The last of so many messages, after their time."""
        self.seller.clock.advance(3 * SECOND)
        await self.seller.receiver.until(count)
        return read(self.seller.receiver.got[count - 1][1])

    async def reversed(self, receipt: str, amount: int = 20) -> str:
        """The code that a reversal ends with."""
        await self.reverse(receipt, amount)
        return (await self.posted(len(self.seller.receiver.got) + 1)).code


def read(body: dict[str, Any]) -> InitiatorResult:
    found = read_result(json.dumps(body).encode())
    assert found is not None
    return found


@asynccontextmanager
async def opened(kind: Any = "paybill", **merchant: Any) -> AsyncIterator[Office]:
    async with (
        receiving() as receiver,
        shop(receiver, **merchant) as seller,
        httpx.AsyncClient(trust_env=False, timeout=60) as http,
    ):
        own = account(seller.server.url, kind)
        seller.mpesa.initiators.add(own.shortcode, USER, PASSWORD)
        sealed = security_credential(PASSWORD, seller.mpesa.certificate)
        yield Office(
            seller, Daraja(http, VAULT, seller.clock, registered=anybody), own, Initiator(name=USER, credential=sealed)
        )
