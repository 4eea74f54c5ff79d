"""The keeper of one router: holds one connection and makes the router agree with the database (design 3).

It reads what is there, takes the readings into the books, computes the difference and applies it, pipelined:
with every poll, after every reconnect, and at once for the devices whose passes changed. A router that was
off, rebooted, reset or edited by hand so heals by itself, and a lost command costs one poll.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import structlog

from portal.access import record, store
from portal.access.places import store as places
from portal.access.record import Known, Sighting, Wanted
from portal.clock import MINUTE, SECOND, Clock, Moment
from portal.db import Database, DatabaseAway, Observe, quiet
from portal.db.fences import LeaseLost
from portal.errors import BandoError, RouterError, RouterUnreachable
from portal.loops import first
from portal.mikrotik.addresses import AddressRefused, Resolve, policy_for, resolve
from portal.mikrotik.calm import Calm
from portal.mikrotik.difference import Difference, Found, device_of, difference, marked
from portal.mikrotik.errands import FEW, Errands
from portal.mikrotik.hotspot import Hotspot
from portal.mikrotik.pace import Pace
from portal.mikrotik.replies import RouterCertificateChanged, RouterRefusedLogin
from portal.mikrotik.sightings import sightings, silences, without
from portal.mikrotik.turns import Turns
from portal.mikrotik.visit import address_of
from portal.mikrotik.wire import Held, Wire, connect
from portal.seal import Vault
from portal.settings import Settings
from portal.tenancy import store as tenancy
from portal.tenancy.store import Router
from portal.units import Unit

T = TypeVar("T")

log = structlog.get_logger("bando.keeper")

LARGE = 200  # devices; above it a router is polled less often
# A router that comes back is there for its guests within half a second; one that refuses us is not hammered.
RETRY_MS, RETRY_LONG_MS, REFUSED_MS = SECOND // 2, 2 * SECOND, 8 * SECOND
WAIT_MS = 1 * SECOND  # before the database is asked again
LONG = 1_200  # failures; above it (ten minutes at least) the pause is long
AT_ONCE = 32  # groups of woken devices that are dealt with; whoever is woken meanwhile comes as one group then
PART = 50  # devices written down in one transaction: about 10 ms
CONTACT_EVERY_MS = 30 * SECOND  # how often a contact is written down
SIGHT_MS = 45 * SECOND  # how long a reading of the host table holds beyond the longest pause between two polls
CLOSED_EVERY_MS = 5 * MINUTE  # an empty router of an ISP that is switched off: somebody may bring a backup back
PATIENCE_S = 10.0  # real seconds for one answer of a router; a stall of 7 s was seen (facts/mikrotik.md 1.6)
REMEMBERED = 10  # troubles


@dataclass(frozen=True, kw_only=True)
class Drift:
    """What a comparison of the whole router had to change, by kind; see `Difference.counts`."""

    at: Moment
    rows: Mapping[str, int]


def nobody(wanted: Wanted) -> Wanted:
    """The same device while its ISP is switched off: neither let in nor blocked."""
    return replace(wanted, allowance=None, blocked=False, keep=None)


class Keeper:
    """Keeps one router; `run` until it is told to stop."""

    def __init__(
        self, router: Router, *, db: Database, clock: Clock, vault: Vault, settings: Settings, installation: str,
        observe: Observe = quiet, patience_s: float = PATIENCE_S, networks: str = "", resolve: Resolve = resolve,
        closed: bool = False, turns: Turns | None = None, held: Held | None = None,
    ) -> None:  # fmt: skip
        self.router = router
        self.closed = closed  # its ISP is switched off: nobody may be online, and nothing of ours stays on it
        self._db = db
        self._clock = clock
        self._settings = settings
        self._installation = installation
        self._observe = observe
        self._patience_s = patience_s
        self._address = address_of(router, vault, policy_for(settings, networks))
        self._resolve = resolve
        self._turns, self._all_held = turns or Turns(), held or Held()  # which it shares with all other routers
        self._errands = Errands(router, vault=vault, db=db, clock=clock, installation=installation)
        self._pace = Pace()
        self._calm = Calm(installation)
        self._afresh = False  # the next poll looks at everybody
        self._hotspot: Hotspot | None = None
        self._woken: set[int] = set()
        self._bell = asyncio.Event()
        self._poll_now = False
        self._busy: set[int] = set()  # devices that a task is dealing with
        self._touched: set[int] = set()  # devices dealt with since the poll began: what it read of them is old
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._polling = False
        self._held = False
        self._silent: dict[tuple[str, str], Moment] = {}
        self._sights: dict[str, Moment] = {}  # the MACs in its host table, and when they were last read there
        self._failures = 0
        self._waits = ""  # for what
        self._well = router.trouble is None  # whether it agreed with its last connection
        self._contact_at: Moment = 0
        self._slot: Moment = 0  # of which quarter of an hour its guests were counted
        self._trouble: str | None = router.trouble
        self.troubles: deque[tuple[Moment, str]] = deque(maxlen=REMEMBERED)  # the latest ones: when, and which
        self.drift: Drift | None = None  # what the last poll had to change; None before the first one
        self.agreed_at: Moment = 0  # when a whole poll last ended well …
        self.looked_at: Moment = 0  # … and when that one began
        db.listen(f"{store.WAKE}:{router.id}", self._on_wake)

    @property
    def connected(self) -> bool:
        return self._hotspot is not None

    @property
    def latency_ms(self) -> int | None:
        """How long one question and its answer take, at best; None while nobody knows."""
        return None if self._hotspot is None or self._pace.best is None else round(self._pace.best * 1000)

    @property
    def idle(self) -> bool:
        """Whether nothing is in hand, nor about to be."""
        return not self._busy and not self._polling and not (self._woken and self.connected)

    def sees(self, mac: str) -> bool:
        """Whether the router itself says that this MAC is there: a fact, where an address in a URL is a claim."""
        at = self._sights.get(mac)
        return at is not None and self._clock.now() - at <= self._settings.poll_every_large_ms + SIGHT_MS

    def in_sight(self) -> Sequence[str]:
        """The MACs that the router said are there when it was last asked."""
        return [mac for mac in self._sights if self.sees(mac)]

    @property
    def read_at(self) -> Moment:
        """When a MAC was last read there."""
        return max(self._sights.values(), default=self.looked_at)

    # --- waking ---

    def _on_wake(self, _tenant: int, device_id: int) -> None:
        self.wake(device_id)

    def wake(self, device_id: int) -> None:
        """Deal with this device at once."""
        self._calm.forget(device_id)
        self._woken.add(device_id)
        self._bell.set()

    def poll(self) -> None:
        """Look at everything at once, at the calm too: who asks knows of a change, but not of whom."""
        self._poll_now = self._afresh = True
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
                await self._once()
                self._waits = ""
            except (LeaseLost, DatabaseAway) as failed:  # its keeper is elsewhere now; or nothing can be known
                await self._wait(type(failed).__name__)
            except Exception as failed:  # a bug, too: it is told in full, and the router is not given up for it
                log.error("keeper failed", router=self.router.public, error=type(failed).__name__, exc_info=failed)
                await self._pause()

    async def _wait(self, why: str) -> None:
        """Nothing is wrong with the router; all of them are told of in one line each."""
        if why != self._waits:
            log.info("keeper waits", router=self.router.public, error=why)
        self._waits = why
        await first(self._clock.sleep(WAIT_MS), self._stopping.wait())

    async def _once(self) -> None:
        try:
            wire = await self._reached()
            if wire is None:
                return
            try:
                await self._attend(wire)
            finally:
                await self._let_go(wire)
        except RouterError as failed:
            await self._failed(failed)

    async def _reached(self) -> Wire | None:
        """A connection; None when it is time to stop, which does not wait for a router that says nothing."""
        reaching = asyncio.ensure_future(self._reach())
        await first(reaching, self._stopping.wait())
        return None if reaching.cancelled() else reaching.result()

    async def _reach(self) -> Wire:
        async with self._turns.turn(self.router.tenant_id, well=self._well):
            self._well = False
            return await connect(
                self._address,
                pace=self._pace,
                observe=self._observe,
                timeout_s=self._patience_s,
                resolve=self._resolve,
                held=self._all_held,
            )

    async def _let_go(self, wire: Wire) -> None:
        self._hotspot = None
        await wire.aclose()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self._calm.forget_all()
        if late := self._calm.all_late():  # nobody knows when the router is back, and whether it still knows of it
            await self._write_down(late, self._clock.now())

    async def _failed(self, failed: RouterError) -> None:
        word = trouble_word(failed)
        if word != self._trouble:
            self._trouble = word
            self.troubles.append((self._clock.now(), word))
            log.warning("router in trouble", router=self.router.public, trouble=word, error=str(failed))
            await self._write(tenancy.note_trouble, self.router.id, word)
        await self._pause(refused=word != "unreachable")

    async def _pause(self, *, refused: bool = False) -> None:
        pause = REFUSED_MS if refused else RETRY_LONG_MS if self._failures > LONG else RETRY_MS
        self._failures += 1
        await first(self._clock.sleep(pause), self._stopping.wait())

    async def _attend(self, wire: Wire) -> None:
        self._hotspot = Hotspot(wire, timeout_s=self._patience_s)
        self._errands.connected(self._hotspot)
        self._held = await self._mass_removal() == "held"
        while not self._stopping.is_set():
            began = self._clock.now()
            period = self._period(await self._poll_and_serve(self._hotspot))
            self._failures, self._well = 0, True
            # From beginning to beginning; but a router that needs long for its answers is not asked all the time.
            await self._until_due(wire, max(began + period, self._clock.now() + period // 2))
            if wire.closed.is_set():
                raise RouterUnreachable("The connection to the router broke.")

    async def _poll_and_serve(self, hotspot: Hotspot) -> int:
        """Look at everything; whoever is woken meanwhile does not wait for its end."""
        poll = asyncio.ensure_future(self._poll(hotspot))
        self._polling = True
        try:
            await self._serve_until(poll)
            return await poll
        finally:
            self._polling = False
            poll.cancel()

    def _period(self, size: int) -> int:
        if self.closed and self.drift is not None and not self.drift.rows:
            return CLOSED_EVERY_MS  # it was found empty; before, it is looked at like any other
        return self._settings.poll_every_large_ms if size > LARGE else self._settings.poll_every_ms

    async def _until_due(self, wire: Wire, due: Moment) -> None:
        timer = asyncio.ensure_future(self._clock.sleep_until(due))
        lost = asyncio.ensure_future(wire.closed.wait())
        try:
            await self._serve_until(timer, lost, unless_asked=True)
            self._poll_now = False
        finally:
            timer.cancel()
            lost.cancel()

    async def _serve_until(self, *ends: asyncio.Future[Any], unless_asked: bool = False) -> None:
        """Serve the woken until one of these is done, or it is time to stop (or to poll)."""
        while not (any(each.done() for each in ends) or self._stopping.is_set() or (unless_asked and self._poll_now)):
            self._serve_woken()
            bell = asyncio.ensure_future(self._bell.wait())
            await asyncio.wait((*ends, bell), return_when=asyncio.FIRST_COMPLETED)
            bell.cancel()

    # --- one device at once ---

    def _serve_woken(self) -> None:
        self._bell.clear()
        ready = self._woken - self._busy
        if ready and self._hotspot is not None and len(self._tasks) < AT_ONCE:
            self._woken -= ready
            self._busy |= ready
            self._touched |= ready
            task = asyncio.create_task(self._serve(self._hotspot, sorted(ready)))
            self._tasks.add(task)
            task.add_done_callback(self._served)

    async def _serve(self, hotspot: Hotspot, ids: Sequence[int]) -> None:
        try:
            await self._agree_on(hotspot, ids)
        except BandoError as failed:  # the next poll or the next connection sees to it
            log.info("device not served", router=self.router.public, error=type(failed).__name__)
        finally:
            self._busy.difference_update(ids)

    def _served(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._woken:
            self._bell.set()

    async def _agree_on(self, hotspot: Hotspot, ids: Sequence[int]) -> None:
        wanted = await self._wanted(ids, ())
        found = await self._errands.read(wanted)
        self._sights |= dict.fromkeys((row.mac for row in found.hosts), self._clock.now())
        if found.users or found.active:  # somebody may have used something since the last reading
            await self._note(found, wanted)
            wanted = await self._wanted(ids, ())
        await self._apply(wanted, found, urgent=len(ids) <= FEW)  # a crowd is no emergency

    async def _wanted(self, ids: Iterable[int], macs: Sequence[str]) -> list[Wanted]:
        wanted: list[Wanted] = await self._db.read(
            self.router.tenant_id, record.wanted, self.router.id, list(ids), list(macs), self._clock.now()
        )
        return [nobody(each) for each in wanted] if self.closed else wanted

    async def _write(self, unit: Callable[..., Unit[T]], *args: object) -> T:
        return await self._db.write(self.router.tenant_id, unit, *args)

    async def _note(self, found: Found, devices: Sequence[Wanted | Known], **how: Collection[int]) -> None:
        """Write down what was read."""
        now = self._clock.now()
        await self._write_down(sightings(found, devices, now, self._installation, self._silent), now, **how)

    async def _write_down(
        self, seen: Sequence[Sighting], now: Moment, *, unless: Collection[int] = (), calm: Collection[int] = ()
    ) -> None:
        """Write down part by part: payments get in between, and devices may come into `unless`.

        With the first part the `calm` are still here, of whom nothing was read that has to be known now.
        """
        still_here = sorted(calm)
        for start in range(0, max(len(seen), bool(still_here)), PART):
            part = [each for each in seen[start : start + PART] if each.device_id not in unless]
            if part or still_here:
                await self._write(record.polled, self.router.id, still_here, self._calm.with_late(part), now)
                self._calm.written(part)
                still_here = []

    async def _apply(self, wanted: Sequence[Wanted], found: Found, *, urgent: bool, calm: int = 0) -> Difference:
        """Make the router agree; what there was to do. `calm` marked rows stand there that `found` leaves out."""
        began = self._clock.now()
        diff = difference(wanted, found, self._installation, calm)
        if not diff.errands:
            return diff
        claimed = set() if urgent else {each.device_id for each in diff.errands}
        self._busy |= claimed  # who of these is woken now comes after us
        try:
            if (diff.suspicious or self._held) and not self.closed:  # of a closed ISP all of it goes, on purpose
                diff = await self._unless_held(diff)
            done = await self._errands.run(diff, urgent=urgent)
            by_id = {each.device_id: each for each in wanted}
            touched = [by_id[device_id] for device_id in done if device_id in by_id]
            if touched:
                await self._note(await self._errands.check(diff, touched, began, urgent=urgent), touched)
        finally:
            self._busy -= claimed
            self._bell.set()
        return diff

    async def _unless_held(self, diff: Difference) -> Difference:
        """Half of the marked rows at once: what our own books do not explain, staff see first (design 3)."""
        known = await self._db.read(self.router.tenant_id, store.known_passes, diff.removed_passes)
        unknown = set(diff.removed_passes) - set(known)
        count = sum(each in unknown for each in diff.removed_passes)
        if not count or not (self._held or diff.too_many(count)):
            return diff
        said = await self._mass_removal()
        if said == "allowed":
            await self._write(tenancy.set_mass_removal, self.router.id, None)
            self._held = False
            return diff
        if said != "held":
            await self._write(tenancy.hold_back, self.router.id, count, diff.marked, self._clock.now())
        self._held = True  # however few rows are left, until staff allow it
        return diff.sparing(unknown)

    async def _mass_removal(self) -> str | None:
        router = await self._db.read(self.router.tenant_id, tenancy.router, self.router.id)
        return None if router is None else router.mass_removal

    # --- the whole router ---

    async def _poll(self, hotspot: Hotspot) -> int:
        self._touched = set(self._busy)
        began = self._clock.now()
        if self._afresh:
            self._calm.forget_all()
            self._afresh = False
        found = await self._errands.read_all()
        read_at = self._clock.now()
        self._sights = dict.fromkeys((row.mac for row in found.hosts), read_at)
        calm = self._calm.of(found, read_at)
        rest = self._calm.rest(found)
        devices = await self._devices(rest, calm)
        await self._note(rest, devices, unless=self._touched, calm=sorted(calm))
        self._silent = silences(found, read_at)
        wanted = self._still_known(await self._wanted([each.device_id for each in devices], ()))
        rest = without(rest, self._touched, self._installation)
        diff = await self._apply(wanted, rest, urgent=False, calm=len(calm))
        upset = {each.device_id for each in diff.errands} | self._touched | self._woken
        self._calm.learn(wanted, found, read_at, unless=upset)
        self.drift = Drift(at=self._clock.now(), rows=diff.counts)
        await self._note_contact(self._clock.now())
        await self._count(found, began)
        self.looked_at = began
        return len(found.hosts)

    async def _devices(self, found: Found, calm: set[int]) -> list[Known]:
        """Who else is to be looked at: whoever has a row of ours, was online, is blocked, or is in the host table."""
        ours = (device_of(row.name) for row in found.users if marked(row.comment, self._installation))
        named, macs = {each for each in ours if each is not None}, [row.mac for row in found.hosts]
        return await self._db.read(self.router.tenant_id, record.known, self.router.id, calm, named, macs)

    async def _count(self, found: Found, now: Moment) -> None:
        """Write down how many devices are online, once in a quarter of an hour."""
        slot = now - now % places.SLOT_MS
        if slot == self._slot:
            return
        ours = {row.name for row in found.users if marked(row.comment, self._installation)}
        online = len({row.mac for row in found.active if row.user in ours})
        await self._write(places.count_online, self.router.id, slot, online)
        self._slot = slot

    def _still_known(self, wanted: Sequence[Wanted]) -> list[Wanted]:
        return [each for each in wanted if each.device_id not in self._touched]

    async def _note_contact(self, now: Moment) -> None:
        self.agreed_at = self._clock.now()
        if self._trouble is not None or now - self._contact_at > CONTACT_EVERY_MS:
            self._trouble, self._contact_at = None, now
            await self._write(tenancy.note_contact, self.router.id, now)


def trouble_word(failed: RouterError) -> str:
    """One word for staff and pages: address, certificate, password or unreachable."""
    if isinstance(failed, AddressRefused):
        return "address"
    if isinstance(failed, RouterCertificateChanged):
        return "certificate"
    return "password" if isinstance(failed, RouterRefusedLogin) else "unreachable"
