"""What may not agree between statement, receipts and passes, and what is done about it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Remedy = Literal["take", "place", "grant", "refund", "end", "book", "look"]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One way in which things do not agree: for people, with the one tap that mends it."""

    title: str
    says: str
    remedy: Remedy
    tap: str


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "not-in-books": Kind(
            title="On the statement, not in the books",
            says="M-Pesa has this money, and no message about it ever came.",
            remedy="take",
            tap="Take it into the books",
        ),
        "unplaced": Kind(
            title="Paid, not served",
            says="The money is here and bought nothing yet.",
            remedy="place",
            tap="Give it its place",
        ),
        "no-pass": Kind(
            title="Paid, not served",
            says="The payment is paid, and its pass was never made.",
            remedy="grant",
            tap="Make the pass",
        ),
        "not-on-statement": Kind(
            title="Served, not paid",
            says="A pass was made for this receipt, and M-Pesa does not list it.",
            remedy="end",
            tap="End the pass",
        ),
        "no-receipt": Kind(
            title="Served, not paid",
            says="The payment counts as paid, and M-Pesa lists nothing that it could be.",
            remedy="end",
            tap="End the pass",
        ),
        "amount": Kind(
            title="Another amount",
            says="The statement and the books name different amounts.",
            remedy="look",
            tap="Look at the payment",
        ),
        "twice": Kind(
            title="Paid twice",
            says="The same number paid the same twice within ten minutes for the same device.",
            remedy="refund",
            tap="Give one back",
        ),
        "reversed": Kind(
            title="Taken back at M-Pesa",
            says="The statement shows that this money went back, and the books do not know it.",
            remedy="book",
            tap="Write the refund down",
        ),
    }
)
