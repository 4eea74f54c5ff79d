"""bando db: what concerns the engine that holds the records; see docs/operating.md, PostgreSQL."""

from __future__ import annotations

from contextlib import closing

import click

from commands.backup import progress, tell_breaches
from commands.ground import clock_for, many, platform_server, sealed_with_this_key
from portal.changeover.copying import Breached, Copied, copied
from portal.db.serving import alone
from portal.errors import Misconfigured
from portal.keys.ring import WrongKey
from portal.migrate import is_current
from portal.place import Server
from portal.settings import Settings


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
    from app import lock  # the composition root imports the commands, so not before it is needed

    target = platform_server(settings)
    _must_be_copyable(settings)
    now, key = clock_for(settings).now(), settings.secret_key.encode()
    with closing(lock(settings.database)), alone(target), progress() as say:
        try:
            done = copied(settings.database, target, key, now, say, breached=with_breaches)
        except Breached as refused:
            tell_breaches(refused.breaches)
            raise
    _tell(done, settings, target)


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
