"""The endpoints that FreeRADIUS calls, on a listener of their own.

Plain ASGI: an authorize is one read, and a framework around it would cost more than that. Whoever calls shows the
token of the settings, and the listener stands at a loopback or private address only (`app.py`), since what is said
here are passwords and whom they belong to.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from portal.db.failures import of_the_machine
from portal.radius import accounting, authorize, clients
from portal.radius.doors import Doors
from portal.radius.packet import MOST_BYTES, Attributes, BadPacket, read
from portal.radius.replies import Answer

__all__ = ["site"]

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Endpoint = Callable[[Doors, Attributes], Awaitable[Answer]]

_log = structlog.get_logger("bando.radius")

ENDPOINTS: dict[str, Endpoint] = {
    "/radius/authorize": authorize.authorize,
    "/radius/post-auth": authorize.use_up,
    "/radius/accounting": accounting.account,
    "/radius/clients": clients.client,
}


def site(doors: Doors, token: str) -> Callable[[Any, Any, Any], Awaitable[None]]:
    """The application, for whoever shows this token."""
    expected = f"Bearer {token}".encode()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        shown = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        answer = Answer(status=403)
        if token and hmac.compare_digest(shown, expected):
            answer = await _answer(doors, scope, receive)
        await _send(send, answer)

    return app


async def _answer(doors: Doors, scope: Scope, receive: Receive) -> Answer:
    endpoint = ENDPOINTS.get(scope["path"])
    if endpoint is None or scope["method"] != "POST":
        return Answer(status=404)
    try:
        return await endpoint(doors, read(await _body(receive)))
    except BadPacket as bad:
        _log.warning("packet refused", why=str(bad))
        return Answer(status=400)
    except Exception as failed:  # no answer, and the router asks again; a wrong one would refuse guests who have paid
        if of_the_machine(failed):
            _log.error("no answer", why=type(failed).__name__)
        else:
            _log.exception("no answer")
        return Answer(status=503)


async def _body(receive: Receive) -> bytes:
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size > MOST_BYTES or message["type"] != "http.request":
            raise BadPacket("too much, or broken off")
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


async def _send(send: Send, answer: Answer) -> None:
    body = answer.body
    headers = [(b"content-length", str(len(body)).encode())] if answer.status != 204 else []
    if body:
        headers.append((b"content-type", b"application/json"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
