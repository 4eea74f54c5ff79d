"""The ISP's privacy notice and terms, as pages and as files; no arrival is needed, so anybody can read them."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response

from portal.access.hours import local_day
from portal.errors import Refused
from portal.pages.doors import Services
from portal.pages.visit import Visit, language, refuse_shut, remember
from portal.privacy.notices import service, wording
from portal.privacy.notices.notice import KINDS, in_words
from portal.privacy.notices.service import Shown
from portal.privacy.notices.wording import REGULATOR
from portal.processors import store as register
from portal.web import forms
from portal.words import weekday


async def notice(services: Services, request: Request) -> Response:
    """The page."""
    visit, kind, found = await _found(services, request)
    return visit.page(
        request,
        "notice",
        kind=kind,
        shown=found,
        day=_day(visit, found),
        earlier=f"&version={found.version.number}" if found.version and not found.latest else "",
        regulator=REGULATOR,
    )


async def download(services: Services, request: Request) -> Response:
    """The same text as a file; its SHA-256 stands on the page."""
    visit, kind, found = await _found(services, request)
    version = f"-{found.version.number}" if found.version else ""
    named = f'attachment; filename="{kind}{version}-{visit.lang}.txt"'
    return Response(found.notice.text.encode(), 200, {"content-disposition": named}, "text/plain; charset=utf-8")


async def processors(services: Services, request: Request) -> Response:
    """The register of processors, as it stands."""
    visit = visit_of(services, request)
    found = await services.db.read(visit.view.tenant.id, register.standing)
    bases = wording.WORDS[visit.lang]
    others = [{**in_words(each, visit.lang), "basis": each.basis} for each in found]
    return visit.page(request, "processors", others=others, bases=bases)


def visit_of(services: Services, request: Request) -> Visit:
    """Whose page it is, in the language that was asked for; raises `Refused`."""
    public: str = request.path_params["tenant"]
    refuse_shut(services, request, public)
    view = services.catalog.tenant_by_public(public)
    if view is None or view.tenant.kind != "isp":
        raise Refused("not-found", status=404)
    asked = forms.query(request).get("lang")
    lang = language(view, asked, request.headers.get("accept-language", ""))
    return remember(request, Visit(services=services, view=view, lang=lang))


async def _found(services: Services, request: Request) -> tuple[Visit, str, Shown]:
    visit, kind = visit_of(services, request), request.path_params.get("kind", "privacy")
    number = _number(forms.query(request).get("version", ""))
    if kind not in KINDS:
        raise Refused("not-found", status=404)
    tenant, operator = visit.view.tenant, services.settings.data_protection_contact
    return visit, kind, await services.db.read(tenant.id, service.shown, tenant, operator, kind, visit.lang, number)


def _number(text: str) -> int | None:
    if text and not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        raise Refused("not-found", status=404)
    return int(text) if text else None


def _day(visit: Visit, found: Shown) -> str:
    """When it was published."""
    if found.version is None:
        return ""
    day = local_day(found.version.published_at, visit.view.tenant.timezone)
    return f"{weekday(day, visit.lang)} {day.year}"
