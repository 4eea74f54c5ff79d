"""Paystack: a page of its own where guests pay, or a prompt of M-Pesa through it (facts/mpesa.md 9.1).

We choose the name of a transaction, so it can be asked about even when the reply to our request was lost. A webhook
is proof by its signature, which is made over the bytes as they came: a body that was read and written anew is none.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlsplit

from portal.clock import Moment
from portal.errors import Misconfigured, ProviderRefused, ProviderUnknown
from portal.money import Money
from portal.payments import payment
from portal.payments.accounts import Account
from portal.payments.line import Answer, Line
from portal.payments.mpesa import MAX_BODY, part_of, read_object, text_of
from portal.payments.provider import Accepted, Arrived, Heard, Notice, Prompt
from portal.processors.registry import MOVES_MONEY, OF_PAYMENTS, Told
from portal.seal import Vault

API = "https://api.paystack.co"
PAGE = "checkout.paystack.com"
INITIALIZE, CHARGE = "/transaction/initialize", "/charge"
VERIFY, CHARGED = "/transaction/verify/", "/charge/"
SIGNATURE = "x-paystack-signature"
NOBODY = "payments.invalid"
PREFIXES = {"sandbox": "sk_test_", "production": "sk_live_"}
NOT_A_PAYMENT = "bando-asks-whether-this-key-is-taken"

# --- requests, pure ---


def email_of(prompt: Prompt) -> str:
    """An address is wanted; this one has the payment's name and reaches nobody."""
    host = urlsplit(prompt.return_url).hostname or ""
    named = re.fullmatch(r"([a-z0-9-]+\.)+[a-z][a-z0-9-]+", host)
    return f"{prompt.payment}@{host if named else NOBODY}"


def request_for(account: Account, prompt: Prompt) -> tuple[str, dict[str, Any]]:
    """Path and body of the request that starts a payment; amounts are in cents."""
    said: dict[str, Any] = {
        "email": email_of(prompt),
        "amount": prompt.amount.minor,
        "currency": prompt.amount.currency,
        "reference": prompt.payment,
    }
    if account.start == "page":
        return INITIALIZE, {**said, "callback_url": prompt.return_url}
    return CHARGE, {**said, "mobile_money": {"phone": f"+{prompt.phone.digits}", "provider": "mpesa"}}


def signature(body: bytes, key: str) -> str:
    return hmac.new(key.encode(), body, hashlib.sha512).hexdigest()


# --- reading, pure ---

# Words of a refusal, in this order, and what they come to.
_WORDS = (
    ("insufficient", "no-money"),
    ("cancel", "cancelled"),
    ("pin", "wrong-pin"),
    ("timeout", "no-answer"),
    ("timed out", "no-answer"),
    ("phone", "phone"),
    ("mobile", "phone"),
    ("limit", "limit"),
    ("amount", "limit"),
    ("key", "config"),
    ("currency", "config"),
    ("channel", "config"),
    ("merchant", "config"),
)


def reason_of(text: str) -> str:
    """Why it was refused, as far as the words say."""
    return next((reason for word, reason in _WORDS if word in text.lower()), "refused")


def read_started(answer: Answer) -> dict[str, Any]:
    """The data of an accepted request; raises `ProviderRefused` or `ProviderUnknown`."""
    found = read_object(answer.body)
    if answer.status == 429:
        raise ProviderRefused("provider-busy", "HTTP 429")
    if found is None or answer.status >= 500:
        raise ProviderUnknown(f"HTTP {answer.status} without a usable answer")
    data, said = part_of(found, "data") or {}, text_of(found, "message")
    if answer.status in (401, 403):
        raise ProviderRefused("config", said)
    if "duplicate" in said.lower():  # it knows this payment already: something was started
        raise ProviderUnknown(said)
    if answer.status >= 400 or found.get("status") is not True:
        if not answer.status >= 400 and text_of(data, "status") != "failed":
            raise ProviderUnknown(f"HTTP {answer.status} that says neither yes nor no")
        raise ProviderRefused(reason_of(f"{said} {text_of(data, 'message')}"), said)
    if text_of(data, "status") == "failed":
        raise ProviderRefused(reason_of(f"{text_of(data, 'message')} {text_of(data, 'gateway_response')}"), said)
    return data


def read_cents(value: object) -> int | None:
    """Cents, as a whole number or its digits; None for anything else, as for 20.5."""
    text = "" if isinstance(value, bool | float) else str(value)
    return int(text) if re.fullmatch(r"[0-9]{1,14}", text) else None


