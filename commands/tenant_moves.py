"""bando tenant pack/unseal/import: everything of an ISP in one sealed file, and into an empty installation."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

import click

from commands.backup import progress, tell_breaches
from commands.ground import Ground, alone, clock_for, many, must_be_usable, platform_server, run, secret_of
from commands.tenants import tenant
from portal.audit.chain import ChainBroken
from portal.backup.places import private, put
from portal.errors import Misconfigured
from portal.moving import pack, sealing, unpack
from portal.moving.unpack import Breached, Moved
from portal.payments import accounts
from portal.place import Server
from portal.settings import Settings
from portal.tenancy.store import Tenant

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@tenant.command("pack")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_obj
def pack_(settings: Settings, name: str, file: Path) -> None:
    """Write everything of an ISP into FILE, sealed with a passphrase, for an installation of its own.

    The passphrase is asked for, or is the next line of what is piped in. Bando may serve meanwhile; switch the ISP off
    before (bando tenant off) when it moves for good, or what guests do afterwards is not in the file.
    """
    if file.exists():
        raise Misconfigured(f"{file} is there already; it is left as it is.")
    passphrase = _chosen()
    run(settings, lambda ground: _pack(ground, name, file.absolute(), passphrase))


def _chosen() -> bytes:
    """A new passphrase; one that is typed without an echo is typed twice."""
    chosen = secret_of("Passphrase")
    if sealing.is_short(chosen):
        raise Misconfigured(f"A passphrase has at least {sealing.LEAST} characters; four or five words are good.")
    if sys.stdin.isatty() and secret_of("The same again") != chosen:
        raise Misconfigured("These were two passphrases; nothing was written.")
    return sealing.secret(chosen)


async def _pack(ground: Ground, name: str, file: Path, passphrase: bytes) -> None:
    found = await ground.tenant(name)
    now = ground.clock.now()
    with progress() as say:
        parts = pack.packed(ground.db.place, ground.vault, found, passphrase, now, say)
        try:
            await ground.db.write(found.id, pack.act, ground.vault, "command", now)
        except ChainBroken as broken:
            raise Misconfigured("The log of acts is damaged, see: bando audit verify. Nothing was written.") from broken
        try:
            size = await asyncio.to_thread(_written, parts, file)
        except OSError as error:
            raise Misconfigured(f"{error.filename or file} cannot be written: {error.strerror}.") from error
    click.echo(
        f"{file} holds everything of {found.name}, {size / 1e6:,.1f} MB. Keep the passphrase: without it"
        " nobody can open the file. Next, on an empty installation: bando tenant import FILE"
    )


def _written(parts: Iterable[bytes], file: Path) -> int:
    """Never half a file under its name; gives its size."""
    with tempfile.TemporaryDirectory(prefix=".bando-working-", dir=file.parent) as folder:
        made = Path(folder) / "sealed"
        with os.fdopen(private(made), "wb") as opened:
            for each in parts:
                opened.write(each)
        put(made, file)
    return file.stat().st_size


@tenant.command("import")
@click.argument("file", type=_FILE)
@click.option("--with-breaches", is_flag=True, help="Also when an invariant does not hold in it.")
@click.pass_obj
def import_(settings: Settings, file: Path, with_breaches: bool) -> None:
    """Bring the ISP of FILE into this installation, which must be empty, under keys of its own.

    All of it or nothing: rows, digests, the books, the log of acts and the invariants are compared before it counts.
    """
    must_be_usable(settings)
    place = platform_server(settings) if isinstance(settings.place, Server) else settings.place
    passphrase, now = sealing.secret(secret_of("Passphrase")), clock_for(settings).now()
    with alone(settings), progress() as say:
        moved = _or_breaches(
            lambda: unpack.moved_in(
                file, place, settings.secret_key.encode(), passphrase, now, say, breached=with_breaches
            )
        )
    _tell(moved)
    run(settings, lambda ground: _tell_addresses(ground, moved.tenant))


def _or_breaches(work: Callable[[], Moved]) -> Moved:
    try:
        return work()
    except Breached as refused:
        tell_breaches(refused.breaches)
        raise


def _tell(moved: Moved) -> None:
    found: Tenant = moved.tenant
    click.echo(f"{found.name} is here as {found.public}: {many(sum(moved.rows.values()), 'row')}, each as in the file.")
    tell_breaches(moved.breaches)
    if found.router_networks:
        click.echo(f"Its routers may be in {found.router_networks} (bando tenant set --router-networks).")
    if moved.shut:
        click.echo(f"{many(moved.shut, 'sealed value')} did not open where the file was made, and open here no more.")
    if moved.log_was_broken:
        click.echo(f"The log of acts was damaged where the file was made: {moved.log_was_broken}.")


async def _tell_addresses(ground: Ground, found: Tenant) -> None:
    """What this installation does not have yet from anybody but people."""
    shown = await ground.db.read(found.id, accounts.accounts)
    for each in shown:
        token = accounts.c2b_token(ground.vault, found.public, each.public)
        click.echo(f"Register with the provider of {each.pay_number}, as this installation has other addresses:")
        click.echo(f"  ConfirmationURL  {ground.settings.public_url}/c2b/{token}/confirm")
        click.echo(f"  ValidationURL    {ground.settings.public_url}/c2b/{token}/validate")
    click.echo("Next: staff log in with their passwords and make new recovery codes; bando check, then bando serve.")


@tenant.command()
@click.argument("file", type=_FILE)
@click.pass_obj
def unseal(_: Settings, file: Path) -> None:
    """Print what is in FILE, one record a line (JSON), for whoever wants to read it without Bando.

    It holds personal data and secrets as plain text; pipe it on rather than into a file.
    """
    passphrase = sealing.secret(secret_of("Passphrase"))
    out: BinaryIO = sys.stdout.buffer
    for each in unpack.plain(file, passphrase):
        out.write(each)
    out.flush()


COMMANDS: list[click.Command] = []  # these join the group of ISPs
