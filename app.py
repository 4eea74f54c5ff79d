"""Composition root and command line: builds every object once. Nothing in portal/ imports this file."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import os
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, TextIO

import click
import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp

import commands
from commands.ground import clock_for, must_be_usable, trust_for
from portal.access import record
from portal.access.catalog import Catalog
from portal.access.trials import Trials
from portal.calls.routes import Calls
from portal.calls.service import Wishes
from portal.clock import SECOND, Clock, Moment
from portal.console import site as console
from portal.console.doors import Services as ConsoleServices
from portal.db import Database, Observe, open_database, quiet
from portal.db.failures import ENGINE_FAILS
from portal.db.serving import must_be_free
from portal.errors import BandoError, Misconfigured
from portal.health import Health, RadiusCounts
from portal.imports.room import Imports
from portal.keys.ring import ring_of
from portal.keys.rotation import Rotation
from portal.listening import Beside, LeavingServer, Listening, allow_many_connections
from portal.logs import AccessLog, configure
from portal.loops import Every, Loop, Supervisor, bells
from portal.messages.gateways import gateway_of
from portal.messages.room import Messages
from portal.mikrotik.keepers import LOOK_EVERY_MS, Keepers
from portal.mikrotik.names import Names
from portal.money import Money
from portal.pages import routes as pages
from portal.pages.doors import Services
from portal.payments import joining
from portal.payments.line import AT_ONCE
from portal.payments.paystack import Paystack
from portal.payments.room import Payments
from portal.payments.statements import known
from portal.place import Server
from portal.privacy.closed.room import Closed
from portal.privacy.erasing.room import Erasing
from portal.privacy.incidents import store as incidents
from portal.privacy.incidents.clocks import DUTIES
from portal.privacy.retention.room import Retention
from portal.privacy.retention.service import broke_off
from portal.privacy.rights import store as requests
from portal.privacy.rights.clocks import RIGHTS
from portal.processes.leases import LOOPS, Leases
from portal.processors.gate import Gate
from portal.radius import site as radius
from portal.radius import tickets
from portal.radius.doors import Doors
from portal.radius.hosts import Hosts, seeing
from portal.radius.watching.watch import Watch as RadiusWatch
from portal.settings import Settings, load, refuse_unsafe
from portal.staff.room import StaffRoom
from portal.tenancy.reminders import Reminders
from portal.units import Unit
from portal.vouchers.room import Vouchers
from portal.watch.looking import Sources
from portal.watch.room import Watch
from portal.watch.rules import Balance, Deadline, Expiring
from workers import Workers, end_with

Part = Literal["all", "web", "work"]  # what a process does: everything, answer, or keep routers and run loops

# A statement of the writer thread lets the event loop in; at the usual 5 ms it would wait as long to come back.
SWITCH_S = 0.0005
# To all providers together; each host has a bound of its own, so that none can use them all up.
CALLS = httpx.Limits(max_connections=8 * AT_ONCE, max_keepalive_connections=32)
BACKLOG = 4096  # a whole site may come back at once after a power cut
COLLECT = (20_000, 20, 20)  # a request leaves next to nothing behind that only the collector can find
FURTHER = (Paystack,)  # the payment providers beside M-Pesa
PRESSING = 100  # requests of people of one ISP that are alarmed about at once
RADIUS_IDLE_S = 90  # longer than FreeRADIUS keeps a connection that it does not need
ENDS_EVERY_MS = 500  # how often ends by the clock are looked for; a pass is off within 2 s of its end


@dataclass(kw_only=True)
class Bando:
    """Everything that runs in one serving process."""

    settings: Settings
    clock: Clock
    db: Database
    catalog: Catalog
    keepers: Keepers
    payments: Payments
    vouchers: Vouchers
    staff: StaffRoom
    reminders: Reminders
    imports: Imports
    watch: Watch
    retention: Retention
    erasing: Erasing
    messages: Messages
    rotation: Rotation
    closed: Closed
    http: httpx.AsyncClient
    supervisor: Supervisor
    leases: Leases | None  # None: this process is the only one
    part: Part
    web: ASGIApp
    radius: Beside | None  # where FreeRADIUS asks, if it does
    radius_watch: RadiusWatch

    async def start(self) -> None:
        """Take up the work where it was left, then run the loops that are this process's."""
        await self.db.share()
        await self.catalog.refresh()
        bells(self.db, [self.keepers.loop, *self._work()])
        if self.part != "web":
            await self.payments.start(alone=self.leases is None)
            await self.watch.start()
            await self.messages.start()
        self._start_loops()
        if self.radius is not None and self.part != "work":
            await self.radius.start()
        # What is there now stays: the collector need not look at it again (p99 35 -> 12 ms, design 5).
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECT)

    def _start_loops(self) -> None:
        if self.leases is None:
            self.supervisor.start([self.keepers.loop, self.payments.inbox, *self._work()])
        elif self.part == "web":  # what it has taken in, it settles; the rest is for those who work
            follow = Every("catalog", LOOK_EVERY_MS, self.catalog.refresh, self.clock)
            self.supervisor.start([follow, self.payments.inbox])
        else:
            stranded = Every("stranded payments", 15 * SECOND, self.payments.take_up_stranded, self.clock)
            self.supervisor.start([self.leases.loop, self.keepers.loop])
            self.supervisor.start([stranded, self.payments.inbox, *self._work()], partial(self.leases.fence, LOOPS))

    def _work(self) -> Sequence[Loop]:
        """What only one process does at a time."""
        ends = Every("ends", ENDS_EVERY_MS, self._let_time_act, self.clock)
        payments = (each for each in self.payments.loops if each is not self.payments.inbox)
        return (
            *(ends, *payments, *self.vouchers.loops, *self.staff.loops, *self.watch.loops),
            *(self.reminders.loop, self.imports.loop, self.retention.loop, self.erasing.loop, self.closed.loop),
            *(self.rotation.loop, *self.messages.loops, self.radius_watch.loop),
        )

    async def _let_time_act(self) -> int:
        done = 0
        for view in self.catalog.all():
            now = self.clock.now()
            if await self.db.read(view.tenant.id, record.anything_due, now):
                done += await self.db.write(view.tenant.id, record.let_time_act, now)
        return done

    async def stop(self) -> None:
        """Finish what is in hand; nothing acknowledged is lost even without this."""
        if self.radius is not None:
            await self.radius.stop()
        await self.payments.stop()
        await self.supervisor.stop()
        await self.keepers.stop()
        await self.radius_watch.stop()
        if self.leases is not None:
            await self.leases.leave()
        self.staff.close()
        await self.http.aclose()
        await self.db.aclose()
        gc.unfreeze()


