"""The statements of free trials."""

from __future__ import annotations

from portal.clock import Moment
from portal.units import Unit, insert_new, value


def add_trial(device_id: int, router_id: int, plan_id: int, day: str, now: Moment) -> Unit[bool]:
    """Write down that this device has its trial of this day; False when it had it already."""
    made = yield from insert_new(
        "trials", device_id=device_id, router_id=router_id, plan_id=plan_id, day=day, taken_at=now
    )
    return made is not None


def last_trial(device_id: int) -> Unit[str]:
    """The day of this device's last trial, ``2026-11-28``; empty when it had none."""
    found = yield from value(
        "SELECT MAX(day) FROM trials WHERE tenant_id = :tenant AND device_id = :device_id", device_id=device_id
    )
    return str(found or "")


def trials_at(router_id: int, day: str) -> Unit[int]:
    """How many trials were given at this router on this day."""
    found = yield from value(
        "SELECT COUNT(*) FROM trials WHERE tenant_id = :tenant AND router_id = :router_id AND day = :day",
        router_id=router_id,
        day=day,
    )
    return int(found)
