"""Composition root: builds every object once. Nothing in portal/ imports this file."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Literal

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp

from commands.ground import clock_for, trust_for
from commands.serving import serving_options
from portal.access import record
from portal.access.catalog import Catalog
from portal.access.trials import Trials
from portal.calls.routes import Calls
from portal.calls.service import Wishes
from portal.clock import SECOND, Clock, Moment
from portal.console import site as console
from portal.console.doors import Services as ConsoleServices
from portal.db import Database, Observe, open_database, quiet
from portal.health import Health, RadiusCounts
from portal.imports.room import Imports
from portal.keys.ring import ring_of
from portal.keys.rotation import Rotation
from portal.listening import Beside
from portal.logs import AccessLog
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
from portal.radius.hosts import ASKED, Hosts, seeing
from portal.radius.watching.watch import Watch as RadiusWatch
from portal.settings import Settings, refuse_unsafe
from portal.staff.room import StaffRoom
from portal.tenancy.reminders import Reminders
from portal.units import Unit
from portal.vouchers.room import Vouchers
from portal.watch.looking import Sources
from portal.watch.room import Watch
from portal.watch.rules import Balance, Deadline, Expiring

Part = Literal["all", "web", "work"]  # what a process does: everything, answer, or keep routers and run loops

# To all providers together; each host has a bound of its own, so that none can use them all up.
CALLS = httpx.Limits(max_connections=8 * AT_ONCE, max_keepalive_connections=32)
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
    hosts = Hosts(clock, settings.secret_key.encode(), partial(db.ring, ASKED))
    if part != "work":
        db.listen(ASKED, lambda _tenant, one: hosts.hear(one))
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
