"""bando migrate, check, doctor."""

from __future__ import annotations

import click

from commands.ground import Ground, run
from portal import check as invariants
from portal.migrate import migrate as bring_up
from portal.settings import Settings
from portal.tenancy import store as tenancy


@click.command()
@click.pass_obj
def migrate(settings: Settings) -> None:
    """Bring the database to the present schema; makes it if it is not there."""
    bring_up(settings.database)
    click.echo(f"{settings.database} is at the present schema.")


@click.command()
@click.pass_obj
def check(settings: Settings) -> None:
    """Check the invariants: money, passes and receipts agree."""

    async def work(ground: Ground) -> list[str]:
        found: list[str] = []
        for tenant in await ground.db.read(None, tenancy.tenants):
            breaches = await ground.db.read(tenant.id, invariants.breaches, ground.clock.now())
            found += [f"{tenant.name}: {each}" for each in breaches]
        return found

    found = run(settings, work)
    for sentence in found:
        click.echo(sentence)
    if found:
        raise SystemExit(1)
    click.echo("All invariants hold.")


COMMANDS = [migrate, check]
