"""The whole world with the console in it: an ISP with a month behind it, its router, its guests, and its staff."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyotp
import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from app import build
from portal.access import store as access
from portal.access.plans import Plan
from portal.clock import HOUR, TravelClock
from portal.console.desk import COOKIE
from portal.seal import new_token, token_hash
from portal.staff import second
from portal.staff.store import Staff
from portal.tenancy.store import Tenant
from portal.units import Row, insert, rows
from sandbox.history import lived
from sandbox.world import PORTAL_HOST, Site, free_port, world
from tests.console import guests
from tests.staff.people import SECRET, hire
from tests.support import Seed, records

SIZES = {"phone": (360, 740), "desk": (1440, 900)}
EACH = ("size", list(SIZES))
# The core jobs: with JavaScript on both, and without it on a phone; `make sweep` does so on a desk as well.
SWEEP = pytest.mark.skipif(not os.environ.get("BANDO_SWEEP"), reason="a long sweep: make sweep")
_MORE = pytest.param("desk", False, marks=[pytest.mark.slow, SWEEP])
CORE = (("size", "script"), [("phone", True), ("desk", True), ("phone", False), _MORE])
PATIENCE_S = 60


@dataclass(frozen=True, kw_only=True)
class Phone:
    """A guest's device near the router."""

    id: int
    mac: str
    address: str


@dataclass(kw_only=True)
class Shop:
    """The world, and who works in it."""

    home: Seed
    site: Site
    bando: Any
    browser: Browser
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def url(self) -> str:
        return f"https://{PORTAL_HOST}/console"

    # --- guests ---

    async def joins(self) -> Phone:
        """A phone comes near and opens the Wi-Fi page."""
        n = next(self.numbers)
        mac, address = f"02:0A:00:00:{n >> 8:02X}:{n & 255:02X}", f"10.5.50.{10 + n}"
        self.site.router.host_seen(mac, address)
        device = await self.home.write(access.touch_device, mac, self.site.row.id, self.home.clock.now())
        return Phone(id=device.id, mac=mac, address=address)

    async def online(self, plan: Plan | None = None) -> Phone:
        """A guest with a pass, whom the router lets through and of whom the books know it."""
        phone = await self.joins()
        await guests.given(self.home, phone.id, plan)
        await self.lets_in(phone)
        await self.until(lambda: self.is_known_online(phone))
        return phone

    async def is_known_online(self, phone: Phone) -> bool:
        stands = await guests.state_of(self.home, phone.id)
        return stands.online is not None and stands.head is not None and stands.head.state == "running"

    def at_router(self, phone: Phone) -> bool:
        """Whether the router lets it through now."""
        return bool(self.site.router.is_authorized(phone.mac, phone.address))

    async def lets_in(self, phone: Phone) -> None:
        await self.until(lambda: self.at_router(phone))

    async def puts_out(self, phone: Phone) -> None:
        await self.until(lambda: not self.at_router(phone))

    async def until(self, true: Callable[[], Any]) -> None:
        """Until `true()`, which may be a coroutine, gives something true."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                found = true()
                if asyncio.iscoroutine(found):
                    found = await found
                if found:
                    return
                await asyncio.sleep(0.02)

    # --- the books ---

    async def rows(self, sql: str, **values: Any) -> list[Row]:
        return list(await self.home.read(rows, sql, **values))

    async def last_act(self) -> Row:
        """The newest line of the audit log."""
        return (await self.rows("SELECT * FROM audit WHERE tenant_id = :tenant ORDER BY number DESC LIMIT 1"))[0]

    # --- staff ---

    async def hired(self, role: str, tenant_id: int = 0) -> Staff:
        """Somebody with this role, with a password and two steps."""
        email = f"{role}{next(self.numbers)}@kilimani.test"
        at, now = tenant_id or self.home.tenant.id, self.home.clock.now()
        made: Staff = await self.home.db.write(at, hire, self.home.vault, now, email, role)
        return made

    def code(self, steps: int = 0, secret: str = SECRET) -> str:
        """What the authenticator app shows."""
        return pyotp.TOTP(secret).generate_otp(self.home.clock.now() // second.STEP_MS + steps)

    async def login_of(self, staff_id: int, tenant: Tenant | None = None, *, proven: bool = True) -> str:
        """The cookie of a new login; `proven`: the password was given just now."""
        at, now = tenant or self.home.tenant, self.home.clock.now()
        token = new_token(at.public, size=32)
        await self.home.db.write(
            at.id,
            insert,
            "logins",
            staff_id=staff_id,
            token_hash=token_hash(token),
            begun_at=now,
            seen_at=now,
            proven_at=now if proven else now - HOUR,
            address="127.0.0.1",
            browser="Test",
        )
        return token

    @asynccontextmanager
    async def opened(self, size: str = "desk", *, script: bool = True, dark: bool = False) -> AsyncIterator[Page]:
        """A browser; nothing may go wrong in it."""
        width, height = SIZES.get(size) or (int(size), 900)
        context = await self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
            ignore_https_errors=True,
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE_S * 1000)
        page = await context.new_page()
        wrong: list[str] = []
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        yield page
        await context.close()
        assert [each for each in wrong if "status of 4" not in each] == []

    @asynccontextmanager
    async def sits(
        self, size: str = "desk", role: str = "owner", tenant: Tenant | None = None, **how: bool
    ) -> AsyncIterator[Page]:
        """Somebody with this role, logged in, at a page of the console."""
        staff = await self.hired(role, tenant.id if tenant else 0)
        async with self.opened(size, **how) as page:
            await self.gets_cookie(page.context, await self.login_of(staff.id, tenant))
            yield page

    async def gets_cookie(self, context: BrowserContext, token: str) -> None:
        await context.add_cookies([{"name": COOKIE, "value": token, "url": f"https://{PORTAL_HOST}", "secure": True}])


@asynccontextmanager
async def shop(folder: Path, chromium_path: str) -> AsyncIterator[Shop]:
    """The world, one browser, and a router that has agreed with its keeper."""
    port, clock = free_port(), TravelClock()
    async with (
        world(folder, build, clock=clock, port=port, **records()) as (site, bando),
        async_playwright() as playwright,
    ):
        plans = await bando.db.read(site.tenant.id, access.plan_list)
        await lived(bando.db, site.vault, site.tenant, site.row.id, clock.now())
        browser = await playwright.chromium.launch(
            executable_path=chromium_path,
            args=["--no-sandbox", f"--host-resolver-rules=MAP {PORTAL_HOST}:443 127.0.0.1:{port}"],
        )
        home = Seed(
            db=bando.db,
            clock=clock,
            vault=site.vault,
            tenant=site.tenant,
            router_id=site.row.id,
            plan=next(each for each in plans if each.name == "1 hour"),
        )
        yield Shop(home=home, site=site, bando=bando, browser=browser)
        await browser.close()


async def says(page: Page, text: str) -> None:
    """The page shows this text."""
    await page.get_by_text(text).locator("visible=true").first.wait_for()


async def text_of(page: Page) -> str:
    """What a person reads, with ordinary spaces."""
    return (await page.inner_text("main")).replace("\u00a0", " ")
