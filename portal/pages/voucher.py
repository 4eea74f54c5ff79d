"""Vouchers on the Wi-Fi: typed into a field, or scanned and confirmed with one tap.

Only a posted form spends anything: browsers and chat programs open addresses by themselves. Whatever is wrong with a
code is said beside the field with what was typed still in it, and paying by M-Pesa stays one tap away.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from portal import words
from portal.errors import Refused
from portal.pages.context import typed
from portal.pages.doors import Services
from portal.pages.proof import seal_proof
from portal.pages.visit import Visit, open_visit
from portal.vouchers import codes, imported
from portal.vouchers.faces import last_day
from portal.vouchers.room import Offer
from portal.web import forms
from portal.web.answers import see_other
from portal.web.security import refuse_foreign, source_of

WAS = {"connected": "redeemed", "resumed": "resumed", "added": "added", "moved": "moved"}


async def ask(services: Services, request: Request) -> Response:
    """The field on a page of its own."""
    return field(open_visit(services, request), request)


async def redeem(services: Services, request: Request) -> Response:
    """Spend the code."""
    refuse_foreign(request, services.settings.public_url)
    visit = open_visit(services, request)
    fields = await forms.form(request)
    text = fields.get("code", "")
    try:
        done = await services.vouchers.redeem(
            visit.view, visit.site, **knock(visit, request, text), move=fields.get("move") == "1"
        )
    except Refused as wrong:
        return refused(visit, request, text, wrong)
    return see_other(f"/s/{seal_proof(visit, done.pass_id)}/?was={WAS[done.how]}")


def knock(visit: Visit, request: Request, text: str) -> dict[str, str]:
    """Who shows which code."""
    assert visit.context is not None
    source = source_of(request, visit.services.settings.trusted_proxies)
    return {"mac": visit.context.mac, "text": text, "source": source}


async def scanned(visit: Visit, request: Request, left: int) -> Response | None:
    """The page of the code that this guest scanned; None when it is this device's already. `left`: its time now."""
    assert visit.context is not None
    text = visit.context.code
    try:
        offer = await visit.services.vouchers.look(visit.view, visit.site, **knock(visit, request, text))
    except Refused as wrong:
        return refused(visit, request, text, wrong)
    if offer.kind == "yours":
        return None
    return move(visit, request, text) if offer.kind == "move" else one_tap(visit, request, offer, left)


def one_tap(visit: Visit, request: Request, offer: Offer, left: int) -> Response:
    """What the code is, and the button."""
    assert visit.context is not None
    code = imported.typed(visit.context.code)
    kind = "join" if offer.kind == "join" else "more" if left else "new"
    use_by = last_day(offer.use_by, visit.view.tenant.timezone, visit.lang)
    shown = codes.shown(code)
    return visit.page(request, "offer", kind=kind, code=code, shown=shown, offer=offer, left=left, use_by=use_by)


def move(visit: Visit, request: Request, text: str, status: int = 200) -> Response:
    """The code is in use on as many devices as it may be: is one of them to make room?"""
    code = imported.typed(text)
    moves = visit.services.settings.voucher_moves
    return visit.page(request, "move", status, code=code, shown=codes.shown(code), moves=moves)


def refused(visit: Visit, request: Request, text: str, wrong: Refused) -> Response:
    """What is wrong with the code, where it can be mended; raises what is no matter of the code."""
    if wrong.key == "voucher-move":
        return move(visit, request, text, wrong.status)
    if not about_the_code(wrong):
        raise wrong
    return slowed(field(visit, request, text, wrong), wrong)


def about_the_code(wrong: Refused) -> bool:
    """Whether this can be mended at the field."""
    return wrong.key.startswith("voucher-") or wrong.key == "pass-ended"


def field(visit: Visit, request: Request, text: str = "", wrong: Refused | None = None) -> Response:
    """The page with the field."""
    return visit.page(request, "voucher", wrong.status if wrong else 200, **said(text, wrong, visit.lang))


def said(text: str, wrong: Refused | None, lang: str) -> dict[str, Any]:
    """What a template of the field needs."""
    values = {**wrong.values, "wait": words.wait(wrong.values.get("wait_s"), lang)} if wrong else {}
    return {"typed": typed(text), "wrong": wrong.key if wrong else "", "values": values}


def slowed(response: Response, wrong: Refused) -> Response:
    """A machine that guesses hears when to come back, too."""
    if isinstance(wait := wrong.values.get("wait_s"), int):
        response.headers["retry-after"] = str(wait)
    return response
