"""The router's entry: its login page sends each guest here with what it knows about them.

All of it comes through the guest's browser and is a claim (R3). It is checked, sealed into a token and answered
with a redirect; nothing is stored and nothing of it is logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from portal.clock import Moment
from portal.errors import Refused
from portal.pages import context as contexts
from portal.pages.context import Context
from portal.pages.doors import Services
from portal.pages.visit import Visit, language, refuse_shut, remember
from portal.pages.whereabouts import Whereabouts
from portal.tenancy.store import Router
from portal.web import forms
from portal.web.answers import see_other
from portal.web.security import source_of

# The router's own words (facts/mikrotik.md 4.3) that a guest should hear about, and our note for each.
NOTES = (
    ("session limit reached", "site-full"),
    ("no more free addresses", "site-full"),
    ("shutting down", "restart"),
    ("radius server is not responding", "router-silent"),
    ("radius-timeout", "router-silent"),
)
CALM = ("not-logged-in", "not logged in")  # no refusal: somebody looked at the router's own pages


async def enter(services: Services, whereabouts: Whereabouts, request: Request) -> Response:
    found = services.catalog.router_by_public(request.path_params["router"])
    if found is None:
        refuse_shut(services, request, request.path_params["router"])
        raise Refused("no-router", status=404)
    view, router = found
    accept = request.headers.get("accept-language", "")
    remember(request, Visit(services=services, view=view, router=router, lang=language(view, None, accept)))
    fields = forms.query(request)
    lang = language(view, fields.get("lang"), accept)
    context = claimed(fields, router, lang, services.clock.now(), services.settings.public_url)
    whereabouts.note(source_of(request, services.settings.trusted_proxies), router.public)
    token = contexts.seal_context(services.vault.of(view.tenant.id), view.tenant.public, context)
    return see_other(f"/w/{token}/")


@lru_cache(maxsize=1024)
def own_hosts(router: Router, public_url: str) -> frozenset[str]:
    """Hosts that are no place to go on to: the router's and ours."""
    return frozenset({router.hotspot_host.lower(), urlsplit(public_url).hostname or ""})


def claimed(fields: Mapping[str, str], router: Router, lang: str, now: Moment, public_url: str) -> Context:
    """What the router says of a guest, checked; raises `Refused`."""
    contexts.check_login(fields.get("link-login", ""), router.hotspot_host)
    wanted = fields.get("link-orig", "")
    return Context(
        router=router.public,
        mac=contexts.parse_mac(fields.get("mac", "")),
        ip=contexts.parse_ip(fields.get("ip", "")),
        orig=contexts.parse_orig(wanted, own_hosts(router, public_url)),
        lang=lang,
        issued_at=now,
        note=note(fields.get("error", ""), router),
        code=contexts.parse_scan(wanted, urlsplit(public_url).hostname or ""),
        inside=fields.get("in") == "yes",
        secure=fields.get("link-login", "").lower().startswith("https:"),
    )


def note(error: str, router: Router) -> str:
    """Our note for what the router complains about; the router's text itself is shown to nobody.

    At a router in RADIUS mode every refusal has one: the guest is then not sent there again without a tap.
    """
    said = error[:300].lower()
    found = next((ours for theirs, ours in NOTES if theirs in said), "")
    if found or router.mode != "radius" or not said.strip() or any(each in said for each in CALM):
        return found
    return "not-let-in"
