"""All keepers: one for each active router of each active tenant, started, replaced and stopped as they change."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from portal.access import store
from portal.access.catalog import Catalog
from portal.clock import SECOND, Clock
from portal.db import Database, Observe, quiet
from portal.loops import Every
from portal.mikrotik.addresses import Resolve, resolve
from portal.mikrotik.keeper import Keeper
from portal.mikrotik.turns import Turns
from portal.mikrotik.wire import Held
from portal.seal import Vault
from portal.settings import Settings
from portal.tenancy import store as tenancy
from portal.tenancy.store import Router

LOOK_EVERY_MS = 1 * SECOND  # how soon a change by another process is seen

Kept = tuple[Router, str, bool]  # with the networks of its ISP, and whether that is switched off


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
    ) -> None:
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
        self._versions: dict[int, int] = {}
        self._heard: set[int] = set()
        self._edition = -1  # of the catalog, that the keepers follow
        self.loop = Every("keepers", LOOK_EVERY_MS, self.look, clock)

    def keeper(self, router_id: int) -> Keeper | None:
        """The keeper of a router."""
        found = self._kept.get(router_id)
        return found[1] if found else None

    def all(self) -> list[Keeper]:
        return [keeper for _, keeper, _ in self._kept.values()]

    def sees(self, router_id: int, mac: str) -> bool:
        """Whether this router itself says that this MAC is there now."""
        keeper = self.keeper(router_id)
        return keeper is not None and keeper.sees(mac)

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
        edition = self._catalog.edition
        if edition != self._edition:
            await self._follow()
            self._edition = edition
        await self._hear_others()
        return len(self._kept)

    async def _follow(self) -> None:
        """Keepers for the routers as the catalog has them now."""
        wanted = {
            router.id: (lasting(router), view.tenant.router_networks, not view.tenant.active)
            for view in self._catalog.all()
            for router in view.routers.values()
            if router.active and router.trusted and router.mode == "api"
        }
        changed = [key for key, (kept, _, _) in self._kept.items() if wanted.get(key) != kept]
        # Side by side: a router that does not answer lets its keeper go late, and nobody else waits for that.
        await asyncio.gather(*(self._replace(router_id, wanted.get(router_id)) for router_id in changed))
        for router_id in [key for key in wanted if key not in self._kept]:
            self._start(wanted[router_id])

    async def _hear_others(self) -> None:
        for view in self._catalog.all():
            if not view.routers:
                continue
            versions = await self._db.read(view.tenant.id, tenancy.wake_versions)
            for router_id, version in versions.items():
                known = self._versions.get(router_id, version)
                self._versions[router_id] = max(known, version)
                keeper = self.keeper(router_id)
                if version > known and keeper is not None:
                    keeper.poll()

    async def _replace(self, router_id: int, kept: Kept | None) -> None:
        """Stop this keeper; the next one, if any, begins where it has ended."""
        await self._stop(router_id)
        if kept is not None:
            self._start(kept)

    def _start(self, kept: Kept) -> None:
        router, networks, closed = kept
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
            self._db.listen(f"{store.WAKE}:{router.id}", lambda _tenant, _device: self._heard_own(router.id))
        task = asyncio.create_task(keeper.run(), name=f"keeper {router.public}")
        self._kept[router.id] = (kept, keeper, task)

    def _heard_own(self, router_id: int) -> None:
        """A wake-up of this process was heard at once; its version is no news."""
        if router_id in self._versions:
            self._versions[router_id] += 1

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
