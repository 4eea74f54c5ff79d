"""Why a payment came to nothing, or why staff have to look at it: in a word or two, and in a sentence. Pure."""

from __future__ import annotations

from typing import NamedTuple


class Why(NamedTuple):
    """A reason in a list, and on the page of a guest."""

    short: str
    sentence: str


FAILED = {
    "wrong-pin": Why("wrong PIN", "The M-Pesa PIN was wrong."),
    "no-money": Why("not enough money", "There was not enough money in M-Pesa."),
    "cancelled": Why("the guest cancelled", "The request was cancelled on the phone."),
    "no-answer": Why(
        "the phone did not answer",
        "The phone did not answer: off, without signal, or no PIN was entered in time.",
    ),
    "expired": Why("the prompt ran out", "No PIN was entered in time."),
    "busy": Why("another prompt was open on the phone", "Another M-Pesa request was open on the phone."),
    "provider-busy": Why("M-Pesa was busy", "M-Pesa was too busy."),
    "provider-down": Why("M-Pesa could not be reached", "M-Pesa could not be reached."),
    "unanswered": Why("no answer", "The request could not be sent in time."),
    "not-sent": Why("the prompt could not be sent", "M-Pesa could not show the PIN box on the phone."),
    "limit": Why("above the guest's limit", "The amount is outside of what M-Pesa allows."),
    "daily-limit": Why("above the guest's daily limit", "The phone has reached its M-Pesa limit of the day."),
    "shop-limit": Why("the ISP's account is full", "Your M-Pesa account may take no more money now."),
    "duplicate": Why(
        "the same amount was asked for a moment before",
        "M-Pesa refuses the same amount from one phone within 2 minutes.",
    ),
    "refused": Why("M-Pesa refused", "M-Pesa does not accept a payment from this phone."),
    "phone": Why("not a number that can pay", "M-Pesa does not know this number."),
    "locked-account": Why(
        "the guest's M-Pesa is locked", "The phone's M-Pesa PIN is locked; Safaricom unlocks it on 100 or 200."
    ),
    "bad-debt": Why("the guest owes M-Pesa money", "M-Pesa lets this phone pay nothing because of a debt."),
    "config": Why(
        "M-Pesa refuses the ISP's account",
        "M-Pesa refused your account's settings; look at the M-Pesa account.",
    ),
    "unregistered": Why(
        "the provider is not in your register",
        "The provider was taken out of your register of processors, so it was not asked.",
    ),
}
REVIEW = {
    "wrong-amount": Why("another amount came", "The money that came is not the amount that was asked for."),
    "wrong-ids": Why("another request was meant", "The report of success names another request."),
    "receipt-used": Why("its receipt has paid another one", "Its receipt has already paid another payment."),
    "receipt-elsewhere": Why("its receipt is in the books already", "Its receipt is already in the books."),
    "tenant-closed": Why("the shop was closed", "The money came while your shop was closed."),
    "payer-erased": Why("who pays was erased", "The money came for somebody who was erased before it came."),
    "unknown-id": Why("M-Pesa does not know it", "M-Pesa does not know the request that was reported as paid."),
}
SHORT = {reason: why.short for reason, why in {**FAILED, **REVIEW}.items()}


def why_failed(reason: str | None) -> str:
    """Why nothing was paid."""
    known = FAILED.get(reason or "")
    return known.sentence if known else "M-Pesa did not complete it."


def why_review(reason: str | None) -> str:
    """Why staff have to look at a payment."""
    known = REVIEW.get(reason or "")
    return known.sentence if known else "It needs a look by staff."
