"""Customer to business: registration of addresses, validation and confirmation (facts/mpesa.md 5)."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from portal.clock import Clock
from sandbox.mpesa.answers import Refusal, invalid
from sandbox.mpesa.delivery import Courier, masked
from sandbox.mpesa.faults import Switches
from sandbox.mpesa.ids import stamp
from sandbox.mpesa.push import TUNNELS
from sandbox.mpesa.records import Declined, Merchant, Registration, Transaction

BANNED = ("m-pesa", "mpesa", "safaricom", "exe", "exec", "cmd", "sql", "query")
REJECTS = ("C2B00011", "C2B00012", "C2B00013", "C2B00014", "C2B00015", "C2B00016")


class Notices:
    """Who wants to hear of payments by hand, and telling them."""

    def __init__(self, clock: Clock, courier: Courier, switches: Switches, *, production: bool) -> None:
        self._clock = clock
        self._courier = courier
        self._switches = switches
        self._production = production
        self.registrations: dict[str, Registration] = {}
        self.takings: dict[str, int] = {}

    def register(self, merchant: Merchant, version: Literal["v1", "v2"], body: Mapping[str, Any]) -> None:
        response_type = body.get("ResponseType")
        if response_type not in ("Completed", "Cancelled"):
            raise invalid("ResponseType")
        for name in ("ConfirmationURL", "ValidationURL"):
            self._check_url(name, body.get(name))
        if merchant.on_old_broker:
            message = f"Duplicate notification info, SP ID {merchant.shortcode}"
            raise Refusal(500, "500.003.1001", message)
        if self._production and merchant.shortcode in self.registrations:
            raise Refusal(500, "500.003.1001", "Urls are already registered")
        self.registrations[merchant.shortcode] = Registration(
            version=version,
            response_type=response_type,
            confirmation_url=body["ConfirmationURL"],
            validation_url=body["ValidationURL"],
        )

    def _check_url(self, name: str, url: object) -> None:
        if not isinstance(url, str):
            raise invalid(name)
        parts = urlsplit(url)
        schemes = ("https",) if self._production else ("https", "http")
        banned = any(word in url.lower() for word in (*BANNED, *TUNNELS))
        if parts.scheme not in schemes or not parts.hostname or banned:
            raise invalid(name)

    async def validate(self, payment: Transaction, first_name: str) -> str:
        """The merchant's ThirdPartyTransID if it lets the payment through; `Declined` if not."""
        registration = self.registrations.get(payment.shortcode)
        if registration is None or not payment.merchant.validation:
            return ""
        body = self._body(payment, first_name, registration, balance="", third_party="")
        reply = await self._reply(payment.merchant, registration.validation_url, body)
        if reply is None:
            if registration.response_type == "Cancelled":
                raise Declined("no answer")
            return ""
        code = str(reply.get("ResultCode"))
        if code != "0":
            raise Declined(code if code in REJECTS else "C2B00016")
        return str(reply.get("ThirdPartyTransID") or "")

    async def _reply(self, merchant: Merchant, url: str, body: dict[str, Any]) -> Mapping[str, Any] | None:
        """The merchant's JSON, or None if it is late (by the clock) or makes no sense."""
        asking = asyncio.ensure_future(self._courier.validation(merchant, url, body))
        timer = asyncio.ensure_future(self._clock.sleep(self._switches.validation_ms))
        await asyncio.wait((asking, timer), return_when=asyncio.FIRST_COMPLETED)
        answered = asking.done()
        asking.cancel()
        timer.cancel()
        await asyncio.gather(asking, timer, return_exceptions=True)
        if not answered or asking.result().outcome != "200":
            return None
        try:
            reply = json.loads(asking.result().reply)
        except ValueError:
            return None
        return reply if isinstance(reply, Mapping) and "ResultCode" in reply else None

    async def confirm(self, payment: Transaction, first_name: str, third_party: str = "") -> None:
        registration = self.registrations.get(payment.shortcode)
        if registration is None:
            return
        balance = f"{self.takings.get(payment.shortcode, 0):.2f}"
        body = self._body(payment, first_name, registration, balance=balance, third_party=third_party)
        await self._courier.confirmation(payment.merchant, registration.confirmation_url, body)

    def _body(
        self,
        payment: Transaction,
        first_name: str,
        registration: Registration,
        *,
        balance: str,
        third_party: str,
    ) -> dict[str, Any]:
        """All values are strings, the number is masked or hashed, of the name only the first."""
        merchant = payment.merchant
        till = merchant.kind == "till"
        as_store = till and self._switches.till_confirmed_as == "store"
        return {
            "TransactionType": "Buy Goods" if till else "Pay Bill",
            "TransID": payment.receipt,
            "TransTime": stamp(payment.at),
            "TransAmount": f"{payment.amount:.2f}",
            "BusinessShortCode": merchant.business if as_store else merchant.shortcode,
            "BillRefNumber": "" if till else payment.account[:20],
            "InvoiceNumber": "",
            "OrgAccountBalance": balance,
            "ThirdPartyTransID": third_party,
            "MSISDN": masked(payment.phone) if registration.version == "v2" else self._hashed(payment.phone),
            "FirstName": first_name,
            "MiddleName": "",
            "LastName": "",
        }

    def _hashed(self, phone: str) -> str:
        return hashlib.sha256((self._switches.hash_salt + phone).encode()).hexdigest()
