"""How the framework calls a handler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class Page:
    """A handler with its services, as the framework calls it; a function would be wrapped in two more layers."""

    def __init__(self, handler: Callable[..., Awaitable[Response]], *args: Any, **kwargs: Any) -> None:
        self._handler = partial(handler, *args, **kwargs)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._handler(request=Request(scope, receive))
        await response(scope, receive, send)
