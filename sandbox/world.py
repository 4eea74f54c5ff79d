"""The whole world on one machine: an ISP with a router, phones, an internet, an M-Pesa, and the portal itself.

Used by `make run`, by the tests of the whole road and by the benchmarks. The portal is built by the function
that is handed in, so that this package does not import the composition root.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import uvicorn

from portal.access import store as access
from portal.access.plans import Plan
from portal.clock import DAY, HOUR, MINUTE, Clock, SystemClock
from portal.db import Database, open_database
from portal.keys.ring import vault_of
from portal.listening import Listening
from portal.migrate import migrate
from portal.mikrotik.router_files import files as router_files
from portal.mikrotik.wire import fingerprint_of
from portal.money import Money
from portal.payments import accounts
from portal.seal import Vault, new_public
from portal.settings import SANDBOX_KEY, Settings, load
from portal.tenancy import store as tenancy
from portal.tenancy.store import Router, Tenant
from sandbox.ca import Authority
from sandbox.gateway import Gateway, serve_gateway
from sandbox.internet import Internet, serve_internet
from sandbox.messages import Gateway as Messages
from sandbox.mpesa.provider import SandboxMpesa
from sandbox.mpesa.server import Server as MpesaServer
from sandbox.mpesa.server import serve_mpesa
from sandbox.net import LOOPBACK
from sandbox.radius import site as radius_site
from sandbox.radius.server import Place
from sandbox.routeros.api import ApiServer, serve_api
from sandbox.routeros.device import SandboxRouter
from sandbox.routeros.radius_line import RadiusLine

PORTAL_HOST = "portal.bando.test"
SSID = "Kilimani Free"
SHORTCODE, PASSKEY, APP = "174379", "sandbox-passkey", ("sandbox-key", "sandbox-secret")
API_USER = ("bandoapi", "Sandbox2026")  # may ask for status, reversal and balance
PLANS: tuple[dict[str, Any], ...] = (
    {"name": "30 minutes", "price": Money(500), "span_ms": 30 * MINUTE},
    {"name": "1 hour", "price": Money(1000), "span_ms": HOUR},
    {"name": "3 hours", "price": Money(2000), "span_ms": 3 * HOUR, "max_devices": 2},
    {"name": "1 day", "price": Money(5000), "span_ms": DAY, "rate_up": 2_000_000, "rate_down": 5_000_000},
    {"name": "2 hours online", "price": Money(3000), "kind": "used", "span_ms": 2 * HOUR, "window_ms": 7 * DAY},
    {"name": "1 GB", "price": Money(8000), "span_ms": 7 * DAY, "data_bytes": 10**9},
)


class Portal(Protocol):
    """What the world needs of the built service."""

    web: Any


Build = Callable[..., Any]


class _Uvicorn(uvicorn.Server):
    """One server among several in the process: signals are not its business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


@dataclass(kw_only=True)
class Site:
    """The parts of the world."""

    clock: Clock
    folder: Path
    ca: Authority
    router: SandboxRouter
    api: ApiServer
    internet: Internet
    mpesa: SandboxMpesa
    mpesa_server: MpesaServer
    messages: Messages
    settings: Settings
    vault: Vault
    tenant: Tenant
    row: Router
    portal_address: tuple[str, int]
    inside: dict[str, tuple[str, int]]
    radius: Place | None = None  # where FreeRADIUS stands between router and portal, if the router asks it
    line: RadiusLine | None = None  # the router's client, while it does
    gateways: list[Gateway] = field(default_factory=list)

    @property
    def entry(self) -> str:
        return f"{self.settings.public_url}/e/{self.row.public}"

    async def phone(self, number: int = 1, *, port: int = 0) -> Gateway:
        """Put a phone next to the router; its MAC and address follow from its number."""
        gateway = await serve_gateway(
            self.router,
            self.internet,
            mac=f"02:00:00:00:{number // 256:02X}:{number % 256:02X}",
            address=f"10.5.50.{10 + number}",
            port=port,
            inside=self.inside,
        )
        gateway.appear()
        self.gateways.append(gateway)
        return gateway