def read_paid_at(value: object) -> Moment | None:
    """When it was paid, with its zone; None when it cannot be read (nothing depends on it)."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return None if found.tzinfo is None else int(found.timestamp() * 1000)


def notice_of(data: Mapping[str, Any]) -> Notice:
    """A transaction as Paystack shows it; a status that is not listed here stays pending."""
    reference, status = text_of(data, "reference"), text_of(data, "status").lower()
    pending = Notice(meaning="pending", payment=reference, checkout_request=reference)
    if status == "success":
        return _success(data, replace(pending, meaning="success"))
    if status in ("failed", "reversed"):
        return replace(pending, meaning="failure", reason=reason_of(text_of(data, "gateway_response")))
    if status == "abandoned":  # so it is called from the start until it is paid: only time tells
        return replace(pending, meaning="failure", reason="unanswered", final_after_ms=payment.EXPIRES_MS)
    return pending


def _success(data: Mapping[str, Any], notice: Notice) -> Notice:
    """With its receipt and amount only if both can be read: half of them proves nothing."""
    cents, currency, number = read_cents(data.get("amount")), text_of(data, "currency"), text_of(data, "id")
    if cents is None or not re.fullmatch(r"[A-Z]{3}", currency) or not re.fullmatch(r"[0-9]{1,20}", number):
        return notice
    return replace(notice, receipt=number, amount=Money(cents, currency), paid_at=read_paid_at(data.get("paid_at")))


class Paystack:
    """A `Provider`."""

    name = "paystack"
    title = "Paystack"
    signed = True
    processor = Told(
        named="Paystack Payments Limited", purpose=MOVES_MONEY, gets=OF_PAYMENTS, country="NG", basis="contract"
    )
    names_itself = False
    kinds: Mapping[str, str] = MappingProxyType(
        {
            "page": "Guests pay on a page of Paystack, with whatever it takes.",
            "prompt": "Paystack has M-Pesa ask on the guest's phone.",
        }
    )
    secrets: Mapping[str, str] = MappingProxyType({"consumer_secret": "Secret key"})
    answer: Mapping[str, object] = MappingProxyType({"status": "kept"})

    def __init__(self, line: Line, vault: Vault) -> None:
        self._line = line
        self._vault = vault

    def base_url(self, environment: str) -> str:
        return API  # the key says which

    def refuse_keys(self, environment: str, secrets: Mapping[str, str]) -> None:
        prefix = PREFIXES[environment]
        if not secrets.get("consumer_secret", "").startswith(prefix):
            raise Misconfigured(f"A secret key of the {environment} environment begins with {prefix}.")

    def hosts(self, account: Account) -> Sequence[str]:
        return (PAGE,) if account.base_url == API else (urlsplit(account.base_url).hostname or "",)

    def genuine(self, account: Account, vault: Vault, arrived: Arrived) -> bool:
        right = signature(arrived.body, account.credentials(vault).consumer_secret)
        return hmac.compare_digest(right.encode(), arrived.headers.get(SIGNATURE, "").strip().lower().encode())

    def read(self, channel: str, body: bytes) -> Sequence[Notice] | None:
        found = read_object(body)
        data = part_of(found, "data")
        if channel == "query":
            return (self._of_query(found or {}, data),)
        if channel != "webhook" or found is None or not text_of(found, "event"):
            return None
        about_payments = text_of(found, "event").startswith("charge.") and data is not None
        return (notice_of(data or {}),) if about_payments else ()

    def _of_query(self, found: Mapping[str, Any], data: Mapping[str, Any] | None) -> Notice:
        if found.get("status") is False and "not found" in text_of(found, "message").lower():
            return Notice(meaning="unknown-id")
        notice = notice_of(data or {})
        proven = found.get("status") is True and notice.payment and (notice.meaning != "success" or notice.receipt)
        return notice if proven else Notice(meaning="pending")

    async def push(self, account: Account, prompt: Prompt, now: Moment) -> Accepted:
        path, request = request_for(account, prompt)
        data = read_started(await self._send(account, "POST", path, request))
        go_to = text_of(data, "authorization_url") if account.start == "page" else ""
        if account.start == "page" and not self._ours(account, go_to):
            raise ProviderUnknown("there is no page of its own to go to")
        return Accepted(checkout_request=prompt.payment, go_to=go_to, say=text_of(data, "display_text"))

    def _ours(self, account: Account, address: str) -> bool:
        """Whether a guest may be sent there."""
        try:
            parts = urlsplit(address)
        except ValueError:
            return False
        return parts.scheme == urlsplit(account.base_url).scheme and parts.hostname in self.hosts(account)

    async def ask(self, account: Account, checkout_request: str, now: Moment) -> Heard:
        """By the road that the account's payments go now; one that it does not know there, by the other."""
        paths = (VERIFY, CHARGED) if account.start == "page" else (CHARGED, VERIFY)
        for path in paths:
            answer = await self._send(account, "GET", path + quote(checkout_request, safe=""))
            if answer.status in (401, 403):
                raise ProviderRefused("config", "Paystack refuses the secret key")
            if answer.status >= 500:
                raise ProviderUnknown(f"HTTP {answer.status}")
            if answer.status not in (400, 404):
                break
        throttled = answer.status == 429
        return Heard(body=answer.body[:MAX_BODY], throttled=throttled, retry_after_ms=answer.retry_after_ms)

    async def try_out(self, account: Account) -> None:
        """Ask about a payment that there is not: whoever is told so has a key that is taken."""
        answer = await self._send(account, "GET", VERIFY + NOT_A_PAYMENT)
        found = read_object(answer.body)
        if answer.status in (401, 403):
            raise ProviderRefused("config", "Paystack refuses the secret key")
        if found is None or answer.status >= 500 or answer.status == 429:
            raise ProviderUnknown(f"HTTP {answer.status}")

    async def _send(self, account: Account, method: str, path: str, request: Mapping[str, Any] | None = None) -> Answer:
        headers = {"Authorization": f"Bearer {account.credentials(self._vault).consumer_secret}"}
        return await self._line.send(account, method, account.base_url + path, headers, request)
