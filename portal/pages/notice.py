"""The ISP's privacy notice, as a page and as a file; it needs no arrival, so that it can be read from anywhere."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from portal.errors import Refused
from portal.pages.doors import Services
from portal.pages.visit import Visit, language, refuse_shut, remember
from portal.privacy.notices.notice import Notice, notice_of
from portal.privacy.retention import store as retention
from portal.web import forms


async def notice(services: Services, request: Request) -> Response:
    """The page."""
    visit, found = await _found(services, request)
    return visit.page(request, "notice", notice=found)


async def download(services: Services, request: Request) -> Response:
    """The same text as a file; its SHA-256 stands on the page."""
    visit, found = await _found(services, request)
    named = f'attachment; filename="privacy-{visit.lang}.txt"'
    return Response(found.text.encode(), 200, {"content-disposition": named}, "text/plain; charset=utf-8")


async def _found(services: Services, request: Request) -> tuple[Visit, Notice]:
    public: str = request.path_params["tenant"]
    refuse_shut(services, request, public)
    view = services.catalog.tenant_by_public(public)
    if view is None or view.tenant.kind != "isp":
        raise Refused("not-found", status=404)
    asked = forms.query(request).get("lang")
    lang = language(view, asked, request.headers.get("accept-language", ""))
    visit = remember(request, Visit(services=services, view=view, lang=lang))
    own = await services.db.read(view.tenant.id, retention.own_days)
    return visit, notice_of(view.tenant, own, lang, services.settings.data_protection_contact)