def free_port() -> int:
    """A port that is free now, and that nobody gets who leaves the choice to the system: it may be opened later."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)  # below the ports that Linux gives out by itself
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


async def _fill(
    db: Database, vault: Vault, clock: Clock, mpesa_url: str, api: ApiServer, pin: str | None, asks: bool
) -> Any:
    """An ISP with plans, a paybill and a router, unless the database has them already."""
    now = clock.now()
    known = await db.read(None, tenancy.tenants)
    if known:
        tenant = known[0]
        row = (await db.read(tenant.id, tenancy.routers))[0]
        if asks is not (row.mode == "radius"):  # the sandbox was left in the other mode
            await db.write(tenant.id, tenancy.change_router, row.id, **_mode(vault, row.public, asks))
            await db.write(None, tenancy.bump, tenant.id)
            row = (await db.read(tenant.id, tenancy.routers))[0]
        return tenant, row
    tenant = await db.write(None, tenancy.add_tenant, "Kilimani Wi-Fi", now, support_phone="0700 123 456")
    await db.write(None, tenancy.change_tenant, tenant.id, ssid=SSID)
    tenant = (await db.read(None, tenancy.tenants))[0]
    for position, fields in enumerate(PLANS):
        plan = Plan(**{"id": 0, "public": new_public(4), "kind": "wall", "position": position, **fields})
        await db.write(tenant.id, access.add_plan, plan, now)
    await db.write(
        tenant.id,
        accounts.add_account,
        vault,
        now,
        tenant_public=tenant.public,
        environment="sandbox",
        kind="paybill",
        shortcode=SHORTCODE,
        consumer_key=APP[0],
        consumer_secret=APP[1],
        passkey=PASSKEY,
        base_url=mpesa_url,
    )
    router_id = await db.write(tenant.id, _router, vault, now, api.port, pin, asks)
    made = await db.read(tenant.id, tenancy.router, router_id)
    return tenant, made


def _mode(vault: Vault, public: str, asks: bool) -> dict[str, Any]:
    if asks:
        return tenancy.radius_columns(vault, public, radius_site.asks())
    return {"mode": "api", "radius_source": None, "coa_port": None, "radius_secret_sealed": None}


def _router(vault: Vault, now: int, port: int, pin: str | None, asks: bool) -> Any:
    return (
        yield from tenancy.add_router(
            vault,
            now,
            name="Kilimani Mall",
            host="127.0.0.1",
            port=port,
            username="bando",
            password="sandbox",
            hotspot_host="login.wifi.test",
            fingerprint=pin,
            tunnel=pin is None,
            radius=radius_site.asks() if asks else None,
        )
    )


def settings_for(folder: Path, ca: Authority, port: int, more: dict[str, str]) -> Settings:
    """Of the portal in the sandbox, with a certificate of the sandbox's authority."""
    leaf = ca.leaf(PORTAL_HOST, "localhost", "127.0.0.1")
    return load(
        {
            "BANDO_MODE": "sandbox",
            "BANDO_DATABASE": str(folder / "bando.db"),
            "BANDO_SECRET_KEY": SANDBOX_KEY,
            "BANDO_PUBLIC_URL": f"https://{PORTAL_HOST}",
            "BANDO_LISTEN": f"127.0.0.1:{port}",
            "BANDO_TLS_CERT": str(leaf.certificate),
            "BANDO_TLS_KEY": str(leaf.key),
            "BANDO_CA_FILE": str(ca.certificate_path),
            "BANDO_ROUTER_AUTHORITY": str(ca.certificate_path),
            **more,
        }
    )


def an_mpesa(clock: Clock, ca: Authority, settings: Settings) -> SandboxMpesa:
    """An M-Pesa that knows the ISP's paybill."""
    mpesa = SandboxMpesa(clock)
    mpesa.switches.duplicate_of = "payments"  # a person who tries things out may cancel and try again
    mpesa.add_shortcode(
        kind="paybill",
        shortcode=SHORTCODE,
        passkey=PASSKEY,
        consumer_key=APP[0],
        consumer_secret=APP[1],
        name="KILIMANI WI-FI",
        callback_ca=ca.client_context(),
    )
    mpesa.initiators.add(SHORTCODE, *API_USER)
    # What the portal is called on the internet, M-Pesa reaches at its loopback address.
    mpesa.courier.reach[PORTAL_HOST] = ("127.0.0.1", settings.listen_port)
    return mpesa


