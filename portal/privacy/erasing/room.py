"""Erasing somebody while Bando serves: found, taken in one transaction, and then gone from the files as well."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import structlog

from portal.clock import HOUR, Clock
from portal.db import Database
from portal.loops import Every, for_each
from portal.privacy.erasing import service
from portal.privacy.erasing.cleaning import Cleaning
from portal.privacy.erasing.service import Wish
from portal.privacy.erasing.subject import Subject
from portal.privacy.erasing.traces import finding
from portal.privacy.erasing.traces import store as traces
from portal.privacy.erasing.traces.finding import Found
from portal.privacy.erasing.traces.store import PLACES, Place
from portal.seal import Vault
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant

log = structlog.get_logger("bando.erasing")

LATE = 100  # messages that came after their payer was erased, in one transaction


class Erasing:
    """Erases people; `loop` finishes what was left, and empties what was said of them after they had gone."""

    def __init__(self, db: Database, vault: Vault, clock: Clock, database: Path | None = None) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self.cleaning = Cleaning(db, clock, database)
        self.loop = Every("erasing", HOUR, self.run_once, clock)

    async def erase(self, subject: Subject, wish: Wish) -> dict[str, int]:
        """Erase them; gives how many rows by rule. Raises `Refused`, and then nothing has changed."""
        wish = replace(wish, found=await self._named(subject))
        now = self._clock.now()
        taken = await self._db.write(subject.tenant, service.erase, self._vault, subject, wish, now)
        try:
            done = await self.cleaning.clean()
        except Exception as failed:  # they are erased; what is left to do is tried again
            log.error("the cleaning after an erasing failed", error=type(failed).__name__)
            done = False
        if not done:
            self.loop.wake()
        return taken

    async def _named(self, subject: Subject) -> Found:
        """Where they are named in words that are tied to nobody."""
        began = self._clock.now()
        said = await self._db.read(subject.tenant, finding.names, subject)
        ids: dict[Place, list[int]] = {place: [] for place in PLACES}
        ends = dict.fromkeys(PLACES, 0)
        for place in PLACES:
            more = True
            while more:
                step = (finding.page, self._vault, said, place, ends[place])
                some, ends[place], more = await self._db.read(subject.tenant, *step)
                ids[place] += some
        return Found(ids=ids, after=ends, began=began)

    async def run_once(self) -> int:
        """Finish what an erasing has left to do; empty late messages about people who were erased before they came.

        Gives how many messages.
        """
        if await self.cleaning.due():
            await self.cleaning.clean()
        return await for_each(await self._db.read(None, tenancy.tenants), self._late, _failing)

    async def _late(self, tenant: Tenant) -> int:
        done = 0
        while some := await self._db.read(tenant.id, traces.late_messages, LATE):
            done += await self._db.write(tenant.id, traces.empty_messages, some)
        return done


def _failing(tenant: Tenant, broken: Exception) -> None:
    log.error("late messages stay", tenant=tenant.public, error=type(broken).__name__)
