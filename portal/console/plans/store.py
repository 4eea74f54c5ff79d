"""Units that change plans. Each counts the ISP's version up, so that every process shows guests the change."""

from __future__ import annotations

from typing import Any

from portal.access import plans
from portal.access import store as access
from portal.access.plans import Plan
from portal.clock import Moment
from portal.errors import Refused
from portal.tenancy import store as tenancy
from portal.units import Unit, update


def plan(plan_id: int) -> Unit[Plan]:
    """This plan; raises `Refused`."""
    found = next((each for each in (yield from access.plan_list()) if each.id == plan_id), None)
    if found is None:
        raise Refused("not-found", status=404)
    return found


def add(tenant_id: int, made: Plan, now: Moment) -> Unit[int]:
    """Put a plan on sale, after the others; a form that is sent twice adds it once. Raises `Refused`."""
    there = yield from access.plan_list()
    twin = next((each.id for each in there if each.public == made.public), None)
    if twin is not None:
        raise Refused("plan-there", status=409, plan=twin)
    last = max((each.position for each in there), default=-1)
    plan_id = yield from access.add_plan(Plan(**{**made.__dict__, "position": last + 1}), now)
    yield from tenancy.bump(tenant_id)
    return plan_id


def change(tenant_id: int, plan_id: int, **columns: Any) -> Unit[None]:
    """Change columns of a plan; what was sold or printed of it has copies of its own. Raises `Refused`."""
    yield from plan(plan_id)
    yield from update("plans", plan_id, **columns)
    yield from tenancy.bump(tenant_id)


def set_site(tenant_id: int, plan_id: int, router_id: int, sold: bool) -> Unit[None]:
    """Sell a plan at a router, or there no more; raises `Refused`."""
    routers = [each.id for each in (yield from tenancy.routers())]
    if router_id not in routers:
        raise Refused("not-found", status=404)
    found = yield from plan(plan_id)
    sites = set(routers if found.sites is None else found.sites) & set(routers)
    sites = sites | {router_id} if sold else sites - {router_id}
    if not sites:
        raise Refused("plan-nowhere", status=409)
    yield from change(tenant_id, plan_id, sites=plans.sites_text(tuple(sorted(sites))))


def move(tenant_id: int, plan_id: int, step: int) -> Unit[None]:
    """Change places with the plan before (-1) or after (1) it; raises `Refused`."""
    yield from plan(plan_id)
    listed = [each.id for each in (yield from access.plan_list())]
    at = listed.index(plan_id)
    to = min(max(0, at + step), len(listed) - 1)
    listed.insert(to, listed.pop(at))
    for position, each in enumerate(listed):
        yield from update("plans", each, position=position)
    yield from tenancy.bump(tenant_id)
