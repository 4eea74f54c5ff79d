"""For how long what a device may do stays as it is, if nobody does anything to it. Pure.

A keeper looks at each device in each poll. One that is just online, by itself, on a pass that runs, will be wanted in
the next poll as it is in this one, until an end that can be told in advance or a wake-up. What makes that untrue, makes
it impossible to keep: passes of several devices that share an amount, a device that is online at two routers.
"""

from __future__ import annotations

from dataclasses import dataclass

from portal.access.admission import FRESH_MS, Standing
from portal.access.passes import Pass
from portal.clock import SECOND, Moment

LONGEST_MS = 150 * SECOND  # so long a device is left as it is at most; its counters in the books are no older
PART = 20  # pages are behind by no more than this part of what is left


@dataclass(frozen=True, kw_only=True)
class Keep:
    """Until when a device may be left as it is, and how many bytes it may move meanwhile (None: any number)."""

    until: Moment
    bytes: int | None


def keep_of(stands: Standing, router_id: int, now: Moment) -> Keep | None:
    """For how long a keeper need not ask about this device again; None when it is to ask in each poll."""
    head = stands.head
    if head is None or head.state != "running" or (head.ends_at is None and head.kind == "wall"):
        return None
    if stands.allowance is None or not _only_here(stands, router_id):
        return None
    if any(each.max_devices > 1 and _has_amount(each) for each in stands.queue):
        return None
    left = head.bytes_left
    return Keep(until=_until(head, now), bytes=None if left is None else left // PART)


def _only_here(stands: Standing, router_id: int) -> bool:
    """Whether it is online at this router and, where that would change what is left for it, at no other."""
    places = [each.router_id for each in stands.places if each.online_since is not None]
    return router_id in places and (len(places) == 1 or not any(map(_has_amount, stands.queue)))


def _has_amount(one: Pass) -> bool:
    """Whether what is used of a pass, by others or elsewhere, is no longer left."""
    return one.kind == "used" or one.data_bytes is not None


def _until(head: Pass, now: Moment) -> Moment:
    """In good time before its end by the clock, and before its online time could have moved much."""
    ends = [] if head.ends_at is None else [head.ends_at - FRESH_MS]
    if head.kind == "used":
        ends += [now + head.span_left_ms // PART]
    return min(ends)
