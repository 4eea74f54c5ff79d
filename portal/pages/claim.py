""" "Already paid?": a receipt number, or the whole SMS, with the number that paid, leads to the pass."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from portal.errors import Refused
from portal.pages.doors import Services
from portal.pages.proof import seal_proof
from portal.pages.visit import Visit, open_visit
from portal.phone import parse
from portal.web import forms
from portal.web.answers import see_other
from portal.web.security import refuse_foreign, source_of

MAX_TEXT = 1_000  # an M-Pesa SMS has about 200 characters

# Refusals that the guest mends in the form; all others have a page of their own.
_HERE = frozenset({"phone", *(f"receipt-{each}" for each in ("text", "unknown", "asked", "used", "review", "amount"))})


async def ask(services: Services, request: Request) -> Response:
    visit = open_visit(services, request)
    return visit.page(request, "claim", text="", phone="", wrong="", values={})


async def claim(services: Services, request: Request) -> Response:
    refuse_foreign(request, services.settings.public_url)
    visit = open_visit(services, request)
    fields = await forms.form(request)
    text, phone = fields.get("text", "").strip(), fields.get("phone", "")
    try:
        pass_id = await find(visit, text, phone, source_of(request, services.settings.trusted_proxies))
    except Refused as wrong:
        if wrong.key not in _HERE:
            raise
        typed = {"text": text[:MAX_TEXT], "phone": phone[:40], "wrong": wrong.key, "values": wrong.values}
        return visit.page(request, "claim", 422, **typed)
    return see_other(f"/s/{seal_proof(visit, pass_id)}/?was=claimed")


async def find(visit: Visit, text: str, phone: str, source: str) -> int:
    """The pass that this receipt paid; raises `Refused`."""
    assert visit.context is not None
    if not text or len(text) > MAX_TEXT:
        raise Refused("receipt-text")
    claims, mac = visit.services.payments.claims, visit.context.mac
    found = await claims.claim(visit.view, visit.site, mac=mac, text=text, phone=parse(phone), source=source)
    return found.pass_id
