"""A router with a guest beside it, for tests of the sandbox's HTTP side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from portal.clock import TravelClock
from sandbox.ca import Authority
from sandbox.gateway import Gateway, serve_gateway
from sandbox.http1 import Reply, read_request
from sandbox.internet import Internet, serve_internet
from sandbox.net import Listener, listen
from sandbox.phone import Phone
from sandbox.routeros.device import SandboxRouter

MAC, ADDRESS = "02:00:00:00:00:07", "10.5.50.7"
PORTAL = "portal.bando.test"


def make_router(clock: TravelClock | None = None) -> SandboxRouter:
    """A router with one plan's user, good for an hour."""
    router = SandboxRouter(clock or TravelClock())
    router.tables["/ip/hotspot/user"].add({"name": "guest", "password": "pw", "limit-uptime": "1h"})
    return router


def let_in(router: SandboxRouter) -> None:
    router.login(ip=ADDRESS, user="guest", password="pw", by="api")


@dataclass
class World:
    """One phone, one router, the internet, and a stand-in for the portal."""

    clock: TravelClock
    router: SandboxRouter
    internet: Internet
    ca: Authority
    gateway: Gateway
    phone: Phone
    portal: Listener


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    clock, ca = TravelClock(), Authority(folder)
    router = make_router(clock)
    internet = await serve_internet(ca)

    async def portal_page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        reply = Reply(body=b"<!doctype html><title>portal</title><h1>the portal</h1>")
        writer.write(reply.encode())

    portal = await listen(portal_page, tls=ca.server_context(PORTAL))
    inside = {f"{PORTAL}:443": portal.address}
    gateway = await serve_gateway(router, internet, mac=MAC, address=ADDRESS, inside=inside)
    phone = Phone(gateway.port, ca)
    try:
        yield World(clock, router, internet, ca, gateway, phone, portal)
    finally:
        await phone.aclose()
        await gateway.aclose()
        await portal.aclose()
        await internet.aclose()
