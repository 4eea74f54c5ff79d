"""The guest pages on a real socket, with the real payments room and the sandbox M-Pesa behind them."""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from portal.access import store as access
from portal.access.catalog import Catalog
from portal.access.trials import Trials
from portal.clock import HOUR, Moment
from portal.loops import Supervisor
from portal.messages.gateways import gateway_of
from portal.messages.room import Messages
from portal.money import Money
from portal.pages.doors import Services
from portal.pages.routes import site
from portal.payments import accounts
from portal.payments.room import Make, Payments
from portal.processors.gate import Gate
from portal.radius import tickets
from portal.sessions.meter import Reading
from portal.settings import load
from portal.tenancy import store as tenancy
from portal.tenancy.store import Router
from portal.units import Unit, rows
from portal.vouchers.room import Vouchers
from sandbox.mpesa import SandboxMpesa, Switches, serve_mpesa
from sandbox.mpesa.handset import Handset
from sandbox.mpesa.server import QuietUvicorn
from tests.support import Seed, a_plan, seed

MAC = "02:AB:CD:00:00:01"
ORIG = "http://example.test/news?a=1&b=2"
PHONE = "254712345678"


@dataclass(kw_only=True)
class House:
    """A running portal, and a phone's browser without cookies."""

    home: Seed
    mpesa: SandboxMpesa
    payments: Payments
    catalog: Catalog
    services: Services
    url: str
    http: httpx.AsyncClient
    seen: list[tuple[str, str, int]]
    unseen: set[str]  # MACs that the router does not have in its host table

    @property
    def router(self) -> Router:
        found = self.catalog.tenant(self.home.tenant.id)
        assert found is not None
        return found.routers[self.home.router_id]

    def claims(self, **changes: str) -> dict[str, str]:
        """What the router's login page says of a guest."""
        login = f"http://{self.router.hotspot_host}/login?dst=http%3A%2F%2Fexample.test%2F"
        fields = {"mac": MAC, "ip": "10.5.50.7", "link-login": login, "link-orig": ORIG, "error": ""}
        return fields | {name.replace("_", "-"): value for name, value in changes.items()}

    async def catalog_again(self) -> None:
        """Let the portal see changed plans."""
        await self.home.db.write(None, tenancy.bump, self.home.tenant.id)
        await self.catalog.refresh()

    async def enter(self, **changes: str) -> str:
        """Arrive; the address of the first page."""
        answer = await self.http.get(f"/e/{self.router.public}", params=self.claims(**changes))
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def order(self, first: str, phone: str = "0712 345 678") -> httpx.Response:
        """Choose the first plan; the confirm page."""
        return await self.http.post(first + "pay", data={"plan": self.home.plan.public, "phone": phone})

    async def pay(self, first: str, phone: str = "0712 345 678") -> str:
        """Choose, confirm; the address of the waiting page."""
        page = await self.order(first, phone)
        answer = await self.http.post(first + "pay", data={**hidden(page.text), "confirm": "1"})
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def prompt(self, phone: str = PHONE) -> Handset:
        """The handset, as soon as it rings."""
        handset = self.mpesa.handset(phone)
        await until(lambda: handset.pending is not None)
        return handset

    async def state(self, address: str) -> str:
        """What the page's script hears."""
        path, _, query = address.partition("?")
        answer = await self.http.get(f"{path}state?{query}")
        assert len(answer.content) < 200
        return str(answer.json()["s"])

    async def reaches(self, address: str, *wanted: str) -> None:
        """Wait until the purchase stands at one of these words; a ``+`` means that it may be tried again."""
        for _ in range(3000):
            if (found := await self.state(address)) in wanted:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"{found}, not {wanted}")

    async def contact(self) -> None:
        """The router answers."""
        await self.home.write(tenancy.note_contact, self.home.router_id, self.home.clock.now())

    async def goes_online(self, mac: str = MAC) -> None:
        """The router's active table shows the device."""
        await self.contact()
        await self.home.write(be_online, self.home.router_id, mac, self.home.clock.now())

    async def counts(self) -> dict[str, int]:
        """Rows of every table that a guest could fill."""
        return {name: len(await self.home.read(all_rows, name)) for name in GROWING}


GROWING = ("devices", "passes", "pass_devices", "payments", "persons", "prompts", "receipts", "inbox", "guesses")


def all_rows(table: str) -> Unit[Any]:
    return (yield from rows(f"SELECT id FROM {table} WHERE tenant_id = :tenant"))


