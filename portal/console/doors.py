"""What the console needs from the rooms below, in one object."""

from __future__ import annotations

from dataclasses import dataclass, field

from portal.access.catalog import Catalog
from portal.books.standing import Standing
from portal.clock import Clock
from portal.console.board import Board
from portal.console.looks import Looks
from portal.console.packing import Packing
from portal.console.work import Work
from portal.db import Database
from portal.mikrotik.addresses import Resolve, resolve
from portal.mikrotik.keepers import Keepers
from portal.payments.provider import Providers
from portal.payments.room import Payments
from portal.privacy.erasing.room import Erasing
from portal.privacy.erasing.service import Wish
from portal.privacy.erasing.subject import Subject
from portal.seal import Vault
from portal.settings import Settings
from portal.staff.room import StaffRoom
from portal.watch.room import Watch
from portal.web.security import Observe, access_log


@dataclass(frozen=True, kw_only=True)
class Services:
    """Everything the console uses."""

    db: Database
    vault: Vault
    clock: Clock
    catalog: Catalog
    settings: Settings
    staff: StaffRoom
    keepers: Keepers | None = None
    providers: Providers = field(default_factory=dict)
    payments: Payments | None = None
    watch: Watch | None = None
    erasing: Erasing | None = None
    carrier: str = ""  # what the register of processors calls whoever carries messages to guests
    looked: dict[tuple[int, int, str], int] = field(default_factory=dict)  # pages that visitors saw, by minute
    work: Work = field(default_factory=Work)
    packing: Packing = field(default_factory=Packing)
    board: Board = field(default_factory=Board)
    looks: Looks = field(default_factory=Looks)
    standing: Standing = field(default_factory=Standing)
    resolve: Resolve = resolve
    observe: Observe = access_log

    async def erase(self, subject: Subject, wish: Wish) -> dict[str, int]:
        """Erase somebody; raises `Refused`."""
        room = self.erasing or Erasing(self.db, self.vault, self.clock, self.settings.database)
        return await room.erase(subject, wish)
