"""Why a payment came to nothing, in words for staff. Pure."""

from __future__ import annotations

FAILED = {
    "wrong-pin": "The M-Pesa PIN was wrong.",
    "no-money": "There was not enough money in M-Pesa.",
    "cancelled": "The request was cancelled on the phone.",
    "no-answer": "The phone did not answer: off, without signal, or no PIN was entered in time.",
    "expired": "No PIN was entered in time.",
    "busy": "Another M-Pesa request was open on the phone.",
    "provider-busy": "M-Pesa was too busy.",
    "provider-down": "M-Pesa could not be reached.",
    "unanswered": "The request could not be sent in time.",
    "not-sent": "M-Pesa could not show the PIN box on the phone.",
    "limit": "The amount is outside of what M-Pesa allows.",
    "daily-limit": "The phone has reached its M-Pesa limit of the day.",
    "shop-limit": "Your M-Pesa account may take no more money now.",
    "duplicate": "M-Pesa refuses the same amount from one phone within 2 minutes.",
    "refused": "M-Pesa does not accept a payment from this phone.",
    "phone": "M-Pesa does not know this number.",
    "locked-account": "The phone's M-Pesa PIN is locked; Safaricom unlocks it on 100 or 200.",
    "bad-debt": "M-Pesa lets this phone pay nothing because of a debt.",
    "config": "M-Pesa refused your account's settings; look at the M-Pesa account.",
}
REVIEW = {
    "wrong-amount": "The money that came is not the amount that was asked for.",
    "wrong-ids": "The report of success names another request.",
    "receipt-used": "Its receipt has already paid another payment.",
    "receipt-elsewhere": "Its receipt is already in the books.",
    "tenant-closed": "The money came while your shop was closed.",
    "unknown-id": "M-Pesa does not know the request that was reported as paid.",
}


def why_failed(reason: str | None) -> str:
    """Why nothing was paid."""
    return FAILED.get(reason or "", "M-Pesa did not complete it.")


def why_review(reason: str | None) -> str:
    """Why staff have to look at a payment."""
    return REVIEW.get(reason or "", "It needs a look by staff.")
