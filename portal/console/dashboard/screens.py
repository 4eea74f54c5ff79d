"""The first page after logging in."""

from __future__ import annotations

from starlette.responses import Response

from portal import words
from portal.access.admission import FRESH_MS
from portal.console import spans
from portal.console.dashboard import setup, store
from portal.console.dashboard.store import Overview, Times
from portal.console.desk import Desk
from portal.console.lines import store as lines
from portal.console.lines.advice import advice
from portal.console.screens import get
from portal.money import Money
from portal.staff.roles import Permission
from portal.tenancy.store import Router

DAYS, HOURS, LINES = 30, 24, 8

# Where somebody goes who may not see takings.
ELSEWHERE: tuple[tuple[str, Permission], ...] = (
    ("/console/online", "online"),
    ("/console/guests", "guests"),
    ("/console/payments", "payments"),
    ("/console/vouchers", "vouchers"),
    ("/console/stock", "stock"),
    ("/console/account", "profile"),
)


async def dashboard(desk: Desk) -> Response:
    """Everybody's first page: the overview, or for roles without takings the first page that they may see."""
    if not desk.may("dashboard"):
        return desk.go(next(path for path, needed in ELSEWHERE if desk.may(needed)))
    times = _times(desk)
    overview = await desk.read(store.overview, desk.view.tenant.currency, times)
    open_ones = await desk.read(lines.open_page, LINES)
    steps = await desk.read(setup.steps, desk.view)
    active = [each for each in overview.routers if each.active]
    return desk.page(
        "dashboard",
        steps=steps,
        overview=overview,
        takes=lambda minor: words.money(Money(minor, desk.view.tenant.currency), "en"),
        lines=open_ones,
        many=store.MANY,
        advice=advice,
        routers=[(each, *router_state(each, desk.now)) for each in active],
        up=sum(is_up(each, desk.now) for each in active),
        takings=takings_chart(desk, times, overview),
        begun=begun_chart(desk, times, overview),
    )


def _times(desk: Desk) -> Times:
    zone = desk.view.tenant.timezone
    return Times(
        now=desk.now,
        month=spans.month_span(desk.now, zone),
        days=spans.last_days(desk.now, zone, DAYS),
        hours=spans.last_hours(desk.now, HOURS),
        seen_since=desk.now - FRESH_MS,
    )


def is_up(router: Router, now: int) -> bool:
    """Whether it answered lately, and nothing was wrong then."""
    return router.trouble is None and router.last_contact_at is not None and now - router.last_contact_at <= FRESH_MS


_TROUBLE = {
    "certificate": "shows another certificate: nothing is sent to it",
    "password": "refuses our password",
    "unreachable": "cannot be reached",
}


def router_state(router: Router, now: int) -> tuple[str, str]:
    """In words, and the colour of its pill."""
    if router.mass_removal == "held":
        return "waits for you: most of its guests would be removed", "bad"
    if is_up(router, now):
        return "up", "good"
    if router.trouble is not None:
        return _TROUBLE.get(router.trouble, router.trouble), "bad"
    return ("silent", "bad") if router.last_contact_at else ("never seen yet", "warn")


Chart = dict[str, object]  # what charts.js draws, and the table beside it


def takings_chart(desk: Desk, times: Times, overview: Overview) -> Chart:
    """Takings of each day, in whole units."""
    local = desk.calendar.local
    return {
        "kind": "bars",
        "unit": words.SYMBOLS.get(desk.view.tenant.currency, desk.view.tenant.currency),
        "labels": [local(since).strftime("%-d %b") for since, _ in times.days],
        "values": [minor / 100 for minor in overview.days],
        "links": [local(since).strftime("%Y-%m-%d") for since, _ in times.days],
    }


def begun_chart(desk: Desk, times: Times, overview: Overview) -> Chart:
    """Passes that began in each hour."""
    labels = [desk.calendar.local(since).strftime("%H:%M") for since, _ in times.hours]
    return {"kind": "line", "unit": "", "labels": labels, "values": list(overview.begun), "links": []}


# Its permission is everybody's, since it leads whoever may not see takings to their own first page.
SCREENS = (get("/", "profile", dashboard),)
