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
from typing import Any

from portal.clock import Moment
from portal.money import Money, from_decimal

EAT = timezone(timedelta(hours=3))
STK_PATH = "/mpesa/stkpush/v1/processrequest"
QUERY_PATH = "/mpesa/stkpushquery/v1/query"
REGISTER_PATH = "/mpesa/c2b/{version}/registerurl"
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


def register_request(shop: str, confirm: str, validate: str) -> dict[str, Any]:
    """Where C2B confirmations go; without an answer of ours a payment is completed."""
    return {"ShortCode": shop, "ResponseType": "Completed", "ConfirmationURL": confirm, "ValidationURL": validate}


def query_request(shop: Shop, checkout_request: str, now: Moment) -> dict[str, Any]:
    return {**_signed(shop, now), "CheckoutRequestID": checkout_request}


# --- reading ---


def _no_constant(name: str) -> None:
    raise ValueError(name)


def read_object(body: bytes, most: int = MAX_BODY) -> dict[str, Any] | None:
    """A JSON object of at most so many bytes, strictly; None for anything else."""
    if len(body) > most:
        return None
    try:
        found = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def text_of(found: Mapping[str, Any], name: str) -> str:
    return as_text(found.get(name))


def as_text(value: object, most: int = 200) -> str:
    """A text or a number as text that every database takes: JSON may hold half a character, or NUL."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).strip()[:most].encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def part_of(found: object, *names: str) -> dict[str, Any] | None:
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
    found = part_of(read_object(body), "Body", "stkCallback")
    if found is None or not text_of(found, "ResultCode"):
        return None
    items = _items(found)
    return StkNotice(
        merchant_request=text_of(found, "MerchantRequestID"),
        checkout_request=text_of(found, "CheckoutRequestID"),
        code=text_of(found, "ResultCode"),
        amount=read_amount(items.get("Amount")),
        receipt=read_receipt(items.get("MpesaReceiptNumber")),
        paid_at=read_moment(items.get("TransactionDate")),
    )


def _items(found: dict[str, Any]) -> dict[str, Any]:
    """The metadata by name; any item may be missing, or come without a value."""
    listed = (part_of(found, "CallbackMetadata") or {}).get("Item")
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
        shortcode=text_of(found, "BusinessShortCode"),
        account_ref=normal_ref(text_of(found, "BillRefNumber")),
        payer=text_of(found, "MSISDN").lower(),
        paid_at=read_moment(found.get("TransTime")),
    )


def normal_ref(text: str) -> str:
    """An account reference as people type it, without spaces and in capitals."""
    return re.sub(r"[^A-Z0-9]", "", text.upper())[:20]


def shown_ref(ref: str) -> str:
    """The reference as it may be kept and shown: people type their phone number, which is not for the books."""
    return f"…{ref[-3:]}" if ref.isdigit() and len(ref) >= 9 else ref


def is_hash(payer: str) -> bool:
    """Version 1 of C2B gives a SHA-256 of the number."""
    return re.fullmatch(r"[0-9a-f]{64}", payer) is not None


def tail_of(payer: str) -> str | None:
    """The last three digits of a number or of its mask (``2547 ***** 126``)."""
    found = None if is_hash(payer) else re.search(r"([0-9]{3})$", payer)
    return found[1] if found else None
