"""Guests who follow the road by hand, over real sockets, and may lie about who they are."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from app import build
from portal.access import admission, store
from portal.access.admission import Standing
from portal.access.catalog import TenantView
from portal.clock import TravelClock
from portal.units import Unit
from sandbox.phone import Phone
from sandbox.world import Site, world
from tests.support import records

VICTIM_PHONE, THIEFS_PHONE = "0711222333", "0722000111"


@dataclass(kw_only=True)
class World:
    """A world, and a client on the internet that can reach the portal without the router."""

    site: Site
    bando: Any
    http: httpx.AsyncClient
    clock: TravelClock

    @property
    def view(self) -> TenantView:
        found: TenantView = self.bando.catalog.tenant(self.site.tenant.id)
        return found

    def plan(self, name: str) -> str:
        return next(each.public for each in self.view.plans if each.name == name)

    async def read(self, unit: Callable[..., Unit[Any]], *args: Any) -> Any:
        return await self.bando.db.read(self.site.tenant.id, unit, *args)

    async def standing(self, mac: str) -> Standing:
        device = await self.read(store.device_by_mac, mac)
        found: Standing = await self.read(admission.standing, device.id, self.clock.now(), self.site.row.id)
        return found

    async def arrive(self, mac: str, **more: str) -> str:
        """The path of the first page for whoever says to be this device; anybody may say so."""
        claims = {"mac": mac, "ip": "10.5.50.99", "link-login": "http://login.wifi.test/login", **more}
        answer = await self.http.get(f"/e/{self.site.row.public}", params=claims)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    async def order(self, home: str, plan: str, phone: str, click: str) -> httpx.Response:
        form = {"plan": self.plan(plan), "phone": phone, "click": click, "confirm": "1"}
        return await self.http.post(f"{home}pay", data=form)

    async def buy(self, mac: str, plan: str, phone: str, click: str = "0" * 32) -> str:
        """Pay for this device; the path of the purchase."""
        answer = await self.order(await self.arrive(mac), plan, phone, click)
        assert answer.status_code == 303, answer.text
        purchase: str = answer.headers["location"].partition("?")[0]
        await until(lambda: self.site.mpesa.pending(phone) is not None)
        await self.site.mpesa.handset(phone).approve()
        async with asyncio.timeout(60):
            while not (await self.proof(purchase)).startswith("/s/"):
                await asyncio.sleep(0.05)
        return purchase

    async def proof(self, purchase: str) -> str:
        """The path of the owner's page."""
        return str((await self.http.get(f"{purchase}status")).headers["location"])

    async def receipt(self, purchase: str) -> str:
        page = await self.http.get(purchase)
        return str(re.findall(r'class="code">([A-Z0-9]{10})<', page.text)[0])


async def until(true: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def a_world(folder: Path, **settings: str) -> AsyncIterator[World]:
    clock = TravelClock()
    async with world(folder, build, clock=clock, **settings, **records()) as (site, bando):
        port = site.portal_address[1]
        async with httpx.AsyncClient(
            base_url=f"https://localhost:{port}", verify=site.ca.client_context(), trust_env=False, timeout=60
        ) as http:
            yield World(site=site, bando=bando, http=http, clock=clock)


__all__ = ["Phone"]
