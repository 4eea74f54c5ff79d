"""Who is asking: a token of the address, opened."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache, partial
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from portal.access.catalog import TenantView
from portal.access.hours import local_day
from portal.clock import Moment
from portal.errors import Refused
from portal.pages import context as contexts
from portal.pages.context import Context
from portal.pages.doors import Services
from portal.pages.render import Theme, headers_of, themes
from portal.seal import Vault
from portal.tenancy.store import Router
from portal.texts import LANGUAGES, Texts
from portal.web.answers import answer, html_response, pack
from portal.words import clock_time, weekday

PURCHASE_TOKEN = re.compile(r"[0-9a-z]{2,32}\.[0-9a-f]{16,128}")


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A guest's request with its tenant, and its router and arrival where they are known."""

    services: Services
    view: TenantView
    lang: str
    router: Router | None = None
    context: Context | None = None
    token: str = ""

    @property
    def theme(self) -> Theme:
        return themes().get(self.view.tenant.theme) or themes()["default"]

    @property
    def texts(self) -> Texts:
        return self.theme.texts[self.lang]

    @property
    def site(self) -> Router:
        """The router, where one must be."""
        if self.router is None:
            raise Refused("old-link", status=404)
        return self.router

    def at(self, router_id: int) -> Visit:
        """The visit, at a router that is known from elsewhere."""
        return replace(self, router=self.view.routers.get(router_id))

    def page(self, request: Request, name: str, status: int = 200, **values: Any) -> Response:
        """The page `name` as an answer."""
        return answer(request, self.html(name, **values), status)

    def clock_words(self, at: Moment) -> str:
        """``today at 22:00``, ``tomorrow at 06:00``, ``on Monday, 30 November at 06:00``."""
        zone = self.view.tenant.timezone
        day, time = local_day(at, zone), clock_time(at, at, zone)
        return str(self._day(day, ("when.today-at", "when.tomorrow-at", "when.day-at"), time=time))

    def day_words(self, day: date) -> str:
        """``today``, ``tomorrow``, ``on Monday, 30 November``."""
        return str(self._day(day, ("when.today", "when.tomorrow", "when.day")))

    def _day(self, day: date, keys: tuple[str, str, str], **values: str) -> Markup:
        today = local_day(self.services.clock.now(), self.view.tenant.timezone)
        return self.texts(keys[min(2, max(0, (day - today).days))], day=weekday(day, self.lang), **values)

    def html(self, name: str, **values: Any) -> bytes:
        """The page `name` as bytes."""
        tenant, now = self.view.tenant, self.services.clock.now()
        shared = {
            "tenant": tenant,
            "site": self.router,
            "logo": self.view.mark,
            "accent": tenant.accent,
            "home": "./",
            "clock_time": partial(clock_time, now=now, timezone=tenant.timezone),
        }
        return self.theme.page(name, self.lang, **{**shared, **values})


class Ready:
    """A page that is answered again and again: the same two answers, plain and compressed."""

    def __init__(self, html: bytes) -> None:
        body = pack(html, level=9)
        self._plain, self._packed = html_response(body.plain, False), html_response(body.packed, True)

    def answer(self, request: Request) -> Response:
        """The one that this client takes."""
        return self._packed if "gzip" in request.headers.get("accept-encoding", "") else self._plain


def language(view: TenantView | None, asked: str | None, accept: str) -> str:
    """``?lang=``, else the tenant's, else what the browser prefers."""
    wanted = [asked or "", view.tenant.language if view else "", *(each.strip()[:2] for each in accept.split(","))]
    return next((each for each in wanted if each in LANGUAGES), LANGUAGES[0])


def remember(request: Request, visit: Visit) -> Visit:
    """Keep the visit for error pages, which should speak the guest's language."""
    request.scope["bando.visit"] = visit
    if visit.view.tenant.accent:
        request.scope["bando.headers"] = headers_of(visit.theme.name, visit.view.tenant.accent)
    return visit


def refuse_shut(services: Services, request: Request, public: str) -> None:
    """Say so when the ISP, named by itself or by its router, is switched off; raises `Refused("isp-closed")`."""
    shut = services.catalog.shut(public) if len(public) <= contexts.MAX_TOKEN else None
    if shut is not None:
        accept = request.headers.get("accept-language", "")
        remember(request, Visit(services=services, view=shut, lang=language(shut, None, accept)))
        raise Refused("isp-closed", status=503)


def split_token(services: Services, token: str) -> tuple[TenantView, str]:
    """The tenant of a token, and the rest of it."""
    public, dot, rest = token.partition(".")
    view = services.catalog.tenant_by_public(public) if dot and len(token) <= contexts.MAX_TOKEN else None
    if view is None:
        raise Refused("old-link", status=404)
    return view, rest


@lru_cache(maxsize=8192)
def _opened(vault: Vault, tenant_public: str, sealed: str) -> Context:
    """A guest shows the same token on each page and each poll; opening it costs as much as the rest of a page."""
    return contexts.open_context(vault, tenant_public, sealed)


def open_visit(services: Services, request: Request) -> Visit:
    """The visit of ``/w/{token}/``."""
    token: str = request.path_params["token"]
    refuse_shut(services, request, token.partition(".")[0])
    view, sealed = split_token(services, token)
    try:
        context = _opened(services.vault.of(view.tenant.id), view.tenant.public, sealed)
        visit = _with_context(services, view, context, token)
    except Refused:
        remember(request, Visit(services=services, view=view, lang=language(view, None, "")))
        raise
    if not contexts.is_fresh(context.issued_at, services.clock.now()):
        remember(request, replace(visit, context=None))  # it still knows which Wi-Fi to go back to
        raise Refused("old-link", status=410)
    return remember(request, visit)


def _with_context(services: Services, view: TenantView, context: Context, token: str) -> Visit:
    found = services.catalog.router_by_public(context.router)
    if found is None or found[0].tenant.id != view.tenant.id:
        raise Refused("old-link", status=404)
    lang = context.lang if context.lang in LANGUAGES else LANGUAGES[0]
    return Visit(services=services, view=view, lang=lang, router=found[1], context=context, token=token)


def purchase_visit(services: Services, request: Request, context_token: str | None, asked: str | None) -> Visit:
    """The visit of ``/p/{token}/``: the purchase's own token, with the arrival it came from if that is known."""
    token: str = request.path_params["token"]
    refuse_shut(services, request, token.partition(".")[0])
    view, _ = split_token(services, token)
    lang = language(view, asked, request.headers.get("accept-language", ""))
    bare = remember(request, Visit(services=services, view=view, lang=lang))
    if not PURCHASE_TOKEN.fullmatch(token):
        raise Refused("old-link", status=404)
    return remember(request, with_arrival(bare, context_token, asked))


def with_arrival(bare: Visit, context_token: str | None, asked: str | None) -> Visit:
    """The visit with the arrival in `context_token`; without it when that is old or not of this tenant."""
    if not context_token:
        return bare
    services = bare.services
    try:
        view, sealed = split_token(services, context_token)
        if view.tenant.id != bare.view.tenant.id:
            return bare
        context = contexts.open_context(services.vault.of(view.tenant.id), view.tenant.public, sealed)
        if not contexts.is_fresh(context.issued_at, services.clock.now()):
            return bare
        return _with_context(services, view, context, context_token)
    except Refused:
        return bare


def in_language(visit: Visit, lang: str) -> str:
    """The token of this visit in another language."""
    assert visit.context is not None
    changed = replace(visit.context, lang=lang)
    tenant = visit.view.tenant
    return contexts.seal_context(visit.services.vault.of(tenant.id), tenant.public, changed)
