"""What is said to M-Pesa and what it answers, as values. Pure: requests out, bytes -> notices in.

Nothing here trusts a shape: answers may be HTML from a firewall, an Apigee fault, numbers as strings, strings as
numbers, items without a value (facts/mpesa.md 1.2, 2.3, 3.2, 4, 5.3).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal

from portal.clock import Moment
from portal.errors import ProviderRefused, ProviderUnknown
from portal.money import Money, from_decimal

EAT = timezone(timedelta(hours=3))
STK_PATH = "/mpesa/stkpush/v1/processrequest"
QUERY_PATH = "/mpesa/stkpushquery/v1/query"
TOKEN_PATH = "/oauth/v1/generate?grant_type=client_credentials"  # noqa: S105 a path, no secret
MAX_BODY = 16 * 1024

# --- requests ---


def timestamp(now: Moment) -> str:
    """``YYYYMMDDHHmmss`` in East Africa Time."""
    return datetime.fromtimestamp(now / 1000, EAT).strftime("%Y%m%d%H%M%S")


def password(shortcode: str, passkey: str, stamp: str) -> str:
    return base64.b64encode(f"{shortcode}{passkey}{stamp}".encode()).decode()


def only_letters(text: str, length: int) -> str:
    """Special characters have broken requests; what is left of `text`, at most `length` long."""
    return re.sub(r"[^A-Za-z0-9 ]", "", text).strip()[:length].strip()


@dataclass(frozen=True, kw_only=True)
class Shop:
    """Who asks for money: a paybill, or a till behind its store number."""

    shortcode: str
    party_b: str
    till: bool
    passkey: str


def _signed(shop: Shop, now: Moment) -> dict[str, Any]:
    stamp = timestamp(now)
    return {
        "BusinessShortCode": shop.shortcode,
        "Password": password(shop.shortcode, shop.passkey, stamp),
        "Timestamp": stamp,
    }


def push_request(
    shop: Shop, *, amount: Money, phone: str, account_ref: str, description: str, callback_url: str, now: Moment
) -> dict[str, Any]:
    """An STK push; a till is asked for through its store number, with the till as PartyB."""
    return {
        **_signed(shop, now),
        "TransactionType": "CustomerBuyGoodsOnline" if shop.till else "CustomerPayBillOnline",
        "Amount": amount.whole,
        "PartyA": phone,
        "PartyB": shop.party_b,
        "PhoneNumber": phone,
        "CallBackURL": callback_url,
        "AccountReference": re.sub(r"[^A-Z0-9]", "", account_ref.upper())[:12],
        # Called optional, yet "Invalid Remarks" without it.
        "TransactionDesc": only_letters(description, 13) or "Internet",
    }


def query_request(shop: Shop, checkout_request: str, now: Moment) -> dict[str, Any]:
    return {**_signed(shop, now), "CheckoutRequestID": checkout_request}


# --- reading ---


def _no_constant(name: str) -> None:
    raise ValueError(name)


def read_object(body: bytes) -> dict[str, Any] | None:
    """A JSON object, strictly; None for anything else."""
    if len(body) > MAX_BODY:
        return None
    try:
        found = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).strip()[:200]


def _part(found: object, *names: str) -> dict[str, Any] | None:
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def read_amount(value: object) -> Money | None:
    """``1.00``, ``"5.00"`` or ``20``; None for anything odd."""
    if isinstance(value, bool) or not re.fullmatch(r"\s*[0-9]{1,12}(\.[0-9]{1,2}0*)?\s*", str(value)):
        return None
    return from_decimal(str(value).strip())


def read_moment(value: object) -> Moment | None:
    """A 14-digit time in EAT, or a written one; None when it cannot be read (nothing depends on it)."""
    text = str(value).strip()
    for form in ("%Y%m%d%H%M%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"):
        try:
            return int(datetime.strptime(text[:19], form).replace(tzinfo=EAT).astimezone(UTC).timestamp() * 1000)
        except (ValueError, OverflowError):
            continue
    return None


RECEIPT = re.compile(r"[A-Z0-9]{6,20}")


def read_receipt(value: object) -> str | None:
    """A receipt number; normally ten upper-case letters and digits, but that is only a habit."""
    text = str(value).strip().upper() if isinstance(value, str) else ""
    return text if RECEIPT.fullmatch(text) else None


@dataclass(frozen=True, kw_only=True)
class StkNotice:
    """What a callback says; `code` is text, and only "0" is a success."""

    merchant_request: str
    checkout_request: str
    code: str
    amount: Money | None
    receipt: str | None
    paid_at: Moment | None


def read_stk(body: bytes) -> StkNotice | None:
    """An STK callback; None when it is none."""
    found = _part(read_object(body), "Body", "stkCallback")
    if found is None or not _text(found, "ResultCode"):
        return None
    items = _items(found)
    return StkNotice(
        merchant_request=_text(found, "MerchantRequestID"),
        checkout_request=_text(found, "CheckoutRequestID"),
        code=_text(found, "ResultCode"),
        amount=read_amount(items.get("Amount")),
        receipt=read_receipt(items.get("MpesaReceiptNumber")),
        paid_at=read_moment(items.get("TransactionDate")),
    )


def _items(found: dict[str, Any]) -> dict[str, Any]:
    """The metadata by name; any item may be missing, or come without a value."""
    listed = (_part(found, "CallbackMetadata") or {}).get("Item")
    if not isinstance(listed, list):
        return {}
    return {str(each.get("Name")): each.get("Value") for each in listed if isinstance(each, dict)}


@dataclass(frozen=True, kw_only=True)
class C2bNotice:
    """Money that reached a paybill or till; `payer` is a number, a mask with its last digits, or a hash."""

    receipt: str
    amount: Money
    shortcode: str
    account_ref: str
    payer: str
    paid_at: Moment | None


def read_c2b(body: bytes) -> C2bNotice | None:
    """A C2B confirmation; None when it is none."""
    found = read_object(body) or {}
    receipt, amount = read_receipt(found.get("TransID")), read_amount(found.get("TransAmount"))
    if receipt is None or amount is None:
        return None
    return C2bNotice(
        receipt=receipt,
        amount=amount,
        shortcode=_text(found, "BusinessShortCode"),
        account_ref=normal_ref(_text(found, "BillRefNumber")),
        payer=_text(found, "MSISDN").lower(),
        paid_at=read_moment(found.get("TransTime")),
    )


def normal_ref(text: str) -> str:
    """An account reference as people type it, without spaces and in capitals."""
    return re.sub(r"[^A-Z0-9]", "", text.upper())[:20]


def is_hash(payer: str) -> bool:
    """Version 1 of C2B gives a SHA-256 of the number."""
    return re.fullmatch(r"[0-9a-f]{64}", payer) is not None


def tail_of(payer: str) -> str | None:
    """The last three digits of a number or of its mask (``2547 ***** 126``)."""
    found = None if is_hash(payer) else re.search(r"([0-9]{3})$", payer)
    return found[1] if found else None


# --- answers ---


@dataclass(frozen=True, kw_only=True)
class Fault:
    """An error envelope of either kind."""

    code: str
    message: str


def read_fault(found: Mapping[str, Any] | None) -> Fault | None:
    if found is None:
        return None
    if "errorCode" in found:
        return Fault(code=_text(found, "errorCode"), message=_text(found, "errorMessage"))
    fault = _part(found, "fault")
    if fault is None:
        return None
    code = _text(_part(fault, "detail") or {}, "errorcode")
    return Fault(code=code, message=_text(fault, "faultstring"))


# The gateway refused the token before M-Pesa saw the request, so it may be sent again (facts 1.1).
_TOKEN_CODES = frozenset({"404.001.03", "401.003.01", "400.003.01", "401.002.01", "401.001", "404.001.04"})


def refuses_token(status: int, body: bytes) -> bool:
    fault = read_fault(read_object(body))
    return status == 401 or (fault is not None and fault.code in _TOKEN_CODES)


def is_throttled(status: int, body: bytes) -> bool:
    fault = read_fault(read_object(body))
    known = fault is not None and (fault.code in ("500.003.02", "500.003.03") or "ratelimit" in fault.code.lower())
    return status == 429 or known


def read_push(status: int, body: bytes) -> tuple[str, str]:
    """The ids of an accepted push; raises `ProviderRefused` or `ProviderUnknown`."""
    found = read_object(body)
    fault = read_fault(found)
    if is_throttled(status, body):
        raise ProviderRefused("provider-busy", fault.message if fault else f"HTTP {status}")
    if found is None:
        raise ProviderUnknown(f"HTTP {status} without JSON")
    if fault is not None:
        raise _refusal(status, fault)
    code = _text(found, "ResponseCode")
    if status != 200 or not code:
        raise ProviderUnknown(f"HTTP {status} without a response code")
    if code != "0":
        text = _text(found, "ResponseDescription")
        raise ProviderRefused("busy" if "lock" in text.lower() else "refused", text)
    return _text(found, "MerchantRequestID"), _text(found, "CheckoutRequestID")


# One code has many meanings, so the text decides: (code, words of the text, reason).
_REFUSALS = (
    ("500.001.1001", "unable to lock", "busy"),
    ("500.001.1001", "merchant does not exist", "config"),
    ("500.001.1001", "wrong credentials", "config"),
    ("400.002.02", "phonenumber", "phone"),
    ("400.002.02", "partya", "phone"),
    ("400.002.02", "amount", "limit"),
    ("400.002.02", "", "config"),
    ("404.001.01", "", "config"),
    ("405.001", "", "config"),
)


def _refusal(status: int, fault: Fault) -> ProviderRefused | ProviderUnknown:
    text = fault.message.lower()
    for code, words, reason in _REFUSALS:
        if fault.code == code and words in text:
            return ProviderRefused(reason, fault.message)
    if refuses_token(status, json.dumps({"errorCode": fault.code}).encode()):
        return ProviderRefused("config", fault.message)
    if 400 <= status < 500:
        return ProviderRefused("refused", fault.message)
    return ProviderUnknown(f"HTTP {status} {fault.code}")


QueryMeaning = Literal["result", "not-yet", "unknown-id"]


@dataclass(frozen=True, kw_only=True)
class QueryNotice:
    """What a query says: a result code, not yet, or that it does not know the id."""

    meaning: QueryMeaning
    code: str = ""
    checkout_request: str = ""


NOT_YET = QueryNotice(meaning="not-yet")


def read_query(body: bytes) -> QueryNotice:
    """The answer to a query; everything that is no result is not yet one."""
    found = read_object(body)
    fault = read_fault(found)
    if fault is not None:
        unknown = fault.code == "400.002.02" and "checkoutrequestid" in fault.message.lower()
        return QueryNotice(meaning="unknown-id") if unknown else NOT_YET
    if found is None or _text(found, "ResponseCode") != "0" or not _text(found, "ResultCode"):
        return NOT_YET
    return QueryNotice(
        meaning="result", code=_text(found, "ResultCode"), checkout_request=_text(found, "CheckoutRequestID")
    )


@dataclass(frozen=True, kw_only=True)
class Token:
    """A token and how long it lives."""

    text: str
    lives_ms: int

    def __repr__(self) -> str:
        return "Token(…)"


def read_token(status: int, body: bytes) -> Token | None:
    """The token; ``expires_in`` is a number or a string; None for anything else."""
    found = read_object(body)
    if status != 200 or found is None or not isinstance(found.get("access_token"), str):
        return None
    life = _text(found, "expires_in")
    seconds = int(life) if life.isascii() and life.isdigit() else 3599
    return Token(text=found["access_token"].strip(), lives_ms=min(seconds, 86_400) * 1000)
