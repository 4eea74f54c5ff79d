"""The sandbox's gateway for SMS: it takes messages over HTTP, each mark once, and shows them on a page."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from html import escape
from typing import Self

from sandbox.http1 import Reply, Request, read_request
from sandbox.net import Listener

SHOWN = 50


@dataclass(frozen=True, kw_only=True)
class Sms:
    """What a phone got."""

    mark: str
    to: str
    text: str


@dataclass
class Gateway:
    """`status`: its answer; `silent`: it keeps the message and lets the caller wait, as long as that is so."""

    status: int = 200
    silent: bool = False
    got: dict[str, Sms] = field(default_factory=dict)
    calls: int = 0
    port: int = 0
    _listener: Listener | None = None

    async def open(self, port: int = 0) -> Self:
        self._listener = await Listener(self._serve).open("127.0.0.1", port, None)
        self.port = self._listener.port
        return self

    async def aclose(self) -> None:
        if self._listener is not None:
            await self._listener.aclose()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def of(self, phone: str) -> list[Sms]:
        """What this phone got, the oldest first."""
        return [each for each in self.got.values() if each.to == phone]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await read_request(reader)
        if request is None:
            return
        if request.method == "POST":
            self._take(request)
            while self.silent:
                await asyncio.sleep(0.01)
            reply = Reply(status=self.status, content_type="text/plain")
        else:
            reply = Reply(status=200, content_type="text/html; charset=utf-8", body=self._page().encode())
        writer.write(reply.encode("HTTP/1.1"))
        await writer.drain()

    def _take(self, request: Request) -> None:
        self.calls += 1
        if self.status < 400:
            sms = Sms(**json.loads(request.body))
            self.got.setdefault(sms.mark, sms)

    def _page(self) -> str:
        shown = [f"<li><b>{escape(each.to)}</b> {escape(each.text)}</li>" for each in self.got.values()]
        rows = "".join(reversed(shown[-SHOWN:])) or "<li>Nothing yet.</li>"
        return f"<!doctype html><meta charset=utf-8><title>SMS</title><h1>SMS of the sandbox</h1><ul>{rows}</ul>"
