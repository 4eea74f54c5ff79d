"""The takings of a span of days: a chart, and the tables that say the same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from portal import words
from portal.access import store as access
from portal.console import tables
from portal.console.desk import Desk
from portal.console.screens import get, post
from portal.console.takings import span, store
from portal.console.takings.span import Days
from portal.console.takings.store import Sold, Took
from portal.money import Money
from portal.staff import store as staff
from portal.units import Unit

HEAD = ("what", "day", "plan", "site", "sold by", "count", "amount", "currency")
Rows = Sequence[Took | Sold]


@dataclass(frozen=True, kw_only=True)
class Sum:
    """What comes together under one name."""

    name: str
    count: int
    minor: int
    undone: int = 0


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that was taken."""

    took: Sequence[Took]
    sold: Sequence[Sold]
    plans: dict[int, str]
    staff: dict[int, str]


def report(desk: Desk, days: Days) -> Unit[Report]:
    tenant = desk.view.tenant
    every = days.all(tenant.timezone)
    return Report(
        took=(yield from store.took(every, tenant.currency)),
        sold=(yield from store.sold(every, tenant.currency)),
        plans=(yield from access.plan_names()),
        staff=(yield from staff.names()),
    )


async def takings(desk: Desk) -> Response:
    """What came in."""
    days, wrong = span.shown(desk.query, desk.now, desk.view.tenant.timezone)
    found = await desk.read(report, desk, days)
    return desk.page(
        "takings",
        400 if wrong else 200,
        days=days,
        wrong=wrong,
        chips=[(name, word, span.address(name)) for name, word in span.CHOICES if name != "custom"],
        whole=_sum("", found.took),
        cards=_sum("", found.sold),
        by_day=_by_day(days, found),
        by_plan=_by(found.took, lambda each: found.plans.get(each.plan_id, "–")),
        by_site=_by(found.took, lambda each: _site(desk, each)),
        by_seller=_sellers(found),
        chart=_chart(desk, days, found),
        takes=lambda minor: words.money(Money(minor, desk.view.tenant.currency), "en"),
    )


def _site(desk: Desk, each: Took) -> str:
    router = desk.view.routers.get(each.router_id or 0)
    return router.name if router else "no site"


def _sum(name: str, rows: Iterable[Took | Sold]) -> Sum:
    rows = list(rows)
    return Sum(
        name=name,
        count=sum(each.count for each in rows),
        minor=sum(each.minor for each in rows),
        undone=sum(each.undone for each in rows if isinstance(each, Sold)),
    )


def _by(rows: Sequence[Took], named: Callable[[Took], str]) -> list[Sum]:
    """The largest first."""
    names = dict.fromkeys(named(each) for each in rows)
    sums = [_sum(name, [each for each in rows if named(each) == name]) for name in names]
    return sorted(sums, key=lambda each: -each.minor)


def _sellers(found: Report) -> list[Sum]:
    """Each of the staff, also those of the same name."""
    parts = {
        who: [each for each in found.sold if each.staff_id == who] for who in {each.staff_id for each in found.sold}
    }
    sums = [_sum(found.staff.get(who, "–"), part) for who, part in parts.items()]
    return sorted(sums, key=lambda each: (-each.minor, each.name))


def _name(found: Report, staff_id: int) -> str:
    return found.staff.get(staff_id, "–")


def _by_day(days: Days, found: Report) -> list[tuple[str, str, Sum, Sum]]:
    """Each day with something in it, the latest first: its name, its date, M-Pesa, cards."""
    took, sold = _days(found.took), _days(found.sold)
    return [
        (days.named(n).strftime("%a %-d %b %Y"), days.named(n).isoformat(), _sum("", took[n]), _sum("", sold[n]))
        for n in sorted({*took, *sold}, reverse=True)
    ]


class _Days(dict[int, list[Took | Sold]]):
    def __missing__(self, day: int) -> list[Took | Sold]:
        return []


def _days(rows: Rows) -> _Days:
    found = _Days()
    for each in rows:
        found[each.day] = [*found[each.day], each]
    return found


def _chart(desk: Desk, days: Days, found: Report) -> dict[str, object]:
    by_day = _days(found.took)
    all_days = range((days.last - days.first).days + 1)
    return {
        "kind": "bars",
        "unit": words.SYMBOLS.get(desk.view.tenant.currency, desk.view.tenant.currency),
        "labels": [days.named(n).strftime("%-d %b") for n in all_days],
        "values": [_sum("", by_day[n]).minor / 100 for n in all_days],
    }


async def file(desk: Desk) -> Response:
    """The same as a table."""
    days = span.days(desk.fields, desk.now, desk.view.tenant.timezone)
    found = await desk.read(report, desk, days)
    await desk.act("takings.export", "takings", tables.leaves, after=days.fields, money=True)
    name = f"takings-{days.first}-{days.last}.csv"
    return tables.streamed(name, HEAD, _parts(desk, days, found))


async def _parts(desk: Desk, days: Days, found: Report) -> AsyncIterator[str]:
    currency = desk.view.tenant.currency

    def line(what: str, each: Took | Sold, site: str, seller: str) -> list[object]:
        plan = found.plans.get(each.plan_id, "")
        return [what, days.named(each.day), plan, site, seller, each.count, f"{each.minor / 100:.2f}", currency]

    yield tables.lines(line("M-Pesa", each, _site(desk, each), "") for each in found.took)
    yield tables.lines(line("cards sold at the counter", each, "", _name(found, each.staff_id)) for each in found.sold)


SCREENS = (
    get("/takings", "dashboard", takings),
    post("/takings/csv", "export", file, proof=True),
)
