"""The guests' first page as a picture of itself: for the console, which shows it in a frame beside the form."""

from __future__ import annotations

from collections.abc import Sequence

from portal.access.catalog import TenantView
from portal.access.plans import Plan
from portal.clock import HOUR, Moment
from portal.money import Money
from portal.pages.home import welcome_of
from portal.pages.render import policy, themes
from portal.web.security import headers_for
from portal.words import clock_time

SAMPLE = Plan(id=0, public="0" * 8, name="1 hour", price=Money(1000), kind="wall", span_ms=HOUR)

Headers = Sequence[tuple[bytes, bytes]]


class _Site:
    """A site, where the ISP has none yet."""

    name = "Your site"


def first_page(view: TenantView, lang: str, now: Moment) -> tuple[bytes, Headers]:
    """The page of plans, and the headers with which the console's own pages may show it in a frame."""
    theme = themes().get(view.tenant.theme) or themes()["default"]
    plans = tuple(each for each in view.plans if each.by_staff and not each.hidden) or (SAMPLE,)
    trial = next((each for each in view.plans if each.on_sale and each.trial and not each.hidden), None)
    html = theme.page(
        "home",
        lang,
        accent=view.tenant.accent,
        logo=view.mark,
        tenant=view.tenant,
        site=next(iter(view.routers.values()), _Site()),
        home="./",
        clock_time=lambda at: clock_time(at, now=now, timezone=view.tenant.timezone),
        welcome=welcome_of(view.tenant, lang),
        plans=plans,
        opens="",
        note="",
        wrong="",
        values={},
        chosen=plans[0].public,
        phone="",
        trial=trial,
        tried="",
    )
    return html, _framed(headers_for(policy([theme], view.tenant.accent, frame="'self'")))


def _framed(headers: Headers) -> Headers:
    """Old browsers know the older header only."""
    kept = [each for each in headers if each[0] != b"x-frame-options"]
    return [*kept, (b"x-frame-options", b"SAMEORIGIN")]
