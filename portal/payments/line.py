"""The line to a provider: one request, sent once, and what may be concluded when no answer comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from portal.errors import ProviderRefused, ProviderUnknown
from portal.payments.accounts import Account
from portal.processors.gate import Registered, shut

Observe = Callable[[str], None]
# A slow gateway answers within 30 s; whoever waits longer holds a connection for nothing.
TIMEOUT = httpx.Timeout(40, connect=10, pool=10)
MAX_ANSWER = 4 * 1024 * 1024  # a page of a statement may hold very many rows; more than this is no answer
AT_ONCE = 64  # requests to one host that are underway; a gateway that hangs holds these, and no other one's
PLACE_S = 10.0  # so long a request waits for one of them
WHOLE_S = 45.0  # for all of an answer: TIMEOUT begins anew with each byte
# The request never left: certainly nothing was started.
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


def quiet(_: str) -> None:
    """Nobody watches."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back; `body` is whole, at most `MAX_ANSWER` bytes, and of no known shape."""

    status: int
    body: bytes
    retry_after_ms: int | None = None


class Line:
    """Sends requests to a provider, and tells "never sent" from "nobody knows".

    To a provider that is not in the register of the account's ISP nothing is sent.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        observe: Observe = quiet,
        whole_s: float = WHOLE_S,
        *,
        registered: Registered = shut,
        at_once: int = AT_ONCE,
        place_s: float = PLACE_S,
    ) -> None:
        self._at_once, self._place_s = at_once, place_s
        self._http = http
        self._registered = registered
        self._observe = observe
        self._whole_s = whole_s
        self._places: dict[str, asyncio.Semaphore] = {}  # by host

    async def send(
        self, account: Account, method: str, url: str, headers: Mapping[str, str], json: Mapping[str, Any] | None = None
    ) -> Answer:
        """Raises `ProviderRefused` when the request certainly never left, else `ProviderUnknown`."""
        name = account.provider
        if await self._registered(account.tenant_id, name) is None:
            raise ProviderRefused("unregistered", f"{name} is not in the register of processors")
        async with self._place(url):
            return await self._sent(name, method, url, headers, json)

    @asynccontextmanager
    async def _place(self, url: str) -> AsyncIterator[None]:
        """One of the places at this host; raises `ProviderRefused` when none becomes free."""
        places = self._places.setdefault(urlsplit(url).netloc, asyncio.Semaphore(self._at_once))
        try:
            async with asyncio.timeout(self._place_s):
                await places.acquire()
        except TimeoutError:
            raise ProviderRefused("provider-down", "too many requests wait for its answers") from None
        try:
            yield
        finally:
            places.release()

    async def _sent(
        self, name: str, method: str, url: str, headers: Mapping[str, str], json: Mapping[str, Any] | None
    ) -> Answer:
        sending = self._http.stream(method, url, json=json, headers=dict(headers), timeout=TIMEOUT)
        self._observe(f"{name}:before")
        try:
            async with asyncio.timeout(self._whole_s), sending as answer:
                body = await _bounded(answer)
        except NEVER_SENT as failed:
            raise ProviderRefused("provider-down", type(failed).__name__) from failed
        except (httpx.HTTPError, TimeoutError) as failed:
            raise ProviderUnknown(type(failed).__name__) from failed
        self._observe(f"{name}:after")
        return Answer(status=answer.status_code, body=body, retry_after_ms=_retry_after(answer.headers))

    async def ask(self, account: Account, url: str, headers: Mapping[str, str]) -> Answer:
        """The same for what starts nothing: asked once more, if the other end had just closed the kept connection."""
        try:
            return await self.send(account, "GET", url, headers)
        except ProviderUnknown as failed:
            if not isinstance(failed.__cause__, httpx.RemoteProtocolError | httpx.ReadError | httpx.WriteError):
                raise
        return await self.send(account, "GET", url, headers)


async def _bounded(answer: httpx.Response) -> bytes:
    """The whole body; one that does not end is no answer."""
    body = bytearray()
    async for part in answer.aiter_bytes():
        body += part
        if len(body) > MAX_ANSWER:
            raise ProviderUnknown(f"HTTP {answer.status_code} with more than {MAX_ANSWER} bytes")
    return bytes(body)


def _retry_after(headers: Mapping[str, str]) -> int | None:
    text = headers.get("Retry-After", "")
    return int(text) * 1000 if text.isascii() and text.isdigit() and len(text) < 6 else None
