"""A world in which nothing is set up yet: a portal without an ISP, a factory-fresh router, an M-Pesa, phones.

Where the first hour of a new ISP begins. The router's `api-ssl` answers once its set-up script has made a certificate.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from portal.clock import Clock, SystemClock
from portal.migrate import migrate
from portal.settings import Settings
from sandbox.ca import Authority
from sandbox.gateway import Gateway, serve_gateway
from sandbox.internet import Internet, serve_internet
from sandbox.mpesa.provider import SandboxMpesa
from sandbox.mpesa.server import Server as MpesaServer
from sandbox.mpesa.server import serve_mpesa
from sandbox.routeros.api import ApiServer, serve_api
from sandbox.routeros.device import SandboxRouter
from sandbox.routeros.rsc import import_rsc
from sandbox.world import PORTAL_HOST, Build, an_mpesa, free_port, serving, settings_for

VERSION = "7.23.4"  # nothing is known against it


@dataclass(kw_only=True)
class EmptyWorld:
    """Its parts; `built` is the service."""

    clock: Clock
    ca: Authority
    router: SandboxRouter
    internet: Internet
    mpesa: SandboxMpesa
    mpesa_server: MpesaServer
    settings: Settings
    built: Any
    api_port: int
    api: ApiServer | None = None
    gateways: list[Gateway] = field(default_factory=list)

    @property
    def console(self) -> str:
        return f"https://127.0.0.1:{self.settings.listen_port}/console"

    async def set_up_router(self, script: str) -> list[str]:
        """Import the script on the router, as somebody in its terminal does; what it printed."""
        leaf = self.ca.leaf("bando-router")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(leaf.certificate, leaf.key)
        self.router.own_certificate = _fingerprint(leaf.certificate)
        said = await asyncio.to_thread(import_rsc, self.router, script, fetch=self._fetch, pause=time.sleep)
        self.api = await serve_api(self.router, port=self.api_port, tls=context)
        return said

    def _fetch(self, url: str) -> bytes:
        """The router asks the portal for its pages; what the portal is called is at its loopback address here."""
        trust = ssl.create_default_context(cafile=str(self.ca.certificate_path))
        here = httpx.URL(url).copy_with(host="127.0.0.1", port=self.settings.listen_port)
        with httpx.Client(verify=trust, trust_env=False) as client:
            extensions = {"sni_hostname": PORTAL_HOST}
            answer = client.get(here, headers={"host": PORTAL_HOST}, extensions=extensions)
        answer.raise_for_status()
        return answer.content

    async def phone(self, number: int = 1) -> Gateway:
        """A phone joins the Wi-Fi."""
        gateway = await serve_gateway(
            self.router,
            self.internet,
            mac=f"02:00:00:00:00:{number:02X}",
            address=f"10.5.50.{10 + number}",
            inside={f"{PORTAL_HOST}:443": ("127.0.0.1", self.settings.listen_port)},
        )
        gateway.appear()
        self.gateways.append(gateway)
        return gateway

    async def aclose(self) -> None:
        for gateway in self.gateways:
            await gateway.aclose()
        if self.api:
            await self.api.aclose()
        await self.mpesa_server.aclose()
        await self.internet.aclose()


def _fingerprint(certificate: Path) -> str:
    """SHA-256 of the first certificate of a chain."""
    end = "-----END CERTIFICATE-----\n"
    first = certificate.read_text().partition(end)[0] + end
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first)).hexdigest()


@asynccontextmanager
async def empty_world(folder: Path, build: Build, **more: str) -> AsyncIterator[EmptyWorld]:
    """Start it; `more` are further settings."""
    clock = SystemClock()
    ca = Authority(folder / "ca")
    settings = settings_for(folder, ca, free_port(), more)
    migrate(settings.database)
    mpesa = an_mpesa(clock, ca, settings)
    built = build(settings, clock=clock)
    world = EmptyWorld(
        clock=clock,
        ca=ca,
        router=SandboxRouter(clock, version=VERSION, hotspot=False),
        internet=await serve_internet(ca),
        mpesa=mpesa,
        mpesa_server=await serve_mpesa(mpesa),
        settings=settings,
        built=built,
        api_port=free_port(),
    )
    try:
        async with serving(built.web, "127.0.0.1", settings.listen_port, settings):
            yield world
    finally:
        await world.aclose()
