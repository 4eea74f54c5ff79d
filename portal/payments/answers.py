"""M-Pesa's answers to our own requests: token, push, query. Pure: status and bytes in, values or errors out.

One code has many meanings, so the text decides as well; what does not say clearly that nothing was started is
unknown (facts/mpesa.md 1.1, 1.2, 2.3, 4).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from portal.errors import ProviderRefused, ProviderUnknown
from portal.payments.mpesa import part_of, read_object, text_of


@dataclass(frozen=True, kw_only=True)
class Fault:
    """An error envelope of either kind."""

    code: str
    message: str


def read_fault(found: Mapping[str, Any] | None) -> Fault | None:
    if found is None:
        return None
    if "errorCode" in found:
        return Fault(code=text_of(found, "errorCode"), message=text_of(found, "errorMessage"))
    fault = part_of(found, "fault")
    if fault is None:
        return None
    code = text_of(part_of(fault, "detail") or {}, "errorcode")
    return Fault(code=code, message=text_of(fault, "faultstring"))


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
    found = read_accepted(status, body)
    return text_of(found, "MerchantRequestID"), text_of(found, "CheckoutRequestID")


def read_answer(status: int, body: bytes) -> dict[str, Any]:
    """An answer that is no error; raises `ProviderRefused` or `ProviderUnknown`."""
    found = read_object(body)
    fault = read_fault(found)
    if is_throttled(status, body):
        raise ProviderRefused("provider-busy", fault.message if fault else f"HTTP {status}")
    if found is None:
        raise ProviderUnknown(f"HTTP {status} without JSON")
    if fault is not None:
        raise _refusal(status, fault)
    return found


def read_accepted(status: int, body: bytes) -> Mapping[str, object]:
    """An answer that says yes; raises `ProviderRefused` or `ProviderUnknown`."""
    found = read_answer(status, body)
    code = text_of(found, "ResponseCode")
    if status != 200 or not code:
        raise ProviderUnknown(f"HTTP {status} without a response code")
    if code != "0":
        text = text_of(found, "ResponseDescription")
        raise ProviderRefused("busy" if "lock" in text.lower() else "refused", text)
    return found


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
    ("500.003.1001", "already registered", "registered"),
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
    if found is None or text_of(found, "ResponseCode") != "0" or not text_of(found, "ResultCode"):
        return NOT_YET
    return QueryNotice(
        meaning="result", code=text_of(found, "ResultCode"), checkout_request=text_of(found, "CheckoutRequestID")
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
    life = text_of(found, "expires_in")
    seconds = int(life) if life.isascii() and life.isdigit() else 3599
    return Token(text=found["access_token"].strip(), lives_ms=min(seconds, 86_400) * 1000)
