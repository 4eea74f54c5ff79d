"""bando account add/list: an ISP's own M-Pesa credentials."""

from __future__ import annotations

import click

from commands.ground import Ground, run, secret_of, table, tenant_option
from portal.errors import Misconfigured
from portal.payments import accounts
from portal.settings import Settings
from portal.units import Conflict


@click.group()
def account() -> None:
    """An ISP's paybill or till at M-Pesa."""


@account.command()
@tenant_option
@click.option("--environment", type=click.Choice(["sandbox", "production"]), required=True)
@click.option("--kind", type=click.Choice(["paybill", "till"]), required=True)
@click.option("--shortcode", required=True, help="The paybill, or the store number that goes with the till.")
@click.option("--till", default="", help="The till number that guests know.")
@click.option("--base-url", default="", help="Only for a simulator.")
@click.pass_obj
def add(settings: Settings, /, tenant_name: str, **fields: str) -> None:
    """Add an account; its consumer key, consumer secret and passkey are asked for.

    They can be piped in too, one a line, in this order; they are no options, because other people on the machine
    can read those.
    """
    fields |= {name: secret_of(name.replace("_", " ").capitalize()) for name in accounts.SECRETS}

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        try:
            made = await ground.db.write(
                tenant.id,
                accounts.add_account,
                ground.vault,
                ground.clock.now(),
                tenant_public=tenant.public,
                **fields,
            )
        except Conflict:
            number = fields["till"] or fields["shortcode"]
            raise Misconfigured(f"{tenant.name} has {number} already; see: bando account list") from None
        await ground.changed(tenant)
        token = accounts.c2b_token(ground.vault, tenant.public, made.public)
        click.echo(f"Added {made.kind} {made.pay_number}. Register these C2B addresses with M-Pesa:")
        click.echo(f"  ConfirmationURL  {settings.public_url}/c2b/{token}/confirm")
        click.echo(f"  ValidationURL    {settings.public_url}/c2b/{token}/validate")

    run(settings, work)


@account.command("list")
@tenant_option
@click.pass_obj
def list_(settings: Settings, tenant_name: str) -> None:
    """List the accounts, without their secrets."""

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        found = await ground.db.read(tenant.id, accounts.accounts)
        body = [
            (a.public, a.environment, a.kind, a.pay_number or a.provider, "on" if a.active else "off") for a in found
        ]
        table(("id", "environment", "kind", "number", "state"), body, "No account yet. Add one with: bando account add")

    run(settings, work)


COMMANDS = [account]