def be_online(router_id: int, mac: str, now: Moment) -> Unit[None]:
    device = yield from access.touch_device(mac, router_id, now)
    reading = Reading(
        read_at=now,
        user_uptime_s=0,
        user_bytes_in=0,
        user_bytes_out=0,
        active_uptime_s=0,
        active_bytes_in=0,
        active_bytes_out=0,
    )
    yield from access.save_presence(router_id, device.id, reading, now, now)


def hidden(html: str) -> dict[str, str]:
    """The hidden fields of a page."""
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', html))


async def until(true: Any) -> None:
    for _ in range(3000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen")


async def more_plans(home: Seed) -> None:
    """A few plans as shops sell them."""
    for n, changes in enumerate(
        (
            {"name": "3 hours", "price_kes": 40, "span_ms": 3 * HOUR, "rate_down": 5_000_000},
            {"name": "Day pass", "price_kes": 80, "span_ms": 24 * HOUR, "rate_down": 5_000_000, "max_devices": 2},
            {"name": "Student week", "price_kes": 1250, "span_ms": 7 * 24 * HOUR, "data_bytes": 5 * 10**9},
            {"name": "10 hours of use", "price_kes": 150, "span_ms": 10 * HOUR, "kind": "used"},
        )
    ):
        price = Money(int(changes.pop("price_kes")) * 100)  # type: ignore[call-overload]
        plan = a_plan(price=price, position=n + 1, **changes)
        await home.write(access.add_plan, plan, home.clock.now())


@asynccontextmanager
async def serve(app: Any) -> AsyncIterator[str]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    config = uvicorn.Config(app, lifespan="off", ws="none", log_config=None, timeout_graceful_shutdown=1)
    server = QuietUvicorn(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


class Late:
    """An application whose address must be known before it can be built."""

    app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


@asynccontextmanager
async def house(
    folder: Path, *, kind: accounts.Kind = "paybill", plans: bool = False, further: Sequence[Make] = (), **env: str
) -> AsyncIterator[House]:
    home = await seed(folder)
    if plans:
        await more_plans(home)
    late = Late()
    mpesa = SandboxMpesa(home.clock, switches=Switches(https_callbacks=False))
    common: dict[str, Any] = {"passkey": "a-passkey", "consumer_key": "key", "consumer_secret": "secret"}
    mpesa.add_shortcode(kind="paybill", shortcode="174379", **common)
    mpesa.add_shortcode(kind="till", shortcode="9001234", store="5004321", **common)
    server = await serve_mpesa(mpesa)
    async with serve(late) as url, httpx.AsyncClient(trust_env=False, timeout=60) as http:
        await home.write(account_at, home, kind, server.url)
        settings = load({"BANDO_MODE": "sandbox", "BANDO_PUBLIC_URL": url, **env})
        catalog = Catalog(home.db)
        await catalog.refresh()
        payments = Payments(home.db, home.vault, home.clock, catalog, settings, http, further=further)
        seen: list[tuple[str, str, int]] = []
        unseen: set[str] = set()
        gateway, gate = gateway_of(settings, http), Gate(home.db, home.clock)
        messages = Messages(home.db, home.vault, home.clock, catalog, gateway, registered=gate)

        async def there(_router: Router, _mac: str) -> bool:
            return True

        async def seen_there(_router: Router, mac: str) -> bool:
            return mac not in unseen

        services = Services(
            db=home.db,
            vault=home.vault,
            clock=home.clock,
            catalog=catalog,
            settings=settings,
            payments=payments,
            vouchers=Vouchers(home.db, home.vault, home.clock, catalog, settings, there),
            trials=Trials(home.db, home.clock, seen_there),
            messages=messages,
            ticket=tickets.issue,
            observe=lambda method, route, status, _: seen.append((method, route, status)),
        )
        late.app = site(services)
        await payments.start()
        await messages.start()
        supervisor = Supervisor(home.clock)
        supervisor.start(payments.loops)
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as browser:
            try:
                yield House(
                    home=home,
                    mpesa=mpesa,
                    payments=payments,
                    catalog=catalog,
                    services=services,
                    url=url,
                    http=browser,
                    seen=seen,
                    unseen=unseen,
                )
            finally:
                await payments.stop()
                await supervisor.stop()
                await server.aclose()
                await home.db.aclose()


def account_at(home: Seed, kind: accounts.Kind, url: str) -> Unit[Any]:
    return (
        yield from accounts.add_account(
            home.vault,
            home.clock.now(),
            tenant_public=home.tenant.public,
            environment="sandbox",
            kind=kind,
            shortcode="5004321" if kind == "till" else "174379",
            till="9001234" if kind == "till" else "",
            consumer_key="key",
            consumer_secret="secret",
            passkey="a-passkey",
            base_url=url,
        )
    )


def a_click() -> str:
    return secrets.token_hex(16)
