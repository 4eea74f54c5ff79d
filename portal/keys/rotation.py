"""Rotation: a new key for an ISP, everything sealed anew under it, and the end of the old one. Bando serves meanwhile.

Everything can be broken off and begun again: what is under the newest key already is passed over. A process that has
not heard of the new key seals under the old one for a second more; so what is left is looked for again when that time
is over, and the old key counts as replaced only once a look finds nothing.

A replaced key opens for two days more: what is sealed into the addresses of guests' pages is nowhere in the database
and lives for a day. Then everything is looked through once more, and the key is destroyed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from portal.audit import store as audit
from portal.audit.chain import ChainBroken
from portal.clock import DAY, HOUR, Clock, Moment
from portal.db import Database
from portal.keys import store
from portal.keys.cells import EXCHANGED, Cells
from portal.keys.ring import Ring
from portal.keys.store import Known
from portal.loops import Every, for_each
from portal.seal import HEAD, NotOurs, Vault, head_of
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant
from portal.units import Row, Unit

log = structlog.get_logger("bando.keys")

BATCH = 100  # cells in one transaction: a few milliseconds, between which others get in
AHEAD = 1_000  # cells that are looked for at once, by a reader
PAUSE_MS = 1  # between two batches
LAG_S = 5.0  # after which no process seals under an older key any more (`ring.FRESH_S`, and what a unit takes)
KEPT_MS = 2 * DAY  # how long a replaced key opens addresses of guests' pages, which live for a day

Tell = Callable[[Tenant, int], None]


def in_silence(_: Tenant, __: int) -> None:
    """Nobody watches the progress."""


@dataclass(kw_only=True)
class Turn:
    """The rotation of one ISP."""

    tenant: Tenant
    newest: Known
    began_s: float
    anew: int = 0  # cells that were sealed anew
    shut: int = 0  # cells that do not open, and so keep their key from its end

    @property
    def head(self) -> bytes:
        return head_of(self.newest.name)


class Rotation:
    """Exchanges the keys of ISPs."""

    def __init__(self, db: Database, ring: Ring, clock: Clock) -> None:
        self._db = db
        self._ring = ring
        self._clock = clock
        self.loop = Every("keys", HOUR, self.run_once, clock)

    async def everybody(self) -> Sequence[Tenant]:
        """All ISPs, also those that are switched off, and the platform with its staff."""
        platform = await self._db.read(None, tenancy.platform)
        return [*await self._db.read(None, tenancy.tenants), *([platform] if platform else [])]

    async def rotate(self, tenants: Sequence[Tenant], by: str, tell: Tell = in_silence) -> list[Turn]:
        """A new key for each of these, or the one that a run has made which broke off; what came of each."""
        turns = [await self._begin(each) for each in tenants]
        for turn in turns:
            await self._sweep(turn, tell)
        for turn in turns:
            await self._last(turn, by, tell)
        return turns

    async def _begin(self, tenant: Tenant) -> Turn:
        newest = await self._db.write(tenant.id, begin, self._ring, tenant.id)
        self._ring.forget()  # from now on this process seals under it
        return Turn(tenant=tenant, newest=newest, began_s=time.monotonic())

    async def _last(self, turn: Turn, by: str, tell: Tell) -> None:
        """What was sealed under older keys until everybody knew the new one; then they are replaced."""
        while time.monotonic() - turn.began_s < LAG_S:
            await self._clock.sleep(100)
        while await self._sweep(turn, tell):
            pass
        if turn.shut:
            return
        try:
            await self._db.write(turn.tenant.id, finish, self._ring.vault, turn, by, self._clock.now())
        except ChainBroken:
            turn.shut += 1

    async def _sweep(self, turn: Turn, tell: Tell) -> int:
        """Seal anew whatever is not under the newest key; how many cells that were."""
        before, turn.shut = turn.anew, 0
        for cells in EXCHANGED:
            last = 0
            while found := await self._db.read(turn.tenant.id, store.others, cells, turn.head, last, AHEAD):
                last = found[-1]["id"]
                for start in range(0, len(found), BATCH):
                    await self._batch(turn, cells, found[start : start + BATCH])
                    tell(turn.tenant, turn.anew)
        return turn.anew - before

    async def _batch(self, turn: Turn, cells: Cells, some: Sequence[Row]) -> None:
        anew, shut = await self._db.write(turn.tenant.id, seal_anew, self._ring.vault, cells, some)
        turn.anew += anew
        turn.shut += shut
        await self._clock.sleep(PAUSE_MS)

    # --- the end of replaced keys ---

    async def run_once(self) -> int:
        """Destroy the keys that were replaced long enough ago; gives how many."""
        return await for_each(await self.everybody(), self._destroy_due, _failing)

    async def _destroy_due(self, tenant: Tenant) -> int:
        now = self._clock.now()
        due = await self._db.read(tenant.id, store.due, now - KEPT_MS)
        newest = await self._db.read(tenant.id, store.newest) if due else None
        if newest is None:
            return 0
        turn = Turn(tenant=tenant, newest=newest, began_s=time.monotonic())
        await self._sweep(turn, in_silence)
        if turn.shut:
            log.warning("sealed values do not open, so their old key is kept", tenant=tenant.public, values=turn.shut)
            return 0
        try:
            await self._db.write(tenant.id, destroy, self._ring.vault, due, now)
        except ChainBroken:
            log.warning("the audit log is damaged, so an old key is kept", tenant=tenant.public)
            return 0
        self._ring.forget()
        return len(due)


def _failing(tenant: Tenant, broken: Exception) -> None:
    log.error("keys could not be destroyed", tenant=tenant.public, error=type(broken).__name__)


# --- units ---


def begin(ring: Ring, tenant_id: int) -> Unit[Known]:
    """A new key, unless a rotation broke off: then its key."""
    sealing = [each for each in (yield from store.known()) if each.replaced_at is None]
    return sealing[-1] if len(sealing) > 1 else (yield from ring.make(tenant_id))


def seal_anew(vault: Vault, cells: Cells, some: Sequence[Row]) -> Unit[tuple[int, int]]:
    """Seal these cells under the newest key, but those that have changed; how many, and how many do not open."""
    anew = shut = 0
    for row in some:
        place = cells.of(row)
        try:
            plain = vault.open(row["sealed"], **place)
        except NotOurs:
            shut += 1
            continue
        fresh = vault.seal(plain, **place)
        if row["sealed"][:HEAD] != fresh[:HEAD]:  # or another rotation was here, with a key that is newer still
            anew += yield from store.exchange(cells, row["id"], row["sealed"], fresh)
    return anew, shut


def finish(vault: Vault, turn: Turn, by: str, now: Moment) -> Unit[None]:
    """The older keys are replaced; an act of whoever asked for it."""
    older = yield from store.replaced(turn.newest.id, now)
    subject, payload = f"key:{turn.newest.name.hex()}", {"replaced": older, "sealed anew": turn.anew}
    yield from audit.append(vault, actor=by, act="keys.rotate", subject=subject, payload=payload, now=now)


def destroy(vault: Vault, due: Sequence[Known], now: Moment) -> Unit[None]:
    """Destroy these keys; an act of the clock."""
    for each in due:
        subject = f"key:{each.name.hex()}"
        yield from audit.append(vault, actor="clock", act="keys.destroy", subject=subject, payload={}, now=now)
        yield from store.destroy(each.id, now)
