"""A site whose router asks RADIUS: the real set-up script, the router's client, and FreeRADIUS in front of Bando."""

from __future__ import annotations

import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from portal.mikrotik.provisioning import Radius, ScriptOptions, script
from portal.seal import Vault
from portal.tenancy.store import AsksRadius, Router
from sandbox.radius.server import Place, freeradius
from sandbox.routeros.device import SandboxRouter
from sandbox.routeros.radius_line import RadiusLine, radius_line
from sandbox.routeros.rsc import import_rsc

SOURCE = "127.0.0.21"  # of the router, on this machine; further ones count up


def free_udp_ports(count: int) -> list[int]:
    """Ports of this machine that nobody has."""
    taken = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    for each in taken:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in taken]
    for each in taken:
        each.close()
    return ports


def a_place(port: int) -> Place:
    """FreeRADIUS on free ports, in front of a Bando that listens for it at `port`."""
    authentication, accounting = free_udp_ports(2)
    token, url = secrets.token_hex(32), f"http://127.0.0.1:{port}"
    return Place(authentication=authentication, accounting=accounting, url=url, token=token)


def settings_of(place: Place, folder: Path) -> dict[str, str]:
    """Bando's side of it."""
    return {"BANDO_RADIUS_LISTEN": place.url.removeprefix("http://"), "BANDO_RADIUS_TOKEN": place.token} | {
        "BANDO_RADIUS_SERVER": f"{place.address}:{place.authentication}",
        "BANDO_RADIUS_SPOOL": str(folder / "freeradius" / "spool"),
    }


def asks(number: int = 0) -> AsksRadius:
    """A router of this machine; it can be reached for a Disconnect."""
    return AsksRadius(source=f"127.0.0.{21 + number}", coa_port=free_udp_ports(1)[0])


def set_up(router: SandboxRouter, row: Router, vault: Vault, place: Place, portal_url: str) -> None:
    """What a person does: import the script, on a router whose hotspot runs already."""
    asking = Radius(
        server=place.address,
        source=row.radius_source or "",
        secret=row.radius_secret(vault),
        coa_port=row.coa_port,
        authentication_port=place.authentication,
        accounting_port=place.accounting,
    )
    options = ScriptOptions(
        interface="br-hs",
        site=row.name,
        portal_url=portal_url,
        router_public=row.public,
        radius=asking,
        adopt=True,
        dns_name=row.hotspot_host,
    )
    import_rsc(router, script(options))


@asynccontextmanager
async def asking_radius(folder: Path, router: SandboxRouter, place: Place) -> AsyncIterator[RadiusLine]:
    """FreeRADIUS runs, and the router asks it."""
    async with freeradius(folder / "freeradius", place), radius_line(router) as line:
        yield line
