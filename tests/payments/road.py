"""The paying road on real sockets: the payments room, a tiny door for callbacks, and the sandbox M-Pesa."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from portal.access import store as access
from portal.access.catalog import Catalog, TenantView
from portal.access.plans import Plan
from portal.clock import MINUTE, TravelClock
from portal.loops import Loop, Supervisor
from portal.payments import accounts, store, views
from portal.payments.accounts import MpesaAccount
from portal.payments.checkout import Started
from portal.payments.line import quiet
from portal.payments.room import Make, Payments
from portal.payments.views import PaymentView
from portal.phone import Phone
from portal.settings import Settings, load
from portal.tenancy.store import Router, exceptions
from portal.units import Row, Unit, one, rows
from sandbox.mpesa import SandboxMpesa, Switches, serve_mpesa
from sandbox.mpesa.handset import Handset
from sandbox.mpesa.server import QuietUvicorn
from tests.support import Seed, seed

PAYBILL, STORE, TILL = "174379", "5004321", "9001234"
PASSKEY, KEY, SECRET = "a-passkey", "the-key", "the-secret"
PHONE = Phone("254712345678")
OTHER_PHONE = Phone("254722000678")  # the same last three digits
MAC, OTHER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"


@dataclass(kw_only=True)
class Road:
    """Everything from the click to the pass."""

    home: Seed
    mpesa: SandboxMpesa
    payments: Payments
    catalog: Catalog
    account: MpesaAccount
    settings: Settings
    door: str
    http: httpx.AsyncClient
    supervisor: Supervisor
    further: Sequence[Make] = ()
    answers: list[int] = field(default_factory=list)

    @property
    def clock(self) -> TravelClock:
        return self.home.clock

    @property
    def view(self) -> TenantView:
        found = self.catalog.tenant(self.home.tenant.id)
        assert found is not None
        return found

    @property
    def router(self) -> Router:
        return self.view.routers[self.home.router_id]

    async def buy(
        self, *, mac: str = MAC, phone: Phone = PHONE, click: str = "click 1", plan: Plan | None = None
    ) -> Started:
        return await self.payments.checkout.begin(
            self.view, self.router, plan or self.view.plans[0], mac=mac, phone=phone, click=click
        )

    async def see(self, started: Started) -> PaymentView:
        found = await self.home.read(views.payment_by_token, self.home.vault, started.token)
        assert isinstance(found, PaymentView)
        return found

    async def state(self, started: Started) -> str:
        return (await self.see(started)).state

    async def until(self, started: Started, *states: str) -> PaymentView:
        """Wait until the payment is in one of these states."""
        for _ in range(3000):
            seen = await self.see(started)
            if seen.state in states:
                return seen
            await asyncio.sleep(0.01)
        raise AssertionError(f"still {seen.state} ({seen.reason}), not {states}")

    async def prompt(self, phone: Phone = PHONE) -> Handset:
        """The handset, as soon as it rings."""
        handset = self.mpesa.handset(phone.digits)
        await wait_for(lambda: handset.pending is not None)
        return handset

    async def passes(self) -> list[Row]:
        return list(await self.home.read(access.pass_list))

    async def lines(self) -> set[str]:
        """The kinds of the open lines for staff."""
        return {row["kind"] for row in await self.home.read(exceptions)}

    async def receipts(self) -> list[Row]:
        return list(await self.home.read(all_rows, "receipts"))

    async def verdicts(self) -> list[str]:
        return [row["verdict"] for row in await self.home.read(all_rows, "inbox")]

    async def settled(self, count: int = 1) -> None:
        """Wait until so many messages are settled."""
        for _ in range(3000):
            found = await self.verdicts()
            if len(found) >= count and None not in found:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"still {await self.verdicts()}")

    async def settled_as(self, verdict: str) -> None:
        """Wait until a message is settled so: who asks for balances writes into the same inbox."""
        for _ in range(3000):
            if verdict in await self.verdicts():
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"still {await self.verdicts()}, not {verdict}")

    async def asked(self, least: int = 1) -> None:
        """Let the queries run now, and wait until so many answers are settled."""
        await self.payments.queries.run_once()

    async def register_c2b(self, version: str = "v2") -> None:
        """Tell the sandbox where confirmations go, as the shop's owner does."""
        token = accounts.c2b_token(self.home.vault, self.home.tenant.public, self.account.public)
        body = {
            "ShortCode": self.account.party_b,
            "ResponseType": "Completed",
            "ConfirmationURL": f"{self.door}/c2b/{token}/confirm",
            "ValidationURL": f"{self.door}/c2b/{token}/validate",
        }
        merchant = next(each for each in self.mpesa.merchants if each.shortcode == self.account.party_b)
        self.mpesa.notices.register(merchant, version, body)  # type: ignore[arg-type]

    async def post(self, path: str, body: bytes) -> int:
        return (await self.http.post(self.door + path, content=body)).status_code

    async def restart(self) -> None:
        """Stop, and come up again on the same file."""
        await self.supervisor.stop()
        self.payments = Payments(
            self.home.db, self.home.vault, self.clock, self.catalog, self.settings, self.http, quiet, self.further
        )
        await self.payments.start()
        self.supervisor = Supervisor(self.clock)
        self.supervisor.start(on_the_road(self.payments))


