"""bando tenant add/list/set/off/on/close/erase/export."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import click

from commands.ground import Ground, run, table, tenant_option
from portal.audit import store as audit
from portal.console import asked
from portal.console.isps import acts
from portal.errors import Misconfigured, Refused
from portal.export import files
from portal.export.files import Source
from portal.privacy.closed.room import Closed
from portal.settings import Settings, networks_of
from portal.tenancy import logos, marks, store
from portal.units import Unit

REFUSALS = {
    "isp-closed": "is closed already; to open it again: bando tenant on",
    "isp-already": "is so already; nothing was changed.",
    "isp-erased": "was closed so long ago that its records are erased; add it as a new ISP.",
    "isp-not-closed": "is not closed; close it first: bando tenant close",
    "isp-not-due": "is erased already.",
    "erase-hold": "is erased as soon as no hold stands on its records; see: bando retention show",
    "erase-payment": "is erased as soon as no payment is on its way; try again in some minutes.",
}


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
        body = [(each.public, each.name, each.support_phone or "-", each.state) for each in found]
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
            await ground.db.write(found.id, store.set_logo, png, marks.small(png) if png else None)
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
@click.option("--yes", is_flag=True, help="You mean it: everything of this ISP ends at once.")
@click.pass_obj
def close(settings: Settings, tenant_name: str, reason: str, yes: bool) -> None:
    """Close an ISP: off for good. Its records may be erased after 90 days; until then `bando tenant on` undoes it."""
    if not yes:
        raise Misconfigured("Its guests go offline and its staff are logged out at once. If you mean it, add --yes.")
    run(settings, partial(_switch, tenant_name, "tenant.close", reason))


@tenant.command()
@tenant_option
@click.option("--reason", required=True, help="Why; it stands in the ISP's audit log.")
@click.option("--yes", is_flag=True, help="You mean it: nothing of it can be brought back.")
@click.pass_obj
def erase(settings: Settings, tenant_name: str, reason: str, yes: bool) -> None:
    """Erase a closed ISP now, and not 90 days after it was closed. Its books stay, without persons and secrets."""
    if not yes:
        raise Misconfigured("Its guests, staff, keys and passwords are gone for good. If you mean it, add --yes.")

    async def work(ground: Ground) -> None:
        found = await ground.tenant(tenant_name)
        if not found.erasable(ground.clock.now()):
            await _switch(found.public, "tenant.hasten", reason, ground)
        due = await ground.tenant(found.public)
        try:
            await Closed(ground.db, ground.vault, ground.clock).erase(due)
        except Refused as refused:
            raise Misconfigured(f"{found.name} {REFUSALS[refused.key]}") from refused
        click.echo(f"{found.name} is erased; its books stay.")

    run(settings, work)


async def _switch(tenant_name: str, act: str, reason: str, ground: Ground) -> None:
    found = await ground.tenant(tenant_name)
    payload = {"after": {"reason": _reason(reason)}}
    now = ground.clock.now()
    try:
        await ground.db.write(found.id, acts.switched, ground.vault, found.id, act, "command", payload, now)
    except Refused as refused:
        raise Misconfigured(f"{found.name} {REFUSALS[refused.key]}") from refused
    click.echo(f"{found.name} is {acts.WORDS[act]}.")


def _reason(text: str) -> str:
    """As the console wants it; lines that are pasted are not run together here."""
    try:
        return asked.reason(text if text.isprintable() else "")
    except Refused:
        most = asked.MAX_NOTE
        raise Misconfigured(f"The reason (--reason) is one line of at most {most} characters, and not empty.") from None


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


@tenant.command()
@click.argument("name")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.pass_obj
def export(settings: Settings, name: str, folder: Path) -> None:
    """Write the records of an ISP into a folder as tables (CSV), also of one that is switched off.

    They hold personal data: only the user who runs this may read them. Vouchers are without their codes.
    """

    async def work(ground: Ground) -> None:
        found = await ground.tenant(name)
        source = Source(db=ground.db, vault=ground.vault, tenant=found, now=ground.clock.now())
        try:
            _make_room(folder)
            await ground.db.write(found.id, _leaves, ground)
            await files.into(source, folder)
        except OSError as error:
            raise Misconfigured(f"{error.filename or folder} cannot be written: {error.strerror}.") from error
        click.echo(f"Wrote the records of {found.name} into {folder}; they hold personal data, keep them safe.")

    run(settings, work)


def _make_room(folder: Path) -> None:
    """The folder is there, and empty: two exports never mix."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise Misconfigured(f"{folder} is not empty; name a new one, so that no older tables lie among these.")


def _leaves(ground: Ground) -> Unit[int]:
    """Written down before the first byte."""
    return audit.append(
        ground.vault,
        actor="command",
        act="export.whole",
        subject="records",
        payload={},
        now=ground.clock.now(),
        money=True,
    )


COMMANDS = [tenant]
