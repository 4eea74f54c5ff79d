"""Making a backup: copy, prove, seal, read it back, and only then give it its name; then old ones go."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from portal.backup import again, proof, sealed
from portal.backup.copying import Say, blocks, copy, digest
from portal.backup.manifest import Manifest, split, whole
from portal.backup.places import private, put, sync, working
from portal.backup.sealed import Unusable
from portal.clock import DAY, Moment, as_datetime
from portal.errors import Misconfigured
from portal.migrate import is_current

NAME = re.compile(r"bando-(\d{8}T\d{6})Z\.backup")
_MOMENT = "%Y%m%dT%H%M%S"


@dataclass(frozen=True, kw_only=True)
class Made:
    """A backup that is in its place; `breaches` is None when its schema is too old to look for them."""

    path: Path
    manifest: Manifest
    breaches: list[str] | None


def name_at(moment: Moment) -> str:
    """``bando-20261128T030000Z.backup``."""
    return f"bando-{as_datetime(moment).strftime(_MOMENT)}Z.backup"


def moment_of(name: str) -> Moment | None:
    """The moment that such a name carries; None for any other file."""
    found = NAME.fullmatch(name)
    try:
        return found and int(datetime.strptime(found[1], _MOMENT).replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:  # the 31st of February
        return None


def make(database: Path, folder: Path, master: bytes, now: Moment, say: Say) -> Made:
    """A backup of the database in the folder; raises `Misconfigured`, and then has left nothing."""
    if not database.is_file():
        raise Misconfigured(f"There is no database {database}; check BANDO_DATABASE.")
    with working(folder, 2 * database.stat().st_size) as room:
        copied, closed = room / "copy.db", room / "sealed"
        copy(database, copied, say)
        manifest, found = _proved(copied, master, now, say)
        _seal(copied, closed, manifest, master, say)
        _read_back(closed, manifest, master, say)
        if is_current(copied):
            again.keep(copied, folder)
        put(closed, folder / name_at(now))
    return Made(path=folder / name_at(now), manifest=manifest, breaches=found)


def _proved(copied: Path, master: bytes, now: Moment, say: Say) -> tuple[Manifest, list[str] | None]:
    say("checking", 0, 0)
    revision = proof.revision(copied)
    rows = proof.rows(copied, master)
    say("looking at the invariants", 0, 0)
    found = proof.breaches(copied, master, now) if is_current(copied) else None
    manifest = Manifest(
        moment=now,
        revision=revision,
        size=copied.stat().st_size,
        digest=digest(copied, say),
        rows=rows,
        breaches=len(found or ()),
    )
    return manifest, found


def _seal(copied: Path, closed: Path, manifest: Manifest, master: bytes, say: Say) -> None:
    def parts() -> Iterator[bytes]:
        yield manifest.line()
        yield from blocks(copied, "sealing", say)

    with os.fdopen(private(closed), "wb") as file:
        sealed.write(file, master, parts())


def _read_back(closed: Path, manifest: Manifest, master: bytes, say: Say) -> None:
    """What a disk has swallowed shows now, and not on the day of need."""
    with closed.open("rb") as file:
        read, rest = split(sealed.read(file, master))
        for _ in whole(read, rest, "reading it back", say):
            pass
    if read != manifest:
        raise Unusable("The backup does not read as it was written; is the disk sound?")


def prune(folder: Path, kept: Path, days: int, now: Moment) -> list[Path]:
    """Remove the backups that are older than so many days, but never the one that was just made."""
    old = [path for path in sorted(folder.iterdir()) if path != kept and _before(path, now - days * DAY)]
    for path in old:
        path.unlink()
    sync(folder)
    return old


def _before(path: Path, moment: Moment) -> bool:
    made = moment_of(path.name)
    return made is not None and made < moment and path.is_file() and not path.is_symlink()
