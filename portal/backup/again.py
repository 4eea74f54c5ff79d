"""Forgetting again whoever was erased since a backup was made, in the copy that is about to be put in place."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from portal.clock import Moment
from portal.db import at_once, executor, open_connection, quiet
from portal.keys import store as keys
from portal.keys.ring import vault_for_units
from portal.place import Server
from portal.privacy.erasing import store, tombstones
from portal.privacy.erasing.tombstones import Tombstone
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant
from portal.units import Unit, drive

T = TypeVar("T")
LIST = "erased.list"  # beside backups


@dataclass(frozen=True, kw_only=True)
class Known:
    """Who is known to have been erased, and by which lists."""

    stones: list[Tombstone]
    lists: list[Path]


def known(file: Path, place: Path, further: Sequence[Path]) -> Known:
    """What the lists say beside the place, beside the backup, and those that were named; raises `Misconfigured`.

    A database that stands at the place has said it in the list beside it.
    """
    there = [each for each in (tombstones.beside(place), file.parent / LIST) if each.exists()]
    lists = list(dict.fromkeys([*there, *further]))
    return Known(stones=sorted({stone for each in lists for stone in tombstones.read(each)}), lists=lists)


def keep(copied: Path, folder: Path) -> None:
    """The list of a database beside its backups, with what stands there already; none where nobody was erased."""
    stones = listed(copied)
    if stones:
        tombstones.write(folder / LIST, stones)


def listed(database: Path) -> list[Tombstone]:
    """Those that a database knows itself; its schema must be the present one."""
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        found: list[Tombstone] = []
        for tenant in _tenants(connection):
            rows = drive(store.tombstones(), tenant.id, executor(connection, quiet))
            found += tombstones.of_tenant(tenant, rows)
        return found


def _tenants(connection: sqlite3.Connection) -> Sequence[Tenant]:
    return drive(tenancy.tenants(), None, executor(connection, quiet))


def forget(database: Path, master: bytes, known: Known, now: Moment) -> int:
    """Erase again, in a database that nobody serves, whoever was erased after they came; gives how many."""
    by_isp: dict[str, list[Tombstone]] = {}
    for each in (*known.stones, *listed(database)):
        by_isp.setdefault(each.isp, []).append(each)
    done = 0
    with closing(open_connection(database)) as connection:
        vault = vault_for_units(master, drive(keys.root(), None, executor(connection, quiet)))
        for tenant in _tenants(connection):
            given = (vault, tenant.id, by_isp.get(tenant.public, []), now)
            done += _at_once(connection, tenant.id, tombstones.again, *given)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode=DELETE")  # one file, with nothing beside it
    return done


def _at_once(connection: sqlite3.Connection, tenant: int, unit: Callable[..., Unit[T]], *args: Any) -> T:
    connection.execute("BEGIN IMMEDIATE")
    try:
        done = drive(unit(*args), tenant, executor(connection, quiet))
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return done


def forget_on_server(
    server: Server, master: bytes, known: Sequence[Tombstone], now: Moment
) -> tuple[int, list[Tombstone]]:
    """The same in a server that was put back, and that nobody serves yet; gives how many, and who is known now."""
    with at_once(server) as run:
        tenants = drive(tenancy.tenants(), None, run)
        vault = vault_for_units(master, drive(keys.root(), None, run))
        stones = {
            *known,
            *(
                each
                for tenant in tenants
                for each in tombstones.of_tenant(tenant, drive(store.tombstones(), tenant.id, run))
            ),
        }
    done = 0
    for tenant in tenants:
        theirs = sorted(each for each in stones if each.isp == tenant.public)
        with at_once(server, write=True) as run:
            done += drive(tombstones.again(vault, tenant.id, theirs, now), tenant.id, run)
    return done, sorted(stones)
