"""After the transaction: nothing old in the -wal file, and the list of who was erased beside the database.

That it is to be done stands in the database from the erasing on, written in the same transaction, so that neither a
crash nor a reader who keeps the -wal file from being emptied lets it be forgotten.
"""

from __future__ import annotations

from pathlib import Path

import structlog

from portal.clock import Clock
from portal.db import Database
from portal.errors import Misconfigured
from portal.privacy.erasing import store, tombstones
from portal.privacy.erasing.tombstones import Tombstone
from portal.tenancy import store as tenancy

log = structlog.get_logger("bando.erasing")


class Cleaning:
    """Cleans up after erasings, of this process or of another one."""

    def __init__(self, db: Database, clock: Clock, database: Path | None = None) -> None:
        """`database`: whose list it is; a server has none beside it, so it lies where the file would be."""
        self._db = db
        self._clock = clock
        self._database = db.place if isinstance(db.place, Path) else database

    async def due(self) -> bool:
        """Whether something is left to do since an erasing."""
        return await self._db.read(None, store.cleaning_due) is not None

    async def clean(self) -> bool:
        """Do what is due; False if some of it has to be tried again."""
        mark = await self._db.read(None, store.cleaning_due)
        emptied = await self._db.empty_log()
        if not emptied:
            log.warning("what was erased is in the -wal file until it can be emptied")
        if self._database is not None:
            self._list(self._database, await self.stones())
        if emptied and mark is not None:
            await self._db.write(None, store.cleaned, mark)
        return emptied

    async def stones(self) -> list[Tombstone]:
        """Everybody who was erased."""
        tenants = await self._db.read(None, tenancy.tenants)
        found: list[Tombstone] = []
        for tenant in tenants:
            found += tombstones.of_tenant(tenant, await self._db.read(tenant.id, store.tombstones))
        return found

    def _list(self, database: Path, stones: list[Tombstone]) -> None:
        place = tombstones.beside(database)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            tombstones.write(place, stones)
        except Misconfigured:
            aside = _free(place, self._clock.now())
            place.rename(aside)
            log.error("the list of who was erased is damaged; it is put aside, and written anew", aside=aside.name)
            tombstones.write(place, stones)


def _free(place: Path, now: int) -> Path:
    """A name beside it that is not taken."""
    names = (f"{place.name}.damaged-{now + more}" for more in range(1000))
    return next(each for each in map(place.with_name, names) if not each.exists())
