"""All keepers: one for each active router of each active tenant, started, replaced and stopped as they change."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

from portal.access import store
from portal.access.catalog import Catalog
from portal.access.places import sights
from portal.access.places import store as places
from portal.access.places.sights import Told, mark_of
from portal.clock import SECOND, Clock, Moment
from portal.db import Database, Observe, quiet
from portal.db.fences import Fence, held
from portal.loops import NO_FENCE, Every
from portal.mikrotik.addresses import Resolve, resolve
from portal.mikrotik.hearing import Hearing
from portal.mikrotik.keeper import SIGHT_MS, Drift, Keeper
from portal.mikrotik.turns import Turns
from portal.mikrotik.wire import Held
from portal.seal import Vault
from portal.settings import Settings
from portal.tenancy import store as tenancy
from portal.tenancy.store import Router

POLL = "poll"  # signal topic, with a router's id: look at it at once
LOOK_EVERY_MS = 1 * SECOND  # how soon a change by another process is seen

TELL_EVERY_MS = 5 * SECOND  # how often what is seen at a router is written down for other processes


class Kept(NamedTuple):
    """What a keeper was started with; it is another one when any of this is another."""

    router: Router
    networks: str  # of its ISP
    closed: bool  # whether that is switched off
    fence: Fence  # under which it writes


class Work(Protocol):
    """Which routers are this process's to keep."""

    edition: int

    def of_router(self, router_id: int) -> Fence | None: ...


class Everything:
    """There is one process."""

    edition = 0

    def of_router(self, router_id: int) -> Fence | None:
        return NO_FENCE


@dataclass(frozen=True, kw_only=True)
class Seen:
    """How a router is, for whoever looks: told by its keeper, in whatever process it is."""

    connected: bool
    latency_ms: int | None
    drift: Drift | None
    troubles: Sequence[tuple[Moment, str]]


def lasting(router: Router) -> Router:
    """The router without what its keeper itself writes down."""
    return replace(router, wake_version=0, last_contact_at=None, trouble=None, mass_removal=None)


