"""Whether a guest wants to hear of offers: asked apart from buying, on the page of a paid purchase.

It is taken back there too. The box is empty when the page comes. Nothing that was bought depends on it.
"""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response

from portal.errors import Refused
from portal.pages.doors import Services
from portal.pages.visit import Visit
from portal.pages.waiting import open_purchase, tail
from portal.payments import store as payments
from portal.privacy.consent import service
from portal.privacy.consent.service import Payer, Standing
from portal.seal import token_hash
from portal.units import Unit
from portal.web import forms
from portal.web.answers import see_other
from portal.web.security import refuse_foreign


async def offers(services: Services, request: Request) -> Response:
    """What is asked, and what was decided."""
    visit, payer = await _payer(services, request)
    return await _page(visit, request, payer)


async def _page(visit: Visit, request: Request, payer: Payer, wrong: str = "") -> Response:
    found = await visit.services.db.read(visit.view.tenant.id, service.standing, payer.person_id, visit.lang)
    if not found.shows:
        raise Refused("old-link", status=404)
    status = 422 if wrong else 200
    return visit.page(request, "offers", status, found=found, tail=tail(visit), wrong=wrong)


async def decide(services: Services, request: Request) -> Response:
    """The guest agrees by a tick, or takes it back."""
    refuse_foreign(request, services.settings.public_url)
    visit, payer = await _payer(services, request)
    fields, tenant, now = await forms.form(request), visit.view.tenant.id, services.clock.now()
    if "back" in fields:
        args = (payer.person_id, "purchase", f"payment:{payer.payment}", "guest", now)
        await services.db.write(tenant, service.take_back, *args)
        return see_other(f"receipt{tail(visit)}")
    if fields.get("agree") != "1":
        return await _page(visit, request, payer, wrong="tick")
    try:
        await services.db.write(tenant, service.give, payer, _number(fields.get("text", "")), visit.lang, now)
    except Refused as refused:
        if refused.key != "consent-text":
            raise
        return await _page(visit, request, payer, wrong="text")
    return see_other(f"receipt{tail(visit)}")


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text, re.ASCII):
        raise Refused("form")
    return int(text)


async def _payer(services: Services, request: Request) -> tuple[Visit, Payer]:
    """Whose page it is: only money that came proves it. Raises `Refused`."""
    visit, found = await open_purchase(services, request)
    if found.payment.state != "paid":
        raise Refused("old-link", status=404)
    return visit, await services.db.read(visit.view.tenant.id, payer_of, request.path_params["token"])


def payer_of(token: str) -> Unit[Payer]:
    """The payer of a purchase, by its own token; raises `Refused`."""
    one = yield from payments.payment_by_token(token_hash(token))
    if one is None:
        raise Refused("old-link", status=404)
    return Payer(person_id=one.person_id, device_id=one.device_id, payment=one.public)


def stands(token: str, lang: str) -> Unit[Standing]:
    """What the receipt says of it."""
    payer = yield from payer_of(token)
    return (yield from service.standing(payer.person_id, lang))
