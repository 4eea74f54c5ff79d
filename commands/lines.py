"""bando lines list/close: what a person has to look at."""

from __future__ import annotations

import re

import click

from commands.ground import Ground, run, table, tenant_option, when
from portal.access import store as access
from portal.errors import Misconfigured
from portal.settings import Settings
from portal.tenancy import store
from portal.tenancy.store import Tenant


@click.group()
def lines() -> None:
    """Lines for staff: what Bando cannot decide by itself (docs/operating.md explains each)."""


@lines.command("list")
@tenant_option
@click.pass_obj
def list_(settings: Settings, tenant_name: str) -> None:
    """List the open lines, oldest first."""

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        found = await ground.db.read(tenant.id, store.exceptions)
        body = [
            (
                row["id"],
                when(row["opened_at"], tenant),
                row["kind"],
                await _about(ground, tenant, row["subject"]),
                row["detail"],
            )
            for row in found
        ]
        table(("line", "since", "kind", "about", "what"), body, "Nothing waits for you.")

    run(settings, work)


async def _about(ground: Ground, tenant: Tenant, subject: str) -> str:
    """A subject as people know it: a router by its name, a device by its MAC."""
    named = re.fullmatch(r"router:([0-9]+)(?::device:([0-9]+))?", subject)
    router = await ground.db.read(tenant.id, store.router, int(named[1])) if named else None
    if named is None or router is None:
        return subject
    device = await ground.db.read(tenant.id, access.device, int(named[2])) if named[2] else None
    return f"{router.name}, {device.mac}" if device else router.name


@lines.command()
@tenant_option
@click.argument("line", type=int)
@click.pass_obj
def close(settings: Settings, tenant_name: str, line: int) -> None:
    """Close a line: you have seen to it."""

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        if not await ground.db.write(tenant.id, store.close_exception, line, ground.clock.now()):
            raise Misconfigured(f"{tenant.name} has no open line {line}; see: bando lines list")
        click.echo(f"Line {line} is closed.")

    run(settings, work)


COMMANDS = [lines]
