"""How much was used in a span of days: charts, and the tables that say the same.

A guest who was online in three hours of a day was one guest in each of them; so guests are told of the busiest hour,
and never added up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.responses import Response

from portal.clock import HOUR
from portal.console import asked
from portal.console.desk import Desk
from portal.console.screens import get
from portal.console.takings import span
from portal.console.takings.span import Days
from portal.console.usage import store
from portal.errors import Refused
from portal.spans import Span
from portal.units import Row, Unit

GB = 10**9


@dataclass(kw_only=True)
class Sum:
    """What came together under one name; bytes and milliseconds."""

    name: str
    online_ms: int = 0
    up: int = 0
    down: int = 0
    busiest: int = 0  # guests in its busiest hour

    @property
    def hours(self) -> float:
        """Hours online, of all guests together."""
        return self.online_ms / HOUR

    def add(self, row: Row) -> None:
        self.online_ms += int(row["online_ms"])
        self.up += int(row["bytes_up"])
        self.down += int(row["bytes_down"])
        self.busiest = max(self.busiest, int(row["guests"]))


@dataclass(frozen=True, kw_only=True)
class Used:
    """All that was used."""

    hours: Sequence[Row]
    sites: Sequence[Row]
    plans: Sequence[Row]


def used(days: Span, router_id: int | None) -> Unit[Used]:
    return Used(
        hours=(yield from store.used("hour", days, router_id)),
        sites=(yield from store.used("router_id", days, None)),
        plans=(yield from store.used("plan_name", days, router_id)),
    )


async def usage(desk: Desk) -> Response:
    """What was used, at one site or at all."""
    days, wrong = span.shown(desk.query, desk.now, desk.view.tenant.timezone)
    router_id = _router(desk)
    every = days.all(desk.view.tenant.timezone)
    found = await desk.read(used, (every[0][0], every[-1][1]), router_id)
    steps = _steps(desk, days, every)
    sums, step = _in(steps, found.hours), "Hour" if len(every) == 1 else "Day"
    return desk.page(
        "usage",
        400 if wrong else 200,
        days=days,
        wrong=wrong,
        router_id=router_id,
        chips=[(name, word, _address(router_id, {"span": name})) for name, word in span.CHOICES if name != "custom"],
        sites=_chips(desk, days),
        whole=_whole(found.hours),
        steps=[each for each in reversed(sums) if each.online_ms or each.down or each.up],
        step=step,
        by_site=_by(found.sites, {each.id: each.name for each in desk.view.routers.values()}, "another site"),
        by_plan=_by(found.plans, {}, "no plan is known"),
        moved=_chart(sums, step, "Moved", "", [round((each.down + each.up) / GB, 3) for each in sums]),
        guests=_chart(sums, step, "Guests", "", [each.busiest for each in sums]),
    )


def _router(desk: Desk) -> int | None:
    """The site that was chosen; raises `Refused` when it is nobody's here."""
    chosen = asked.number_or_none(desk.query.get("router", ""))
    if chosen is not None and chosen not in desk.view.routers:
        raise Refused("not-found", status=404)
    return chosen


def _address(router_id: int | None, days: Mapping[str, str]) -> str:
    return f"/console/usage?{urlencode({**days, **({'router': router_id} if router_id else {})})}"


def _chips(desk: Desk, days: Days) -> list[tuple[int | None, str, str]]:
    """Every site, when there are several."""
    routers = sorted(desk.view.routers.values(), key=lambda each: each.name)
    if len(routers) < 2:
        return []
    chips: list[tuple[int | None, str, str]] = [(None, "All sites", _address(None, days.fields))]
    return chips + [(each.id, each.name, _address(each.id, days.fields)) for each in routers]


def _steps(desk: Desk, days: Days, every: Sequence[Span]) -> list[tuple[Span, str]]:
    """The hours of one day, or the days of several, with their names."""
    if len(every) > 1:
        return [(each, days.named(n).strftime("%-d %b")) for n, each in enumerate(every)]
    begin, end = every[0]
    hours = [(at, min(at + HOUR, end)) for at in range(begin, end, HOUR)]
    return [(each, desk.calendar.local(each[0]).strftime("%H:%M")) for each in hours]


def _in(steps: Sequence[tuple[Span, str]], rows: Sequence[Row]) -> list[Sum]:
    """The sum of each step; rows and steps follow each other in time."""
    sums, n = [Sum(name=name) for _, name in steps], 0
    for row in rows:
        while row["about"] >= steps[n][0][1]:
            n += 1
        sums[n].add(row)
    return sums


def _whole(rows: Sequence[Row]) -> Sum:
    whole = Sum(name="Together")
    for row in rows:
        whole.add(row)
    return whole


def _by(rows: Sequence[Row], names: Mapping[object, str], nobody: str) -> list[Sum]:
    """The largest first."""
    sums: list[Sum] = []
    for row in rows:
        name = names.get(row["about"], nobody) if names else str(row["about"] or nobody)
        one = Sum(name=name)
        one.add(row)
        sums.append(one)
    return sorted(sums, key=lambda each: -(each.down + each.up))


def _chart(sums: Sequence[Sum], step: str, what: str, unit: str, values: Sequence[float]) -> dict[str, object]:
    labels = [each.name for each in sums]
    return {"kind": "bars", "over": step, "what": what, "unit": unit, "labels": labels, "values": values}


SCREENS = (get("/usage", "dashboard", usage),)
