"""An ISP with a router in RADIUS mode, a Bando that serves it, and the FreeRADIUS between them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import app
from portal.access import admission
from portal.access import store as access
from portal.access.catalog import Catalog
from portal.access.passes import Pass
from portal.access.plans import Plan
from portal.access.store import Cause
from portal.clock import TravelClock
from portal.keys.ring import vault_of
from portal.settings import Settings, load
from portal.tenancy import store as tenancy
from portal.units import Unit, update
from tests.radius.freeradius import FreeRadius, Reply, running
from tests.support import MASTER, Seed, a_plan, add_router, fresh_file, records

TOKEN = "the token of the tests, 32 characters"
SECRET = "a secret of sixteen bytes and more"
MAC = "02:00:00:00:00:01"
OTHER = "02:00:00:00:00:02"


def settings_in(folder: Path, **more: str) -> Settings:
    """Settings of a Bando that FreeRADIUS may ask at a port of the system's choice."""
    return load(
        {
            "BANDO_MODE": "sandbox",
            "BANDO_DATABASE": str(fresh_file(folder)),
            "BANDO_SECRET_KEY": MASTER.decode(),
            "BANDO_RADIUS_LISTEN": "127.0.0.1:0",
            "BANDO_RADIUS_TOKEN": TOKEN,
            **records(),
            **more,
        }
    )


def in_radius_mode(vault: Any, router_id: int, source: str, secret: str = SECRET) -> Unit[None]:
    """The router asks by RADIUS from now on, from this address."""
    router = yield from tenancy.router(router_id)
    assert router is not None
    sealed = vault.seal(secret, table="routers", row=router.public, column="radius_secret_sealed")
    yield from update("routers", router_id, mode="radius", radius_secret_sealed=sealed, radius_source=source)
    yield from tenancy.bump(router.tenant_id)


@dataclass(kw_only=True)
class Stage(Seed):
    """Everything that a test of RADIUS wants."""

    bando: app.Bando
    radius: FreeRadius | None = None

    @property
    def url(self) -> str:
        assert self.bando.radius is not None
        return f"http://127.0.0.1:{self.bando.radius.port}"

    @property
    def server(self) -> FreeRadius:
        assert self.radius is not None
        return self.radius

    @property
    def catalog(self) -> Catalog:
        return self.bando.catalog

    async def grant(self, mac: str = MAC, plan: Plan | None = None) -> Pass:
        """A pass for this device."""
        device = await self.write(access.touch_device, mac, self.router_id, self.clock.now())
        cause = Cause(kind="staff", ref=f"{mac} {self.clock.now()}")
        found: Pass = await self.write(admission.grant, plan or self.plan, device.id, cause, self.clock.now())
        return found

    async def further_router(self, source: str, secret: str = SECRET) -> int:
        """Another router of the same ISP, in RADIUS mode."""
        router_id: int = await self.write(add_router, self.vault, self.clock.now(), name="Site 2", port=2)
        await self.write(in_radius_mode, self.vault, router_id, source, secret)
        await self.bando.catalog.refresh()
        return router_id

    async def login(
        self, name: str = MAC, password: str = "", *, mac: str = MAC, source: str = "127.0.0.1", secret: str = SECRET,
        session: str = "81000001", more: Mapping[str, str | int | None] | None = None,
    ) -> Reply:  # fmt: skip
        """An Access-Request as RouterOS sends it, by radclient; its answer."""
        asked: dict[str, str | int | None] = {
            "User-Name": name,
            "User-Password": password,
            "Calling-Station-Id": mac,
            "Called-Station-Id": "hotspot1",
            "NAS-Identifier": "Site 1",
            "NAS-Port-Type": "Ethernet",
            "Acct-Session-Id": session,
            "Framed-IP-Address": "10.5.50.7",
            "Message-Authenticator": "0x00",
            **(more or {}),
        }
        wanted = {key: value for key, value in asked.items() if value is not None}
        return await self.server.ask(wanted, secret=secret, source=source)


@asynccontextmanager
async def stage(folder: Path, *, with_radius: bool = True, **more: str) -> AsyncIterator[Stage]:
    """An ISP with a router in RADIUS mode that sends from 127.0.0.1."""
    clock = TravelClock()
    bando = app.build(settings_in(folder, **more), clock=clock)
    tenant = await bando.db.write(None, tenancy.add_tenant, "Kilimani Wi-Fi", clock.now())
    vault = vault_of(MASTER, bando.db, clock).of(tenant.id)
    router_id = await bando.db.write(tenant.id, add_router, vault, clock.now())
    await bando.db.write(tenant.id, in_radius_mode, vault, router_id, "127.0.0.1")
    made = Stage(bando=bando, db=bando.db, vault=vault, clock=clock, tenant=tenant, router_id=router_id, plan=a_plan())
    made.plan = await made.plan_of()
    await bando.start()
    try:
        if not with_radius:
            yield made
            return
        async with running(folder / "raddb", made.url, TOKEN) as made.radius:
            yield made
    finally:
        await bando.stop()
