"""The sandbox Paystack on a socket of its own."""

from __future__ import annotations

import asyncio
import socket

from sandbox.mpesa.server import QuietUvicorn, Tls, opened
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
    tls: Tls | None = None,
) -> Server:
    """Serve; `tls` is (certificate file, key file). The listener takes connections at once."""
    listener, config = opened(app_of(paystack), host, port, tls)
    paystack.url = f"{'https' if tls else 'http'}://{host}:{listener.getsockname()[1]}"
    return Server(paystack, QuietUvicorn(config), listener)
