"""Where routers call: the beat, and the pull of what is wished.

A router is known by the token in its header, which is worth nothing at the address of another one. An unknown router,
one that is switched off, a token that is wrong or was taken back all get the same answer. Whatever is answered is
short plain text, since it is for a script.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from portal.access.catalog import Catalog
from portal.calls import beat, service
from portal.calls.beat import MOST_BODY, Unreadable
from portal.calls.pace import Pace
from portal.calls.service import Wishes
from portal.clock import Clock
from portal.db import Database
from portal.errors import Refused
from portal.seal import token_hash
from portal.settings import Settings
from portal.tenancy.store import Router
from portal.web.security import source_of

_BEARER = re.compile(r"Bearer ([0-9a-f]{64})", re.ASCII)
_NOBODY = bytes(32)  # compared with where there is no router, so that it takes as long

Answer = Callable[[Router, bytes, str], Awaitable[Response]]


def _said(text: str, status: int, **headers: str) -> Response:
    return PlainTextResponse(text, status, headers or None)


def unknown() -> Response:
    """The one answer to whoever may not call."""
    return _said("Unknown\n", 401)


class Calls:
    """Hears the routers that call."""

    def __init__(self, db: Database, clock: Clock, catalog: Catalog, settings: Settings, wishes: Wishes) -> None:
        self._db = db
        self._clock = clock
        self._catalog = catalog
        self._trusted = settings.trusted_proxies
        self._wishes = wishes
        self._pace = Pace()

    def routes(self) -> list[BaseRoute]:
        """The two addresses of each router."""
        return [
            Route("/call/{router}/beat", partial(self._take, self._beat), methods=["POST"]),
            Route("/call/{router}/pull", partial(self._take, self._pull), methods=["POST"]),
        ]

    async def _take(self, answer: Answer, request: Request) -> Response:
        router = self._known(request)
        if router is None:
            return unknown()
        if not self._pace.take(router.id, self._clock.now()):
            return _said("Too often\n", 429, **{"retry-after": "60"})
        request.scope["bando.most"] = MOST_BODY
        try:
            return await answer(router, await request.body(), source_of(request, self._trusted))
        except Refused as refused:
            return _said("Too large\n", refused.status)
        except Unreadable:
            return _said("Not a call of a router\n", 400)

    def _known(self, request: Request) -> Router | None:
        found = self._catalog.router_by_public(request.path_params["router"])
        known = found[1].call_hash if found else None
        given = _BEARER.fullmatch(request.headers.get("authorization", ""))
        same = hmac.compare_digest(token_hash(given[1] if given else ""), known or _NOBODY)
        return found[1] if found and known and same else None

    async def _beat(self, router: Router, body: bytes, source: str) -> Response:
        told = beat.read(body, source)
        now = self._clock.now()
        version = await self._db.write(router.tenant_id, service.beat, self._wishes, router.id, told, now)
        return unknown() if version is None else _said(str(version), 200)

    async def _pull(self, router: Router, body: bytes, _: str) -> Response:
        nonce = beat.read_nonce(body)
        text = await self._db.write(router.tenant_id, service.pull, self._wishes, router.id, nonce)
        return unknown() if text is None else _said(text, 200)
