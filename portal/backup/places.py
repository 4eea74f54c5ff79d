"""Where work is done and what is put in place: never half a file under a good name."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from portal.errors import Misconfigured

PREFIX = ".bando-working-"
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP)


@contextmanager
def working(folder: Path, need: int) -> Iterator[Path]:
    """A folder for what is not finished, ours alone and gone afterwards; what a killed process left there goes too."""
    _sweep(folder)
    free = shutil.disk_usage(folder).free
    if free < need:
        raise Misconfigured(f"{folder} has {free >> 20} MiB left, and {need >> 20} MiB are needed; make room.")
    room = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder))
    held = os.open(room, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)
        os.close(held)


def _sweep(folder: Path) -> None:
    for left in folder.glob(f"{PREFIX}*"):
        with suppress(OSError):  # whoever lives holds the lock
            held = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left)
            finally:
                os.close(held)


def private(path: Path) -> int:
    """A new file that nobody else may read."""
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)


def put(made: Path, place: Path) -> None:
    """Give a finished file its name, on the disk for good; raises `Misconfigured` when something has this name."""
    sync(made)
    try:
        os.link(made, place)  # a rename would overwrite
    except FileExistsError:
        raise Misconfigured(f"{place} is there already; it is left as it is.") from None
    except OSError as unable:
        if unable.errno not in _NO_LINKS:
            raise
        _renamed(made, place)
    sync(place.parent)


def _renamed(made: Path, place: Path) -> None:
    """The same on a disk that knows no links, such as FAT: there the name is looked for first."""
    if place.exists():
        raise Misconfigured(f"{place} is there already; it is left as it is.")
    made.rename(place)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    held = os.open(path, os.O_RDONLY)
    try:
        os.fsync(held)
    finally:
        os.close(held)
