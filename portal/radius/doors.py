"""What the endpoints stand on."""

from __future__ import annotations

from dataclasses import dataclass

from portal.access.catalog import Catalog, TenantView
from portal.clock import Clock
from portal.db import Database
from portal.seal import Vault
from portal.tenancy.store import Router
from portal.vouchers.room import Vouchers


@dataclass(kw_only=True)
class Doors:
    """The services of the rooms below."""

    db: Database
    vault: Vault
    clock: Clock
    catalog: Catalog
    vouchers: Vouchers

    def router_at(self, source: str) -> tuple[TenantView, Router] | None:
        """The router in RADIUS mode whose packets come from this address, and its ISP, switched on or not."""
        return self.catalog.router_by_source(source)