def build(settings: Settings, *, clock: Clock | None = None, observe: Observe = quiet, part: Part = "all") -> Bando:
    """Build every object once; nothing runs before `start`."""
    refuse_unsafe(settings)
    clock = clock or clock_for(settings)
    db = open_database(settings.place, observe=observe)
    ring = ring_of(settings.secret_key.encode(), db, clock)
    vault, rotation = ring.vault, Rotation(db, ring, clock)
    catalog = Catalog(db)
    leases, names = None if part == "all" else Leases(db, clock), Names()
    keepers = Keepers(
        db=db, clock=clock, vault=vault, settings=settings, catalog=catalog, observe=observe, resolve=names, work=leases
    )
    http = httpx.AsyncClient(
        verify=trust_for(settings), timeout=httpx.Timeout(20, connect=10), limits=CALLS, trust_env=False
    )
    payments = Payments(db, vault, clock, catalog, settings, http, observe, further=FURTHER, shared=leases is not None)
    hosts = Hosts(clock, alone=leases is None)
    radius_watch = RadiusWatch(db=db, clock=clock, vault=vault, settings=settings, catalog=catalog)
    sees = seeing(keepers.sees, hosts, radius_watch.sees)
    vouchers = Vouchers(db, vault, clock, catalog, settings, sees)
    staff = StaffRoom(db, vault, clock)
    reminders = Reminders(db, clock, lambda: [each.tenant for each in catalog.all()])
    imports = Imports(db, clock, lambda: [each.tenant for each in catalog.all()])
    erasing = Erasing(db, vault, clock, settings.database)
    gateway, gate = gateway_of(settings, http), Gate(db, clock)
    messages = Messages(db, vault, clock, catalog, gateway, registered=gate)
    sources = Sources(balances=_balances, expiring=_expiring, deadlines=_deadlines, broke_off=broke_off)
    watch = Watch(db, vault, clock, catalog, settings, trust_for(settings), sources=sources, look_up=Names())
    retention = Retention(db, vault, clock)
    closed = Closed(db, vault, clock)
    supervisor = Supervisor(clock)
    access_log = AccessLog()
    doors = Doors(
        db=db,
        vault=vault,
        clock=clock,
        catalog=catalog,
        vouchers=vouchers,
        hosts=hosts,
        input_from_client=settings.radius_input == "client",
    )
    health = Health(
        db=db,
        clock=clock,
        supervisor=supervisor,
        keepers=keepers,
        vouchers=vouchers.counts,
        watch=watch,
        radius=lambda: RadiusCounts(came=doors.came, sent=radius_watch.sent),
    )
    services = Services(
        db=db,
        vault=vault,
        clock=clock,
        catalog=catalog,
        settings=settings,
        payments=payments,
        vouchers=vouchers,
        trials=Trials(db, clock, sees),
        messages=messages,
        ticket=tickets.issue,
        observe=access_log,
    )
    bando = Bando(
        settings=settings,
        clock=clock,
        db=db,
        catalog=catalog,
        keepers=keepers,
        payments=payments,
        vouchers=vouchers,
        staff=staff,
        reminders=reminders,
        imports=imports,
        watch=watch,
        retention=retention,
        erasing=erasing,
        messages=messages,
        rotation=rotation,
        closed=closed,
        http=http,
        supervisor=supervisor,
        leases=leases,
        part=part,
        web=Starlette(),
        radius=_radius(settings, doors),
        radius_watch=radius_watch,
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await bando.start()
        yield
        await bando.stop()
        access_log.write()

    console_services = ConsoleServices(
        db=db,
        vault=vault,
        clock=clock,
        catalog=catalog,
        settings=settings,
        staff=staff,
        keepers=keepers,
        providers=payments.providers,
        payments=payments,
        watch=watch,
        erasing=erasing,
        carrier=messages.mark,
        resolve=names,
        observe=access_log,
    )
    wishes = Wishes(vault=vault, public_url=settings.public_url, hosts=partial(joining.hosts, payments.providers))
    calls = Calls(db, clock, catalog, settings, wishes)
    guest_pages = pages.site(services, more=[*calls.routes(), *health.routes()], lifespan=lifespan)
    bando.web = console.beside(guest_pages, console.site(console_services))
    return bando


def _radius(settings: Settings, doors: Doors) -> Beside | None:
    """Where FreeRADIUS asks; None when the settings name no such place."""
    if not settings.radius_host:
        return None
    app = radius.site(doors, settings.radius_token)
    options = {**serving_options(), "lifespan": "off", "timeout_keep_alive": RADIUS_IDLE_S, "date_header": False}
    return Beside(uvicorn.Config(app, host=settings.radius_host, port=settings.radius_port, **options))


def _balances() -> Unit[Sequence[Balance]]:
    """What the payments room knows of balances, as the watch wants it."""
    return [
        Balance(name=name, available=most, limit=None if limit is None else Money(limit, most.currency), read_at=at)
        for name, most, limit, at in (yield from known.balances())
    ]


def _expiring() -> Unit[Sequence[Expiring]]:
    """The passwords of API users, which M-Pesa ends."""
    return [Expiring.password(*each) for each in (yield from known.passwords())]


def _deadlines(kind: str, now: Moment) -> Unit[Sequence[Deadline]]:
    """What people have asked for and was not answered, and incidents of which somebody still has to be told.

    `kind`: of an ISP or of the platform, which owe it to others; of the platform nobody asks anything.
    """
    asked = [
        Deadline(
            kind="request",
            subject=f"request:{each.id}",
            title=f"Request {each.id}, {RIGHTS[each.kind].asks}",
            since=each.received_at,
            due_at=each.due_at,
        )
        for each in (yield from requests.pressing(now, PRESSING))
    ]
    owed = [
        Deadline(
            kind="incident",
            subject=f"incident:{each.id}",
            title=f"Incident {each.id}, of which {DUTIES[kind].whom} must know",
            since=each.known_at,
            due_at=each.due_at,
        )
        for each in (yield from incidents.owed(PRESSING))
    ]
    return [*asked, *owed]


def lock(database: Path) -> TextIO:
    """Hold the database for this serving process; raises `Misconfigured` when another one serves it."""
    path = Path(f"{database}.serve.lock")
    try:
        held = path.open("w")
    except OSError as error:
        raise Misconfigured(f"{path} cannot be written: {error.strerror}; check BANDO_DATABASE.") from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        raise Misconfigured(f"Another bando serve already runs on {database}; stop it first.") from None
    held.write(str(os.getpid()))
    held.flush()
    return held


def ready(settings: Settings) -> None:
    """What must be right before serving; raises `Misconfigured`."""
    refuse_unsafe(settings)
    must_be_usable(settings)
    trust_for(settings)  # which each process reads anew: better to say it here than to start them again and again
    if isinstance(settings.place, Server):
        must_be_free(settings.place)
    if settings.tls_cert:
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(settings.tls_cert, settings.tls_key)
        except OSError as error:
            raise Misconfigured(
                "BANDO_TLS_CERT and BANDO_TLS_KEY do not name a readable certificate chain and its key in PEM."
            ) from error


def listen(settings: Settings) -> socket.socket:
    """The socket to serve on; raises `Misconfigured` when it cannot be had."""
    return listen_at(settings.listen_host, settings.listen_port, "BANDO_LISTEN")


def listen_at(host: str, port: int, said_by: str) -> socket.socket:
    """A socket at an address that a setting names; raises `Misconfigured`."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise Misconfigured(f"Cannot listen on {host}:{port}: {error.strerror}; check {said_by}.") from error


def listen_beside(radius: Beside) -> None:
    """Take the address at which FreeRADIUS asks; raises `Misconfigured` when it cannot be had."""
    try:
        radius.bind()
    except OSError as error:
        where = f"{radius.config.host}:{radius.config.port}"
        raise Misconfigured(f"Cannot listen on {where}: {error.strerror}; check BANDO_RADIUS_LISTEN.") from error


def serving_options() -> dict[str, Any]:
    """How uvicorn serves, whatever the application: its access log would hold paths, so it is off (R7)."""
    return {
        "http": Listening,
        "ws": "none",
        "access_log": False,
        "log_level": "warning",
        "server_header": False,
        "date_header": True,
        "proxy_headers": False,
        "timeout_graceful_shutdown": 10,
        "backlog": BACKLOG,
    }


def serve_settings(bando: Bando) -> uvicorn.Config:
    """Where uvicorn serves, and with which certificate."""
    settings = bando.settings
    return uvicorn.Config(
        bando.web,
        host=settings.listen_host,
        port=settings.listen_port,
        ssl_certfile=settings.tls_cert or None,
        ssl_keyfile=settings.tls_key or None,
        **serving_options(),
    )


@click.group(help="Captive-portal hotspot and voucher service for MikroTik routers.")
@click.version_option(package_name="bando")
@click.option(
    "--env-file",
    type=click.Path(path_type=Path, readable=False),
    envvar="BANDO_ENV_FILE",
    help="File of NAME=value lines.",
)
@click.pass_context
def cli(context: click.Context, env_file: Path | None) -> None:
    settings = load(env_file=env_file)
    configure(settings.log_level)
    context.obj = settings


@cli.command()
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes that answer.")
@click.pass_obj
def serve(settings: Settings, workers: int) -> None:
    """Serve the portal and keep the routers.

    On PostgreSQL so many processes answer, and one more keeps the routers; SIGHUP exchanges them without a request
    that fails.
    """
    ready(settings)
    sys.setswitchinterval(SWITCH_S)
    allow_many_connections()
    if isinstance(settings.place, Server):
        with ExitStack() as stack:
            sockets = [stack.enter_context(each) for each in _sockets(settings)]
            _says(settings)
            Workers(["work", *["web"] * workers], sockets).run()
        return
    if workers > 1:
        raise Misconfigured("A database file is served by one process; for more of them see: bando db copy --help")
    with lock(settings.database), listen(settings) as listening:
        bando = build(settings)
        if bando.radius is not None:
            listen_beside(bando.radius)
        _says(settings)
        uvicorn.Server(serve_settings(bando)).run([listening])


def _sockets(settings: Settings) -> Iterator[socket.socket]:
    """For guests and staff, and for FreeRADIUS if it asks here; raises `Misconfigured`."""
    yield listen(settings)
    if settings.radius_host:
        yield listen_at(settings.radius_host, settings.radius_port, "BANDO_RADIUS_LISTEN")


def _says(settings: Settings) -> None:
    click.echo(f"Bando serves {settings.public_url} on {settings.listen_host}:{settings.listen_port}")


@cli.command()
@click.pass_obj
def work(settings: Settings) -> None:
    """Keep routers and do what is due, beside `bando serve`, on this machine or another one. PostgreSQL only."""
    ready(settings)
    if not isinstance(settings.place, Server):
        raise Misconfigured("A database file is served by one process, which does all the work: bando serve")
    allow_many_connections()
    asyncio.run(_working(settings, lambda: click.echo("Bando works.")))


@cli.command(hidden=True)
@click.argument("part", type=click.Choice(["web", "work"]))
@click.argument("lives", type=int)
@click.argument("says", type=int)
@click.argument("listening")
@click.pass_obj
def process(settings: Settings, part: Part, lives: int, says: int, listening: str) -> None:
    """One of the processes of `bando serve`."""
    end_with(lives)
    sys.setswitchinterval(SWITCH_S)
    allow_many_connections()

    def started() -> None:
        with suppress(BrokenPipeError):  # nobody waits for that when it is not exchanged
            os.write(says, b"ready")
        os.close(says)

    if part == "work":
        asyncio.run(_working(settings, started))
        return
    bando = build(settings, part=part)
    first, *further = (socket.socket(fileno=int(each)) for each in listening.split(","))
    if bando.radius is not None:
        bando.radius.use(*further)
    LeavingServer(serve_settings(bando), started).run([first])


async def _working(settings: Settings, started: Callable[[], object]) -> None:
    """Until SIGTERM or SIGINT."""
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    bando = build(settings, part="work")
    await bando.start()
    started()
    await over.wait()
    await bando.stop()


@cli.command()
@click.option("--folder", type=click.Path(path_type=Path), default=Path("var/sandbox"), show_default=True)
@click.option("--port", default=8443, show_default=True, help="First of the ports that are used.")
@click.option("--paystack", type=click.Choice(["page", "prompt"]), help="Guests pay through Paystack, in this way.")
@click.option("--radius", is_flag=True, help="The router asks the FreeRADIUS of this machine; none calls it.")
@click.pass_obj
def sandbox(settings: Settings, folder: Path, port: int, paystack: str | None, radius: bool) -> None:
    """Start the whole world on this machine: router, phone, internet, payment providers, portal."""
    from sandbox.show import show  # the sandbox is no part of the service

    configure("warning")  # the addresses should stay in sight
    asyncio.run(show(folder, port, build, paystack or "", radius=radius))


commands.attach(cli)


def main() -> None:
    """Whatever an operator can mend is one sentence and exit code 1."""
    try:
        cli()
    except (BandoError, OSError, *ENGINE_FAILS) as failed:
        raise SystemExit(f"bando: {failed}") from None
