"""What guards every answer, as one plain ASGI layer: headers, body cap, access log.

It stands outside of the application, so that error pages have the headers too. The access log records the
route's template, never path or query: those hold tokens and, at the router's entry, a MAC (R7).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from urllib.parse import urlsplit

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portal.errors import Refused

MAX_BODY = 16 * 1024

Observe = Callable[[str, str, int, float], None]  # method, route's template, status, seconds

OnError = Callable[[Request, Exception], Response]

_log = structlog.get_logger("bando.access")


def access_log(method: str, route: str, status: int, seconds: float) -> None:
    """The usual access log."""
    _log.info("request", method=method, route=route, status=status, ms=round(seconds * 1000, 1))


def headers_for(policy: str) -> list[tuple[bytes, bytes]]:
    """The headers of every answer."""
    return [
        (b"content-security-policy", policy.encode()),
        (b"strict-transport-security", b"max-age=31536000"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"no-referrer"),
        (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=()"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cache-control", b"no-store"),
    ]


# Of a file that never changes under its address.
KEPT = [(b"cache-control", b"public, max-age=31536000, immutable"), (b"x-content-type-options", b"nosniff")]


class Guard:
    """The layer around the routes; whatever they raise becomes the page that `on_error` makes of it.

    One layer of our own instead of the framework's four: they cost as much as a page that is ready made.
    """

    def __init__(self, app: ASGIApp, on_error: OnError, policy: str, observe: Observe = access_log) -> None:
        self.app = app
        self._on_error = on_error
        self._headers = headers_for(policy)
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope["app"] = self  # so that the routes raise what they cannot answer
        begin, status = time.perf_counter(), 0

        async def guarded_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *self._headers_of(scope)]
            await send(message)

        try:
            if "\0" in scope["path"]:  # which a server takes in no text, so nothing has such a name
                raise Refused("not-found", status=404)
            await self.app(scope, capped(receive, scope), guarded_send)
        except Exception as error:  # whatever it is, a guest gets a page with the headers of every page
            if status:
                raise  # half of an answer is out
            await self._answer(Request(scope, receive), error)(scope, receive, guarded_send)
        finally:
            self._observe(scope["method"], template_of(scope), status or 500, time.perf_counter() - begin)

    def _headers_of(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        """Of a file that is kept, of a page with a policy of its own, or of every other page."""
        return KEPT if "bando.keep" in scope else scope.get("bando.headers", self._headers)

    def _answer(self, request: Request, error: Exception) -> Response:
        """The page of this failure; plain words when that page fails as well."""
        try:
            return self._on_error(request, error)
        except Exception as worse:  # a theme may be broken: this answer needs none
            _log.error("error page failed", kind=type(worse).__name__, exc_info=worse)
            return PlainTextResponse("Something went wrong. Please try again.\n", 500)


def template_of(scope: Scope) -> str:
    """The template of the route that answered."""
    route = scope.get("route")
    return getattr(route, "path", "-")


def capped(receive: Receive, scope: Scope) -> Receive:
    """`receive` that refuses a body above `MAX_BODY`, whatever Content-Length says.

    A route that knows who asks may let them send more: it sets ``bando.most`` before it reads.
    """
    total = 0

    async def limited() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > scope.get("bando.most", MAX_BODY):
            raise Refused("too-large", status=413)
        return message

    return limited


def refuse_foreign(request: Request, public_url: str) -> None:
    """Refuse a form that another site sends; raises `Refused("foreign")`.

    Old WebViews send neither header, and `Origin: null` is what a browser makes of our no-referrer policy; the
    unguessable token in the address protects there.
    """
    told: dict[bytes, bytes] = dict(request.scope["headers"])
    site, origin = told.get(b"sec-fetch-site"), told.get(b"origin", b"null").decode("latin-1")
    if site is not None:
        foreign = site not in (b"same-origin", b"none")
    else:
        own = {urlsplit(public_url).netloc, told.get(b"host", b"").decode("latin-1")}
        foreign = origin != "null" and _netloc(origin) not in own
    if foreign:
        raise Refused("foreign", status=403)


def _netloc(origin: str) -> str | None:
    """Host and port of an origin; None when it is none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def source_of(request: Request, trusted: Collection[str]) -> str:
    """The address of the client: of the connection, or what our own proxies say of it."""
    address = request.client.host if request.client else ""
    if address not in trusted:
        return address
    told = ",".join(request.headers.getlist("x-forwarded-for"))  # a proxy may add a line of its own below the client's
    for each in reversed(told.split(",")):
        if (hop := _without_port(each.strip())) and hop not in trusted:
            return hop[:64]
    return address


def _without_port(hop: str) -> str:
    """Some proxies tell the port too, and each connection has another: ``203.0.113.9:51312``, ``[2001:db8::1]:443``."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop
