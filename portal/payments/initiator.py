"""What an API user of the shop may ask of M-Pesa: a payment's state, its reversal, the balance.

Pure (facts/mpesa.md 6.1 to 6.5). The answer to a request only says that it was taken; what became of it is posted
later. A hit on the time-out address says nothing about the outcome, whatever stands in it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from portal import spreadsheet
from portal.clock import Moment
from portal.errors import Misconfigured
from portal.money import Money, from_decimal
from portal.payments.answers import read_accepted
from portal.payments.mpesa import as_text, only_letters, part_of, read_amount, read_moment, read_object, read_receipt
from portal.payments.statement import read_payer

STATUS_PATH = "/mpesa/transactionstatus/v1/query"
REVERSAL_PATH = "/mpesa/reversal/v1/request"
BALANCE_PATH = "/mpesa/accountbalance/v1/query"
ORGANIZATION = "4"  # what kind of number a shortcode is
REVERSED_BY = "11"


@dataclass(frozen=True, kw_only=True)
class Initiator:
    """An API user of the shop and its password as M-Pesa wants it."""

    name: str
    credential: str

    def __repr__(self) -> str:
        return f"Initiator({self.name!r}, …)"


def security_credential(password: str, certificate_pem: str) -> str:
    """The password for M-Pesa's eyes only.

    The certificate is a key in an envelope: those that are in use ended years ago, so its dates are not looked at.
    Raises `Misconfigured`.
    """
    key = _public_key(certificate_pem)
    plain = password.encode("utf-8", "surrogatepass")
    if not 1 <= len(plain) <= key.key_size // 8 - 11:
        raise Misconfigured("The initiator's password is empty, or too long for the certificate.")
    return base64.b64encode(key.encrypt(plain, padding.PKCS1v15())).decode()


def _public_key(certificate_pem: str) -> rsa.RSAPublicKey:
    try:
        found = x509.load_pem_x509_certificate(certificate_pem.encode()).public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise Misconfigured("This is no certificate; it begins with -----BEGIN CERTIFICATE-----.") from None
    if not isinstance(found, rsa.RSAPublicKey):
        raise Misconfigured("The certificate holds no RSA key, so it is not M-Pesa's.")
    return found


# --- requests ---


@dataclass(frozen=True, kw_only=True)
class ReplyTo:
    """Where M-Pesa posts what became of a request, and where it posts that it does not know."""

    result_url: str
    timeout_url: str


def status_request(shortcode: str, initiator: Initiator, receipt: str, reply: ReplyTo) -> dict[str, Any]:
    """What became of a payment, by its receipt number."""
    return {
        **_asked(initiator, "TransactionStatusQuery", reply, "Receipt check"),
        "TransactionID": receipt,
        "PartyA": shortcode,
        "IdentifierType": ORGANIZATION,
        "Occasion": "",
    }


def reversal_request(
    shortcode: str, initiator: Initiator, receipt: str, amount: Money, remarks: str, reply: ReplyTo
) -> dict[str, Any]:
    """The money of a receipt goes back to who paid it."""
    return {
        **_asked(initiator, "TransactionReversal", reply, remarks),
        "TransactionID": receipt,
        "Amount": spreadsheet.decimal(amount.minor) if amount.minor % 100 else str(amount.whole),
        "ReceiverParty": shortcode,
        "RecieverIdentifierType": REVERSED_BY,  # misspelt by M-Pesa, and required so
        "Occasion": "",
    }


def balance_request(shortcode: str, initiator: Initiator, reply: ReplyTo) -> dict[str, Any]:
    return {
        **_asked(initiator, "AccountBalance", reply, "Balance"),
        "PartyA": shortcode,
        "IdentifierType": ORGANIZATION,
    }


def _asked(initiator: Initiator, command: str, reply: ReplyTo, remarks: str) -> dict[str, Any]:
    said = only_letters(remarks, 100)
    return {
        "Initiator": initiator.name,
        "SecurityCredential": initiator.credential,
        "CommandID": command,
        "Remarks": said if len(said) >= 2 else "Refund",
        "ResultURL": reply.result_url,
        "QueueTimeOutURL": reply.timeout_url,
    }


# --- answers ---


@dataclass(frozen=True, kw_only=True)
class Ack:
    """The request was taken; both ids come back with its result."""

    originator: str
    conversation: str


def read_ack(status: int, body: bytes) -> Ack:
    """The ids of a request that was taken; raises `ProviderRefused` or `ProviderUnknown`."""
    found = read_accepted(status, body)
    originator = as_text(found.get("OriginatorConversationID")) or as_text(found.get("OriginatorCoversationID"))
    return Ack(originator=originator, conversation=as_text(found.get("ConversationID")))


@dataclass(frozen=True, kw_only=True)
class InitiatorResult:
    """What became of a request; `code` is text, and only "0" is a success."""

    code: str
    description: str
    originator: str
    conversation: str
    transaction: str
    values: Mapping[str, str]


def read_result(body: bytes) -> InitiatorResult | None:
    """A result as it is posted; None when it is none."""
    found = part_of(read_object(body), "Result")
    if found is None or not as_text(found.get("ResultCode")):
        return None
    return InitiatorResult(
        code=as_text(found.get("ResultCode")),
        description=as_text(found.get("ResultDesc")),
        originator=as_text(found.get("OriginatorConversationID")),
        conversation=as_text(found.get("ConversationID")),
        transaction=as_text(found.get("TransactionID")),
        values=_values(found.get("ResultParameters")),
    )


def _values(parameters: object) -> dict[str, str]:
    """By key; of a key that comes again, the first value that says something."""
    listed = parameters.get("ResultParameter") if isinstance(parameters, dict) else parameters
    values: dict[str, str] = {}
    for each in listed if isinstance(listed, list) else [listed]:
        if isinstance(each, dict) and isinstance(each.get("Key"), str):
            key = as_text(each["Key"])
            values[key] = values.get(key) or as_text(each.get("Value"), 4000)
    return values


# --- what a result means ---


@dataclass(frozen=True, kw_only=True)
class ReversalMeaning:
    """Whether the money went back; `reason` says why not."""

    state: Literal["done", "failed", "unknown"]
    reason: str = ""


_NOT_REVERSED = {
    "1": "no-float",
    "11": "state",
    "21": "no-role",
    "2001": "credential",
    "2006": "account",
    "2028": "product",
    "8006": "locked",
    "R000002": "unknown-receipt",
}


def reversal_meaning(code: str) -> ReversalMeaning:
    """Only a code that is known to mean so is a failure; one that was reversed before is done."""
    if code in ("0", "R000001"):
        return ReversalMeaning(state="done")
    reason = _NOT_REVERSED.get(code)
    return ReversalMeaning(state="failed", reason=reason) if reason else ReversalMeaning(state="unknown")


StatusState = Literal["completed", "cancelled", "declined", "expired", "unknown"]
_STATES: dict[str, StatusState] = {each: each for each in get_args(StatusState)}


@dataclass(frozen=True, kw_only=True)
class StatusAnswer:
    """A payment as M-Pesa tells it; "unknown" proves nothing."""

    receipt: str | None
    amount: Money | None
    state: StatusState
    finalised_at: Moment | None
    payer: str


def status_of(result: InitiatorResult) -> StatusAnswer:
    values = result.values
    state = _STATES.get(values.get("TransactionStatus", "").lower(), "unknown")
    return StatusAnswer(
        receipt=read_receipt(values.get("ReceiptNo")),
        amount=read_amount(values.get("Amount")),
        state=state if result.code == "0" else "unknown",
        finalised_at=read_moment(values.get("FinalisedTime")),
        payer=read_payer(values.get("DebitPartyName", "").split(" - ")[0].strip()),
    )


def read_balance(text: str) -> list[tuple[str, str, Money]]:
    """The shop's accounts, ``Name|KES|a|b|c|d&…``: name, currency and what is available (the second amount)."""
    found = (_account(each.split("|")) for each in text.split("&"))
    return [each for each in found if each is not None]


def _account(parts: list[str]) -> tuple[str, str, Money] | None:
    if len(parts) < 4 or not re.fullmatch(r"-?[0-9]{1,12}(\.[0-9]{1,2}0*)?", parts[3].strip()):
        return None
    currency = parts[1].strip()
    amount = from_decimal(parts[3].strip(), currency)
    return None if amount is None else (parts[0].strip(), currency, amount)
