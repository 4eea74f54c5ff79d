"""The console on a real socket: a tenant with staff of every role, and a browser's client for each of them."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from portal.access.catalog import Catalog
from portal.audit import store as audit
from portal.console.desk import COOKIE
from portal.console.doors import Services
from portal.console.site import site
from portal.payments.line import Line
from portal.payments.paystack import Paystack
from portal.payments.room import Payments
from portal.processors.gate import Gate
from portal.seal import new_token, token_hash
from portal.settings import Settings, load
from portal.staff.room import StaffRoom
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant
from portal.units import Row, Unit, insert, rows
from sandbox.mpesa.server import QuietUvicorn
from tests.support import Seed, seed

AUTHORITY = str(Path(__file__).parents[1] / "no_authority.pem")  # by which routers that call know the portal
CSRF = re.compile(r'name="csrf" value="([0-9a-f]+)"')


@dataclass(kw_only=True)
class Office:
    """A running console."""

    home: Seed
    services: Services
    url: str
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)
    beside: list[Any] = field(default_factory=list)  # what runs beside it until the end

    async def of(self, role: str, *, second: bool = True) -> Visitor:
        """Somebody with this role, logged in."""
        if role == "platform":
            return await self._of_platform(second)
        staff_id = await self.home.write(_member, self.home, role, second)
        return await self.logged_in(role, staff_id)

    async def platform(self) -> Tenant:
        """Whoever runs the installation."""
        found = await self.home.db.read(None, tenancy.platform)
        if found is None:
            now = self.home.clock.now()
            found = await self.home.db.write(None, tenancy.add_tenant, "Platform", now, kind="platform")
        return found

    async def _of_platform(self, second: bool) -> Visitor:
        there = replace(self.home, tenant=await self.platform())
        staff_id = await there.write(_member, there, "platform", second)
        return await self.logged_in("platform", staff_id, there)

    async def again(self, who: Visitor) -> Visitor:
        """The same person, with a login of just now."""
        home = replace(self.home, tenant=await self.platform()) if who.role == "platform" else self.home
        return await self.logged_in(who.role, who.staff_id, home)

    async def logged_in(self, role: str, staff_id: int, home: Seed | None = None) -> Visitor:
        home = home or self.home
        token = new_token(home.tenant.public, size=32)
        await home.write(_login, staff_id, token, home.clock.now())
        client = httpx.AsyncClient(
            base_url=self.url, trust_env=False, timeout=60, headers={"Cookie": f"{COOKIE}={token}"}
        )
        self.clients[f"{role} {staff_id} {len(self.clients)}"] = client
        return Visitor(office=self, http=client, role=role, staff_id=staff_id)

    async def acts(self) -> list[Row]:
        """The audit log, oldest first."""
        return list(await self.home.read(rows, "SELECT * FROM audit WHERE tenant_id = :tenant ORDER BY number"))

    async def verified(self) -> bool:
        return await self.home.read(audit.verify_all, self.home.vault) is None


@dataclass(kw_only=True)
class Visitor:
    """A browser of somebody who is logged in."""

    office: Office
    http: httpx.AsyncClient
    role: str
    staff_id: int
    csrf: str = ""  # it stays the same as long as the login: asking once is enough

    async def get(self, path: str, status: int = 200, **query: str) -> str:
        answer = await self.http.get(f"/console{path}", params=query)
        assert answer.status_code == status, (answer.status_code, answer.text[:2000])
        return answer.text

    async def token(self) -> str:
        """What forms of this login carry."""
        if not self.csrf:
            found = CSRF.search((await self.http.get("/console/account")).text)
            assert found is not None
            self.csrf = found[1]
        return self.csrf

    async def post(self, path: str, status: int = 303, **fields: str) -> httpx.Response:
        """Post a form of this console, with its token."""
        answer = await self.http.post(f"/console{path}", data={"csrf": await self.token(), **fields})
        assert answer.status_code == status, (answer.status_code, answer.text[:2000])
        return answer


def _member(home: Seed, role: str, second: bool) -> Unit[int]:
    public = f"{role}{home.clock.now()}"
    index = home.vault.index(0, "staff e-mail", f"{public}@isp.test")
    totp = home.vault.seal("JBSWY3DPEHPK3PXP", table="staff", row=public, column="totp_sealed")
    staff_id = yield from insert(
        "staff",
        public=public,
        email_index=index,
        email_sealed=home.vault.seal(f"{public}@isp.test", table="staff", row=public, column="email"),
        name=f"Amina {role.title()}",
        role=role,
        state="active",
        password_hash=None,
        totp_sealed=totp if second else None,
        totp_step=None,
        created_at=home.clock.now(),
        changed_at=home.clock.now(),
    )
    home.clock.advance(1)
    return staff_id


def _login(staff_id: int, token: str, now: int) -> Unit[int]:
    return (
        yield from insert(
            "logins",
            staff_id=staff_id,
            token_hash=token_hash(token),
            begun_at=now,
            seen_at=now,
            proven_at=now,
            address="127.0.0.1",
            browser="Test",
        )
    )


@asynccontextmanager
async def office(folder: Path, **settings: Any) -> AsyncIterator[Office]:
    """Start a console; `settings` are further BANDO_ settings."""
    home = await seed(folder)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        http = httpx.AsyncClient(trust_env=False, timeout=60)
        services = await _services(
            home,
            http,
            load({"BANDO_MODE": "sandbox", "BANDO_PUBLIC_URL": url, "BANDO_ROUTER_AUTHORITY": AUTHORITY, **settings}),
        )
        server = QuietUvicorn(uvicorn.Config(site(services), lifespan="off", log_level="warning"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        made = Office(home=home, services=services, url=url)
        try:
            yield made
        finally:
            for client in (*made.clients.values(), *made.beside):
                await client.aclose()
            server.should_exit = True
            await serving
            await http.aclose()
            await home.db.aclose()


async def _services(home: Seed, http: httpx.AsyncClient, settings: Settings) -> Services:
    catalog = Catalog(home.db)
    await catalog.refresh()
    return Services(
        db=home.db,
        vault=home.vault,
        clock=home.clock,
        catalog=catalog,
        settings=settings,
        staff=StaffRoom(home.db, home.vault, home.clock),
        providers={Paystack.name: Paystack(Line(http, registered=Gate(home.db, home.clock)), home.vault)},
        payments=Payments(home.db, home.vault, home.clock, catalog, settings, http),
        observe=lambda *_: None,
    )
