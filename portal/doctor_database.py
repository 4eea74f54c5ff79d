"""Is the database file there, whole, current, writable and on a disk that keeps its promises?"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from portal.db.roles import sees_too_much
from portal.errors import BandoError
from portal.findings import Finding, fault, warning
from portal.migrate import is_current
from portal.place import Place, Server

# SQLite's WAL needs shared memory and honest locks, which network file systems do not give.
NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs", "fuse.s3fs", "glusterfs"}
)
MOUNTS = Path("/proc/mounts")
SPARE_BYTES = 256 << 20


def check_place(place: Place) -> list[Finding]:
    """All that is wrong with the database; changes nothing in it."""
    return list(_server(place)) if isinstance(place, Server) else check_database(place)


def _server(server: Server) -> Iterator[Finding]:
    try:
        current, unsafe = is_current(server), sees_too_much(server)
    except BandoError as broken:
        yield fault("database-broken", str(broken), "Start the server, or correct DATABASE_URL.")
        return
    if not current:
        sentence = f"The database {server.database} has another schema than this version of Bando."
        yield fault("database-old", sentence, "Make a backup, then run: bando migrate.")
    elif unsafe:
        yield fault("database-role", unsafe, "Serve as the role bando_app of deploy/postgresql/roles.sql.")


def check_database(path: Path, *, mounts: Path = MOUNTS) -> list[Finding]:
    """All that is wrong with the file; changes nothing in it."""
    if not path.exists():
        sentence = f"The database {path} does not exist."
        return [fault("database-missing", sentence, "Make it with: bando migrate (or correct BANDO_DATABASE).")]
    found = [*_file(path), *_disk(path, mounts)]
    try:
        return found + list(_contents(path))
    except sqlite3.Error as error:
        restore = "Stop Bando, keep the file, and restore the newest backup."
        return [*found, fault("database-broken", f"The database {path.name} cannot be read: {error}.", restore)]


def _file(path: Path) -> Iterator[Finding]:
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        yield fault(
            "database-readonly",
            f"This account may not write the database {path} or its folder.",
            f"Give both to the account that runs Bando: chown -R bando {path.parent}.",
        )


def _disk(path: Path, mounts: Path) -> Iterator[Finding]:
    kind = file_system(path.resolve(), mounts)
    if kind in NETWORK:
        yield fault(
            "database-network",
            f"The database lies on a network file system ({kind}), on which it can lose money.",
            "Move it to a local disk and correct BANDO_DATABASE.",
        )
    status = os.statvfs(path.parent)
    spare = status.f_bavail * status.f_frsize
    if spare < SPARE_BYTES:
        yield warning("disk-full", f"The disk of the database has only {spare >> 20} MiB left.", "Make room on it.")


def file_system(path: Path, mounts: Path) -> str:
    """The kind of file system under a path; "" where that cannot be told."""
    try:
        lines = [line.split() for line in mounts.read_text().splitlines()]
    except OSError:
        return ""
    places = [(point, kind) for _, point, kind, *_ in lines if path.is_relative_to(point)]
    return max(places, key=lambda place: len(place[0]), default=("", ""))[1]


def _contents(path: Path) -> Iterator[Finding]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
    if verdict != "ok":
        restore = "Stop Bando, keep the file, and restore the newest backup."
        yield fault(
            "database-broken", f"The database {path.name} is damaged: {str(verdict).splitlines()[-1]}.", restore
        )
        return
    if journal != "wal":
        sentence = f"The database {path.name} is in journal mode {journal}, not WAL."
        yield fault("database-wal", sentence, "Run: bando migrate, on a local disk.")
    if not is_current(path):
        sentence = f"The database {path.name} has another schema than this version of Bando."
        yield fault("database-old", sentence, "Make a backup, then run: bando migrate.")
