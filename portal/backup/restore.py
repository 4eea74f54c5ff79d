"""Putting a backup back: everything is proved beside the place, and then the place changes in one step."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from portal.backup import again, proof, sealed
from portal.backup.again import Known
from portal.backup.copying import Say
from portal.backup.manifest import Manifest, split, whole
from portal.backup.places import private, put, sync, working
from portal.backup.sealed import Unusable
from portal.clock import Moment
from portal.errors import Misconfigured
from portal.migrate import knows, migrate, revision_of
from portal.privacy.erasing import tombstones

BESIDE = ("", "-wal", "-shm")  # a database is these files
_CONNECTED = 128  # the byte of the -shm file that every connection of SQLite holds a lock on, as long as it is open


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What was taken out of a backup, and which old files were put aside; seconds that each step took."""

    manifest: Manifest
    revision: str
    breaches: list[str]
    took: dict[str, float]
    forgotten: int = 0  # people and devices that were erased since, and once more now
    lists: list[Path] = field(default_factory=list)  # where it was read who that was
    aside: list[Path] = field(default_factory=list)


def drill(file: Path, room_in: Path, master: bytes, say: Say) -> Restored:
    """Restore into a temporary place, prove it, remove it; raises `Misconfigured` when the backup is not good."""
    with _unpacked(file, room_in, master, say) as (_, restored):
        return restored


def restore(
    file: Path,
    place: Path,
    master: bytes,
    now: Moment,
    say: Say,
    *,
    replace: bool,
    breached: bool,
    erased: Sequence[Path] = (),
) -> Restored:
    """The backup as the database at `place`; raises `Misconfigured`, and then nothing is changed there.

    What is there already is put aside under another name if `replace`, and never overwritten. A backup in which an
    invariant does not hold is put in place only if `breached`. Whoever was erased since the backup is erased again:
    that is read from the lists beside the place and the backup, and from those in `erased`.
    """
    _must_be_free(place, replace)
    known = again.known(file, place, erased)
    with _unpacked(file, place.parent, master, say, (known, now)) as (copy, restored):
        if restored.breaches and not breached:
            raise Breached(restored.breaches)
        with _unused(place):
            _must_be_free(place, replace)
            aside = _put(copy, place, now)
            if known.stones:
                tombstones.write(tombstones.beside(place), known.stones)
    return Restored(**{**restored.__dict__, "aside": aside})


class Breached(Unusable):
    """The backup is whole, but an invariant does not hold in it."""

    def __init__(self, breaches: list[str]) -> None:
        super().__init__(f"The backup is whole, but has {len(breaches)} breaches of invariants; see: --with-breaches.")
        self.breaches = breaches


@contextmanager
def _unpacked(
    file: Path, folder: Path, master: bytes, say: Say, known: tuple[Known, Moment] | None = None
) -> Iterator[tuple[Path, Restored]]:
    """The database of a backup at the present schema in a temporary place, and what was found in it.

    Whoever is `known` to have been erased by then is not in it any more.
    """
    took: dict[str, float] = {}
    forgotten = 0
    with file.open("rb") as opened:
        manifest, parts = split(sealed.read(opened, master))
        _must_be_known(manifest)
        with working(folder, manifest.size + manifest.size // 8) as room:
            copy = room / "restored.db"
            with _timed(took, "unpacked"):
                _write(copy, whole(manifest, parts, "unpacking", say))
            say("checking", 0, 0)
            with _timed(took, "checked"):
                _must_agree(proof.rows(copy, master), manifest)
            with _timed(took, "migrated"):
                migrate(copy)
            if known is not None:
                say("forgetting who was erased since", 0, 0)
                with _timed(took, "forgotten"):
                    forgotten = again.forget(copy, master, *known)
            say("looking at the invariants", 0, 0)
            with _timed(took, "looked for breaches"):
                found = _sound(copy, master, manifest)
            yield (
                copy,
                Restored(
                    manifest=manifest,
                    revision=revision_of(copy) or "",
                    breaches=found,
                    took=took,
                    forgotten=forgotten,
                    lists=known[0].lists if known else [],
                ),
            )


@contextmanager
def _timed(took: dict[str, float], name: str) -> Iterator[None]:
    begun = time.monotonic()
    yield
    took[name] = time.monotonic() - begun


def _must_be_known(manifest: Manifest) -> None:
    if not knows(manifest.revision):
        raise Unusable(f"The backup has schema {manifest.revision}, which a newer Bando made; install that one first.")


def _write(copy: Path, parts: Iterator[bytes]) -> None:
    with os.fdopen(private(copy), "wb") as file:
        _all(file, parts)


def _all(file: BinaryIO, parts: Iterator[bytes]) -> None:
    for part in parts:
        file.write(part)


def _must_agree(rows: dict[str, int], manifest: Manifest) -> None:
    if rows != manifest.rows:
        raise Unusable("The backup does not hold the rows that it says. Take another one.")


def _sound(copy: Path, master: bytes, manifest: Manifest) -> list[str]:
    """The breaches as of the moment of the backup: later, passes that ended meanwhile would all be late."""
    if manifest.revision != revision_of(copy):
        broken = proof.damage(copy)
        if broken:
            raise Unusable(f"The database is damaged after its migration: {broken}.")
    return proof.breaches(copy, master, manifest.moment)


# --- the place ---


def _there(place: Path) -> list[Path]:
    beside = (Path(f"{place}{end}") for end in BESIDE)
    return [each for each in beside if each.exists() or each.is_symlink()]


def _must_be_free(place: Path, replace: bool) -> None:
    if not place.parent.is_dir():
        raise Misconfigured(f"There is no folder {place.parent}; make it first.")
    there = _there(place)
    if there and not replace:
        raise Misconfigured(f"{there[0]} is there already; with --replace it is kept under another name.")
    if any(not each.is_file() or each.is_symlink() for each in there):
        raise Misconfigured(f"{place} is no plain file; name another place.")


@contextmanager
def _unused(place: Path) -> Iterator[None]:
    """Nobody has the database at this place open, nor opens it meanwhile; raises `Misconfigured`."""
    index = Path(f"{place}-shm")
    if not index.exists():
        yield
        return
    with index.open("r+b") as held:
        try:
            fcntl.lockf(held, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _CONNECTED)
        except OSError:
            raise Misconfigured(f"{place} is in use by another command of Bando; let it end first.") from None
        yield


def _put(copy: Path, place: Path, now: Moment) -> list[Path]:
    """The old files aside, the new one in place; on a failure the old ones come back.

    The database itself goes first: a power cut in between leaves no database, and never one without its -wal.
    """
    moved: list[tuple[Path, Path]] = []
    try:
        for end in BESIDE:
            old, aside = Path(f"{place}{end}"), Path(f"{place}.before-restore-{now}{end}")
            if old.exists():
                _move(old, aside)
                moved.append((old, aside))
        sync(place.parent)
        put(copy, place)
    except BaseException:
        for old, aside in reversed(moved):
            aside.rename(old)
        raise
    return [aside for _, aside in moved]


def _move(old: Path, aside: Path) -> None:
    if aside.exists():
        raise Misconfigured(f"{aside} is there already; move it away.")
    old.rename(aside)
