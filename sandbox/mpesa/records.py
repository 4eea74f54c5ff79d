"""What the sandbox M-Pesa remembers."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from portal.clock import Moment
from sandbox.mpesa.faults import Fault

Kind = Literal["paybill", "till"]
Code = int | str
TYPES = {"paybill": "CustomerPayBillOnline", "till": "CustomerBuyGoodsOnline"}


class Declined(Exception):
    """The payment was declined, no money moved."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Merchant:
    """A paybill or till. `validation` says that Safaricom has switched validation on for it."""

    kind: Kind
    shortcode: str
    store: str | None
    passkey: str
    consumer_key: str
    name: str
    callback_ca: ssl.SSLContext | str | Path | None = None
    validation: bool = False
    on_old_broker: bool = False

    @property
    def business(self) -> str:
        """What a push calls BusinessShortCode: the paybill, or the till's store number."""
        return self.store or self.shortcode


@dataclass(frozen=True, kw_only=True)
class Registration:
    """Where C2B payments of a shortcode are told."""

    version: Literal["v1", "v2"]
    response_type: str
    confirmation_url: str
    validation_url: str


@dataclass(kw_only=True)
class Push:
    """One STK push, from acceptance to its result."""

    checkout_id: str
    merchant_request_id: str
    merchant: Merchant
    phone: str
    amount: int
    account: str
    description: str
    callback_url: str
    at: Moment
    fault: Fault
    prompted: bool = False
    ignored: bool = False
    code: Code | None = None
    ended_at: Moment | None = None
    receipt: str | None = None

    @property
    def open(self) -> bool:
        return self.code is None

    @property
    def prompt(self) -> str:
        account = f", account no. {self.account}" if self.merchant.kind == "paybill" else ""
        return f"Do you want to pay KSh {self.amount:,} to {self.merchant.name}{account}? Enter M-PESA PIN"


@dataclass(frozen=True, kw_only=True)
class Transaction:
    """Money that really moved. `via` is "stk" or "hand"; amounts are whole shillings."""

    receipt: str
    phone: str
    merchant: Merchant
    account: str
    amount: int
    at: Moment
    via: Literal["stk", "hand"]
    checkout_id: str | None = None

    @property
    def shortcode(self) -> str:
        return self.merchant.shortcode


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of a merchant's statement: money of a customer, money back to one, or a settlement to the bank."""

    receipt: str
    at: Moment
    kind: Literal["in", "out", "settlement"]
    amount: int
    merchant: Merchant
    phone: str = ""
    account: str = ""
    linked: str = ""  # the payment that it takes back


@dataclass(kw_only=True)
class Delivery:
    """One message to a merchant's server; `outcome` is the HTTP status or what went wrong."""

    kind: Literal["callback", "confirmation", "validation", "result", "timeout"]
    url: str
    body: dict[str, Any]
    at: Moment
    outcome: str = "on its way"
    reply: bytes = field(default=b"", repr=False)
