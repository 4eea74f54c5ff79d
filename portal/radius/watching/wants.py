"""What a router has to be told of a session, so that it agrees with the allowance of its device. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from portal.access.allowance import Allowance
from portal.clock import SECOND, Moment
from portal.radius.terms import Terms, terms_of
from portal.sessions.meter import Use

SLACK_MS = 15 * SECOND  # so much earlier or later an end is no other end: whole seconds, packets that took their time
PART = 20  # by less than this part of what is left, a limit of bytes is no other limit
FEW_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """A session that runs at a RADIUS router, as far as anybody knows."""

    id: int
    device_id: int
    router_id: int
    started_at: Moment
    seen_at: Moment
    acct_id: str
    name: str = field(repr=False)  # by which it logged in; a voucher's code may be one
    address: str
    terms: Terms | None  # what the router was told of it last
    total: Use


def wants(one: Running, allowed: Allowance | None, now: Moment) -> Terms | Literal["end"] | None:
    """New terms that the router is to be told, that the session has to end, or None: they agree."""
    if allowed is None:
        return "end"
    new = _terms(one, allowed, now)
    return None if one.terms is not None and _agree(one, one.terms, new) else new


def _terms(one: Running, allowed: Allowance, now: Moment) -> Terms:
    """What the router should know. Online time and bytes are as they were when the session was last heard of."""
    clock_ends = allowed.until is not None and allowed.until <= now + (allowed.seconds + 1) * SECOND
    at = now if clock_ends else min(now, one.seen_at)
    return terms_of(allowed, at, one.total.bytes_up + one.total.bytes_down)


def _agree(one: Running, told: Terms, new: Terms) -> bool:
    if (told.up, told.down) != (new.up, new.down) or abs(told.until - new.until) > SLACK_MS:
        return False
    if told.bytes is None or new.bytes is None:
        return told.bytes == new.bytes
    left = new.bytes - one.total.bytes_up - one.total.bytes_down
    return abs(told.bytes - new.bytes) <= max(FEW_BYTES, left // PART)
