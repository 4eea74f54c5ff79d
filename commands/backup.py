"""bando backup, restore, drill: see docs/operating.md for when to run which."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

import click

from commands.ground import clock_for, many
from commands.serving import lock
from portal.backup.again import LIST
from portal.backup.make import Made, make, prune
from portal.backup.restore import Breached, Restored
from portal.backup.restore import drill as drilled
from portal.backup.restore import restore as put_back
from portal.clock import as_datetime
from portal.errors import Misconfigured
from portal.settings import Settings

SHOWN = 20  # breaches; a broken table has thousands
EVERY_S = 0.2

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


class Progress:
    """One line on a terminal that says how far it is; in a log nothing."""

    def __init__(self) -> None:
        self._on = sys.stderr.isatty()
        self._at = 0.0

    def __call__(self, doing: str, done: int, whole: int) -> None:
        if self._on and (not whole or time.monotonic() - self._at >= EVERY_S):
            self._at = time.monotonic()
            self._show(f"{doing} {done * 100 // whole} %" if whole else doing)

    def _show(self, text: str) -> None:
        click.echo(f"\r\x1b[K{text}", nl=False, err=True)

    def end(self) -> None:
        """Leave the line empty."""
        if self._on:
            self._show("")


@contextmanager
def progress() -> Iterator[Progress]:
    progress = Progress()
    try:
        yield progress
    finally:
        progress.end()


@click.command()
@click.argument("folder", type=_FOLDER)
@click.option("--keep-days", type=click.IntRange(1, 366), default=35, show_default=True, help="Older ones are removed.")
@click.option("--drill", "with_drill", is_flag=True, help="Restore it into a temporary place and prove it, too.")
@click.pass_obj
def backup(settings: Settings, folder: Path, keep_days: int, with_drill: bool) -> None:
    """Make a sealed backup in FOLDER while Bando serves, and remove those that are too old."""
    if settings.database_url:
        raise Misconfigured(
            "The records are on a PostgreSQL server, which is backed up with its own tools (pg_basebackup and the WAL,"
            " or pg_dump): see PostgreSQL in docs/operating.md."
        )
    now, key = clock_for(settings).now(), settings.secret_key.encode()
    with progress() as say:
        made = make(settings.database, folder, key, now, say)
    _tell_made(made)
    if made.breaches:
        tell_breaches(made.breaches)
        click.echo("The backup is kept, and no older one is removed. See: bando check")
        raise SystemExit(1)
    if with_drill:
        _drill(settings, made.path, folder)
    gone = prune(folder, made.path, keep_days, now)
    if gone:
        click.echo(f"{many(len(gone), 'backup')} older than {many(keep_days, 'day')} removed.")


def _tell_made(made: Made) -> None:
    size = made.path.stat().st_size
    click.echo(f"{made.path}: {_mb(size)} of {_mb(made.manifest.size)}, {many(made.manifest.all_rows, 'row')}.")
    if made.breaches is None:
        click.echo("Its schema is older than this Bando: the invariants are looked at when it is restored.")


def tell_breaches(found: Sequence[str]) -> None:
    for sentence in found[:SHOWN]:
        click.echo(sentence)
    if len(found) > SHOWN:
        click.echo(f"… and {len(found) - SHOWN:,} more.")


@click.command()
@click.argument("file", type=_FILE)
@click.option("--in", "folder", type=_FOLDER, help="Where there is room; else beside the database.")
@click.pass_obj
def drill(settings: Settings, file: Path, folder: Path | None) -> None:
    """Try a backup: restore it into a temporary place, prove it, remove it. Changes nothing."""
    _drill(settings, file, folder or settings.database.parent)


def _drill(settings: Settings, file: Path, folder: Path) -> None:
    with progress() as say:
        found = drilled(file, folder, settings.secret_key.encode(), say)
    _tell_restored(found)
    if found.breaches:
        tell_breaches(found.breaches)
        raise SystemExit(1)
    click.echo("The backup is good: it opens, is whole, and all invariants hold.")


def _tell_restored(found: Restored) -> None:
    manifest = found.manifest
    moment = as_datetime(manifest.moment).strftime("%Y-%m-%d %H:%M:%S UTC")
    tables = many(len(manifest.rows), "table")
    click.echo(f"The backup of {moment}: {_mb(manifest.size)}, {many(manifest.all_rows, 'row')} in {tables}.")
    if found.revision != manifest.revision:
        click.echo(f"Its schema {manifest.revision} was brought to {found.revision}.")
    click.echo("Seconds: " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in found.took.items()) + ".")


def _tell_forgotten(found: Restored) -> None:
    """Whoever asked to be erased after the backup must not be back; if nobody knows who that was, say so."""
    if not found.lists:
        click.echo(
            "There is no list of people who were erased since this backup; if anybody was, they are known again."
            f" Look for one beside the old database (*.erased) or its backups ({LIST}): --erased LIST."
        )
    elif found.forgotten:
        click.echo(f"{many(found.forgotten, 'person or device', 'people or devices')} erased again.")


def _or_breaches(put: Callable[[], Restored]) -> Restored:
    try:
        return put()
    except Breached as refused:
        tell_breaches(refused.breaches)
        raise


@click.command()
@click.argument("file", type=_FILE)
@click.option("--to", "place", type=click.Path(path_type=Path), required=True, help="Path of the database to make.")
@click.option("--replace", is_flag=True, help="Put a database that is there aside, under another name.")
@click.option("--with-breaches", is_flag=True, help="Also when an invariant does not hold in it.")
@click.option("--erased", type=_FILE, multiple=True, help="A further list of people who were erased since.")
@click.pass_obj
def restore(
    settings: Settings, file: Path, place: Path, replace: bool, with_breaches: bool, erased: Sequence[Path]
) -> None:
    """Put a backup back as the database at a path; nothing is changed there before all is proved."""
    place = place.absolute()
    key, now = settings.secret_key.encode(), clock_for(settings).now()
    with lock(place) if place.parent.is_dir() else nullcontext(), progress() as say:
        found = _or_breaches(
            partial(put_back, file, place, key, now, say, replace=replace, breached=with_breaches, erased=erased)
        )
    _tell_restored(found)
    tell_breaches(found.breaches)
    _tell_forgotten(found)
    for old in found.aside:
        click.echo(f"The old file is kept as {old}; remove it when you need it no more.")
    click.echo(f"{place} is the database of that moment.")
    if place != settings.database.absolute():
        click.echo(f"BANDO_DATABASE names another one: {settings.database}.")
    click.echo("Next: bando check, then start bando serve. What happened after that moment is not in it.")


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


COMMANDS = [backup, restore, drill]
