"""Whether Bando is well (R10): /healthz (alive), /readyz (database and loops), /metrics (Prometheus)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from portal.clock import MINUTE, Clock
from portal.db import Database
from portal.db.failures import of_the_machine
from portal.loops import Supervisor
from portal.mikrotik.keepers import Keepers
from portal.units import Unit, value
from portal.vouchers.counts import Counts
from portal.watch.alarm import KINDS
from portal.watch.room import Watch

STALE_MS = 2 * MINUTE  # a loop that has not succeeded for so long is not well


@dataclass(frozen=True, kw_only=True)
class RadiusCounts:
    """Accounting packets by what came of them, and Disconnects and CoAs by what routers answered."""

    came: Mapping[str, int]
    sent: Mapping[tuple[str, str], int]


@dataclass(frozen=True, kw_only=True)
class Health:
    """Answers from what runs in this process."""

    db: Database
    clock: Clock
    supervisor: Supervisor
    keepers: Keepers
    vouchers: Counts | None = None
    watch: Watch | None = None
    radius: Callable[[], RadiusCounts] | None = None

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/healthz", self.healthz),
            Route("/readyz", self.readyz),
            Route("/metrics", self.metrics),
        ]

    async def healthz(self, _: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def readyz(self, _: Request) -> Response:
        """200 when the database answers and every loop has succeeded lately; else 503 with what is not well."""
        stale = self.supervisor.stale(STALE_MS)
        well = not stale
        said: dict[str, object] = {"stale loops": stale}
        try:
            await self.db.read(None, _ping)
        except Exception as failed:  # of whatever kind: whoever asks wants to know just that
            if not of_the_machine(failed):
                raise
            well, said = False, {**said, "database": "away"}
        return JSONResponse({"ready": well, **said}, status_code=200 if well else 503)

    async def metrics(self, _: Request) -> Response:
        registry = CollectorRegistry()
        _routers(registry, self.keepers, self.clock)
        loops = Gauge("bando_loop_last_success_seconds", "Age of a loop's last success", ["loop"], registry=registry)
        for name, at in self.supervisor.last_success.items():
            loops.labels(loop=name).set((self.clock.now() - at) / 1000)
        if self.vouchers is not None:
            _vouchers(registry, self.vouchers)
        if self.watch is not None:
            _alarms(registry, self.watch)
        if self.radius is not None:
            _radius(registry, self.radius())
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")


def _routers(registry: CollectorRegistry, keepers: Keepers, clock: Clock) -> None:
    up = Gauge("bando_router_up", "Whether a router answers", ["router"], registry=registry)
    age = Gauge("bando_router_agreed_seconds", "Age of the last agreement with a router", ["router"], registry=registry)
    for keeper in keepers.all():
        up.labels(router=keeper.router.public).set(1 if keeper.connected else 0)
        if keeper.agreed_at:
            age.labels(router=keeper.router.public).set((clock.now() - keeper.agreed_at) / 1000)


def _vouchers(registry: CollectorRegistry, counts: Counts) -> None:
    for name, what, found in (
        ("redemptions", "Codes that put a device online", counts.redemptions),
        ("guesses", "Codes that were of no use and counted as guesses", counts.guesses),
        ("slowed", "Codes that were not looked at, since too many wrong ones had come", counts.slow),
    ):
        counter = Counter(f"bando_voucher_{name}", what, ["router"], registry=registry)
        for router, count in found.items():
            counter.labels(router=router).inc(count)


def _alarms(registry: CollectorRegistry, watch: Watch) -> None:
    opened = Gauge("bando_alarms_open", "Alarms that are open, over all ISPs", ["kind"], registry=registry)
    for kind in KINDS:
        opened.labels(kind=kind).set(watch.open.get(kind, 0))
    overdue = Gauge("bando_overdue", "What the law wanted done by now, over all ISPs", ["what"], registry=registry)
    for what in ("request", "incident"):
        overdue.labels(what=what).set(watch.overdue.get(what, 0))
    failed = Counter("bando_deliveries_failed", "Messages of alarms that were given up", registry=registry)
    failed.inc(watch.failed)


def _radius(registry: CollectorRegistry, counts: RadiusCounts) -> None:
    came = Counter("bando_radius_accounting", "Accounting packets, by what came of them", ["came"], registry=registry)
    for name, count in counts.came.items():
        came.labels(came=name).inc(count)
    sent = Counter(
        "bando_radius_sent", "Disconnects and changes, by what routers answered", ["kind", "said"], registry=registry
    )
    for (kind, said), count in counts.sent.items():
        sent.labels(kind=kind, said=said).inc(count)


def _ping() -> Unit[object]:
    return (yield from value("SELECT 1"))
