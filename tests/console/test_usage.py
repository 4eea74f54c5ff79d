"""How much was used: by hour or day, site and plan; and nobody is named."""

from __future__ import annotations

import json
import re

import pytest

from portal.clock import DAY, HOUR
from portal.console.usage import store
from portal.sessions import store as sessions
from portal.sessions.meter import Use
from tests.console.office import Office, Visitor
from tests.console.plans_of_queries import plans, scans
from tests.support import Seed

GB = 10**9


async def used(s: Seed, hours_ago: int, plan: str = "1 hour", *, guests: int = 1, gb: int = 1) -> None:
    """An hour of the past."""
    hour = (s.clock.now() - hours_ago * HOUR) // HOUR * HOUR
    use = Use(ms=guests * HOUR, bytes_up=gb * GB // 10, bytes_down=gb * GB)
    await s.write(sessions.add_to_hour, hour, s.router_id, plan, guests, use)


def chart(page: str, name: str) -> dict[str, list[float]]:
    (drawn,) = re.findall(rf'id="{name}">(.*?)</script>', page)
    found: dict[str, list[float]] = json.loads(drawn)
    return found


async def test_days_plans_and_the_busiest_hour(o: Office, owner: Visitor) -> None:
    s = o.home
    await used(s, 30, guests=7, gb=2)
    await used(s, 30, "1 day", guests=5, gb=1)
    await used(s, 31, guests=4)
    await used(s, 24 * 40, guests=90, gb=500)  # beyond these days
    page = await owner.get("/usage", span="30")
    assert "4\u00a0GB" in page
    assert "500\u00a0GB" not in page
    assert max(chart(page, "guests")["values"]) == 12
    assert sum(chart(page, "moved")["values"]) == pytest.approx(4.4)
    assert len(chart(page, "moved")["labels"]) == 30
    assert page.index("1 hour</td>") < page.index("1 day</td>"), "the largest first"


async def test_one_day_is_told_by_its_hours(o: Office, owner: Visitor) -> None:
    s = o.home
    await used(s, 0, guests=3)
    page = await owner.get("/usage", span="today")
    assert len(chart(page, "guests")["values"]) == 24
    assert sum(chart(page, "guests")["values"]) == 3
    assert 'scope="col">Hour</th>' in page


async def test_a_site_can_be_chosen_and_a_strange_one_is_not_found(o: Office, owner: Visitor) -> None:
    await used(o.home, 1, guests=3)
    assert "Nobody was online" not in await owner.get("/usage", span="30", router=str(o.home.router_id))
    await owner.get("/usage", 404, router="999")


@pytest.mark.parametrize("by", ["hour", "router_id", "plan_name"])
async def test_no_statement_goes_through_a_whole_table(o: Office, by: store.Cut) -> None:
    now = o.home.clock.now()
    assert scans(plans(o.home, store.used(by, (now - DAY, now), None)), ("usage_hours",)) == []


async def test_no_usage_says_so_and_nonsense_is_refused(owner: Visitor) -> None:
    assert "Nobody was online" in await owner.get("/usage")
    await owner.get("/usage", 400, span="custom", since="2026-02-03", until="2026-01-01")
    await owner.get("/usage", 400, span="nonsense")


@pytest.mark.parametrize("role", ["cashier", "support"])
async def test_whoever_sees_no_takings_sees_no_usage(o: Office, role: str) -> None:
    await (await o.of(role)).get("/usage", 403)
