"""The sandbox Paystack on a socket of its own."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import uvicorn

from sandbox.mpesa.server import CuttableProtocol, QuietUvicorn
from sandbox.paystack.api import app_of
from sandbox.paystack.provider import SandboxPaystack


class Server:
    """A running sandbox Paystack; `url` is its base address."""

    def __init__(self, paystack: SandboxPaystack, server: QuietUvicorn, listener: socket.socket) -> None:
        self.paystack = paystack
        self.url = paystack.url
        self._server = server
        self._task = asyncio.create_task(server.serve(sockets=[listener]))

    async def aclose(self) -> None:
        """Stop serving; what has not been delivered yet never will be."""
        self._server.should_exit = True
        await asyncio.gather(self._task, return_exceptions=True)
        await self.paystack.aclose()


async def serve_paystack(
    paystack: SandboxPaystack,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: tuple[str | Path, str | Path] | None = None,
) -> Server:
    """Serve; `tls` is (certificate file, key file). The listener takes connections at once."""
    listener = socket.create_server((host, port), backlog=256)
    certificate, key = tls or (None, None)
    config = uvicorn.Config(
        app_of(paystack),
        http=CuttableProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
        ssl_certfile=certificate,
        ssl_keyfile=None if key is None else str(key),
    )
    paystack.url = f"{'https' if tls else 'http'}://{host}:{listener.getsockname()[1]}"
    return Server(paystack, QuietUvicorn(config), listener)
