"""A receiver of webhooks on a real socket: it keeps what came, and is as unpleasant as it is asked to be."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import Self

from sandbox.http1 import Reply, Request, read_request
from sandbox.net import Listener


@dataclass
class Receiver:
    """`status` is its answer; `silent` lets callers wait; `leads_to` is where a redirect goes; `endless` never ends."""

    status: int = 200
    silent: bool = False
    endless: bool = False
    leads_to: str = ""
    got: list[Request] = field(default_factory=list)
    port: int = 0
    _listener: Listener | None = None
    _tls: bool = False

    async def open(self, tls: ssl.SSLContext | None = None) -> Self:
        self._listener = await Listener(self._serve).open("127.0.0.1", 0, tls)
        self.port, self._tls = self._listener.port, tls is not None
        return self

    async def aclose(self) -> None:
        if self._listener is not None:
            await self._listener.aclose()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/bando"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await read_request(reader)
        if request is None:
            return
        self.got.append(request)
        if self.silent:
            await asyncio.sleep(60)
        headers = (("Location", self.leads_to),) if self.leads_to else ()
        writer.write(Reply(status=self.status, headers=headers, content_type="text/plain").encode("HTTP/1.1"))
        while self.endless:
            writer.write(b"x" * 65_536)
            await writer.drain()
        await writer.drain()
