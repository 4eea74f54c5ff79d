"""The free trial: one tap, no number, no payment. What stands in its way is said where the button was."""

from __future__ import annotations

from datetime import date

from starlette.requests import Request
from starlette.responses import Response

from portal.errors import Refused
from portal.pages.doors import Services
from portal.pages.home import NONE, OFFER, plans_page
from portal.pages.visit import Visit, open_visit
from portal.web import forms
from portal.web.answers import answer, see_other
from portal.web.security import refuse_foreign

AGAIN = frozenset({"trial-unseen", "trial-online"})  # a moment later it may work


async def take(services: Services, request: Request) -> Response:
    refuse_foreign(request, services.settings.public_url)
    visit = open_visit(services, request)
    assert visit.context is not None
    await forms.form(request)
    try:
        await services.trials.take(visit.view, visit.site, visit.context.mac)
    except Refused as wrong:
        return refused(visit, request, wrong)
    return see_other("./?was=waiting")


def refused(visit: Visit, request: Request, wrong: Refused) -> Response:
    """The page of plans, and why there is no trial; whoever can be online already, sees how they stand."""
    if wrong.key == "trial-have":
        return see_other("./?was=waiting")
    when = {"when": visit.day_words(date.fromisoformat(str(wrong.values["again"])))} if "again" in wrong.values else {}
    said = Refused(wrong.key, status=wrong.status, **when)
    trial = OFFER if wrong.key in AGAIN else NONE
    return answer(request, plans_page(visit, visit.services.clock.now(), wrong=said, trial=trial), wrong.status)
