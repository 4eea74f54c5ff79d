"""Reading a push or query, in the order Daraja checks it (facts/mpesa.md 2.1, 2.3, 11.2)."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sandbox.mpesa.answers import Refusal, invalid
from sandbox.mpesa.faults import Switches
from sandbox.mpesa.records import TYPES

_FIELDS = (
    "BusinessShortCode",
    "Password",
    "Timestamp",
    "TransactionType",
    "Amount",
    "PartyA",
    "PartyB",
    "PhoneNumber",
    "CallBackURL",
    "AccountReference",
    "TransactionDesc",
)
# A missing TransactionDesc is reported under another name (facts/mpesa.md 2.1).
_CALLED = {"TransactionDesc": "Remarks"}
_PHONE = re.compile(r"254[17]\d{8}")
TUNNELS = ("ngrok", "mockbin", "requestbin")


@dataclass(frozen=True, kw_only=True)
class Order:
    """A push that reads well; whether it is right is another question."""

    business: str
    password: str
    timestamp: str
    type: str
    amount: int
    phone: str
    party_b: str
    callback_url: str
    account: str
    description: str


def read_order(body: object, switches: Switches) -> Order:
    fields = _read_fields(body, _FIELDS)
    if fields["TransactionType"] not in TYPES.values():
        raise invalid("TransactionType")
    _check_url(fields["CallBackURL"], switches)
    for name in ("PhoneNumber", "PartyA"):
        if not _PHONE.fullmatch(fields[name]):
            raise invalid(name)
    return Order(
        business=fields["BusinessShortCode"],
        password=fields["Password"],
        timestamp=fields["Timestamp"],
        type=fields["TransactionType"],
        amount=_amount(fields["Amount"], switches),
        phone=fields["PhoneNumber"],
        party_b=fields["PartyB"],
        callback_url=fields["CallBackURL"],
        account=fields["AccountReference"],
        description=fields["TransactionDesc"],
    )


def read_query(body: object) -> dict[str, str]:
    return _read_fields(body, ("BusinessShortCode", "Password", "Timestamp", "CheckoutRequestID"))


def _read_fields(body: object, names: tuple[str, ...]) -> dict[str, str]:
    if not isinstance(body, Mapping):
        raise invalid("BusinessShortCode")
    fields = {name: _text(body.get(name)) for name in names}
    for name in names:
        if not fields[name]:
            raise invalid(_CALLED.get(name, name))
    if not re.fullmatch(r"\d{5,7}", fields["BusinessShortCode"]):
        raise invalid("BusinessShortCode")
    if not _is_timestamp(fields["Timestamp"]):
        raise invalid("Timestamp")
    return fields


def _text(value: Any) -> str:
    """Numbers and strings are both welcome, as with the real one."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value).strip()


def _is_timestamp(text: str) -> bool:
    try:
        datetime.strptime(text, "%Y%m%d%H%M%S")
    except ValueError:
        return False
    return bool(re.fullmatch(r"\d{14}", text))


def _check_url(url: str, switches: Switches) -> None:
    parts = urlsplit(url)
    schemes = ("https",) if switches.https_callbacks else ("https", "http")
    if parts.scheme not in schemes or not parts.hostname or any(word in parts.hostname for word in TUNNELS):
        raise invalid("CallBackURL")


def _amount(text: str, switches: Switches) -> int:
    if not re.fullmatch(r"\d{1,9}", text) or not 1 <= int(text) <= switches.max_amount:
        raise invalid("Amount")
    return int(text)


def check_password(business: str, passkey: str, timestamp: str, password: str) -> None:
    right = base64.b64encode(f"{business}{passkey}{timestamp}".encode()).decode()
    if password != right:
        raise Refusal(500, "500.001.1001", "Wrong credentials")
