"""What a code is good for, and what it led to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from portal.access.plans import Plan
from portal.clock import Moment

OfferKind = Literal["new", "yours", "join", "move"]


@dataclass(frozen=True, kw_only=True)
class Redeemed:
    """What a code led to."""

    pass_id: int
    how: Literal["connected", "resumed", "added", "moved"]


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What a code is good for, before anything is spent.

    `kind`: new (it will make a pass), yours (it made the pass of this device), join (its pass has room for this
    device), move (its pass is full: the device unseen for longest makes room).
    """

    plan: Plan
    label: str
    use_by: Moment
    kind: OfferKind
