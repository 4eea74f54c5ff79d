"""Proof that a pass is one's own (R3), as a sealed token in the address.

It is given to who shows the purchase's own token, or a receipt and the number that paid it; with it a guest may
start, disconnect, and add or remove devices. It holds the arrival's token too, so that the way back stays known. It
lives as long as an arrival does: the purchase's own token makes a new one at any time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from starlette.requests import Request

from portal.errors import Refused
from portal.pages import context as contexts
from portal.pages.doors import Services
from portal.pages.visit import Visit, language, remember, split_token, with_arrival
from portal.texts import LANGUAGES
from portal.web import forms


@dataclass(frozen=True, kw_only=True)
class Proof:
    """A visit by the owner of a pass."""

    visit: Visit
    pass_id: int
    router_id: int | None

    @property
    def mac(self) -> str:
        """The device that shows it, as its router says; "" when no arrival is known."""
        return self.visit.context.mac if self.visit.context else ""


def seal_proof(visit: Visit, pass_id: int, lang: str = "") -> str:
    """A token that proves this pass."""
    public = visit.view.tenant.public
    value = {
        "pass": pass_id,
        "lang": lang or visit.lang,
        "router": visit.router.id if visit.router else None,
        "from": visit.token if visit.context else "",
        "at": visit.services.clock.now(),
    }
    return f"{public}.{contexts.seal_value(visit.services.vault.of(visit.view.tenant.id), public, 'proof', value)}"


def open_proof(services: Services, request: Request) -> Proof:
    """The visit of ``/s/{token}/``; raises `Refused("old-link")`."""
    view, sealed = split_token(services, request.path_params["token"])
    accept = request.headers.get("accept-language", "")
    bare = remember(request, Visit(services=services, view=view, lang=language(view, None, accept)))
    value = contexts.open_value(services.vault.of(view.tenant.id), view.tenant.public, "proof", sealed)
    if not contexts.is_fresh(value["at"], services.clock.now()):
        raise Refused("old-link", status=410)
    visit = with_arrival(bare, value["from"], None)
    if visit.router is None and value["router"] is not None:
        visit = replace(visit, router=view.routers.get(value["router"]))
    asked = forms.query(request).get("lang", value["lang"])
    visit = remember(request, replace(visit, lang=asked if asked in LANGUAGES else value["lang"]))
    return Proof(visit=visit, pass_id=value["pass"], router_id=value["router"])
