"""bando lines list/close: what a person has to look at."""

from __future__ import annotations

import click

from commands.ground import Ground, run, table, tenant_option, when
from portal.errors import Misconfigured
from portal.settings import Settings
from portal.tenancy import store


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
            (row["id"], when(row["opened_at"], tenant), row["kind"], row["subject"], row["detail"]) for row in found
        ]
        table(("line", "since", "kind", "about", "what"), body, "Nothing waits for you.")

    run(settings, work)


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
