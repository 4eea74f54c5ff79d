"""Packing an ISP and bringing it into an empty installation, with keys of its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from portal.clock import Moment
from portal.db import open_database
from portal.keys import store as keys
from portal.keys.ring import vault_for_units, vault_of
from portal.moving import pack, unpack
from portal.moving.unpack import Moved
from portal.place import Place, Server
from portal.seal import Vault
from portal.units import Unit, drive
from tests import postgres
from tests.raw import Raw, opened
from tests.support import MASTER, Seed, fresh_place

THERE = hashlib.sha256(b"the master key of the new installation").digest()
WORDS = b"four words and a river"


def silent(_: str, __: int, ___: int) -> None:
    """Nobody watches."""


async def packed(home: Seed, file: Path) -> Path:
    """The file of this ISP, with its act in the log before."""
    await home.write(pack.act, home.vault, "staff:ada", home.clock.now())
    return repacked(home.db.place, home.vault, home, file)


def repacked(database: Place, vault: Vault, home: Seed, file: Path) -> Path:
    """The same without the act."""
    parts = pack.packed(database, vault, home.tenant, WORDS, home.clock.now(), silent)
    file.write_bytes(b"".join(parts))
    return file


def moved_in(file: Path, folder: Path, now: Moment, *, breached: bool = False, words: bytes = WORDS) -> Moved:
    """Into the database of this folder, which is made if there is none."""
    return unpack.moved_in(file, as_platform(place_in(folder)), THERE, words, now, silent, breached=breached)


@lru_cache
def place_in(folder: Path) -> Place:
    """The database of this folder; made, and empty, when it is first asked for."""
    folder.mkdir(exist_ok=True)
    return fresh_place(folder)


def as_platform(place: Place) -> Place:
    """As the role that sees all ISPs; a file has none."""
    if isinstance(place, Server):
        return postgres.cluster().at(place.database, "bando_platform")
    return place


def lines(file: Path) -> list[Any]:
    """What is in the file."""
    whole = b"".join(unpack.plain(file, WORDS))
    return [json.loads(each) for each in whole.splitlines()]


def rows(file: Path) -> dict[str, list[dict[str, Any]]]:
    """What must be equal, by table."""
    found: dict[str, list[dict[str, Any]]] = {}
    for each in lines(file):
        if isinstance(each, list):
            found.setdefault(each[0], []).append(each[1])
    return found


@dataclass
class There:
    """The new installation, one unit at a time."""

    connection: Raw
    vault: Vault
    tenant: int

    def run(self, unit: Unit[Any]) -> Any:
        return drive(unit, self.tenant, self.connection.run)


@contextmanager
def there(folder: Path, tenant: int, master: bytes = THERE) -> Iterator[There]:
    """Open the database of this folder."""
    with opened(place_in(folder)) as connection:
        wrapped = drive(keys.root(), None, connection.run)
        yield There(connection, vault_for_units(master, wrapped), tenant)


@asynccontextmanager
async def arrived(folder: Path, home: Seed) -> AsyncIterator[Seed]:
    """The ISP at the new installation, with an engine of its own."""
    db = open_database(place_in(folder))
    vault = vault_of(THERE, db, home.clock).of(home.tenant.id)
    try:
        yield replace(home, db=db, vault=vault)
    finally:
        await db.aclose()


assert THERE != MASTER
