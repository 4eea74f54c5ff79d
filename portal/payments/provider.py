"""The contract of a payment provider: what a provider file promises, and what it must not do.

A provider never opens a transaction and decides no state: it says what it was told, and settling decides. Half of it
is pure, the `Reader`: bytes in, `Notice` out; the other half speaks to the provider. `app.py` names the providers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from portal.clock import Moment
from portal.money import Money
from portal.payments.accounts import Account
from portal.phone import Phone
from portal.processors.registry import Told
from portal.seal import Vault


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A guest is asked to pay: on their phone, or on the provider's page."""

    phone: Phone
    amount: Money
    account_ref: str
    description: str
    callback_url: str  # for a provider that calls an address of each payment
    payment: str = ""  # our public name of the payment, for a provider that lets us choose its name
    return_url: str = ""  # where the browser goes after a page; what it brings back proves nothing


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """The provider has taken the request; a phone rings, or the guest is to open `go_to`."""

    merchant_request: str = ""
    checkout_request: str = ""  # by this it is asked about
    go_to: str = ""  # an address at one of the provider's `hosts`
    say: str = ""  # what the provider wants the guest to read


@dataclass(frozen=True, kw_only=True)
class Heard:
    """An answer to a query as it came; `throttled` when the provider wants to be asked less."""

    body: bytes
    throttled: bool = False
    retry_after_ms: int | None = None


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """A message that came from outside, as it stands on the wire."""

    headers: Mapping[str, str]  # their names in small letters
    body: bytes
    source: str


Meaning = Literal["success", "failure", "pending", "unknown-id"]


@dataclass(frozen=True, kw_only=True)
class Notice:
    """What a provider says about money, in nobody's own words."""

    meaning: Meaning
    reason: str | None = None  # of a failure: a word of `payment.FAILURES`
    alert: bool = False  # only staff can mend it
    final_after_ms: int = 0  # a failure of a younger payment may be the answer to another question
    payment: str = ""  # our public name of the payment, where the provider carries it
    merchant_request: str = ""
    checkout_request: str = ""
    receipt: str | None = None
    amount: Money | None = None
    shortcode: str = ""  # the number that the money came to
    account_ref: str = ""
    payer: str = ""  # a number, a mask with its last digits, a hash, or nothing
    paid_at: Moment | None = None


class Reader(Protocol):
    """What a provider is called, and how its messages are read. Pure."""

    name: str  # as accounts and receipts keep it
    title: str  # as people know it
    signed: bool  # whether its messages carry a proof; a message without one is then never evidence
    processor: Told  # what the register of processors says of it, until the ISP says more
    names_itself: bool  # whether only the provider names a request; else it is asked for by our name of the payment

    @property
    def kinds(self) -> Mapping[str, str]:
        """The kinds of account, in words for staff; payments of the kind `page` begin on a page of the provider."""

    @property
    def secrets(self) -> Mapping[str, str]:
        """The columns of an account that it needs, and what it calls them."""

    def base_url(self, environment: str) -> str:
        """Where it is."""

    def refuse_keys(self, environment: str, secrets: Mapping[str, str]) -> None:
        """Raise `Misconfigured` for secrets that cannot be right there."""

    def hosts(self, account: Account) -> Sequence[str]:
        """The hosts that a guest without a pass must reach to pay."""

    def genuine(self, account: Account, vault: Vault, arrived: Arrived) -> bool:
        """Whether the provider itself has sent this, as far as a message can show it."""

    def read(self, channel: str, body: bytes) -> Sequence[Notice] | None:
        """What a message says; None when it cannot be read, nothing when it is not about money that moved."""

    @property
    def answer(self) -> Mapping[str, object]:
        """What the provider wants to hear when its message is on disk."""


class Provider(Reader, Protocol):
    """Something that collects money."""

    async def push(self, account: Account, prompt: Prompt, now: Moment) -> Accepted:
        """Ask for money, at most once.

        Called after the payment was written down as submitting. Raises `ProviderRefused` only when certainly
        nothing was started, otherwise `ProviderUnknown`; never sends the request again after an unknown outcome.
        """

    async def ask(self, account: Account, checkout_request: str, now: Moment) -> Heard:
        """Ask what became of a request. Raises `ProviderRefused` or `ProviderUnknown`; may be repeated."""

    async def try_out(self, account: Account) -> None:
        """Whether the account's keys are taken; no money moves. Raises `ProviderRefused` or `ProviderUnknown`."""


Readers = Mapping[str, Reader]
Providers = Mapping[str, Provider]
