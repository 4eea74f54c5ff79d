"""Sessions of whose end nothing was heard: the router restarted, or has said nothing of them for too long."""

from __future__ import annotations

from portal.access import admission
from portal.clock import Moment
from portal.radius.metering import store as metering
from portal.units import Unit

PART = 50  # sessions that are ended in one transaction


def ended(router_id: int, seen_before: Moment, cause: str, now: Moment) -> Unit[int]:
    """End up to `PART` sessions of a router that were last heard of before then; how many.

    What a router knew of them and never told is lost. One that is heard of again goes on: its counters tell all.
    """
    found = yield from metering.running(router_id, seen_before, PART)
    for each in found:
        yield from metering.end(each["id"], cause)
        yield from metering.off(router_id, each["device_id"], each["started_at"])
    for device_id in sorted({each["device_id"] for each in found}):
        yield from admission.refresh(device_id, now)
    return len(found)


def unknown(session_id: int, router_id: int, device_id: int, started_at: Moment, now: Moment) -> Unit[None]:
    """The router says that there is no such session: it ended when it was last heard of."""
    yield from metering.end(session_id, "router")
    yield from metering.off(router_id, device_id, started_at)
    yield from admission.refresh(device_id, now)
