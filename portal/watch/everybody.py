"""Who is watched and told: the ISPs as they are kept in memory, and whoever runs the installation."""

from __future__ import annotations

from types import MappingProxyType

from portal.access.catalog import Catalog, TenantView
from portal.db import Database
from portal.tenancy import store as tenancy


async def everybody(db: Database, catalog: Catalog) -> list[TenantView]:
    """All ISPs, and the platform: it has neither routers nor plans, but the law gives it hours as well."""
    platform = await db.read(None, tenancy.platform)
    own = [] if platform is None else [TenantView(tenant=platform, routers=MappingProxyType({}), plans=())]
    return [*catalog.all(), *own]
