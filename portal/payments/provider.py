"""The contract of a payment provider: what a provider file promises, and what it must not do.

A provider never opens a transaction and decides no state: it says what it was told, and settling decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from portal.clock import Moment
from portal.money import Money
from portal.payments.accounts import MpesaAccount
from portal.phone import Phone


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A phone is asked to pay."""

    phone: Phone
    amount: Money
    account_ref: str
    description: str
    callback_url: str


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """The provider has taken the request; a phone rings."""

    merchant_request: str
    checkout_request: str


@dataclass(frozen=True, kw_only=True)
class Heard:
    """An answer to a query as it came; `throttled` when the provider wants to be asked less."""

    body: bytes
    throttled: bool = False
    retry_after_ms: int | None = None


class Provider(Protocol):
    """Something that collects money."""

    async def push(self, account: MpesaAccount, prompt: Prompt, now: Moment) -> Accepted:
        """Make a phone ring, at most once.

        Called after the payment was written down as submitting. Raises `ProviderRefused` only when certainly
        nothing was started, otherwise `ProviderUnknown`; never sends the request again after an unknown outcome.
        """

    async def ask(self, account: MpesaAccount, checkout_request: str, now: Moment) -> Heard:
        """Ask what became of a prompt. Raises `ProviderRefused` or `ProviderUnknown`; may be repeated."""
