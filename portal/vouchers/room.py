"""The vouchers room, put together: what the pages call."""

from __future__ import annotations

from portal.access.catalog import Catalog, TenantView
from portal.access.places.sights import Sees
from portal.clock import DAY, MINUTE, Clock
from portal.db import Database
from portal.errors import Refused
from portal.loops import Every, Loop
from portal.seal import Vault
from portal.settings import Settings
from portal.tenancy.store import Router
from portal.units import Unit
from portal.vouchers import codes, guesses, imported, posting, redeem, store
from portal.vouchers.batches import code_index
from portal.vouchers.counts import Counts
from portal.vouchers.offers import Offer, Redeemed
from portal.vouchers.redeem import Ask

__all__ = ["Offer", "Redeemed", "Vouchers"]

OPEN_DOOR = "none"  # in the metrics: the router of a phone that comes over mobile data


class Vouchers:
    """Redeems codes, and says what they are good for.

    All methods raise `Refused`: voucher-typo, voucher-unknown, voucher-wait (with `wait_s`), voucher-elsewhere,
    voucher-locked, voucher-move, voucher-moves (with `moves`), voucher-stopped, pass-ended.
    """

    def __init__(
        self, db: Database, vault: Vault, clock: Clock, catalog: Catalog, settings: Settings, sees: Sees
    ) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._catalog = catalog
        self._settings = settings
        self._sees = sees
        self.counts = Counts()
        self.loops: tuple[Loop, ...] = (
            Every("voucher guesses", MINUTE, self._forget, clock),
            Every("expired cards", 10 * MINUTE, self._expire, clock),
        )

    async def _forget(self) -> int:
        """Guesses that no limit looks at any more (R8); those of a tenant go with the other counters."""
        await self._db.write(None, guesses.forget_open, self._clock.now() - DAY)
        return 0

    async def _expire(self) -> int:
        """What was sold and not redeemed in time is earned: a few cards at a time, so that nobody waits."""
        done = 0
        for view in self._catalog.all():
            while await self._db.read(view.tenant.id, store.overdue_batches, self._clock.now(), 1):
                done += await self._db.write(view.tenant.id, posting.expire_some, self._clock.now())
        return done

    async def _ask(
        self, view: TenantView, router: Router, mac: str, text: str, source: str, move: bool, seen: bool
    ) -> Ask:
        code = imported.index_typed(self._vault, view.tenant, text, self._clock.now())
        seen = seen or await self._sees(router, mac)
        return Ask(
            code=code,
            mac=mac,
            router_id=router.id,
            who=guesses.guesser(self._vault, router.tenant_id, mac, router.id, source, seen),
            moves_a_day=self._settings.voucher_moves,
            move=move,
        )

    async def redeem(
        self,
        view: TenantView,
        router: Router,
        *,
        mac: str,
        text: str,
        source: str,
        move: bool = False,
        seen: bool = False,
    ) -> Redeemed:
        """Put this device online with a code; `move` says that another device may make room.

        `seen`: the router itself asks for this device, so that it need not be looked for at the router.
        """
        ask = await self._ask(view, router, mac, text, source, move, seen)
        done = await self._db.write_beside(view.tenant.id, _subjects(ask), redeem.redeem, ask, self._clock.now())
        if isinstance(done, Refused):
            raise self._counted(router.public, done)
        self.counts.redeemed(router.public)
        return done

    async def look(self, view: TenantView, router: Router, *, mac: str, text: str, source: str) -> Offer:
        """What a code is good for at this router; spends nothing."""
        ask = await self._ask(view, router, mac, text, source, move=False, seen=False)
        found = await self._db.write_here(view.tenant.id, redeem.look, ask, self._clock.now())
        if isinstance(found, Refused):
            raise self._counted(router.public, found)
        return found

    def _counted(self, door: str, refused: Refused) -> Refused:
        if refused.key == "voucher-wait":
            self.counts.slowed(door)
        elif refused.key == "voucher-unknown":
            self.counts.guessed(door)
        return refused

    async def look_openly(self, text: str, source: str) -> tuple[TenantView, Offer]:
        """What a code is good for, for a phone that no router has named; spends nothing."""
        code, now = code_index(self._vault, codes.read(text)), self._clock.now()
        owner = await self._db.write(None, _open_door, self._vault, code, source, now)
        if isinstance(owner, Refused):
            raise self._counted(OPEN_DOOR, owner)
        view = self._catalog.tenant(owner)
        found = await self._db.read(owner, redeem.look_openly, code, now) if view and view.tenant.active else None
        if view is None or found is None:
            await self._db.write(None, guesses.count_open, self._vault, source, now, code)
            raise self._counted(OPEN_DOOR, redeem.unknown())
        return view, found


def _subjects(ask: Ask) -> tuple[str, ...]:
    """Whose redemptions are to come one after another: a device's, and a source's where its devices are claims.

    Whatever number of tries somebody makes at once, each of them so sees the guesses before it.
    """
    return (ask.mac, ask.who.source.hex()) if ask.who.source else (ask.mac,)


def _open_door(vault: Vault, code: bytes, source: str, now: int) -> Unit[int | Refused]:
    """Whose code this is, or a counted guess."""
    wait = yield from guesses.admit_open(vault, source, now)
    if wait:
        return redeem.slowed(wait)
    owner = yield from store.owner_of(code)
    if owner is None:
        yield from guesses.count_open(vault, source, now, code)
        return redeem.unknown()
    return owner
