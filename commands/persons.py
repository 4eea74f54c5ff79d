"""bando person data/erase: what is known of one guest, and their end. Numbers are asked for, never arguments."""

from __future__ import annotations

import os
from pathlib import Path

import click

from commands.ground import Ground, many, run, secret_of, table, tenant_option
from portal import phone
from portal.access import store as access
from portal.console.guests.clues import mac_of
from portal.errors import Misconfigured, Refused
from portal.privacy.dossier import compose, files
from portal.privacy.erasing import service, subject
from portal.privacy.erasing.room import Erasing
from portal.privacy.erasing.service import Wish
from portal.privacy.erasing.subject import Subject
from portal.privacy.retention.rules import BY_NAME
from portal.settings import Settings
from portal.tenancy.store import Tenant

COMMAND = "command"
SAYS = {
    "not-found": "Nobody with this number or MAC is known here.",
    "needs-reason": "The reason (--reason) is one line of at most 300 characters, and not empty.",
    "erase-held": "A hold stands on records of this ISP, so nobody is erased; see: bando retention show",
    "erase-paying": "A payment of theirs is on its way; try again when it has ended.",
    "erase-refund": "Money is on its way back to them; try again when that has ended.",
    "erase-money": "Money of theirs came in and was not used yet; see the lines for staff: bando lines",
    "erase-changed": "It is another person now, or has another number; look who it is, and try again.",
    "phone": "That is neither a phone number nor a MAC.",
}


@click.group()
def person() -> None:
    """What is known of one guest. The number or the MAC is asked for, so that no shell remembers it."""


def _said(refused: Refused) -> Misconfigured:
    return Misconfigured(SAYS[refused.key])


async def _meant(ground: Ground, tenant: Tenant, text: str) -> Subject:
    mac = mac_of(text)
    if mac is None:
        given = (ground.vault, tenant.id, phone.parse(text))
        return await ground.db.read(tenant.id, subject.by_phone, *given)
    device = await ground.db.read(tenant.id, access.device_by_mac, mac)
    if device is None:
        raise Refused("not-found", status=404)
    return await ground.db.read(tenant.id, subject.by_device, ground.vault, tenant.id, device.id)


@person.command()
@tenant_option
@click.option("--to", "place", required=True, type=click.Path(path_type=Path), help="The file: NAME.json, or NAME.zip.")
@click.pass_obj
def data(settings: Settings, tenant_name: str, place: Path) -> None:
    """Write everything that is known of a guest into a file that only you can read: JSON, or tables in a ZIP."""
    if place.suffix not in (".json", ".zip") or place.exists():
        raise Misconfigured("Name a new file that ends with .json or .zip (--to).")
    who = secret_of("Phone number or MAC")

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        try:
            meant = await _meant(ground, tenant, who)
        except Refused as refused:
            raise _said(refused) from refused
        found = await ground.db.read(tenant.id, compose.dossier, ground.vault, tenant, meant, ground.clock.now())
        whole = files.as_json(found) if place.suffix == ".json" else files.as_archive(found)
        with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(whole)
        click.echo(f"{many(found.rows, 'row')} in {place}.")

    run(settings, work)


@person.command()
@tenant_option
@click.option("--reason", required=True, help="Why; it stands in the ISP's audit log. Name nobody.")
@click.option("--minor", is_flag=True, help="A child, or somebody asks for a child.")
@click.option("--yes", is_flag=True, help="You mean it: nothing brings them back.")
@click.pass_obj
def erase(settings: Settings, tenant_name: str, reason: str, minor: bool, yes: bool) -> None:
    """Erase a guest: number, devices, sessions. The books stay, and name nobody. May run while Bando serves."""
    who = secret_of("Phone number or MAC")

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        try:
            meant = await _meant(ground, tenant, who)
            if not yes:
                _tell(await ground.db.read(tenant.id, service.preview, meant))
                raise Misconfigured("Nothing is erased yet. Nothing brings it back afterwards; if you mean it: --yes")
            wish = Wish(reason=reason, by=COMMAND, minor=minor)
            _tell(await Erasing(ground.db, ground.vault, ground.clock, ground.settings.database).erase(meant, wish))
        except Refused as refused:
            raise _said(refused) from refused
        click.echo("They are erased. A backup that is put back forgets them again, by the list beside the database.")

    run(settings, work)


def _tell(counts: dict[str, int]) -> None:
    table(("rows", "what"), [(f"{many_:,}", BY_NAME[name].title) for name, many_ in counts.items()], "")


COMMANDS = [person]