def on_the_road(payments: Payments) -> list[Loop]:
    """The loops that guests wait for; the statement would find what a test loses."""
    return [each for each in payments.loops if each is not payments.pulls]


def all_rows(table: str) -> Unit[Any]:
    return (yield from rows(f"SELECT * FROM {table} WHERE tenant_id = :tenant ORDER BY id"))


async def wait_for(true: Callable[[], bool]) -> None:
    for _ in range(3000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen")


class Door:
    """What the pages do with callbacks, in few words."""

    def __init__(self) -> None:
        self.road: Road | None = None

    async def take(self, request: Request) -> JSONResponse:
        assert self.road is not None
        parts = request.url.path.split("/")
        word = ".".join(parts[1:3]) if parts[1:3] == ["hook", "result"] else parts[1]
        word = parts[-1] if parts[1] == "c2b" or parts[-1] == "timeout" else word
        named = {"hook": "stk", "confirm": "c2b-confirm", "validate": "c2b-validate", "webhook": "webhook"}
        channel: Any = {**named, "hook.result": "result", "timeout": "result-timeout"}[word]
        source = request.client.host if request.client else ""
        inbox = self.road.payments.inbox
        body, headers = await request.body(), request.headers
        known = await inbox.receive(channel, request.path_params["token"], body, source, headers)
        self.road.answers.append(200 if known else 404)
        return JSONResponse(dict(known or {}), 200 if known else 404)


@asynccontextmanager
async def serving(door: Door) -> AsyncIterator[str]:
    """The door, on loopback."""
    paths = (
        *("/hook/{token}", "/webhook/{token}", "/c2b/{token}/confirm", "/c2b/{token}/validate"),
        *("/hook/result/{token}", "/hook/result/{token}/timeout"),
    )
    app = Starlette(routes=[Route(path, door.take, methods=["POST"]) for path in paths])
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    config = uvicorn.Config(app, lifespan="off", ws="none", log_config=None, timeout_graceful_shutdown=1)
    server = QuietUvicorn(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def road(
    folder: Path,
    *,
    kind: accounts.Kind = "paybill",
    switches: Switches | None = None,
    loops: bool = True,
    further: Sequence[Make] = (),
    **settings: str,
) -> AsyncIterator[Road]:
    """A running road; `settings` go without BANDO_, `loops=False` leaves the loops to the test."""
    home = await seed(folder)
    door = Door()
    switches = switches or Switches()
    switches.https_callbacks = False
    mpesa = SandboxMpesa(home.clock, switches=switches)
    common: dict[str, Any] = {"passkey": PASSKEY, "consumer_key": KEY, "consumer_secret": SECRET}
    mpesa.add_shortcode(kind="paybill", shortcode=PAYBILL, **common)
    mpesa.add_shortcode(kind="till", shortcode=TILL, store=STORE, **common)
    server = await serve_mpesa(mpesa)
    async with serving(door) as url, httpx.AsyncClient(trust_env=False, timeout=60) as http:
        account = await home.write(add_account, home, kind, server.url)
        env = {"BANDO_MODE": "sandbox", "BANDO_PUBLIC_URL": url, "BANDO_MPESA_QUERY_EVERY": "1"}
        read = load({**env, **{f"BANDO_{name.upper()}": text for name, text in settings.items()}})
        catalog = Catalog(home.db)
        await catalog.refresh()
        payments = Payments(home.db, home.vault, home.clock, catalog, read, http, further=further)
        made = Road(
            home=home,
            mpesa=mpesa,
            payments=payments,
            catalog=catalog,
            account=account,
            settings=read,
            door=url,
            http=http,
            supervisor=Supervisor(home.clock),
            further=further,
        )
        door.road = made
        await payments.start()
        if loops:
            made.supervisor.start(on_the_road(payments))
        try:
            yield made
        finally:
            await made.payments.stop()
            await made.supervisor.stop()
            await server.aclose()
            await home.db.aclose()


def add_account(home: Seed, kind: accounts.Kind, url: str) -> Unit[MpesaAccount]:
    return (
        yield from accounts.add_account(
            home.vault,
            home.clock.now(),
            tenant_public=home.tenant.public,
            environment="sandbox",
            kind=kind,
            shortcode=STORE if kind == "till" else PAYBILL,
            till=TILL if kind == "till" else "",
            consumer_key=KEY,
            consumer_secret=SECRET,
            passkey=PASSKEY,
            base_url=url,
        )
    )


async def payment_row(home: Seed, public: str) -> store.Payment:
    found = await home.read(store.payment_by_public, public)
    assert isinstance(found, store.Payment)
    return found


__all__ = ["MINUTE", "Road", "one", "road"]
