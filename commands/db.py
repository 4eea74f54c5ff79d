"""bando db: what concerns the engine that holds the records; see docs/operating.md, PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from commands.backup import progress, tell_breaches
from commands.ground import alone, clock_for, many, must_be_usable, platform_server, sealed_with_this_key
from portal.backup.again import forget_on_server
from portal.changeover.copying import Breached, Copied, copied
from portal.errors import Misconfigured
from portal.keys.ring import WrongKey
from portal.migrate import is_current
from portal.place import Server
from portal.privacy.erasing import tombstones
from portal.settings import Settings

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group()
def db() -> None:
    """The engine that holds the records: SQLite or PostgreSQL."""


@db.command()
@click.option("--with-breaches", is_flag=True, help="Also when an invariant does not hold in the file.")
@click.pass_obj
def copy(settings: Settings, with_breaches: bool) -> None:
    """Copy everything in the file of BANDO_DATABASE into an empty PostgreSQL database.

    Bando must not be serving. The database is made by bando migrate, and named by BANDO_DATABASE_PLATFORM_URL. All of
    it or nothing: rows, digests, sums and the invariants are compared before it counts. The file stays as it is.
    """
    target = platform_server(settings)
    _must_be_copyable(settings)
    now, key = clock_for(settings).now(), settings.secret_key.encode()
    with alone(settings, settings.database), alone(settings, target), progress() as say:
        try:
            done = copied(settings.database, target, key, now, say, breached=with_breaches)
        except Breached as refused:
            tell_breaches(refused.breaches)
            raise
    _tell(done, settings, target)


@db.command("after-restore")
@click.option("--erased", type=_FILE, multiple=True, help="A further list of people who were erased since.")
@click.pass_obj
def after_restore(settings: Settings, erased: Sequence[Path]) -> None:
    """Erase again whoever was erased since the backup that a PostgreSQL server was just put back from.

    Run it before bando serve. Who that was stands in the list beside BANDO_DATABASE (*.erased), which each machine
    that works keeps for the server, and in copies of it: --erased LIST.
    """
    if not isinstance(settings.place, Server):
        raise Misconfigured("The records are in a file; bando restore erases them again by itself.")
    must_be_usable(settings)
    own = tombstones.beside(settings.database)
    lists = [*([own] if own.exists() else []), *erased]
    known = sorted({stone for each in lists for stone in tombstones.read(each)})
    with alone(settings):
        now, key = clock_for(settings).now(), settings.secret_key.encode()
        done, stones = forget_on_server(settings.place, key, known, now)
        if stones:
            own.parent.mkdir(parents=True, exist_ok=True)
            tombstones.write(own, stones)
    if not lists:
        click.echo(f"There is no list {own}; if anybody was erased since the backup, name a copy of it: --erased LIST.")
    click.echo(f"{many(done, 'person or device', 'people or devices')} erased again. Next: bando check, bando serve.")


def _must_be_copyable(settings: Settings) -> None:
    """The file is there, at the present schema, and ours; raises `Misconfigured`."""
    if not is_current(settings.database):
        raise Misconfigured(f"{settings.database} is not there or not at the present schema; migrate it first.")
    if not sealed_with_this_key(settings, settings.database, look_only=True):
        raise WrongKey


def _tell(done: Copied, settings: Settings, target: Server) -> None:
    rows = many(sum(done.rows.values()), "row")
    click.echo(f"{target} holds {rows} in {many(len(done.rows), 'table')}, each as in {settings.database}.")
    tell_breaches(done.breaches)
    if not settings.database_url:
        click.echo(f"Next: set DATABASE_URL to the database {target.database} as bando_app, or the file is used again.")
    click.echo("Then: bando doctor, bando check, bando serve. Keep the file until you have a backup of the server.")


COMMANDS = [db]
