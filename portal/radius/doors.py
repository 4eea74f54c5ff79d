"""What the endpoints stand on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from portal.access.catalog import Catalog, TenantView
from portal.clock import Clock, Moment
from portal.db import Database
from portal.radius.hosts import Hosts
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
    hosts: Hosts | None = None  # whom routers have asked about
    input_from_client: bool = True  # whether Acct-Input counts what the client sent (BANDO_RADIUS_INPUT)
    came: Counter[str] = field(default_factory=Counter)  # accounting packets, by what came of them
    contacts: dict[int, Moment] = field(default_factory=dict)  # when each router's last contact was written down

    def router_at(self, source: str) -> tuple[TenantView, Router] | None:
        """The router in RADIUS mode whose packets come from this address, and its ISP, switched on or not."""
        return self.catalog.router_by_source(source)
