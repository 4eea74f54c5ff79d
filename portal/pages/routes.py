"""Addresses of the guest pages, and the application around them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, Router

from portal import words
from portal.db.failures import of_the_machine
from portal.errors import Refused
from portal.pages import (
    claim,
    enter,
    entry,
    home,
    hooks,
    notice,
    offers,
    pay,
    receipt,
    router_files,
    scan,
    status,
    trial,
    voucher,
    waiting,
    your_data,
)
from portal.pages.doors import Services
from portal.pages.render import policy, themes
from portal.pages.visit import Visit, language
from portal.pages.whereabouts import Whereabouts
from portal.web.answers import answer, see_other
from portal.web.handler import Page
from portal.web.security import Guard

RETRY = {"retry-after": "10"}  # seconds; what providers have to say comes again after their own time

_log = structlog.get_logger("bando.pages")


def routes(services: Services) -> list[BaseRoute]:
    """The routes of the guest pages and of the providers' callbacks."""
    whereabouts = Whereabouts(services.vault, services.clock)
    return [
        *_arrival(services, whereabouts),
        *_scan(services, whereabouts),
        *_purchase(services),
        *_owner(services),
        *_your_data(services),
        *_notices(services),
        *_hooks(services),
    ]


def _notices(services: Services) -> list[BaseRoute]:
    """The privacy notice at the top, for addresses that were printed; every other text below its name."""
    return [
        _get("/n/{tenant}/", Page(notice.notice, services)),
        _get("/n/{tenant}/text", Page(notice.download, services)),
        _get("/n/{tenant}/processors/", Page(notice.processors, services)),
        _get("/n/{tenant}/{kind}/", Page(notice.notice, services)),
        _get("/n/{tenant}/{kind}/text", Page(notice.download, services)),
    ]


def _get(path: str, endpoint: Page) -> Route:
    return Route(path, endpoint, methods=["GET"])


def _post(path: str, endpoint: Page) -> Route:
    return Route(path, endpoint, methods=["POST"])


def _arrival(services: Services, whereabouts: Whereabouts) -> list[BaseRoute]:
    first = Page(home.home, services, home.Shelf())
    return [
        # They are tried in this order: what a crowd asks for at the same moment comes first.
        _get("/w/{token}/", first),
        _post("/w/{token}/voucher", Page(voucher.redeem, services)),
        _get("/w/{token}/state", Page(home.state, services)),
        _get("/e/{router}", Page(entry.enter, services, whereabouts)),
        _post("/w/{token}/pay", Page(pay.pay, services)),
        _get("/w/{token}/pay", Page(back)),
        _post("/w/{token}/connect", Page(home.connect, services)),
        _get("/w/{token}/connect", Page(back)),
        _get("/w/{token}/enter", Page(enter.of_arrival, services)),
        _post("/w/{token}/trial", Page(trial.take, services)),
        _get("/w/{token}/trial", Page(back)),
        _get("/w/{token}/claim", Page(claim.ask, services)),
        _post("/w/{token}/claim", Page(claim.claim, services)),
        _get("/w/{token}/voucher", Page(voucher.ask, services)),
        _get("/router-files/{router}/{name}", Page(router_files.router_file, services)),
        _get("/w/{token}", Page(slash)),
    ]


def _scan(services: Services, whereabouts: Whereabouts) -> list[BaseRoute]:
    """Voucher addresses, in capitals as they are printed and in small letters as they are typed."""
    shown, typed = (Page(each, services, whereabouts) for each in (scan.scan, scan.type_in))
    paths = ("/V/{code:path}", "/v/{code:path}", "/V", "/v", "/")
    return [*(_get(path, shown) for path in paths), _post("/V/", typed)]


def _purchase(services: Services) -> list[BaseRoute]:
    return [
        _get("/p/{token}/", Page(waiting.waiting, services)),
        _get("/p/{token}/state", Page(waiting.state, services)),
        _get("/p/{token}/go", Page(waiting.go, services)),
        _get("/p/{token}/enter", Page(enter.of_purchase, services)),
        _post("/p/{token}/again", Page(waiting.again, services)),
        _get("/p/{token}/again", Page(back)),
        _get("/p/{token}/receipt", Page(receipt.receipt, services)),
        _get("/p/{token}/offers", Page(offers.offers, services)),
        _post("/p/{token}/offers", Page(offers.decide, services)),
        _get("/p/{token}/status", Page(status.of_purchase, services)),
        _get("/p/{token}", Page(slash)),
    ]


