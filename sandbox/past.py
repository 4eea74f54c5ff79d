"""A pass of the past: bought, used and over."""

from __future__ import annotations

from portal.access import store as access
from portal.access.passes import bought
from portal.access.plans import Plan
from portal.access.store import Cause
from portal.clock import Moment
from portal.units import Unit, update


def pass_that_is_over(
    plan: Plan,
    device_id: int,
    cause: Cause,
    at: Moment,
    *,
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
