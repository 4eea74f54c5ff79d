"""A pass of the past: bought, used and over."""

from __future__ import annotations

from portal.access import store as access
from portal.access.passes import bought
from portal.access.plans import Plan
from portal.access.store import Cause
from portal.clock import HOUR, Moment
from portal.sessions import store as sessions
from portal.sessions.fold import Stretch, hour_of
from portal.sessions.meter import Use
from portal.units import Unit, update


def pass_that_is_over(
    plan: Plan,
    device_id: int,
    cause: Cause,
    at: Moment,
    *,
    router_id: int,
    until: Moment,
    used_ms: int,
    used_bytes: int,
    person_id: int | None = None,
    position: int = 0,
) -> Unit[None]:
    """It began at `at` and ended at `until`."""
    one = bought(plan, device_id, position or at, at, "ended")
    pass_id = yield from access.insert_pass(one, plan, person_id, cause)
    assert pass_id is not None
    yield from update(
        "passes",
        pass_id,
        started_at=at,
        ends_at=until if plan.kind == "wall" else None,
        used_ms=0 if plan.kind == "wall" else used_ms,  # a clock that runs counts what was before it
        used_bytes=used_bytes,
        ended_at=until,
        end_reason="time",
    )
    stay = min(used_ms, until - at, LONGEST_MS)
    yield from _online(router_id, device_id, pass_id, plan.name, at, Use(ms=stay, **_split(used_bytes)))


LONGEST_MS = 3 * HOUR  # in one piece
WAYS = ("left", "time", "silence")


def _split(size: int) -> dict[str, int]:
    return {"bytes_up": size // 10, "bytes_down": size - size // 10}


def _online(router_id: int, device_id: int, pass_id: int, plan_name: str, at: Moment, use: Use) -> Unit[None]:
    """One session of it, and its part of each hour."""
    end = at + use.ms
    part = Stretch(started_at=at, seen_at=end, ended_at=end, use=use, total=use)
    yield from sessions.keep(router_id, device_id, part, pass_id, WAYS[pass_id % len(WAYS)], None)
    for hour in range(hour_of(at), end, HOUR):
        ms = min(end, hour + HOUR) - max(at, hour)
        size = (use.bytes_up + use.bytes_down) * ms // max(1, use.ms)
        yield from sessions.add_to_hour(hour, router_id, plan_name, 1, Use(ms=ms, **_split(size)))
