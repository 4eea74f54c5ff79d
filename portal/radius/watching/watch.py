"""Keeps routers in RADIUS mode in agreement with the database: who may not be online goes, changed limits are told.

It is to them what a keeper is to a router with an API, as far as such a router can be told anything: woken for a device
when its passes change, and looking at all that is online in between. A router that cannot be called, or does not
answer, ends its sessions by what it was told at their beginning (R4). Nothing counts as done before the router has
said so; that a session is over, its Stop says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import structlog

from portal.access import record
from portal.access.allowance import Allowance
from portal.access.catalog import Catalog, TenantView
from portal.access.store import PRESENT_MS, WAKE
from portal.clock import MINUTE, SECOND, Clock, Moment
from portal.db import Database
from portal.errors import BandoError
from portal.loops import Every
from portal.mikrotik.addresses import policy_for
from portal.radius.accounting import PATIENCE_MS
from portal.radius.metering.over import PART, ended, unknown
from portal.radius.terms import Terms
from portal.radius.watching import store, wire
from portal.radius.watching.wants import Running, wants
from portal.seal import Vault
from portal.settings import Settings
from portal.tenancy import store as tenancy
from portal.tenancy.store import Router

log = structlog.get_logger("bando.radius")

LOOK_EVERY_MS = 1 * SECOND  # how soon a change by another process is seen
ALL_EVERY_MS = 30 * SECOND  # how often everybody who is online is looked at
SWEEP_EVERY_MS = MINUTE  # how often sessions are looked for of which nothing is heard any more
GAP_MS = 2 * MINUTE  # whoever has not looked for longer was not there to hear anybody
STOPPING_MS = 20 * SECOND  # within which the Stop of a session comes that was disconnected
QUIET_MS = (10 * SECOND, 30 * SECOND, 2 * MINUTE, 5 * MINUTE)  # how long a router that did not answer is left alone
PER_ROUTER = 4  # requests that wait for one router
IN_ALL = 64  # … and for all of them

Sent = Literal["disconnect", "change"]


@dataclass
class Watched:
    """A router that is watched, and what is known of it beside the books."""

    view: TenantView
    router: Router
    woken: set[int] = field(default_factory=set)
    all_at: Moment = 0  # when everybody is to be looked at next
    sweep_at: Moment = 0
    quiet_until: Moment = 0
    silent: int = 0  # how often in a row it did not answer
    stopping: dict[int, Moment] = field(default_factory=dict)  # sessions that were disconnected, until when
    online: dict[int, Running] = field(default_factory=dict)  # as they were seen last: the books may be erased
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PER_ROUTER))
    task: asyncio.Task[None] | None = None


class Watch:
    """All routers in RADIUS mode; `loop` drives it."""

    def __init__(self, *, db: Database, clock: Clock, vault: Vault, settings: Settings, catalog: Catalog) -> None:
        self._db = db
        self._clock = clock
        self._vault = vault
        self._settings = settings
        self._catalog = catalog
        self._watched: dict[int, Watched] = {}
        self._versions: dict[int, int] = {}
        self._listening: set[int] = set()
        self._slots = asyncio.Semaphore(IN_ALL)
        self._since: Moment | None = None  # since when packets could be taken without a gap, as far as it knows
        self._looked_at: Moment = 0
        self.sent: dict[tuple[str, str], int] = {}
        self.loop = Every("radius watch", LOOK_EVERY_MS, self.look, clock)

    async def look(self) -> int:
        """Follow the catalog, hear of what changed, and see to each router that has something to be seen to."""
        try:
            await self._hear()
        except Exception:  # of whatever kind, for the loop; packets went into the spool meanwhile: nobody was silent
            self._since = None
            raise
        now = self._clock.now()
        if self._since is None or now - self._looked_at > GAP_MS:
            self._since = now
        self._looked_at = now
        for each in self._watched.values():
            if (each.task is None or each.task.done()) and self._has_work(each, now):
                each.task = asyncio.create_task(self._see_to(each, now), name=f"radius {each.router.public}")
        return len(self._watched)

    async def settle(self) -> None:
        """Until nothing is in hand."""
        tasks = [each.task for each in self._watched.values() if each.task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)

    async def stop(self) -> None:
        """Leave what is in hand: whatever was not answered is asked again after the next start."""
        for each in self._watched.values():
            if each.task is not None:
                each.task.cancel()
        await self.settle()

    async def sees(self, router: Router, mac: str) -> bool:
        """Whether this router has told of this MAC's being online, and of no end since."""
        since = self._clock.now() - PRESENT_MS
        return await self._db.read(router.tenant_id, store.online_here, router.id, mac, since)

    # --- hearing ---

    async def _hear(self) -> None:
        wanted = {
            router.id: (view, router)
            for view in self._catalog.all()
            for router in view.routers.values()
            if router.mode == "radius"
        }
        for gone in set(self._watched) - set(wanted):
            del self._watched[gone]
        for router_id, (view, router) in wanted.items():
            if router_id in self._watched:
                self._watched[router_id].view, self._watched[router_id].router = view, router
            else:
                self._watched[router_id] = Watched(view=view, router=router)
                self._listen(router_id)
        for tenant_id in {view.tenant.id for view, _ in wanted.values()}:
            self._moved(await self._db.read(tenant_id, tenancy.wake_versions))

    def _listen(self, router_id: int) -> None:
        if router_id not in self._listening:
            self._listening.add(router_id)
            self._db.listen(f"{WAKE}:{router_id}", lambda _tenant, device: self._wake(router_id, device))

    def _wake(self, router_id: int, device_id: int) -> None:
        """Something changed for a device, in this process: its version is no news."""
        if router_id in self._versions:
            self._versions[router_id] += 1
        each = self._watched.get(router_id)
        if each is not None and each.router.coa_port is not None:
            each.woken.add(device_id)
            self.loop.wake()

    def _moved(self, versions: dict[int, int]) -> None:
        """Another process has woken somebody at these routers, and does not say whom."""
        for router_id, version in versions.items():
            known = self._versions.get(router_id, version)
            self._versions[router_id] = max(known, version)
            if version > known and router_id in self._watched:
                self._watched[router_id].all_at = 0

    # --- one router ---

    def _has_work(self, each: Watched, now: Moment) -> bool:
        return now >= each.sweep_at or (
            each.router.coa_port is not None and now >= each.quiet_until and (bool(each.woken) or now >= each.all_at)
        )

    async def _see_to(self, each: Watched, now: Moment) -> None:
        try:
            if now >= each.sweep_at:
                each.sweep_at = now + SWEEP_EVERY_MS
                await self._sweep(each.router, now)
            if each.router.coa_port is not None and now >= each.quiet_until:
                await self._agree(each, now)
        except BandoError as failed:  # the next look sees to it
            log.warning("radius router not served", router=each.router.public, error=type(failed).__name__)

    async def _sweep(self, router: Router, now: Moment) -> None:
        """End what was not heard of for too long, unless it could not be heard."""
        if self._since is None or now - self._since < PATIENCE_MS:
            return
        done = PART
        while done == PART:
            done = await self._db.write(router.tenant_id, ended, router.id, now - PATIENCE_MS, "silence", now)

    async def _agree(self, each: Watched, now: Moment) -> None:
        """Compare who is online, or was woken, with what they may do; tell the router what is different."""
        everybody, woken = now >= each.all_at, sorted(each.woken)
        each.woken -= set(woken)
        if everybody:
            each.all_at = now + ALL_EVERY_MS
        router, whom = each.router, None if everybody else woken
        here = await self._db.read(router.tenant_id, store.running, self._vault, router.id, whom)
        allowed = await self._allowed(each, [one.device_id for one in here], now)
        told = [(one, wants(one, allowed.get(one.device_id), now)) for one in here]
        told += [(one, "end") for one in await self._erased(each, here, whom)]
        each.stopping = {key: until for key, until in each.stopping.items() if until > now}
        asked = [self._tell(each, one, what, now) for one, what in told if what and one.id not in each.stopping]
        await asyncio.gather(*asked)

    async def _allowed(self, each: Watched, device_ids: Sequence[int], now: Moment) -> dict[int, Allowance]:
        router = each.router
        if not device_ids or not (each.view.tenant.active and router.active):
            return {}
        found = await self._db.read(router.tenant_id, record.wanted, router.id, device_ids, (), now)
        return {one.device_id: one.allowance for one in found if one.allowance is not None}

    async def _erased(self, each: Watched, here: Sequence[Running], whom: Sequence[int] | None) -> list[Running]:
        """Sessions that were running when they were seen last, and stand in no book any more."""
        mine = {key: one for key, one in each.online.items() if whom is None or one.device_id in whom}
        for key in mine:
            del each.online[key]
        each.online |= {one.id: one for one in here}
        lost = [key for key in mine if key not in each.online]
        kept = set(await self._db.read(each.router.tenant_id, store.kept, lost)) if lost else set()
        return [mine[key] for key in lost if key not in kept]

    async def _tell(self, each: Watched, one: Running, what: Terms | Literal["end"], now: Moment) -> None:
        """Tell the router, and write down what it answered."""
        if what == "end":
            await self._end(each, one, now)
            return
        said = await self._ask(each, one, "change", wire.change(what, one.terms, one.started_at))
        if said == "yes":
            await self._db.write(each.router.tenant_id, store.told, one.id, what)
        elif said == "gone":
            await self._over(each, one)
        elif said == "no":  # it does not take such changes: the next login gets them
            await self._end(each, one, now)

    async def _end(self, each: Watched, one: Running, now: Moment) -> None:
        said = await self._ask(each, one, "disconnect", None)
        if said == "yes":
            each.stopping[one.id] = now + STOPPING_MS
        elif said == "gone":
            await self._over(each, one)

    async def _over(self, each: Watched, one: Running) -> None:
        """The router does not know this session: it ended when it was last heard of."""
        now = self._clock.now()
        await self._db.write(each.router.tenant_id, unknown, one.id, one.router_id, one.device_id, one.started_at, now)

    async def _ask(self, each: Watched, one: Running, sent: Sent, changes: dict[str, str | int] | None) -> wire.Said:
        router = each.router
        whom = {"User-Name": one.name, "Acct-Session-Id": one.acct_id, "Framed-IP-Address": one.address}
        asked = wire.request(router.radius_secret(self._vault), {k: v for k, v in whom.items() if v}, changes)
        policy = policy_for(self._settings, each.view.tenant.router_networks)
        async with self._slots, each.slots:
            if self._clock.now() < each.quiet_until:
                return "silent"  # somebody before us has waited for it in vain
            said = await wire.ask(
                router.radius_source or "", router.coa_port or 0, asked, policy=policy, clock=self._clock
            )
        self.sent[sent, said] = self.sent.get((sent, said), 0) + 1
        self._heard(each, said)
        return said

    def _heard(self, each: Watched, said: wire.Said) -> None:
        """A router that does not answer is left alone for a while; then everybody there is looked at."""
        if said != "silent":
            each.silent, each.quiet_until = 0, 0
            return
        each.quiet_until = self._clock.now() + QUIET_MS[min(each.silent, len(QUIET_MS) - 1)]
        each.silent += 1
        each.all_at = 0
