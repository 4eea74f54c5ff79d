"""The states of a refund, and why one was not made, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

STATES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "asked": ("waits for a second person", "warn"),
        "approved": ("agreed to", "warn"),
        "submitting": ("being sent", "warn"),
        "awaiting": ("M-Pesa has it", "warn"),
        "unknown": ("nobody knows", "bad"),
        "done": ("given back", "good"),
        "failed": ("not given back", "bad"),
        "declined": ("declined", ""),
    }
)
WAYS: Mapping[str, str] = MappingProxyType({"reversal": "by M-Pesa reversal", "cash": "in cash"})
WHY_NOT: Mapping[str, str] = MappingProxyType(
    {
        "no-float": "There is not enough money in the paybill or till to give it back.",
        "no-role": "The API user may not reverse. Give it the role Org Reversals Initiator at M-Pesa.",
        "credential": "M-Pesa refuses the API user's password. It ends after 90 days: set a new one in the settings.",
        "locked": "The API user is locked at M-Pesa. Unlock it there.",
        "account": "M-Pesa does not accept the account of the payer or of the shop.",
        "product": "The app at M-Pesa has no reversals.",
        "state": "M-Pesa says that this payment cannot be reversed any more.",
        "unknown-receipt": "M-Pesa does not know this receipt.",
        "config": "M-Pesa refused the request. Look at the API user in the settings.",
        "unregistered": "M-Pesa is not in your register of processors. Put it back in the settings, then try again.",
        "provider-down": "M-Pesa could not be reached. Nothing was started.",
        "gone-already": "The money went back already, by M-Pesa's own list.",
        "nobody-agreed": "Nobody agreed to it within a week.",
    }
)


def why_not(word: str | None) -> str:
    """Why it was not given back: a sentence of ours, or what staff wrote."""
    return "" if word is None else WHY_NOT.get(word, word)