@asynccontextmanager
async def outside(
    folder: Path,
    *,
    clock: Clock | None = None,
    port: int = 0,
    tls_api: bool = True,
    ports: dict[str, int] | None = None,
    radius: bool = False,
    **more: str,
) -> AsyncIterator[Site]:
    """Everything but the portal; the portal will listen at `.portal_address`.

    `radius`: the router asks FreeRADIUS; `asking` starts that once the portal serves.
    """
    folder.mkdir(parents=True, exist_ok=True)
    clock = clock or SystemClock()
    ca = Authority(folder / "ca")
    ports = ports or {}
    router = SandboxRouter(clock)
    api = await serve_api(router, port=ports.get("api", 0), tls=ca.server_context("router.test") if tls_api else None)
    internet = await serve_internet(ca)
    messages = await Messages().open(ports.get("messages", 0))
    place = radius_site.a_place(free_port()) if radius else None
    more |= radius_site.settings_of(place, folder) if place else {}
    settings = settings_for(folder, ca, port or free_port(), {"BANDO_MESSAGES_SANDBOX": messages.url, **more})
    mpesa = an_mpesa(clock, ca, settings)
    mpesa_server = await serve_mpesa(mpesa, port=ports.get("mpesa", 0))
    if isinstance(settings.place, Path):  # a server's database is migrated by whoever made it
        migrate(settings.place)
    pin = await fingerprint_of("127.0.0.1", api.port, policy=LOOPBACK) if tls_api else None
    db = open_database(settings.place)
    try:
        vault = vault_of(settings.secret_key.encode(), db, clock)
        tenant, row = await _fill(db, vault, clock, mpesa_server.url, api, pin, radius)
    finally:
        await db.aclose()
    if place is None:
        _furnish(router, settings, row)
    else:
        radius_site.set_up(router, row, vault, place, settings.public_url)
    address = ("127.0.0.1", settings.listen_port)
    site = Site(
        clock=clock,
        folder=folder,
        ca=ca,
        router=router,
        api=api,
        internet=internet,
        mpesa=mpesa,
        mpesa_server=mpesa_server,
        messages=messages,
        settings=settings,
        vault=vault.of(tenant.id),
        tenant=tenant,
        row=row,
        portal_address=address,
        inside={f"{PORTAL_HOST}:443": address},
        radius=place,
    )
    try:
        yield site
    finally:
        for gateway in site.gateways:
            await gateway.aclose()
        await mpesa_server.aclose()
        await messages.aclose()
        await internet.aclose()
        await api.aclose()


def _furnish(router: SandboxRouter, settings: Settings, row: Router) -> None:
    """What the set-up script leaves on a router: the pages and the walled garden."""
    pages = router_files(settings.public_url, row.public)
    router.files.update({f"hotspot/{name}": content for name, content in pages.items()})
    router.tables["/ip/hotspot/walled-garden"].add({"dst-host": PORTAL_HOST, "action": "allow"})
    router.tables["/ip/hotspot/walled-garden/ip"].add({"dst-host": PORTAL_HOST, "action": "accept"})


@asynccontextmanager
async def serving(app: Any, host: str, port: int, settings: Settings | None) -> AsyncIterator[None]:
    """The portal on a socket, in this process."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=Listening,
        ssl_certfile=settings.tls_cert if settings else None,
        ssl_keyfile=settings.tls_key if settings else None,
        access_log=False,
        log_level="error",
        lifespan="on" if settings else "off",
        timeout_graceful_shutdown=2,
    )
    server = _Uvicorn(config)
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:
            if task.done():
                await task
                raise RuntimeError("the portal did not start")
            await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def world(folder: Path, build: Build, **options: Any) -> AsyncIterator[tuple[Site, Any]]:
    """The whole world with the portal in this process: the site, and the built service."""
    observe = options.pop("observe", None)
    async with outside(folder, **options) as site:
        built = build(site.settings, clock=site.clock, **({"observe": observe} if observe else {}))
        async with serving(built.web, *site.portal_address, site.settings), asking(site):
            yield site, built


@asynccontextmanager
async def asking(site: Site) -> AsyncIterator[None]:
    """The router asks RADIUS, where it is one that does."""
    if site.radius is None:
        yield
        return
    async with radius_site.asking_radius(site.folder, site.router, site.radius) as site.line:
        yield


def _radius_of(site: Site) -> dict[str, str]:
    return radius_site.settings_of(site.radius, site.folder) if site.radius else {}


def write_env(site: Site) -> Path:
    """The settings of this world as an env file, for the command line."""
    path = site.folder / "bando.env"
    settings = site.settings
    path.write_text(
        f"BANDO_MODE=sandbox\nBANDO_DATABASE={settings.database}\nBANDO_PUBLIC_URL={settings.public_url}\n"
        f"BANDO_SECRET_KEY={settings.secret_key}\nBANDO_CA_FILE={settings.ca_file}\n"
        f"BANDO_ROUTER_AUTHORITY={settings.router_authority}\n"
        + "".join(f"{name}={value}\n" for name, value in _radius_of(site).items())
    )
    return path
