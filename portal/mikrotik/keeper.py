"""The keeper of one router: holds one connection and makes the router agree with the database (design 3).

It reads what is there, takes the readings into the books, computes the difference and applies it, pipelined:
with every poll, after every reconnect, and at once for the devices whose passes changed. A router that was
off, rebooted, reset or edited by hand so heals by itself, and a lost command costs one poll.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import structlog

from portal.access import record, store
from portal.access.record import Sighting, Wanted
from portal.clock import SECOND, Clock, Moment
from portal.db import Database, Observe, quiet
from portal.errors import BandoError, RouterError, RouterUnreachable
from portal.loops import first
from portal.mikrotik.difference import Difference, Found, device_of, difference, marked, user_name
from portal.mikrotik.errands import Errands
from portal.mikrotik.hotspot import Hotspot
from portal.mikrotik.pace import Pace
from portal.mikrotik.replies import RouterCertificateChanged, RouterRefusedLogin
from portal.mikrotik.wire import Address, Wire, connect
from portal.seal import Vault
from portal.sessions.meter import Reading
from portal.settings import Settings
from portal.tenancy import store as tenancy
from portal.tenancy.store import Router

log = structlog.get_logger("bando.keeper")

LARGE = 200  # devices; above it a router is polled less often
RETRY_MS = (1 * SECOND, 2 * SECOND, 4 * SECOND, 8 * SECOND)
CONTACT_EVERY_MS = 30 * SECOND  # how often a contact is written down


class Keeper:
    """Keeps one router; `run` until it is told to stop."""

    def __init__(
        self, router: Router, *, db: Database, clock: Clock, vault: Vault, settings: Settings, installation: str,
        observe: Observe = quiet,
    ) -> None:  # fmt: skip
        self.router = router
        self._db = db
        self._clock = clock
        self._settings = settings
        self._installation = installation
        self._observe = observe
        self._address = Address(
            host=router.host,
            port=router.port,
            username=router.username,
            password=router.password(vault),
            fingerprint=router.fingerprint,
            tunnel=router.tunnel,
        )
        self._errands = Errands(router, vault=vault, db=db, clock=clock, installation=installation)
        self._pace = Pace()
        self._hotspot: Hotspot | None = None
        self._woken: set[int] = set()
        self._bell = asyncio.Event()
        self._poll_now = False
        self._busy: set[int] = set()  # devices that a task is dealing with
        self._touched: set[int] = set()  # devices dealt with since the poll began: what it read of them is old
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._failures = 0
        self._contact_at: Moment = 0
        self._trouble: str | None = router.trouble
        self.agreed_at: Moment = 0  # when a whole poll last ended well
        db.listen(f"{store.WAKE}:{router.id}", self._on_wake)

    @property
    def connected(self) -> bool:
        return self._hotspot is not None

    # --- waking ---

    def _on_wake(self, _tenant: int, device_id: int) -> None:
        self.wake(device_id)

    def wake(self, device_id: int) -> None:
        """Deal with this device at once."""
        self._woken.add(device_id)
        self._bell.set()

    def poll(self) -> None:
        """Look at everything at once."""
        self._poll_now = True
        self._bell.set()

    async def stop(self) -> None:
        """Finish what is in hand and close the connection."""
        if not self._stopping.is_set():
            self._db.unlisten(f"{store.WAKE}:{self.router.id}", self._on_wake)
        self._stopping.set()
        self._bell.set()

    # --- the loop ---

    async def run(self) -> None:
        """Connect, attend, and connect again after a failure."""
        while not self._stopping.is_set():
            try:
                wire = await connect(self._address, pace=self._pace, observe=self._observe)
                try:
                    await self._attend(wire)
                finally:
                    await self._let_go(wire)
            except RouterError as failed:
                await self._failed(failed)

    async def _let_go(self, wire: Wire) -> None:
        self._hotspot = None
        await wire.aclose()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _failed(self, failed: RouterError) -> None:
        word = trouble_word(failed)
        if word != self._trouble:
            self._trouble = word
            log.warning("router in trouble", router=self.router.public, trouble=word, error=str(failed))
            await self._write(tenancy.note_trouble, self.router.id, word)
        pause = RETRY_MS[min(self._failures, len(RETRY_MS) - 1)]
        self._failures += 1
        await first(self._clock.sleep(pause), self._stopping.wait())

    async def _attend(self, wire: Wire) -> None:
        self._hotspot = Hotspot(wire)
        self._errands.connected(self._hotspot)
        while not self._stopping.is_set():
            size = await self._poll(self._hotspot)
            self._failures = 0
            await self._until_due(wire, self._clock.now() + self._period(size))
            if wire.closed.is_set():
                raise RouterUnreachable("The connection to the router broke.")

    def _period(self, size: int) -> int:
        return self._settings.poll_every_large_ms if size > LARGE else self._settings.poll_every_ms

    async def _until_due(self, wire: Wire, due: Moment) -> None:
        timer = asyncio.ensure_future(self._clock.sleep_until(due))
        lost = asyncio.ensure_future(wire.closed.wait())
        try:
            while not (self._poll_now or timer.done() or lost.done() or self._stopping.is_set()):
                self._serve_woken()
                bell = asyncio.ensure_future(self._bell.wait())
                await asyncio.wait((timer, lost, bell), return_when=asyncio.FIRST_COMPLETED)
                bell.cancel()
            self._poll_now = False
        finally:
            timer.cancel()
            lost.cancel()

    # --- one device at once ---

    def _serve_woken(self) -> None:
        self._bell.clear()
        ready = self._woken - self._busy
        if ready and self._hotspot is not None:
            self._woken -= ready
            self._busy |= ready
            self._touched |= ready
            task = asyncio.create_task(self._serve(self._hotspot, sorted(ready)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, hotspot: Hotspot, ids: Sequence[int]) -> None:
        try:
            await self._agree_on(hotspot, ids)
        except BandoError as failed:  # the next poll or the next connection sees to it
            log.info("device not served", router=self.router.public, error=type(failed).__name__)
        finally:
            self._busy.difference_update(ids)
            if self._woken:
                self._bell.set()

    async def _agree_on(self, hotspot: Hotspot, ids: Sequence[int]) -> None:
        wanted = await self._wanted(ids, ())
        if any(each.blocked for each in wanted):
            self.poll()
        found = await self._errands.read(wanted)
        if found.users or found.active:  # somebody may have used something since the last reading
            now = self._clock.now()
            await self._write(record.record, self.router.id, readings(found, wanted, now), now)
            wanted = await self._wanted(ids, ())
        await self._apply(wanted, found, urgent=True)

    async def _wanted(self, ids: Iterable[int], macs: Sequence[str]) -> list[Wanted]:
        return await self._db.read(
            self.router.tenant_id, record.wanted, self.router.id, list(ids), list(macs), self._clock.now()
        )

    async def _write(self, unit: object, *args: object) -> object:
        return await self._db.write(self.router.tenant_id, unit, *args)  # type: ignore[arg-type]

    async def _apply(self, wanted: Sequence[Wanted], found: Found, *, urgent: bool) -> None:
        diff = difference(wanted, found, self._installation)
        if not diff.errands:
            return
        if diff.suspicious and not await self._may_remove(diff):
            return
        done = await self._errands.run(diff, urgent=urgent)
        by_id = {each.device_id: each for each in wanted}
        touched = [by_id[device_id] for device_id in done if device_id in by_id]
        if not touched:
            return
        after = await self._errands.check(diff, touched, urgent=urgent)
        now = self._clock.now()
        await self._write(record.record, self.router.id, readings(after, touched, now), now)

    async def _may_remove(self, diff: Difference) -> bool:
        """Half of the marked rows at once: unless our own books explain it, staff look first (design 3)."""
        router = await self._db.read(self.router.tenant_id, tenancy.router, self.router.id)
        if router is None or router.mass_removal == "held":
            return False
        known = await self._db.read(self.router.tenant_id, store.known_passes, diff.removed_passes)
        if router.mass_removal == "allowed" or len(known) == len(diff.removed_passes):
            await self._write(tenancy.set_mass_removal, self.router.id, None)
            return True
        await self._write(tenancy.hold_back, self.router.id, diff.removals, diff.marked, self._clock.now())
        return False

    # --- the whole router ---

    async def _poll(self, hotspot: Hotspot) -> int:
        self._touched = set(self._busy)
        found = await self._errands.read_all()
        now = self._clock.now()
        ours = {device_of(row.name) for row in found.users if marked(row.comment, self._installation)}
        online = await self._db.read(self.router.tenant_id, store.online_at, self.router.id)
        blocked = await self._db.read(self.router.tenant_id, store.blocked_devices)
        ids = {each for each in ours if each is not None}
        ids |= {each.device_id for each in online} | {each.id for each in blocked}
        macs = [row.mac for row in found.hosts]
        wanted = self._still_known(await self._wanted(ids, macs))
        await self._write(record.record, self.router.id, readings(found, wanted, now), now)
        wanted = self._still_known(await self._wanted(ids, macs))
        skip = self._touched
        await self._apply(wanted, without(found, skip), urgent=False)
        await self._note_contact(now)
        return len(found.hosts)

    def _still_known(self, wanted: Sequence[Wanted]) -> list[Wanted]:
        return [each for each in wanted if each.device_id not in self._touched]

    async def _note_contact(self, now: Moment) -> None:
        self.agreed_at = self._clock.now()
        if self._trouble is not None or now - self._contact_at > CONTACT_EVERY_MS:
            self._trouble, self._contact_at = None, now
            await self._write(tenancy.note_contact, self.router.id, now)


def without(found: Found, device_ids: set[int]) -> Found:
    """`found` less the rows of these devices."""
    names = {user_name(each) for each in device_ids}
    if not names:
        return found
    return Found(
        users=[row for row in found.users if row.name not in names],
        active=[row for row in found.active if row.user not in names],
        hosts=found.hosts,
        bindings=found.bindings,
        cookies=found.cookies,
        profiles=found.profiles,
    )


def readings(found: Found, wanted: Iterable[Wanted], now: Moment) -> list[Sighting]:
    """The counters of each device, from its user row and its active row."""
    users = {row.name: row for row in found.users}
    active = {row.user: row for row in found.active}
    here = {row.mac for row in found.hosts}
    made: list[Sighting] = []
    for each in wanted:
        user, online = users.get(user_name(each.device_id)), active.get(user_name(each.device_id))
        reading = Reading(
            read_at=now,
            user_uptime_s=user.uptime_s if user else 0,
            user_bytes_in=user.bytes_in if user else 0,
            user_bytes_out=user.bytes_out if user else 0,
            active_uptime_s=online.uptime_s if online else None,
            active_bytes_in=online.bytes_in if online else 0,
            active_bytes_out=online.bytes_out if online else 0,
        )
        present = online is not None or each.mac in here
        made.append(Sighting(device_id=each.device_id, reading=reading, here=present))
    return made


def trouble_word(failed: RouterError) -> str:
    """One word for staff and pages: certificate, password or unreachable."""
    if isinstance(failed, RouterCertificateChanged):
        return "certificate"
    return "password" if isinstance(failed, RouterRefusedLogin) else "unreachable"
