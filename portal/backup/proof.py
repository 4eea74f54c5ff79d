"""Is a copy whole, ours, and do the invariants hold in it?"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from portal import check
from portal.backup import store
from portal.backup.sealed import Unusable
from portal.clock import Moment
from portal.db import executor, quiet
from portal.errors import Misconfigured
from portal.keys.ring import vault_for_units
from portal.migrate import revision_of

CACHE = "PRAGMA cache_size=-65536"  # KiB: indexes are compared with rows that lie scattered


def rows(copy: Path, master: bytes) -> dict[str, int]:
    """The rows of each table of a copy that is whole and was sealed with this key; raises `Unusable`."""
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute(CACHE)
        broken = store.damage(connection)
        if broken:
            raise Unusable(f"The database is damaged: {broken}.")
        vault = vault_for_units(master, store.root(connection))
        if store.key_mark(connection) not in (None, vault.index(0, "key", "mark").hex()):
            raise Unusable("BANDO_SECRET_KEY is not the key that this database was sealed with; put the old key back.")
        return store.counts(connection)


def revision(copy: Path) -> str:
    """Its schema; raises `Misconfigured` when it is no database of Bando."""
    found = revision_of(copy)
    if found is None:
        raise Misconfigured("This is no database of Bando; check BANDO_DATABASE.")
    return found


def breaches(copy: Path, master: bytes, moment: Moment) -> list[str]:
    """What `bando check` would have said of it at that moment; the schema must be the present one."""
    with closing(sqlite3.connect(copy)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute(CACHE)
        vault = vault_for_units(master, store.root(connection))
        return check.whole(executor(connection, quiet), vault, moment)


def damage(copy: Path) -> str | None:
    """What is wrong with the file."""
    with closing(sqlite3.connect(copy)) as connection:
        return store.damage(connection)