def _owner(services: Services) -> list[BaseRoute]:
    acts = (status.connect, status.disconnect, status.start, status.add, status.remove)
    posts = [_post(f"/s/{{token}}/{each.__name__}", Page(status.act, services, what=each)) for each in acts]
    backs = [_get(f"/s/{{token}}/{each.__name__}", Page(back)) for each in acts]
    pages = [
        _get("/s/{token}/", Page(status.status, services)),
        _get("/s/{token}/state", Page(status.state, services)),
        _get("/s/{token}/enter", Page(enter.of_pass, services)),
        _get("/s/{token}/leave", Page(enter.leave, services)),
    ]
    return [*pages, *posts, *backs, _get("/s/{token}", Page(slash))]


def _your_data(services: Services) -> list[BaseRoute]:
    return [
        _get("/data/{isp}/", Page(your_data.first, services)),
        _post("/data/{isp}/receipt", Page(your_data.by_receipt, services)),
        _get("/data/{isp}/receipt", Page(back)),
        _post("/data/{isp}/code", Page(your_data.send_code, services)),
        _get("/data/{isp}/code", Page(back)),
        _post("/data/{isp}/check", Page(your_data.by_code, services)),
        _get("/data/{isp}/check", Page(back)),
        _get("/data/{isp}", Page(isp_slash)),
        _get("/d/{token}/", Page(your_data.mine, services)),
        _post("/d/{token}/ask", Page(your_data.ask, services)),
        _get("/d/{token}/ask", Page(back)),
        _get("/d/{token}", Page(slash)),
    ]


def _hooks(services: Services) -> list[BaseRoute]:
    return [
        _post("/hook/{token}", Page(hooks.take, services, channel="stk")),
        _post("/webhook/{token}", Page(hooks.take, services, channel="webhook")),
        _post("/hook/result/{token}", Page(hooks.take, services, channel="result")),
        _post("/hook/result/{token}/timeout", Page(hooks.take, services, channel="result-timeout")),
        _post("/c2b/{token}/confirm", Page(hooks.take, services, channel="c2b-confirm")),
        _post("/c2b/{token}/validate", Page(hooks.take, services, channel="c2b-validate")),
    ]


async def back(request: Request) -> Response:
    """The address of a form, opened as a page."""
    query = request.scope["query_string"].decode("latin-1")
    return see_other(f"./?{query}" if query else "./")


async def isp_slash(request: Request) -> Response:
    """The same for the address of an ISP."""
    return see_other(f"./{request.path_params['isp']}/")


async def slash(request: Request) -> Response:
    """Links in our pages are relative, so that they need not repeat the token."""
    query = request.scope["query_string"].decode("latin-1")
    last = f"./{request.path_params['token']}/"  # with a dot: a token like http:evil.test would be an address
    return see_other(f"{last}?{query}" if query else last)


def on_error(services: Services, request: Request, error: Exception) -> Response:
    """What each failure looks like to a guest."""
    if isinstance(error, Refused):
        return sorry(services, request, error.key, error.status, error.values)
    if isinstance(error, HTTPException):
        key = "method" if error.status_code == 405 else "not-found"
        return sorry(services, request, key, error.status_code, {}, error.headers)
    if isinstance(error, ClientDisconnect):
        return Response(status_code=400)  # nobody hears it, and it is no failure of ours
    if of_the_machine(error):
        _log.error("no database", kind=type(error).__name__)
        return sorry(services, request, "away", 503, {}, RETRY)
    _log.error("page failed", kind=type(error).__name__, exc_info=error)
    return sorry(services, request, "broken", 500, {})


def sorry(services: Services, request: Request, key: str, code: int, values: Any, headers: Any = None) -> Response:
    """A failure in plain words, with what to do next."""
    visit: Visit | None = request.scope.get("bando.visit")
    theme = visit.theme if visit else themes()["default"]
    asked = request.query_params.get("lang")
    told = visit.lang if visit else request.headers.get("accept-language", "")
    lang = language(None, asked, told)
    shown = theme.page(
        "sorry",
        lang,
        accent=visit.view.tenant.accent if visit else "",
        logo=visit.view.mark if visit else "",
        key=key,
        values={**values, "wait": words.wait(values.get("wait_s"), lang)},
        tenant=visit.view.tenant if visit else None,
        site=visit.router if visit else None,
        home=f"/w/{visit.token}/" if visit and visit.context else "",
        hotspot=visit.router.hotspot_host if visit and visit.router else "",
    )
    response = answer(request, shown, code)
    response.headers.update(headers or {})
    return response


def site(services: Services, more: Sequence[BaseRoute] = (), lifespan: Any = None) -> Guard:
    """The application: our routes and `more`, error pages, and the guard around all of it."""
    router = Router([*routes(services), *more], redirect_slashes=False, lifespan=lifespan)
    return Guard(router, partial(on_error, services), policy(list(themes().values())), services.observe)
