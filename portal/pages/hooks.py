"""Where providers call us: the raw body is durable before the answer (R5), and what it says is read later.

The answer is the one that the provider wants to hear; an unknown token is a plain 404 that says nothing.
"""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from portal.errors import Refused
from portal.pages.doors import Channel, Services
from portal.web.security import source_of

_TOKEN = re.compile(r"[0-9a-z]{2,32}\.[0-9a-f]{16,128}")


async def take(services: Services, request: Request, channel: Channel) -> Response:
    """Keep what was said and acknowledge it."""
    token: str = request.path_params["token"]
    if not _TOKEN.fullmatch(token):
        return PlainTextResponse("Not found\n", 404)
    try:
        body = await request.body()
    except Refused as refused:
        return PlainTextResponse("Too large\n", refused.status)
    source = source_of(request, services.settings.trusted_proxies)
    answer = await services.payments.inbox.receive(channel, token, body, source, request.headers)
    return PlainTextResponse("Not found\n", 404) if answer is None else JSONResponse(dict(answer))
