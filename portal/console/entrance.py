"""The door of the console: logging in, taking up an invitation or a reset, and what needs no login at all."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from portal import words
from portal.audit import store as audit
from portal.console import render, said
from portal.console.desk import COOKIE, THEME, THEMES, audited, theme_of
from portal.console.doors import Services
from portal.errors import Refused
from portal.staff.room import Link
from portal.units import Unit
from portal.web import forms
from portal.web.answers import answer, see_other
from portal.web.handler import Page
from portal.web.security import refuse_foreign, source_of

YEAR_S = 365 * 24 * 3600
MAX_AGENT = 200
ENTERED = "entered"  # says that a cookie was given with the answer before


def routes(services: Services) -> list[BaseRoute]:
    """What is open to everybody."""
    return [
        Route("/console", Page(home), methods=["GET"]),
        Route("/console/static/{name}", Page(static), methods=["GET"]),
        Route("/console/login", Page(ask), methods=["GET"]),
        Route("/console/login", Page(log_in, services), methods=["POST"]),
        Route("/console/link/{token}", Page(link, services), methods=["GET"]),
        Route("/console/link/{token}", Page(take, services), methods=["POST"]),
        Route("/console/theme", Page(theme, services), methods=["POST"]),
    ]


async def home(request: Request) -> Response:
    """The address that people type."""
    return see_other("/console/")


def first(request: Request) -> Response:
    """Log in first, then go where one wanted to."""
    response = see_other("/console/login")
    wanted = request.url.path
    if wanted not in ("/console/", "/console/login"):
        response = see_other(f"/console/login?next={wanted}")
    return response


async def static(request: Request) -> Response:
    """A file that never changes under its address."""
    found = render.static_files().get(request.path_params["name"])
    if found is None:
        raise Refused("not-found", status=404)
    body, packed = found.body.for_client(request.headers.get("accept-encoding", ""))
    request.scope["bando.keep"] = True
    packing = {"content-encoding": "gzip"} if packed and body[:2] == b"\x1f\x8b" else {}
    return Response(body, headers={**packing, "vary": "accept-encoding"}, media_type=found.kind)


async def ask(request: Request) -> Response:
    """The login form; whoever has just logged in goes on, unless the browser has not kept the cookie."""
    asked = forms.query(request)
    wanted = _inside(asked.get("next", ""))
    if ENTERED not in asked:
        return _form(request, "login", next=wanted)
    if COOKIE in request.cookies:
        return see_other(wanted or "/console/")
    return _form(request, "login", next=wanted, wrong="no-cookie")


async def log_in(services: Services, request: Request) -> Response:
    """A new login has a new token, whatever cookie came with the form."""
    refuse_foreign(request, services.settings.public_url)
    fields = await forms.form(request)
    email, password, second = (fields.get(name, "") for name in ("email", "password", "second"))
    wanted = _inside(fields.get("next", ""))
    try:
        entered = await services.staff.log_in(
            email, password, second, address=_source(services, request), browser=_browser(request)
        )
    except Refused as wrong:
        return _form(
            request, "login", wrong.status, next=wanted, email=email[:200], wrong=wrong.key, values=dict(wrong.values)
        )
    response = see_other(f"/console/login?{urlencode({ENTERED: '1', 'next': wanted})}")
    response.set_cookie(COOKIE, entered.token, path="/", secure=True, httponly=True, samesite="lax")
    return response


async def link(services: Services, request: Request) -> Response:
    """The page of an invitation or of a reset; opening it uses nothing up."""
    found = await services.staff.take_link(request.path_params["token"])
    if found is None:
        raise Refused("link-over", status=410)
    return _form(request, "link", link=found)


async def take(services: Services, request: Request) -> Response:
    """Set the password that was asked for."""
    refuse_foreign(request, services.settings.public_url)
    token = request.path_params["token"]
    found = await services.staff.take_link(token)
    if found is None:
        raise Refused("link-over", status=404)
    fields = await forms.form(request)
    try:
        if fields.get("password", "") != fields.get("again", ""):
            raise Refused("password-differs")
        await services.staff.use_link(
            token, fields.get("password", ""), write=partial(_noted, services, found, _source(services, request))
        )
    except Refused as wrong:
        return _form(request, "link", wrong.status, link=found, wrong=wrong.key, values=dict(wrong.values))
    return see_other("/console/login?said=password-set")


async def _noted(services: Services, link: Link, address: str, unit: Callable[..., Unit[object]], *args: Any) -> None:
    """Whoever holds a link is taken for the person of the account, and written down as them."""
    who = f"staff:{link.staff.public}"
    written = partial(
        audit.append,
        services.vault,
        actor=who,
        act="link.use",
        payload={"name": link.staff.name, "address": address, "after": {"link": link.kind}},
        now=services.clock.now(),
    )
    await services.db.write(link.tenant_id, audited, unit, args, {}, who, written)


async def theme(services: Services, request: Request) -> Response:
    """Keep light or dark for a year; it says nothing about anybody."""
    refuse_foreign(request, services.settings.public_url)
    fields = await forms.form(request)
    chosen = fields.get("theme", "")
    response = see_other(_inside(fields.get("next", "")) or "/console/")
    if chosen in THEMES:
        response.set_cookie(THEME, chosen, max_age=YEAR_S, path="/console", secure=True, httponly=True, samesite="lax")
    return response


def _form(request: Request, name: str, status: int = 200, **values: Any) -> Response:
    wrong = {**values.get("values", {})}
    shared = {
        "theme": theme_of(request),
        "said": said.of(request),
        "next": "",
        "email": "",
        "wrong": "",
        **values,
        "values": {**wrong, "wait": words.wait(wrong.get("wait_s"), "en")},
    }
    return answer(request, render.page(name, **shared), status)


def _inside(path: str) -> str:
    """A path of the console, or nothing: nobody is led elsewhere after logging in."""
    plain = path.isascii() and path.isprintable() and "\\" not in path and "//" not in path and ".." not in path
    return path if plain and path.startswith("/console/") and len(path) <= 500 else ""


def _source(services: Services, request: Request) -> str:
    return source_of(request, services.settings.trusted_proxies)


def _browser(request: Request) -> str:
    found = request.headers.get("user-agent", "")[:MAX_AGENT]
    return "".join(letter for letter in found if letter.isprintable())