class Keepers:
    """Holds the keepers; `loop` keeps their number right and hears wake-ups of other processes."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        vault: Vault,
        settings: Settings,
        catalog: Catalog,
        observe: Observe = quiet,
        resolve: Resolve = resolve,
        work: Work | None = None,
    ) -> None:
        self._work = work or Everything()
        self._alone = work is None
        self._done = -1  # edition of the work that the keepers follow
        self._asked: dict[
            int, tuple[Moment | None, Told | None]
        ] = {}  # what other processes told, and when that was read
        self._told: dict[int, Moment] = {}  # when it was last written down what a router's keeper sees
        self._db = db
        self._clock = clock
        self._vault = vault
        self._settings = settings
        self._catalog = catalog
        self._observe = observe
        self._resolve = resolve
        self._turns, self._held = Turns(), Held()
        self._installation = ""
        self._kept: dict[int, tuple[Kept, Keeper, asyncio.Task[None]]] = {}
        self._hearing: dict[int, Hearing] = defaultdict(Hearing)
        self._heard: set[int] = set()
        self._edition = -1  # of the catalog, that the keepers follow
        self.loop = Every("keepers", LOOK_EVERY_MS, self.look, clock)

    def keeper(self, router_id: int) -> Keeper | None:
        """The keeper of a router."""
        found = self._kept.get(router_id)
        return found[1] if found else None

    def all(self) -> list[Keeper]:
        return [keeper for _, keeper, _ in self._kept.values()]

    async def sees(self, router: Router, mac: str) -> bool:
        """Whether this router itself says that this MAC is there now."""
        keeper = self.keeper(router.id)
        if keeper is not None or self._alone:
            return keeper is not None and keeper.sees(mac)
        told = await self._told_lately(router)
        old = told is None or self._clock.now() - told.read_at > self._settings.poll_every_large_ms + SIGHT_MS
        return told is not None and not old and told.has(mark_of(self._vault, router, mac))

    async def _told_lately(self, router: Router) -> Told | None:
        """What its keeper told, as of a second ago at most: a crowd at one router asks for the same."""
        now, (asked_at, told) = self._clock.now(), self._asked.get(router.id, (None, None))
        if asked_at is None or not 0 <= now - asked_at < SECOND:
            told = await self._db.read_here(router.tenant_id, places.told_of, router.id)
            self._asked[router.id] = (now, told)
        return told

    async def seen(self, router: Router) -> Seen | None:
        """How this router is; None while nobody knows."""
        keeper = self.keeper(router.id)
        if keeper is not None or self._alone:
            return None if keeper is None else seen_of(keeper)
        told = await self._db.read_here(router.tenant_id, places.told_of, router.id)
        return None if told is None else _as_told(told, self._clock.now())

    def poll(self, router: Router) -> None:
        """Look at this router at once, in whatever process its keeper is."""
        self._db.ring(f"{POLL}:{router.id}")

    def nudge(self, router_id: int, device_id: int) -> None:
        """Somebody is here and waits: look at this device at once."""
        keeper = self.keeper(router_id)
        if keeper is not None:
            keeper.wake(device_id)

    async def look(self) -> int:
        """Follow the catalog, and the versions that other processes have moved."""
        if not self._installation:
            self._installation = await self._db.write(None, tenancy.installation_id)
        await self._catalog.refresh()
        edition, work = self._catalog.edition, self._work.edition
        if (edition, work) != (self._edition, self._done):
            await self._follow()
            self._edition, self._done = edition, work
        await self._hear_others()
        if not self._alone:
            await self._tell()
        return len(self._kept)

    async def _tell(self) -> None:
        """Write down what was seen since it was written down last."""
        for kept, keeper, _ in list(self._kept.values()):
            read_at, last = keeper.read_at, self._told.get(kept.router.id, 0)
            if read_at - last >= TELL_EVERY_MS:
                told = sights.told(self._vault, kept.router, keeper.in_sight(), read_at, _more(keeper))
                held.set(kept.fence)
                await self._db.write(kept.router.tenant_id, places.tell, kept.router.id, told)
                self._told[kept.router.id] = read_at

    async def _follow(self) -> None:
        """Keepers for the routers as the catalog has them now."""
        wanted = {
            router.id: Kept(lasting(router), view.tenant.router_networks, not view.tenant.active, fence)
            for view in self._catalog.all()
            for router in view.routers.values()
            if router.active and router.trusted and router.mode == "api" and (fence := self._work.of_router(router.id))
        }
        changed = [key for key, (kept, _, _) in self._kept.items() if wanted.get(key) != kept]
        for router_id in [key for key in wanted if key not in self._kept]:
            self._start(wanted[router_id])
        # Side by side: a router that does not answer lets its keeper go late, and nobody else waits for that.
        await asyncio.gather(*(self._replace(router_id, wanted.get(router_id)) for router_id in changed))

    async def _hear_others(self) -> None:
        for view in self._catalog.all():
            if not view.routers:
                continue
            versions = await self._db.read(view.tenant.id, tenancy.wake_versions)
            for router_id, version in versions.items():
                if self._hearing[router_id].missed(version):
                    self._poll(router_id)

    async def _replace(self, router_id: int, kept: Kept | None) -> None:
        """Stop this keeper; the next one, if any, begins where it has ended."""
        await self._stop(router_id)
        if kept is not None:
            self._start(kept)

    def _start(self, kept: Kept) -> None:
        router, networks, closed, fence = kept
        keeper = Keeper(
            router,
            db=self._db,
            clock=self._clock,
            vault=self._vault,
            settings=self._settings,
            installation=self._installation,
            observe=self._observe,
            networks=networks,
            closed=closed,
            resolve=self._resolve,
            turns=self._turns,
            held=self._held,
        )
        if router.id not in self._heard:
            self._heard.add(router.id)
            self._db.listen(f"{store.WAKE}:{router.id}", lambda _tenant, _device: self._hearing[router.id].heard())
            self._db.listen(f"{POLL}:{router.id}", lambda _tenant, _key: self._poll(router.id))
        task = asyncio.create_task(_under(fence, keeper), name=f"keeper {router.public}")
        self._kept[router.id] = (kept, keeper, task)

    def _poll(self, router_id: int) -> None:
        keeper = self.keeper(router_id)
        if keeper is not None:
            keeper.poll()

    async def _stop(self, router_id: int) -> None:
        _, keeper, task = self._kept.pop(router_id)
        await keeper.stop()
        try:
            async with asyncio.timeout(5):
                await asyncio.shield(task)
        except TimeoutError:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def stop(self) -> None:
        """Stop them all, side by side."""
        await asyncio.gather(*(self._stop(router_id) for router_id in list(self._kept)))


async def _under(fence: Fence, keeper: Keeper) -> None:
    """What this keeper writes is refused once its router is another process's."""
    held.set(fence)
    await keeper.run()


def seen_of(keeper: Keeper) -> Seen:
    """How its router is."""
    return Seen(
        connected=keeper.connected,
        latency_ms=keeper.latency_ms,
        drift=keeper.drift,
        troubles=tuple(keeper.troubles),
    )


def _more(keeper: Keeper) -> dict[str, Any]:
    """The same as JSON."""
    drift = keeper.drift
    return {
        "latency": keeper.latency_ms,
        "drift": None if drift is None else {"at": drift.at, "rows": dict(drift.rows)},
        "troubles": list(keeper.troubles),
    }


def _as_told(told: Told, now: Moment) -> Seen:
    drift = told.more["drift"]
    return Seen(
        connected=now - told.read_at <= SIGHT_MS,
        latency_ms=told.more["latency"],
        drift=None if drift is None else Drift(at=drift["at"], rows=drift["rows"]),
        troubles=[(at, word) for at, word in told.more["troubles"]],
    )
