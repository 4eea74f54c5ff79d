"""The first page after logging in."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import Response

from portal import spans, words
from portal.access.admission import FRESH_MS
from portal.access.places import store as places
from portal.access.places.store import SLOT_MS
from portal.clock import HOUR, Moment
from portal.console import asked
from portal.console.dashboard import setup, store
from portal.console.dashboard.store import Overview, Times
from portal.console.desk import Desk
from portal.console.lines import store as lines
from portal.console.lines.advice import advice
from portal.console.routers.state import is_met
from portal.console.screens import get
from portal.money import Money
from portal.privacy.rights import store as rights
from portal.staff.roles import Permission
from portal.tenancy.store import Router
from portal.units import Row
from portal.watch import store as watch

DAYS, LINES, ALARMS = 30, 8, 3
# How far the chart of guests online goes back: its step, how many of them, and how each is written.
SPANS = {"day": (SLOT_MS, 96, "%H:%M"), "week": (HOUR, 168, "%a %H:%M")}

# Where somebody goes who may not see takings.
ELSEWHERE: tuple[tuple[str, Permission], ...] = (
    ("/console/online", "online"),
    ("/console/guests", "guests"),
    ("/console/payments", "payments"),
    ("/console/vouchers", "vouchers"),
    ("/console/isps", "isps"),
    ("/console/export", "export"),
    ("/console/stock", "stock"),
    ("/console/account", "profile"),
)


async def dashboard(desk: Desk) -> Response:
    """Everybody's first page: the overview, or for roles without takings the first page that they may see."""
    if not desk.may("dashboard"):
        return desk.go(next(path for path, needed in ELSEWHERE if desk.may(needed)))
    times = _times(desk)
    overview = await desk.read(store.overview, desk.view.tenant.currency, times)
    span = asked.one_of(desk.query.get("online", ""), tuple(SPANS))
    counted = await desk.read(places.online_counts, _online_since(desk.now, span))
    open_ones = await desk.read(lines.open_page, LINES)
    steps = await desk.read(setup.steps, desk.view)
    alarms = [each for each in await desk.read(watch.open_page, ALARMS) if not (each.seen_at or each.muted_at)]
    active = [each for each in overview.routers if each.active]
    return desk.page(
        "dashboard",
        steps=steps,
        alarms=alarms,
        unseen=await desk.read(watch.unseen) if alarms else 0,
        overdue=await desk.read(rights.overdue, desk.now) if desk.may("rights.read") else 0,
        overview=overview,
        takes=lambda minor: words.money(Money(minor, desk.view.tenant.currency), "en"),
        lines=open_ones,
        many=store.MANY,
        advice=advice,
        routers=[(each, *router_state(each, desk.now)) for each in active],
        up=sum(is_up(each, desk.now) for each in active),
        takings=takings_chart(desk, times, overview),
        online=online_chart(desk, span, counted) if counted else None,
        span=span,
    )


def _times(desk: Desk) -> Times:
    zone = desk.view.tenant.timezone
    return Times(
        now=desk.now,
        month=spans.month_span(desk.now, zone),
        days=spans.last_days(desk.now, zone, DAYS),
        seen_since=desk.now - FRESH_MS,
    )


def is_up(router: Router, now: int) -> bool:
    """Whether it was heard of lately, and nothing was wrong then."""
    return is_met(router, now)


_TROUBLE = {
    "certificate": "shows another certificate: nothing is sent to it",
    "password": "refuses our password",
    "unreachable": "cannot be reached",
    "address": "has an address that is not allowed",
}


def router_state(router: Router, now: int) -> tuple[str, str]:
    """In words, and the colour of its pill."""
    if router.mass_removal == "held":
        return "waits for you: most of its guests would be removed", "bad"
    if is_up(router, now):
        return "up", "good"
    if router.trouble is not None:
        return _TROUBLE.get(router.trouble, router.trouble), "bad"
    if router.last_contact_at is None:
        return "never seen yet", "warn"
    return ("quiet", "") if router.mode == "radius" else ("silent", "bad")


Chart = dict[str, object]  # what charts.js draws, and the table beside it


def takings_chart(desk: Desk, times: Times, overview: Overview) -> Chart:
    """Takings of each day, in whole units."""
    local = desk.calendar.local
    return {
        "kind": "bars",
        "what": "Takings",
        "unit": words.SYMBOLS.get(desk.view.tenant.currency, desk.view.tenant.currency),
        "labels": [local(since).strftime("%-d %b") for since, _ in times.days],
        "values": [minor / 100 for minor in overview.days],
        "links": [local(since).strftime("%Y-%m-%d") for since, _ in times.days],
    }


def online_chart(desk: Desk, span: str, counted: Sequence[Row]) -> Chart:
    """Devices online: at each quarter of the last day, or the most of each hour of the last week."""
    step, count, written = SPANS[span]
    found: dict[Moment, int] = {}
    for row in counted:
        at = row["slot"] - row["slot"] % step
        found[at] = max(found.get(at, 0), int(row["online"]))
    times = [_online_since(desk.now, span) + n * step for n in range(count)]
    return {
        "kind": "line",
        "unit": "",
        "what": "Devices",
        "labels": [desk.calendar.local(each).strftime(written) for each in times],
        "values": [found.get(each) for each in times],  # None: no router was read then
        "links": [],
    }


def _online_since(now: Moment, span: str) -> Moment:
    step, count, _ = SPANS[span]
    return now - now % step - (count - 1) * step


# Its permission is everybody's, since it leads whoever may not see takings to their own first page.
SCREENS = (get("/", "profile", dashboard),)
