"""Platform staff inside an ISP: only while its support window is open, looking only, and every page is written down.

The window is asked at each request, so that closing it acts on the very next one.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from portal.access.catalog import TenantView
from portal.audit import store as audit
from portal.clock import MINUTE, Moment
from portal.console.doors import Services
from portal.console.support import store as windows
from portal.staff import roles
from portal.staff.logins import store as logins
from portal.staff.room import Present
from portal.tenancy import store as tenancy

OWN = ("/account", "/isps")  # pages that stay the person's own


@dataclass(frozen=True, kw_only=True)
class Visit:
    """An ISP that lets somebody look in."""

    view: TenantView
    until: Moment


async def own_view(services: Services, present: Present) -> TenantView | None:
    """The ISP somebody works at, or the platform."""
    if present.staff.role != roles.PLATFORM:
        return services.catalog.tenant(present.tenant_id)
    found = await services.db.read_here(None, tenancy.tenant, present.tenant_id)
    if found is None or found.kind != "platform":
        return None
    return TenantView(tenant=found, routers=MappingProxyType({}), plans=())


async def visit_of(services: Services, present: Present, path: str) -> Visit | None:
    """The ISP that this page is about, for somebody of the platform who has been let in."""
    looks_at = present.login.looks_at
    if looks_at is None or present.staff.role != roles.PLATFORM or path.startswith(OWN):
        return None
    view, now = services.catalog.tenant(looks_at), services.clock.now()
    window = await services.db.read_here(looks_at, windows.current, now) if view is not None else None
    if view is None or window is None or window.id != present.login.looks_window:
        await services.db.write(present.tenant_id, logins.look_at, present.login.id, None)
        return None
    return Visit(view=view, until=window.until)


async def write_down(services: Services, present: Present, visit: Visit, path: str, address: str) -> None:
    """The page that is about to be shown, in the ISP's own log: once a minute for each page and login."""
    now = services.clock.now()
    key = (visit.view.tenant.id, present.login.id, path)  # what stands in one ISP's log says nothing in another's
    if services.looked.get(key) == now // MINUTE:
        return
    await services.db.write(
        visit.view.tenant.id,
        audit.append,
        services.vault,
        actor=f"platform:{present.staff.public}",
        act=windows.LOOKED,
        subject=f"page:{path}",
        payload={"name": present.staff.name, "address": address},
        now=now,
    )
    if len(services.looked) > 10_000:
        services.looked.clear()
    services.looked[key] = now // MINUTE
