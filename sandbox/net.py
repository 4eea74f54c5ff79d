"""A listening socket whose connections end with it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable

from portal.mikrotik.addresses import Policy

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

LOOPBACK = Policy(loopback=True)  # the routers of the sandbox are on this machine

CHUNK = 65_536
PATIENCE_S = 30.0  # how long a peer may take over a request head or a handshake


class Listener:
    """A server on one port; `aclose` ends every connection it handed out."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.host = ""
        self.port = 0

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port

    async def open(self, host: str, port: int, tls: ssl.SSLContext | None) -> Listener:
        self._server = await asyncio.start_server(self._accept, host, port, ssl=tls, backlog=512)
        self.host, self.port = self._server.sockets[0].getsockname()[:2]
        return self

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: writer.close())  # a task cancelled before its first step closes nothing

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            # A peer that hangs up, mumbles or falls asleep is everyday life of a server.
            with contextlib.suppress(OSError, EOFError, TimeoutError, ValueError):
                await self._handler(reader, writer)
        finally:
            await hang_up(writer)

    async def aclose(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def listen(
    handler: Handler, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> Listener:
    """Start serving; `port` 0 takes a free one."""
    return await Listener(handler).open(host, port, tls)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Send what is left, close; a peer that does not take it is cut."""
    writer.close()
    try:
        async with asyncio.timeout(1):
            await writer.wait_closed()
    except (OSError, TimeoutError):
        writer.transport.abort()
    except asyncio.CancelledError:
        writer.transport.abort()
        raise
