"""bando tenant add/list/set."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO
from zoneinfo import available_timezones

import click

from commands.ground import Ground, run, table, tenant_option
from portal.audit import store as audit
from portal.console.isps import acts
from portal.errors import Misconfigured
from portal.export.files import Source, readme
from portal.export.files import table as table_of
from portal.export.records import KINDS
from portal.settings import Settings, networks_of
from portal.tenancy import logos, store


def _must_be_zone(timezone: str) -> None:
    if timezone not in available_timezones():
        raise Misconfigured(f"{timezone!r} is no time zone; write it like Africa/Nairobi.")


@click.group()
def tenant() -> None:
    """ISPs that share this installation."""


@tenant.command()
@click.argument("name")
@click.option("--support-phone", default="", help="Shown to guests on every page.")
@click.option("--privacy-contact", default="", help="Who answers for personal data.")
@click.option("--timezone", default="Africa/Nairobi", show_default=True, help="Of dates on pages and cards.")
@click.option(
    "--language", type=click.Choice(["en", "sw"]), default="en", show_default=True, help="Of pages and cards."
)
@click.pass_obj
def add(settings: Settings, name: str, support_phone: str, privacy_contact: str, timezone: str, language: str) -> None:
    """Add an ISP."""
    _must_be_zone(timezone)

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


@tenant.command("set")
@tenant_option
@click.option("--name", help="Shown to guests on every page and voucher.")
@click.option("--ssid", help="The name of the Wi-Fi, for posters and vouchers.")
@click.option("--support-phone", help="Shown to guests on every page and voucher.")
@click.option("--privacy-contact", help="Who answers for personal data.")
@click.option("--timezone", help="Of dates on pages and cards, like Africa/Nairobi.")
@click.option("--language", type=click.Choice(["en", "sw"]), help="Of pages and cards; guests can change it.")
@click.option("--router-networks", help="Where its routers may be, like 10.9.1.0/24; empty: as the installation says.")
@click.option("--logo", type=click.Path(path_type=Path), help="A PNG of at most 200 KB, for vouchers.")
@click.option("--no-logo", is_flag=True, help="Print vouchers without a logo.")
@click.pass_obj
def set_(settings: Settings, /, tenant_name: str, logo: Path | None, no_logo: bool, **fields: str | None) -> None:
    """Change what guests see of an ISP; whatever is not named stays."""
    changes = {name: text.strip() for name, text in fields.items() if text is not None}
    _must_be_good(changes)
    if logo and no_logo:
        raise Misconfigured("--logo and --no-logo exclude each other; name one of them.")
    if not (changes or logo or no_logo):
        raise Misconfigured("Nothing to change; say what, like --ssid or --logo (bando tenant set --help).")
    png = logos.read(logo) if logo else None

    async def work(ground: Ground) -> None:
        found = await ground.tenant(tenant_name)
        await ground.db.write(None, store.change_tenant, found.id, **changes)
        if png or no_logo:
            await ground.db.write(found.id, store.set_logo, png)
        click.echo(f"{changes.get('name', found.name)} is changed.")

    run(settings, work)


@tenant.command()
@tenant_option
@click.option("--reason", required=True, help="Why; it stands in the ISP's audit log.")
@click.pass_obj
def off(settings: Settings, tenant_name: str, reason: str) -> None:
    """Switch an ISP off: no sales, nobody online, no logins. Its records stay and can be exported."""
    run(settings, partial(_switch, tenant_name, "tenant.off", reason))


@tenant.command()
@tenant_option
@click.option("--reason", required=True, help="Why; it stands in the ISP's audit log.")
@click.pass_obj
def on(settings: Settings, tenant_name: str, reason: str) -> None:
    """Switch an ISP on again; passes that have time left come back by themselves."""
    run(settings, partial(_switch, tenant_name, "tenant.on", reason))


@tenant.command()
@tenant_option
@click.option("--reason", required=True, help="Why; it stands in the ISP's audit log.")
@click.pass_obj
def close(settings: Settings, tenant_name: str, reason: str) -> None:
    """Close an ISP: off for good. Its records may be erased after 90 days; until then `bando tenant on` undoes it."""
    run(settings, partial(_switch, tenant_name, "tenant.close", reason))


async def _switch(tenant_name: str, act: str, reason: str, ground: Ground) -> None:
    found = await ground.tenant(tenant_name)
    payload = {"after": {"reason": reason}}
    await ground.db.write(found.id, acts.switched, ground.vault, found.id, act, "command", payload, ground.clock.now())
    click.echo(f"{found.name} is {acts.WORDS[act]}.")


@tenant.command()
@tenant_option
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.pass_obj
def export(settings: Settings, tenant_name: str, folder: Path) -> None:
    """Write an ISP's records as tables (CSV) into a folder, readable for you alone. Also while it is switched off."""
    run(settings, partial(_export, tenant_name, folder))


async def _export(tenant_name: str, folder: Path, ground: Ground) -> None:
    found = await ground.tenant(tenant_name)
    await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
    written = partial(audit.append, ground.vault, actor="command", act="export.whole", subject="records", money=True)
    await ground.db.write(found.id, written, payload={}, now=ground.clock.now())
    source = Source(db=ground.db, vault=ground.vault, tenant=found, now=ground.clock.now())
    with _own_file(folder / "README.txt") as file:
        file.write(readme(source))
    for kind in KINDS.values():
        with _own_file(folder / f"{kind.name}.csv") as file:
            async for part in table_of(source, kind):
                file.write(part)
        click.echo(f"{kind.name}.csv")
    click.echo(
        f"The records of {found.name} are in {folder}. They hold personal data: keep them as safely as your books."
    )


def _own_file(path: Path) -> BinaryIO:
    """A file that nobody else of the machine can read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _must_be_good(changes: dict[str, Any]) -> None:
    if "timezone" in changes:
        _must_be_zone(changes["timezone"])
    if changes.get("name") == "":
        raise Misconfigured("The name of an ISP cannot be empty.")
    if len(changes.get("ssid", "").encode()) > 32:
        raise Misconfigured("The name of a Wi-Fi (--ssid) has at most 32 bytes.")
    try:
        networks_of(changes.get("router_networks", ""))
    except ValueError:
        raise Misconfigured("--router-networks holds something that is not a network such as 10.9.1.0/24.") from None
    unprintable = [name for name, text in changes.items() if not text.isprintable()]
    if unprintable:
        raise Misconfigured(f"--{unprintable[0].replace('_', '-')} must be one line of text.")


COMMANDS = [tenant]
