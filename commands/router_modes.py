"""bando router set, and the RADIUS side of add and script: Bando calls a router's API, or the router asks RADIUS."""

from __future__ import annotations

import secrets
from ipaddress import IPv4Address
from typing import Any

import click

from commands.ground import Ground, run, tenant_option
from portal.access.catalog import Catalog
from portal.errors import Misconfigured
from portal.mikrotik.radius_steps import Radius
from portal.seal import Vault
from portal.settings import Settings
from portal.tenancy import store
from portal.tenancy.store import AsksRadius, Router, Tenant

MODES = "api: Bando calls the router. radius: the router asks FreeRADIUS, and need not be reached."
HIGHEST = 65_535

source_option = click.option(
    "--source", default="", help="RADIUS mode: the address that its packets come from, as FreeRADIUS sees them."
)
coa_option = click.option(
    "--coa-port",
    default="",
    help="RADIUS mode: where it takes Disconnect and CoA, as 3799; none: out of reach.",
)


def source_in(text: str) -> str:
    """An IPv4 address of a router; raises `Misconfigured`."""
    try:
        return str(IPv4Address(text.strip()))
    except ValueError:
        raise Misconfigured("Say from which address its RADIUS packets come: --source 10.9.0.7") from None


def port_in(text: str) -> int | None:
    """A port, or none; raises `Misconfigured`."""
    if text in ("", "none"):
        return None
    if not text.isdecimal() or not 1 <= int(text) <= HIGHEST:
        raise Misconfigured("A port is a number from 1 to 65535, or none: --coa-port 3799")
    return int(text)


async def must_be_free(ground: Ground, source: str, but: int = 0) -> None:
    """FreeRADIUS knows routers by their source alone; raises `Misconfigured`."""
    catalog = Catalog(ground.db)
    await catalog.refresh()
    found = catalog.router_by_source(source)
    if found is not None and found[1].id != but:
        raise Misconfigured(f"Another router's packets come from {source} already. Give each router its own address.")


async def add_asking(ground: Ground, tenant: Tenant, name: str, hotspot_host: str, source: str, coa: str) -> None:
    """A further router in RADIUS mode."""
    asks = AsksRadius(source=source_in(source), coa_port=port_in(coa))
    await must_be_free(ground, asks.source)
    router_id = await ground.db.write(
        tenant.id,
        store.add_router,
        ground.vault,
        ground.clock.now(),
        name=name,
        host=asks.source,
        port=8729,
        username="bando",
        password=secrets.token_urlsafe(18),
        hotspot_host=hotspot_host,
        radius=asks,
    )
    await ground.changed(tenant)
    made = await ground.db.read(tenant.id, store.router, router_id)
    assert made is not None
    click.echo(f"Added {name} as {made.public}. It asks RADIUS, from {asks.source}.")
    click.echo(f"Next: bando router script {made.public} --interface … --radius-server …   on the router: import it")


def must_be_called(found: Router) -> Router:
    """A router that Bando calls; raises `Misconfigured`."""
    if found.mode == "radius":
        raise Misconfigured(f"{found.name} asks RADIUS, and Bando does not call it. Check its chain with: bando doctor")
    return found


def asking(found: Router, vault: Vault, server: str, authentication: int, accounting: int) -> Radius:
    """What its script says of RADIUS; raises `Misconfigured`."""
    if not server:
        raise Misconfigured("Say where the router reaches FreeRADIUS: --radius-server 10.9.0.1")
    return Radius(
        server=server,
        source=found.radius_source or "",
        secret=found.radius_secret(vault),
        coa_port=found.coa_port,
        authentication_port=authentication,
        accounting_port=accounting,
    )


@click.command("set")
@tenant_option
@click.argument("name", default="")
@click.option("--mode", type=click.Choice(["api", "radius"]), help=MODES)
@source_option
@coa_option
@click.option("--new-secret", is_flag=True, help="RADIUS mode: another secret; the script brings it to the router.")
@click.pass_obj
def set_(
    settings: Settings, tenant_name: str, name: str, mode: str | None, source: str, coa_port: str, new_secret: bool
) -> None:
    """Change how Bando works with a router; import its script again afterwards."""

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        found = await ground.router(tenant, name)
        columns = await changes(ground, found, mode or found.mode, source, coa_port, new_secret)
        await ground.db.write(tenant.id, store.change_router, found.id, **columns)
        await ground.changed(tenant)
        click.echo(
            f"{found.name} is kept with {', '.join(sorted(columns))} changed." if columns else "Nothing to change."
        )
        click.echo(f"Next: bando router script {found.public}   on the router: import it")

    run(settings, work)


async def changes(
    ground: Ground, found: Router, mode: str, source: str, coa_port: str, new_secret: bool
) -> dict[str, Any]:
    """The columns that change; raises `Misconfigured`."""
    if mode == "api":
        return {"mode": "api", "radius_source": None, "radius_secret_sealed": None, "coa_port": None, "trouble": None}
    at = source_in(source or found.radius_source or "")
    await must_be_free(ground, at, found.id)
    asks = AsksRadius(source=at, coa_port=port_in(coa_port) if coa_port else found.coa_port)
    columns = {**store.radius_columns(ground.vault, found.public, asks), "trouble": None}
    if found.radius_secret_sealed is not None and not new_secret:
        del columns["radius_secret_sealed"]
    return columns
