"""Choosing and confirming: plan and phone, "we'll ask 0712 345 678 to pay KSh 20", then the prompt.

The click's key is made with the confirm page: pressing Pay twice, or going back and pressing again, is one
payment.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from portal.access.hours import next_change, still_sold
from portal.access.plans import Plan
from portal.access.wording import plan_title
from portal.clock import Moment
from portal.errors import Refused
from portal.pages.doors import Services
from portal.pages.home import plans_page
from portal.pages.visit import Visit, open_visit
from portal.payments import views
from portal.phone import Phone, parse
from portal.web import forms
from portal.web.answers import answer, see_other
from portal.web.security import refuse_foreign

_CLICK = re.compile(r"[0-9a-f]{32}")


async def pay(services: Services, request: Request) -> Response:
    refuse_foreign(request, services.settings.public_url)
    visit = open_visit(services, request)
    fields = await forms.form(request)
    if "edit" in fields:
        return answer(request, plans_page(visit, services.clock.now(), **typed(fields)))
    try:
        plan, phone = chosen(visit, fields)
    except Refused as wrong:
        return mend(visit, request, fields, wrong)
    if "confirm" not in fields:
        start = await services.db.read(visit.view.tenant.id, views.how_paid)
        return visit.page(request, "confirm", plan=plan, phone=phone, start=start, click=secrets.token_hex(16))
    return await begin(visit, plan, phone, click_of(fields))


def chosen(visit: Visit, fields: Mapping[str, str]) -> tuple[Plan, Phone]:
    """Plan and phone of a form; raises `Refused`: plan, plan-hours, phone."""
    plan = next((each for each in visit.view.plans_at(visit.site.id) if each.public == fields.get("plan")), None)
    if plan is None:
        raise Refused("plan")
    if "confirm" not in fields:  # a payment that has begun is known by its click, whatever the hour is by then
        in_its_hours(visit, plan)
    return plan, parse(fields.get("phone", ""))


def in_its_hours(visit: Visit, plan: Plan) -> None:
    """Raise `Refused("plan-hours")` when it is not on sale now, nor was a few minutes ago."""
    now, timezone = visit.services.clock.now(), visit.view.tenant.timezone
    if not still_sold(plan.hours, now, timezone):
        raise Refused("plan-hours", **not_now(visit, plan, now))


def not_now(visit: Visit, plan: Plan, now: Moment) -> dict[str, Any]:
    """Which plan it is, and when it is sold again."""
    opens = next_change(plan.hours, now, visit.view.tenant.timezone)
    return {"plan": plan_title(plan, visit.lang), "when": visit.clock_words(opens) if opens else "–"}


def mend(visit: Visit, request: Request, fields: Mapping[str, str], wrong: Refused) -> Response:
    """The page of plans again, with what was typed and what is wrong with it."""
    return answer(request, plans_page(visit, visit.services.clock.now(), wrong=wrong, **typed(fields)), 422)


def typed(fields: Mapping[str, str]) -> dict[str, Any]:
    """What the guest filled in."""
    return {"plan": fields.get("plan", "")[:40], "phone": fields.get("phone", "")[:40]}


def click_of(fields: Mapping[str, str]) -> str:
    """The click's key; raises `Refused("form")`."""
    click = fields.get("click", "")
    if not _CLICK.fullmatch(click):
        raise Refused("form")
    return click


async def begin(visit: Visit, plan: Plan, phone: Phone, click: str) -> Response:
    """Ask the phone to pay."""
    assert visit.context is not None
    checkout = visit.services.payments.checkout
    started = await checkout.begin(visit.view, visit.site, plan, mac=visit.context.mac, phone=phone, click=click)
    return see_other(f"/p/{started.token}/?c={visit.token}")
