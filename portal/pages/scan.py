"""The address in a voucher's QR code: ``/V/CODE``, opened by a phone that no router has sent.

It may be on our Wi-Fi already, or on mobile data. The page says what the code is good for and how to join, and
spends nothing. Its button leads to the router's login page, which comes back with the router's word and the code; a
phone whose address guests of one router came from lately goes there by itself, once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from portal.access.catalog import TenantView
from portal.errors import Refused
from portal.pages.doors import Services
from portal.pages.render import themes
from portal.pages.visit import Visit, language, remember
from portal.pages.voucher import about_the_code, said, slowed
from portal.pages.whereabouts import Whereabouts
from portal.tenancy.store import Router
from portal.texts import LANGUAGES
from portal.vouchers import codes
from portal.vouchers.faces import last_day
from portal.vouchers.room import Offer
from portal.web import forms
from portal.web.answers import answer, see_other
from portal.web.security import refuse_foreign, source_of


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who opens a voucher's address."""

    services: Services
    request: Request
    source: str
    routers: tuple[Router, ...]  # whose Wi-Fi the phone is probably on

    def lang(self, view: TenantView | None = None) -> str:
        accept = self.request.headers.get("accept-language", "")
        return language(view, self.request.query_params.get("lang"), accept)


def caller(services: Services, whereabouts: Whereabouts, request: Request) -> Caller:
    """Who asks, and where they probably are."""
    source = source_of(request, services.settings.trusted_proxies)
    found = [services.catalog.router_by_public(each) for each in whereabouts.routers_at(source)]
    return Caller(services=services, request=request, source=source, routers=tuple(each[1] for each in found if each))


async def scan(services: Services, whereabouts: Whereabouts, request: Request) -> Response:
    """The voucher's own address; without a code, a field for one."""
    who = caller(services, whereabouts, request)
    text: str = request.path_params.get("code", "").strip("/")
    if not text:
        return ask(who)
    try:
        view, offer = await services.vouchers.look_openly(text, who.source)
    except Refused as wrong:
        return refused(who, text, wrong)
    return how_to_join(who, view, offer, codes.read(text))


async def type_in(services: Services, whereabouts: Whereabouts, request: Request) -> Response:
    """A code typed here leads to its address."""
    refuse_foreign(request, services.settings.public_url)
    text = (await forms.form(request)).get("code", "")
    try:
        code = codes.read(text)
    except Refused as wrong:
        return refused(caller(services, whereabouts, request), text, wrong)
    lang = request.query_params.get("lang")
    return see_other(f"/V/{code}?lang={lang}" if lang in LANGUAGES else f"/V/{code}")


def refused(who: Caller, text: str, wrong: Refused) -> Response:
    """Nobody's page with the field and what is wrong; raises what is no matter of the code."""
    if not about_the_code(wrong):
        raise wrong
    return slowed(ask(who, text, wrong), wrong)


def ask(who: Caller, text: str = "", wrong: Refused | None = None) -> Response:
    """The field on a page that knows no ISP."""
    lang = who.lang()
    near = one_each(who.routers)
    join = login_url(near[0]) if len(near) == 1 else ""
    html = themes()["default"].page("ask", lang, tenant=None, site=None, join=join, **said(text, wrong, lang))
    return answer(who.request, html, wrong.status if wrong else 200)


def how_to_join(who: Caller, view: TenantView, offer: Offer, code: str) -> Response:
    """The code is good; how to use it. Nothing is spent."""
    visit = remember(who.request, Visit(services=who.services, view=view, lang=who.lang(view)))
    near = good_at([each for each in who.routers if each.tenant_id == view.tenant.id], offer)
    sites = near or good_at(view.routers.values(), offer)
    back = f"{who.services.settings.public_url}/V/{code}?once=1"
    return visit.page(
        who.request,
        "scanned",
        offer=offer,
        shown=codes.shown(code),
        use_by=last_day(offer.use_by, view.tenant.timezone, visit.lang),
        ssid=view.tenant.ssid or (sites[0].name if len(sites) == 1 else ""),
        doors=[(each.name, login_url(each, back)) for each in sites],
        goes=len(near) == 1 and "once" not in who.request.query_params,
    )


def good_at(routers: Iterable[Router], offer: Offer) -> list[Router]:
    """Those at which the code can be used."""
    sites = offer.plan.sites
    return one_each(each for each in routers if each.active and (sites is None or each.id in sites))


def one_each(routers: Iterable[Router]) -> list[Router]:
    """One router for each name of a login page."""
    found: dict[str, Router] = {}
    for router in routers:
        found.setdefault(router.hotspot_host, router)
    return list(found.values())


def login_url(router: Router, back: str = "") -> str:
    """The login page of a router, which says who asks and then leads to the portal."""
    login = f"http://{router.hotspot_host}/login"
    return f"{login}?dst={quote(back, safe='')}" if back else login
