"""A sandbox router that the set-up script has set up, and a connection to its API over TLS."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from portal.mikrotik.picture import Expected
from portal.mikrotik.provisioning import ScriptOptions, files, script
from portal.mikrotik.wire import Address, Wire, connect, fingerprint_of
from sandbox.ca import Authority
from sandbox.net import LOOPBACK
from sandbox.routeros.api import serve_api
from sandbox.routeros.device import SandboxRouter
from sandbox.routeros.rsc import import_rsc
from sandbox.routeros.tls import certificate_tls
from tests.sandbox.routeros import make_router

NEW = "7.23.4"  # nothing is known against it

OPTIONS = ScriptOptions(
    interface="ether2",
    site='Duka "la" $Mama',
    portal_url="https://portal.example.co.ke",
    router_public="k3-r7",
    management="127.0.0.1",
    api_password="correct horse battery $1",
)


def options_for(version: str, **changes: Any) -> ScriptOptions:
    return replace(OPTIONS, version=6 if version.startswith("6") else 7, **changes)


def empty_router(version: str = NEW) -> SandboxRouter:
    router, _ = make_router(version, hotspot=False)
    return router


def fetch(url: str) -> bytes:
    """What the portal answers under /router-files."""
    start, name = url.rsplit("/", 1)
    assert start == f"{OPTIONS.portal_url}/router-files/{OPTIONS.router_public}"
    return files(OPTIONS.portal_url, OPTIONS.router_public)[name]


def set_up(router: SandboxRouter, options: ScriptOptions | None = None) -> list[str]:
    """Import the script; what it put out."""
    return import_rsc(router, script(options or options_for(router.version_text)), fetch=fetch)


def ready_router(version: str = NEW) -> SandboxRouter:
    router = empty_router(version)
    set_up(router)
    return router


@lru_cache(maxsize=1)
def certificate() -> tuple[str, str]:
    leaf = Authority(Path(tempfile.mkdtemp(prefix="bando-router-"))).leaf("bando-router")
    return str(leaf.certificate), str(leaf.key)


@asynccontextmanager
async def secure_api(router: SandboxRouter) -> AsyncIterator[tuple[int, str]]:
    """The router's api-ssl: its port and the certificate's fingerprint."""
    server = await serve_api(router, tls=certificate_tls(*certificate()))
    try:
        yield server.port, await fingerprint_of("127.0.0.1", server.port, policy=LOOPBACK)
    finally:
        await server.aclose()


@asynccontextmanager
async def wired(router: SandboxRouter, *, password: str = OPTIONS.api_password) -> AsyncIterator[Wire]:
    """Logged in as the script's API user."""
    async with secure_api(router) as (port, fingerprint):
        user = OPTIONS.api_user
        address = Address(
            host="127.0.0.1", policy=LOOPBACK, port=port, fingerprint=fingerprint, username=user, password=password
        )
        wire = await connect(address)
        try:
            yield wire
        finally:
            await wire.aclose()


def expected_of(router: SandboxRouter, **changes: Any) -> Expected:
    """What Bando knows of the router that `OPTIONS` set up."""
    known: dict[str, Any] = {
        "portal_host": OPTIONS.portal_host,
        "hotspot_host": OPTIONS.hotspot_host,
        "api_user": OPTIONS.api_user,
        "now": router.clock.now(),
        "files": files(OPTIONS.portal_url, OPTIONS.router_public),
    }
    return Expected(**{**known, **changes})
