"""The sandbox M-Pesa on a socket of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sandbox.mpesa.provider import SandboxMpesa


class CuttableProtocol(HttpToolsProtocol):
    """Lets a handler kill its connection, as networks do."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {"sandbox.cut": {"abort": self.transport.abort}}


class QuietUvicorn(uvicorn.Server):
    """One server among several in the process: signals are not its business, and it ends as soon as it is told to.

    A server of its own looks ten times a second whether it should end, which thousands of tests would wait for.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        self._told = asyncio.Event()
        super().__init__(config)

    @property
    def should_exit(self) -> bool:
        return self._told.is_set()

    @should_exit.setter
    def should_exit(self, end: bool) -> None:
        (self._told.set if end else self._told.clear)()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), 1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for each in (*self.servers, *(sockets or ())):
            each.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        try:
            await asyncio.wait_for(self._at_rest(), self.config.timeout_graceful_shutdown)
        except TimeoutError:
            for task in self.server_state.tasks:
                task.cancel()
        if not self.force_exit:
            await self.lifespan.shutdown()

    async def _at_rest(self) -> None:
        while (self.server_state.connections or self.server_state.tasks) and not self.force_exit:
            await asyncio.sleep(0.005)


class Server:
    """A running sandbox M-Pesa; `url` is its base address, `url + "/handset"` the page to pay on."""

    def __init__(self, mpesa: SandboxMpesa, uvicorn_server: QuietUvicorn, url: str) -> None:
        self.mpesa = mpesa
        self.url = url
        self._uvicorn = uvicorn_server
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, listener: socket.socket) -> None:
        serving = asyncio.create_task(self._uvicorn.serve(sockets=[listener]))
        self._tasks = [serving, asyncio.create_task(self.mpesa.run())]

    async def aclose(self) -> None:
        """Stop serving; what has not been delivered yet never will be."""
        serving, running = self._tasks
        self._uvicorn.should_exit = True
        running.cancel()
        await asyncio.gather(serving, running, return_exceptions=True)
        await self.mpesa.aclose()


Tls = tuple[str | Path, str | Path]  # certificate file, key file


def opened(app: ASGIApp, host: str, port: int, tls: Tls | None) -> tuple[socket.socket, uvicorn.Config]:
    """A listener for a provider of the sandbox, and how it is served: connections can be cut."""
    certificate, key = tls or (None, None)
    config = uvicorn.Config(
        app,
        http=CuttableProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
        ssl_certfile=certificate,
        ssl_keyfile=None if key is None else str(key),
    )
    return socket.create_server((host, port), backlog=256), config


async def serve_mpesa(
    mpesa: SandboxMpesa,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: Tls | None = None,
) -> Server:
    """Serve and supervise; `tls` is (certificate file, key file). The listener takes connections at once."""
    listener, config = opened(mpesa.app, host, port, tls)
    scheme = "https" if tls else "http"
    server = Server(mpesa, QuietUvicorn(config), f"{scheme}://{host}:{listener.getsockname()[1]}")
    server.start(listener)
    return server
