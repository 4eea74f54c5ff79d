"""The console as an application: who may come in, which screens there are, and what a failure looks like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from portal import words
from portal.console import (
    account,
    alarms,
    audit_log,
    books,
    bulletins,
    check,
    consent,
    dashboard,
    disclosures,
    entrance,
    export,
    guests,
    imports,
    incidents,
    isps,
    leaving,
    notices,
    online,
    payments,
    persons,
    plans,
    processors,
    prove,
    refunds,
    render,
    retention,
    rights,
    routers,
    settings,
    staff_list,
    support,
    takings,
    unmatched,
    usage,
    visiting,
    vouchers,
)
from portal.console.agents import screens as agents
from portal.console.compensation import screens as compensation
from portal.console.desk import COOKIE, Desk, check_csrf, theme_of
from portal.console.doors import Services
from portal.console.lines import screens as lines
from portal.console.screens import Screen
from portal.console.stock import screens as stock
from portal.db.failures import of_the_machine
from portal.errors import Refused
from portal.staff.room import Present
from portal.web import forms, uploads
from portal.web.answers import answer, see_other
from portal.web.handler import Page
from portal.web.security import Guard

_log = structlog.get_logger("bando.console")

SCREENS: tuple[Screen, ...] = (
    *dashboard.SCREENS,
    *alarms.SCREENS,
    *online.SCREENS,
    *guests.SCREENS,
    *rights.SCREENS,
    *incidents.SCREENS,
    *disclosures.SCREENS,
    *payments.SCREENS,
    *unmatched.SCREENS,
    *takings.SCREENS,
    *usage.SCREENS,
    *books.SCREENS,
    *check.SCREENS,
    *refunds.SCREENS,
    *leaving.SCREENS,
    *lines.SCREENS,
    *vouchers.SCREENS,
    *stock.SCREENS,
    *agents.SCREENS,
    *compensation.SCREENS,
    *plans.SCREENS,
    *routers.SCREENS,
    *staff_list.SCREENS,
    *settings.SCREENS,
    *retention.SCREENS,
    *persons.SCREENS,
    *notices.SCREENS,
    *consent.SCREENS,
    *processors.SCREENS,
    *support.SCREENS,
    *isps.SCREENS,
    *audit_log.SCREENS,
    *export.SCREENS,
    *imports.SCREENS,
    *prove.SCREENS,
    *account.SCREENS,
    *bulletins.SCREENS,
)
SECOND = "/console/account/second"


def site(services: Services) -> Guard:
    """The console, below /console."""
    routes = [*entrance.routes(services), *(_route(services, each) for each in SCREENS)]
    router = Router(routes, redirect_slashes=False)
    return Guard(_Alone(router), partial(on_error, services), render.POLICY, services.observe)


class _Alone:
    """The framework's router, which else would answer what it does not know by itself."""

    def __init__(self, router: Router) -> None:
        self._router = router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._router(scope, receive, send)


def _route(services: Services, screen: Screen) -> BaseRoute:
    return Route(f"/console{screen.path}", Page(_open, services, screen), methods=[screen.method])


async def _open(services: Services, screen: Screen, request: Request) -> Response:
    """Let somebody in who may be here."""
    alone = screen.method == "GET" and "hx-request" in request.headers
    present = await services.staff.enter(request.cookies.get(COOKIE, ""), alone=alone)
    view = await visiting.own_view(services, present) if present else None
    if present is None or view is None:
        if alone:
            return Response(status_code=204, headers={"hx-redirect": "/console/login"})
        return see_other("/console/login") if screen.method == "POST" else entrance.first(request)
    request.scope["bando.staff"] = present
    visit = await visiting.visit_of(services, present, screen.path)
    fields, files = await _posted(screen, request)
    desk = Desk(
        services=services,
        request=request,
        present=present,
        view=visit.view if visit else view,
        fields=fields,
        files=files,
        until=visit.until if visit else None,
    )
    request.scope["bando.desk"] = desk
    if screen.method == "GET" and not alone and visit is None:
        told = await services.board.told(services.db, view.tenant.id, present.staff.id, services.clock.now())
        request.scope["bando.bulletin"] = told
    if present.must_set_up and not screen.path.startswith("/account"):
        return see_other(SECOND)
    desk.must(screen.permission)
    if screen.method == "POST":
        check_csrf(desk)
    if screen.proof and not desk.proven:
        if screen.method == "GET":
            query = request.url.query
            return desk.go("/console/account/prove", next=f"{request.url.path}?{query}" if query else request.url.path)
        if (again := await prove.before(desk)) is not None:
            return again
        desk = replace(desk, present=await _proven(services, request))
        request.scope["bando.desk"] = desk
    if visit is not None:
        await visiting.write_down(services, present, visit, screen.path, desk.address)
    return await screen.handler(desk)


async def _proven(services: Services, request: Request) -> Present:
    """The login once more, with the moment at which the password was given."""
    present = await services.staff.enter(request.cookies.get(COOKIE, ""))
    if present is None:
        raise Refused("prove", status=403)
    return present


async def _posted(screen: Screen, request: Request) -> tuple[Mapping[str, str], Mapping[str, bytes]]:
    if screen.method == "GET":
        return {}, {}
    if screen.upload:
        sent = await uploads.form(request, screen.most)
        return sent.fields, sent.files
    return await forms.form(request), {}


def on_error(services: Services, request: Request, error: Exception) -> Response:
    """What each failure looks like to staff."""
    if isinstance(error, Refused):
        return sorry(request, error.key, error.status, error.values)
    if isinstance(error, HTTPException):
        key = "method" if error.status_code == 405 else "not-found"
        return sorry(request, key, error.status_code, {})
    if isinstance(error, ClientDisconnect):
        return Response(status_code=400)
    if of_the_machine(error):
        _log.error("no database", kind=type(error).__name__)
        return sorry(request, "away", 503, {})
    _log.error("console page failed", kind=type(error).__name__, exc_info=error)
    return sorry(request, "broken", 500, {})


def sorry(request: Request, key: str, status: int, values: dict[str, object]) -> Response:
    """What went wrong, and what to do next; inside the console when somebody is logged in."""
    said = {**values, "wait": words.wait(values.get("wait_s"), "en")}
    desk: Desk | None = request.scope.get("bando.desk")
    if desk is not None:
        return desk.page("sorry", status, key=key, values=said)
    return answer(request, render.page("outside", theme=theme_of(request), key=key, values=said), status)


def beside(guest_pages: ASGIApp, console: ASGIApp) -> ASGIApp:
    """Both sites at one address: the console below /console, everything else is for guests."""

    async def both(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        inside = scope["type"] == "http" and (path == "/console" or path.startswith("/console/"))
        await (console if inside else guest_pages)(scope, receive, send)

    return both
