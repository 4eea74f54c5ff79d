"""A free trial on the guest pages: the plan, the tap, and a clock that goes to an hour of the day."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from portal.access.plans import Plan
from portal.access.trials import USE_BY_MS
from portal.clock import MINUTE, TravelClock, as_datetime
from portal.money import Money
from portal.units import Row, Unit, rows
from tests.pages.house import House

NAIROBI = ZoneInfo("Africa/Nairobi")


async def trial_plan(h: House, **changes: Any) -> Plan:
    """A quarter of an hour for nothing, once a day."""
    fields: dict[str, Any] = {"name": "Free trial", "price": Money(0), "span_ms": 15 * MINUTE, "use_by_ms": USE_BY_MS}
    plan = await h.home.plan_of(**{**fields, "trial_days": 1, "trial_cap": 200, **changes})
    await h.catalog_again()
    return plan


async def taps(h: House, first: str) -> httpx.Response:
    return await h.http.post(first + "trial")


async def passes(h: House) -> list[Row]:
    return list(await h.home.read(all_passes))


def all_passes() -> Unit[Any]:
    return (yield from rows("SELECT * FROM passes WHERE tenant_id = :tenant ORDER BY id"))


def go_to(clock: TravelClock, hour: int, minute: int = 0, days: int = 1) -> None:
    """Let it be this hour of a coming day, where the ISP is."""
    local = as_datetime(clock.now()).astimezone(NAIROBI)
    then = datetime.combine(local.date() + timedelta(days=days), time(hour, minute), NAIROBI)
    clock.advance(then.timestamp() * 1000 - clock.now())
