"""Erasing somebody while Bando serves: found, taken in one transaction, and then gone from the files as well."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace

import structlog

from portal.clock import HOUR, Clock
from portal.db import Database
from portal.loops import Every, for_each
from portal.privacy.erasing import service, store
from portal.privacy.erasing.cleaning import Cleaning
from portal.privacy.erasing.service import Wish
from portal.privacy.erasing.subject import Subject
from portal.seal import Vault
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant
from portal.units import Row, Unit

log = structlog.get_logger("bando.erasing")

PAGE = 500  # messages that are opened at once
LATE = 100  # messages that came after their payer was erased, in one transaction


class Erasing:
    """Erases people; `loop` finishes what was left, and empties what was said of them after they had gone."""

    def __init__(self, db: Database, vault: Vault, clock: Clock) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self.cleaning = Cleaning(db, clock)
        self.loop = Every("erasing", HOUR, self.run_once, clock)

    async def erase(self, subject: Subject, wish: Wish) -> dict[str, int]:
        """Erase them; gives how many rows by rule. Raises `Refused`, and then nothing has changed."""
        letters = await self._letters(subject)
        wish = replace(wish, letters=letters)
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

    async def _letters(self, subject: Subject) -> list[int]:
        """Messages that are about no payment, and name them all the same."""
        if subject.person is None:
            return []
        said = await self._db.read(subject.tenant, _says, subject)
        found: list[int] = []
        last: int | None = 0
        while last is not None:
            some, last = await self._db.read(subject.tenant, _that_say, self._vault, said, last)
            found += some
        return found

    async def run_once(self) -> int:
        """Finish what an erasing has left to do; empty late messages about people who were erased before they came.

        Gives how many messages.
        """
        if await self.cleaning.due():
            await self.cleaning.clean()
        return await for_each(await self._db.read(None, tenancy.tenants), self._late, _failing)

    async def _late(self, tenant: Tenant) -> int:
        done = 0
        while some := await self._db.read(tenant.id, store.late_messages, LATE):
            done += await self._db.write(tenant.id, store.empty_messages, some)
        return done


def _failing(tenant: Tenant, broken: Exception) -> None:
    log.error("late messages stay", tenant=tenant.public, error=type(broken).__name__)


def _that_say(vault: Vault, said: re.Pattern[bytes], after: int) -> Unit[tuple[list[int], int | None]]:
    """Those of the next page of messages that say it, and where the page ended; None when it was the last."""
    some = yield from store.loose_messages(after, PAGE)

    def opened(row: Row) -> bytes:
        return vault.open(row["body_sealed"], table="inbox", row=row["ref"], column="body_sealed")

    return [row["id"] for row in some if said.search(opened(row))], some[-1]["id"] if len(some) == PAGE else None


def _says(subject: Subject) -> Unit[re.Pattern[bytes]]:
    """What a message about them has in it: their number as it is written or hashed, or a receipt of theirs."""
    named = yield from service.words(subject)
    named += (yield from store.receipt_numbers(subject.person)) if subject.person is not None else []
    if subject.phone is not None:
        named.append(hashlib.sha256(subject.phone.digits.encode()).hexdigest())
    return re.compile(b"|".join(re.escape(each.encode()) for each in named) or b"(?!)")
