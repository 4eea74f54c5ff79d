"""What the operator has to tell: the bulletin that a page shows until somebody has read it.

There is seldom one, so a page asks the database at most once in a minute whether there is, and for whoever has read
the latest no more.
"""

from __future__ import annotations

from portal.clock import MINUTE, Moment
from portal.db import Database
from portal.privacy.bulletins import store
from portal.privacy.bulletins.store import Bulletin

MOST = 10_000  # of whom it is remembered


class Board:
    """Which bulletin somebody has still to read."""

    def __init__(self) -> None:
        self._newest = 0
        self._looked: Moment | None = None
        self._done: dict[tuple[int, int], int] = {}  # ISP and person: the latest that they have read

    async def told(self, db: Database, tenant_id: int, staff_id: int, now: Moment) -> Bulletin | None:
        """The oldest one that they have not read."""
        if self._looked is None or not 0 <= now - self._looked < MINUTE:
            self._newest, self._looked = await db.read(None, store.newest), now
        who = (tenant_id, staff_id)
        if not self._newest or self._done.get(who) == self._newest:
            return None
        found: list[Bulletin] = await db.read(tenant_id, store.unread, staff_id)
        if found:
            return found[0]
        if len(self._done) >= MOST:
            self._done.clear()
        self._done[who] = self._newest
        return None
