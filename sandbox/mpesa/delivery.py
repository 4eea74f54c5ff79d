"""Telling merchants: callbacks and C2B messages over real HTTP(S), once, and what can go wrong on the way."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from random import Random
from typing import Any

import httpx

from portal.clock import Clock
from sandbox.mpesa.agenda import Agenda
from sandbox.mpesa.answers import result_text
from sandbox.mpesa.faults import Switches
from sandbox.mpesa.ids import stamp
from sandbox.mpesa.records import Code, Delivery, Merchant, Push

# How long a merchant's server may take, in real seconds; no source names the real one.
PATIENCE_S = 10.0


def callback_body(push: Push, code: Code) -> dict[str, Any]:
    """facts/mpesa.md 3.1 and 3.2, and the push's faults."""
    fault = push.fault
    checkout, merchant_request = push.checkout_id, push.merchant_request_id
    if fault.wrong_ids in ("checkout", "both"):
        checkout = checkout[:-9] + "700000000"
    if fault.wrong_ids in ("merchant", "both"):
        merchant_request = merchant_request[::-1]
    result: dict[str, Any] = {
        "MerchantRequestID": merchant_request,
        "CheckoutRequestID": checkout,
        "ResultCode": str(code) if fault.string_code else code,
        "ResultDesc": result_text(code),
    }
    if str(code) == "0":
        result["CallbackMetadata"] = {"Item": _items(push)}
    return {"Body": {"stkCallback": result}}


def _items(push: Push) -> list[dict[str, Any]]:
    fault = push.fault
    when = stamp(push.ended_at or push.at)
    values: dict[str, Any] = {
        "Amount": float(push.amount if fault.amount is None else fault.amount),
        "MpesaReceiptNumber": push.receipt,
        "Balance": "{Amount={CurrencyCode=KES, MinimumAmount=100, BasicAmount=1.00}}",
        "TransactionDate": _as_text(when) if fault.date_text else int(when),
        "PhoneNumber": int(push.phone) if fault.phone == "full" else masked(push.phone),
    }
    if fault.no_receipt:
        del values["MpesaReceiptNumber"]
    if fault.balance is None:
        del values["Balance"]
    if fault.phone == "missing":
        del values["PhoneNumber"]
    return [_item(name, value, valued=fault.balance != "no value") for name, value in values.items()]


def _item(name: str, value: object, *, valued: bool) -> dict[str, Any]:
    return {"Name": name} if name == "Balance" and not valued else {"Name": name, "Value": value}


def _as_text(when: str) -> str:
    return f"{when[:4]}-{when[4:6]}-{when[6:8]} {when[8:10]}:{when[10:12]}:{when[12:]}"


def masked(phone: str) -> str:
    """`2547 ***** 126`, spaces included (facts/mpesa.md 5.3)."""
    return f"{phone[:4]} ***** {phone[-3:]}"


class Courier:
    """Posts JSON and remembers every attempt in `log`."""

    def __init__(self, clock: Clock, agenda: Agenda, switches: Switches, random: Random) -> None:
        self._clock = clock
        self._agenda = agenda
        self._switches = switches
        self._random = random
        self._clients: dict[tuple[object, str | None], httpx.AsyncClient] = {}
        self.log: list[Delivery] = []
        # Names that the world knows but this machine's resolver does not: host -> where it really listens.
        self.reach: dict[str, tuple[str, int]] = {}

    async def callback(self, push: Push, code: Code) -> None:
        delivery = self._note("callback", push.callback_url, callback_body(push, code))
        if self._random.random() < self._switches.callback_loss:
            delivery.outcome = "lost"
            return
        await self._try(push.merchant, delivery, self._switches.retries_ms, push.fault.source)

    async def confirmation(self, merchant: Merchant, url: str, body: dict[str, Any]) -> None:
        """Losses are real: facts/mpesa.md 5.4."""
        delivery = self._note("confirmation", url, body)
        if self._random.random() < self._switches.c2b_loss:
            delivery.outcome = "lost"
            return
        await self.post(merchant, delivery)

    async def validation(self, merchant: Merchant, url: str, body: dict[str, Any]) -> Delivery:
        delivery = self._note("validation", url, body)
        await self.post(merchant, delivery)
        return delivery

    async def result(self, merchant: Merchant, url: str, body: dict[str, Any], *, timed_out: bool) -> None:
        await self.post(merchant, self._note("timeout" if timed_out else "result", url, body))

    def _note(self, kind: Any, url: str, body: dict[str, Any]) -> Delivery:
        delivery = Delivery(kind=kind, url=url, body=body, at=self._clock.now())
        self.log.append(delivery)
        return delivery

    async def _try(
        self, merchant: Merchant, delivery: Delivery, retries_ms: tuple[int, ...], source: str | None
    ) -> None:
        await self.post(merchant, delivery, source)
        if delivery.outcome != "200" and retries_ms:
            again = self._note(delivery.kind, delivery.url, delivery.body)
            later = self._clock.now() + retries_ms[0]
            self._agenda.at(later, lambda: self._try(merchant, again, retries_ms[1:], source))

    async def post(self, merchant: Merchant, delivery: Delivery, source: str | None = None) -> None:
        client = self._client(merchant, source)
        try:
            url, headers, extensions = self._where(delivery.url)
            answer = await client.post(
                url,
                content=json.dumps(delivery.body).encode(),
                headers={"Content-Type": "application/json", **headers},
                extensions=extensions,
            )
            delivery.outcome, delivery.reply = str(answer.status_code), answer.content
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as failure:
            delivery.outcome = type(failure).__name__

    def _where(self, address: str) -> tuple[httpx.URL, dict[str, str], dict[str, str]]:
        """The socket behind an address; the certificate is still checked against the name."""
        url = httpx.URL(address)
        there = self.reach.get(url.host)
        if there is None:
            return url, {}, {}
        return url.copy_with(host=there[0], port=there[1]), {"Host": url.host}, {"sni_hostname": url.host}

    def _client(self, merchant: Merchant, source: str | None) -> httpx.AsyncClient:
        key = (merchant.callback_ca, source)
        if key not in self._clients:
            self._clients[key] = httpx.AsyncClient(
                transport=httpx.AsyncHTTPTransport(verify=_trust(merchant.callback_ca), local_address=source),
                timeout=PATIENCE_S,
                trust_env=False,
            )
        return self._clients[key]

    async def aclose(self) -> None:
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()


def _trust(ca: ssl.SSLContext | str | Path | None) -> ssl.SSLContext:
    if isinstance(ca, ssl.SSLContext):
        return ca
    return ssl.create_default_context(cafile=None if ca is None else str(ca))
