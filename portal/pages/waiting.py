"""The page of one payment, from the prompt to being online: what happens now, and what to do next."""

from __future__ import annotations

import secrets
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from portal.clock import SECOND
from portal.errors import Refused
from portal.pages.doors import Services
from portal.pages.pay import click_of
from portal.pages.progress import MOVING, Purchase, left_ms, purchase
from portal.pages.visit import Visit, in_language, purchase_visit
from portal.texts import LANGUAGES
from portal.web import forms
from portal.web.answers import see_other
from portal.web.security import refuse_foreign


async def open_purchase(services: Services, request: Request) -> tuple[Visit, Purchase]:
    """The visit and its purchase; raises `Refused` when there is none."""
    asked = forms.query(request)
    visit = purchase_visit(services, request, asked.get("c"), asked.get("lang"))
    found = await services.db.read(
        visit.view.tenant.id, purchase, services.vault, request.path_params["token"], services.clock.now()
    )
    if found is None:
        raise Refused("old-link", status=404)
    return visit, replace(found, entered=asked.get("was") == "entered")


async def waiting(services: Services, request: Request) -> Response:
    visit, found = await open_purchase(services, request)
    asked = forms.query(request)
    if visit.context and asked.get("lang") in LANGUAGES and asked["lang"] != visit.lang:
        return see_other(f"./?c={in_language(visit, asked['lang'])}")
    return show(visit, request, found)


def tail(visit: Visit) -> str:
    """What keeps arrival and language in the addresses of a purchase."""
    return f"?c={visit.token}" if visit.context else f"?lang={visit.lang}"


def show(visit: Visit, request: Request, found: Purchase) -> Response:
    """The page for where the purchase stands."""
    kind, now = found.kind, found.now
    head = found.standing.head if found.standing else None
    return visit.page(
        request,
        "waiting",
        kind=kind,
        mark=found.mark,
        returned="back" in forms.query(request),  # it came from the provider's page, or says so: it proves nothing
        moving=kind in MOVING or found.retry_in_ms > 0,
        retry_in=-(-found.retry_in_ms // SECOND),
        retry=found.may_retry,
        payment=found.payment,
        bought=found.bought,
        head=head,
        left=left_ms(head, now) if head else 0,
        seconds=max(0, (found.prompt_ends_at - now) // SECOND),
        orig=visit.context.orig if visit.context and kind == "online" else "",
        click=secrets.token_hex(16),
        tail=tail(visit),
        home=f"/w/{visit.token}/" if visit.context else "",
        enters=kind == "enter" and visit.context is not None,
        entered="&was=entered" if found.entered else "",
        hotspot=found.router.hotspot_host if found.router else "",
    )


async def state(services: Services, request: Request) -> Response:
    """Where the purchase stands in one word, for the page's script."""
    _, found = await open_purchase(services, request)
    return JSONResponse({"s": found.mark})


async def go(services: Services, request: Request) -> Response:
    """To the provider's page where this payment is made; once that is settled, back to our own."""
    visit, found = await open_purchase(services, request)
    if found.kind != "page":
        return see_other(f"./{tail(visit)}")
    return see_other(found.payment.go_to)


async def again(services: Services, request: Request) -> Response:
    """Ask the same phone for the same plan once more."""
    refuse_foreign(request, services.settings.public_url)
    visit, _ = await open_purchase(services, request)
    fields = await forms.form(request)
    token = request.path_params["token"]
    started = await services.payments.checkout.again(visit.view, token, click_of(fields))
    return see_other(f"/p/{started.token}/{tail(visit)}")
