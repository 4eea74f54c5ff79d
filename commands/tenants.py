"""bando tenant add/list."""

from __future__ import annotations

from zoneinfo import available_timezones

import click

from commands.ground import Ground, run, table
from portal.errors import Misconfigured
from portal.settings import Settings
from portal.tenancy import store


@click.group()
def tenant() -> None:
    """ISPs that share this installation."""


@tenant.command()
@click.argument("name")
@click.option("--support-phone", default="", help="Shown to guests on every page.")
@click.option("--privacy-contact", default="", help="Who answers for personal data.")
@click.option("--timezone", default="Africa/Nairobi", show_default=True)
@click.option("--language", type=click.Choice(["en", "sw"]), default="en", show_default=True)
@click.pass_obj
def add(settings: Settings, name: str, support_phone: str, privacy_contact: str, timezone: str, language: str) -> None:
    """Add an ISP."""
    if timezone not in available_timezones():
        raise Misconfigured(f"{timezone!r} is no time zone; write it like Africa/Nairobi.")

    async def work(ground: Ground) -> None:
        made = await ground.db.write(
            None,
            store.add_tenant,
            name,
            ground.clock.now(),
            support_phone=support_phone,
            privacy_contact=privacy_contact,
            timezone=timezone,
            language=language,
        )
        click.echo(f"Added {made.name} as {made.public}. Next: bando plan add, bando account add, bando router add")

    run(settings, work)


@tenant.command("list")
@click.pass_obj
def list_(settings: Settings) -> None:
    """List the ISPs."""

    async def work(ground: Ground) -> None:
        found = await ground.db.read(None, store.tenants)
        body = [(each.public, each.name, each.support_phone or "-", "on" if each.active else "off") for each in found]
        table(("id", "name", "support", "state"), body, "No ISP yet. Add one with: bando tenant add NAME")

    run(settings, work)


COMMANDS = [tenant]
