"""A router behind carrier NAT: it was set up by the script, and calls the portal over real HTTPS by its scheduler."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from app import build
from portal.calls import service
from portal.calls.keys import CallKeys
from portal.clock import MINUTE, Moment, TravelClock
from portal.mikrotik.calling import APPLIED, Calling
from portal.mikrotik.provisioning import Radius, ScriptOptions, script
from portal.payments import accounts, joining
from portal.seal import Vault
from portal.tenancy import store as tenancy
from portal.tenancy.store import Router
from portal.units import Unit, update
from sandbox.routeros.device import SandboxRouter
from sandbox.routeros.fetch import Line
from sandbox.routeros.rsc import import_rsc
from sandbox.routeros.scheduler import STARTUP_MS, Scheduler
from sandbox.world import PORTAL_HOST, Site, world
from tests.support import records

GARDEN = "/ip/hotspot/walled-garden/ip"
SECRET = "a-secret-of-22-letters-and-more"  # of the router and FreeRADIUS
VERSIONS = ("7.23.4", "6.49.21")


@dataclass(kw_only=True)
class Away:
    """The router, its way to the portal, and the portal."""

    site: Site
    bando: Any
    clock: TravelClock
    router: SandboxRouter
    line: Line
    scheduler: Scheduler
    keys: CallKeys
    mode: str
    said: list[str] = field(default_factory=list)  # by the import

    async def minute(self, count: int = 1) -> None:
        """A minute goes by, in which the router calls."""
        for _ in range(count):
            self.clock.advance(MINUTE)
            await asyncio.to_thread(self.scheduler.run_due)

    async def row(self) -> Router:
        found: Router | None = await self.bando.db.read(self.site.tenant.id, tenancy.router, self.site.row.id)
        assert found is not None
        return found

    async def change(self, **columns: Any) -> None:
        """Change the router's row, and let the portal see it."""
        tenant = self.site.tenant.id
        await self.bando.db.write(tenant, update, "routers", self.site.row.id, **columns)
        await self.bando.db.write(None, tenancy.bump, tenant)
        await self.bando.catalog.refresh()

    async def heard(self) -> Moment:
        """When it called last; 0 is never."""
        return (await self.row()).beat_at or 0

    @property
    def applied(self) -> int:
        return int(self.router.tables["/system/script"].row(APPLIED)["source"])

    @property
    def open_pages(self) -> list[str]:
        rows = self.router.tables[GARDEN].rows.values()
        return sorted(row["dst-host"] for row in rows if row.get("comment", "").startswith("bando: pay at "))

    @property
    def warnings(self) -> list[str]:
        rows = self.router.tables["/log"].rows.values()
        return [row["message"] for row in rows if row["topics"] == "script,warning"]

    @property
    def informed(self) -> list[str]:
        rows = self.router.tables["/log"].rows.values()
        return [row["message"] for row in rows if row["topics"] == "script,info"]


@asynccontextmanager
async def away(folder: Path, version: str = VERSIONS[0], *, mode: str = "radius") -> AsyncIterator[Away]:
    """A router that was set up by the script a moment ago."""
    clock = TravelClock()
    async with world(folder / "world", build, clock=clock, **records()) as (site, bando):
        tenant, row = site.tenant.id, site.row
        await bando.db.write(tenant, update, "routers", row.id, mode=mode)
        keys = await bando.db.write(tenant, service.switch_on, tenant, site.vault, row)
        await bando.catalog.refresh()
        router = SandboxRouter(clock, hotspot=False, version=version)
        line = Line(router=router, reach={PORTAL_HOST: site.portal_address})
        made = Away(
            site=site,
            bando=bando,
            clock=clock,
            router=router,
            line=line,
            scheduler=Scheduler(router=router, ask=line),
            keys=keys,
            mode=mode,
        )
        if mode == "radius":
            await shared(made, SECRET)
        made.said = await set_up(made)
        clock.advance(STARTUP_MS)  # from now on it calls at each full minute
        yield made


def script_for(made: Away) -> str:
    """The set-up script of this router."""
    keys = made.keys
    return script(
        ScriptOptions(
            interface="ether2",
            site="Kilimani Mall",
            portal_url=made.site.settings.public_url,
            router_public=made.site.row.public,
            management="10.9.0.1",
            api_password="a password of enough letters",
            radius=Radius(server="10.9.0.1", source="10.9.0.7", secret=SECRET) if made.mode == "radius" else None,
            version=6 if made.router.version_text.startswith("6") else 7,
            dns_name="login.wifi.test",
            calling=Calling(
                token=keys.token,
                inner=keys.inner,
                outer=keys.outer,
                authority=Path(made.site.settings.router_authority).read_text(),
            ),
        )
    )


async def set_up(made: Away) -> list[str]:
    """Import it, as somebody at the router does."""
    return await asyncio.to_thread(import_rsc, made.router, script_for(made), ask=made.line)


@asynccontextmanager
async def stranger(made: Away) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody on the internet."""
    port = made.site.portal_address[1]
    async with httpx.AsyncClient(
        base_url=f"https://localhost:{port}", verify=made.site.ca.client_context(), trust_env=False, timeout=30
    ) as http:
        yield http


async def opened(made: Away, page: str) -> None:
    """Guests pay at this page of a provider; "": at none."""
    db, tenant = made.bando.db, made.site.tenant.id
    found = [each for each in await db.read(tenant, accounts.accounts) if each.provider == "paystack"]
    if not found:
        await db.write(tenant, _joined, made, page)
        return
    await db.write(tenant, update, "mpesa_accounts", found[0].id, active=bool(page), base_url=page)


def _joined(made: Away, page: str) -> Unit[Any]:
    reader = made.bando.payments.providers["paystack"]
    return (
        yield from joining.join(
            made.site.vault,
            reader,
            made.clock.now(),
            tenant_public=made.site.tenant.public,
            environment="sandbox",
            kind="page",
            secrets=dict.fromkeys(reader.secrets, f"sk_test_{'0' * 40}"),
            base_url=page,
        )
    )


async def shared(made: Away, secret: str) -> None:
    """What the router shares with FreeRADIUS is this from now on."""
    public, vault = made.site.row.public, made.site.vault
    sealed = await made.bando.db.write(
        made.site.tenant.id, _sealed, vault, secret, table="routers", row=public, column="radius_secret_sealed"
    )
    await made.change(radius_secret_sealed=sealed)


def _sealed(vault: Vault, secret: str, **place: str) -> Unit[bytes]:
    yield from ()
    return vault.seal(secret, **place)
