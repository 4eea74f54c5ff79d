"""What changes rarely, kept in memory by version: tenants, their routers and plans.

A landing page so costs no database call for them. `refresh` asks for the versions only, and loads again what
has moved on; a change by another process is seen within a second.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from types import MappingProxyType

from portal.access import hours
from portal.access import store as access
from portal.access.plans import Plan
from portal.clock import Moment
from portal.db import Database
from portal.tenancy import marks
from portal.tenancy import store as tenancy
from portal.tenancy.store import Router, Tenant
from portal.units import Unit


@dataclass(frozen=True, kw_only=True)
class TenantView:
    """A tenant with its routers (by id) and plans (in the order of sale), as of one version."""

    tenant: Tenant
    routers: MappingProxyType[int, Router]
    plans: tuple[Plan, ...]
    mark: str = ""  # its small logo, as an address that a page holds itself

    def plan(self, public: str) -> Plan | None:
        """The plan with this public name."""
        return next((each for each in self.plans if each.public == public), None)

    def plans_at(self, router_id: int) -> tuple[Plan, ...]:
        """What guests of this router may buy, at least at some hours."""
        return tuple(each for each in self.plans if each.sold_at(router_id))

    def trial_at(self, router_id: int, now: Moment) -> Plan | None:
        """The plan that guests of this router may try for nothing now."""
        return next((each for each in self.plans if each.tried_at(router_id) and self._open(each, now)), None)

    @cached_property
    def tries(self) -> bool:
        """Whether there is a free trial anywhere."""
        return any(each.trial for each in self.plans)

    def next_sale(self, router_id: int, now: Moment) -> Moment | None:
        """When something is on sale again here, where nothing is now."""
        return self._next_change(self.plans_at(router_id), now)

    def changes_at(self, router_id: int, now: Moment) -> Moment:
        """Until when a page of plans stays true: the next begin or end of a sale here, or of the day."""
        zone = self.tenant.timezone
        tomorrow = hours.midnight(hours.local_day(now, zone) + timedelta(days=1), zone)
        return min(tomorrow, self._next_change([each for each in self.plans if each.at(router_id)], now) or tomorrow)

    def _open(self, plan: Plan, now: Moment) -> bool:
        return hours.is_open(plan.hours, now, self.tenant.timezone)

    def _next_change(self, plans: Iterable[Plan], now: Moment) -> Moment | None:
        found = [hours.next_change(each.hours, now, self.tenant.timezone) for each in plans]
        return min((each for each in found if each is not None), default=None)


def _parts() -> Unit[tuple[list[Router], list[Plan], bytes | None]]:
    routers = yield from tenancy.routers()
    plans = yield from access.plan_list()
    return routers, plans, (yield from tenancy.small_logo())


class Catalog:
    """All tenants in memory."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._by_id: dict[int, TenantView] = {}
        self._by_public: dict[str, TenantView] = {}
        self._routers: dict[str, tuple[TenantView, Router]] = {}
        self._by_source: dict[str, tuple[TenantView, Router]] = {}
        self.edition = 0  # grows whenever anything in it is another than before

    async def refresh(self) -> list[int]:
        """Load what has changed; the tenants it concerned."""
        versions = await self._db.read(None, tenancy.versions)
        kept = {key: view.tenant.version for key, view in self._by_id.items()}
        if versions == kept:
            return []
        changed = [key for key in versions if kept.get(key) != versions[key]]
        tenants = {each.id: each for each in await self._db.read(None, tenancy.tenants)}
        for key in changed:
            await self._load(tenants[key])
        self._index()
        return changed

    async def _load(self, tenant: Tenant) -> None:
        routers, plans, small = await self._db.read(tenant.id, _parts)
        view = TenantView(
            tenant=tenant,
            routers=MappingProxyType({each.id: each for each in routers}),
            plans=tuple(plans),
            mark=marks.inside(small) if small else "",
        )
        self._by_id[tenant.id] = view

    def _index(self) -> None:
        self.edition += 1
        self._by_public = {view.tenant.public: view for view in self._by_id.values()}
        self._routers = {
            router.public: (view, router) for view in self._by_id.values() for router in view.routers.values()
        }
        self._by_source = {
            router.radius_source: (view, router)
            for view, router in self._routers.values()
            if router.radius_source and router.mode == "radius"
        }

    def all(self) -> tuple[TenantView, ...]:
        return tuple(self._by_id.values())

    def lasting(self) -> tuple[TenantView, ...]:
        """All but those that were erased: of these nothing is to be written any more."""
        return tuple(view for view in self.all() if view.tenant.erased_at is None)

    def tenant(self, tenant_id: int) -> TenantView | None:
        return self._by_id.get(tenant_id)

    def tenant_by_public(self, public: str) -> TenantView | None:
        """An active tenant by its public id."""
        view = self._by_public.get(public)
        return view if view is not None and view.tenant.active else None

    def shut(self, public: str) -> TenantView | None:
        """A tenant that is switched off, by its public id or by that of one of its routers."""
        found = self._by_public.get(public) or self._routers.get(public, (None,))[0]
        return None if found is None or found.tenant.active else found

    def router_by_source(self, source: str) -> tuple[TenantView, Router] | None:
        """The router in RADIUS mode whose packets come from this address, switched on or not."""
        return self._by_source.get(source)

    def router_by_public(self, public: str) -> tuple[TenantView, Router] | None:
        """An active router of an active tenant by its public id."""
        found = self._routers.get(public)
        return found if found is not None and found[0].tenant.active and found[1].active else None
