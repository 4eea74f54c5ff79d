"""How a device stands that wants to be online: one statement for nearly all of them, `admission.standing` for the rest.

Both let time act on the queue in the same way and write nothing: a pass that ended a moment ago and the next one that
begins with it come out here as they will be written down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from portal.access import admission, passes
from portal.access.admission import online_by
from portal.access.allowance import FREE, Allowance, Hold, allowance, good_at
from portal.access.passes import Pass
from portal.clock import Moment
from portal.radius import store
from portal.radius.store import Found
from portal.units import Unit


@dataclass(frozen=True, kw_only=True)
class Stands:
    """What a device may do at a router, or why it may not."""

    device_id: int | None  # None: never seen before
    allowance: Allowance | None
    why: str = ""  # a key of `wording`, when there is no allowance
    ports: int = 1  # how many devices its pass is for
    ticket_at: Moment | None = None
    ticket_session: str | None = None


def stands(mac: str, router_id: int, now: Moment) -> Unit[Stands]:
    """How the device with this MAC stands at this router."""
    found = yield from store.device(mac)
    if found is None:
        return Stands(device_id=None, allowance=None, why="unknown")
    queue = _queue(found, now)
    if queue is not None:
        allowed = allowance(queue, now, hold=found.hold, router_id=router_id)
        return _stands(found, queue, allowed, now, router_id)
    slow = yield from admission.standing(found.device_id, now, router_id)
    return _stands(found, slow.queue, slow.allowance, now, router_id) if slow else _stands(found, [], None, now, 0)


def _queue(found: Found, now: Moment) -> list[Pass] | None:
    """Its passes as time has left them; None when others have a part in it."""
    if not found.alone:
        return None
    sights = [(each, 0) for each in found.seen]
    stepped = passes.advance(found.queue, lambda one: online_by(one, sights, now), now)
    left = [each for each in stepped if each.state != "ended"]
    return left if left or not found.queue else None  # it may use another's from now on


def _stands(found: Found, queue: Sequence[Pass], allowed: Allowance | None, now: Moment, router_id: int) -> Stands:
    return Stands(
        device_id=found.device_id,
        allowance=allowed,
        why="" if allowed else _why(found, queue, now, router_id),
        ports=queue[0].max_devices if queue else 1,
        ticket_at=found.ticket_at,
        ticket_session=found.ticket_session,
    )


def _why(found: Found, queue: Sequence[Pass], now: Moment, router_id: int) -> str:
    over = [passes.as_of(each, now).end_reason for each in found.queue]  # and nobody has written it down yet
    last_end = next((each for each in reversed(over) if each), found.last_end)
    return why_not(queue, now, hold=found.hold, router_id=router_id, last_end=last_end)


def why_not(
    queue: Sequence[Pass], now: Moment, *, hold: Hold = FREE, router_id: int | None = None, last_end: str | None = None
) -> str:
    """Why a device with this queue may not be online: a key of `wording`. Pure."""
    if hold.holds(now):
        return "blocked" if hold.blocked else "held-guest" if hold.by == "guest" else "held-staff"
    if not queue:
        return _ended(last_end)
    head = queue[0]
    if not good_at(head, router_id):
        return "elsewhere"
    if head.state == "paused":
        return "paused"
    return "data" if head.bytes_left == 0 else "expired"


def _ended(reason: str | None) -> str:
    if reason is None:
        return "unknown"
    return "data" if reason == "data" else "withdrawn" if reason in ("void", "refund", "erased") else "expired"
