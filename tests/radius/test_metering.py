"""Whatever happens to accounting packets on their way, the totals are those of the router, each session once."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from portal.access import admission, store
from portal.access.store import Cause, Device
from portal.clock import DAY, Moment
from portal.db import executor, open_connection, quiet
from portal.radius.metering.over import ended
from portal.radius.metering.report import Report
from portal.radius.metering.take import Place, take
from portal.radius.names import Named
from portal.seal import Vault
from portal.sessions.meter import Use
from portal.tenancy import store as tenancy
from portal.units import Unit, drive
from tests.radius.nas import Nas
from tests.support import MASTER, a_plan, add_router, template

START = 1_800_000_000_000
PATIENCE_MS = 750_000
SILENCE_S = 800


class Books:
    """An ISP with a RADIUS router, and two devices with a pass each: by the clock, and of online time."""

    def __init__(self, folder: str) -> None:
        path = Path(folder) / "radius.db"
        shutil.copyfile(template(), path)
        self.connection = open_connection(path)
        self.connection.execute("PRAGMA synchronous=OFF")
        self.connection.execute("BEGIN")
        self.run_as = None
        self.tenant = drive(tenancy.add_tenant("A", START), None, executor(self.connection, quiet)).id
        self.vault = Vault(MASTER)
        self.router_id: int = self.run(add_router(self.vault, START, name="R"))
        self.devices: list[Device] = []
        self.passes: dict[int, int] = {}
        for number, kind in enumerate(("wall", "used")):
            plan = a_plan(kind=kind, span_ms=90 * DAY, data_bytes=1 << 55, name=kind)
            plan_id = self.run(store.add_plan(plan, START))
            device = self.run(store.touch_device(f"02:00:00:00:00:0{number}", self.router_id, START))
            bought = type(plan)(**{**plan.__dict__, "id": plan_id})
            made = self.run(admission.grant(bought, device.id, Cause(kind="staff", ref=str(number)), START))
            self.devices.append(device)
            self.passes[device.id] = made.id

    def run(self, unit: Unit[Any]) -> Any:
        return drive(unit, self.tenant, executor(self.connection, quiet))

    def take(self, report: Report, named: Named | None, now: Moment) -> str:
        place = Place(router_id=self.router_id, vault=self.vault, patience_ms=PATIENCE_MS)
        came: str = self.run(take(place, report, named, now))
        return came

    def sums(self, table: str, ms: str) -> Use:
        text = f"SELECT SUM({ms}) AS ms, SUM(bytes_up) AS up, SUM(bytes_down) AS down FROM {table}"
        row = self.connection.execute(text).fetchone()
        return Use(ms=row["ms"] or 0, bytes_up=row["up"] or 0, bytes_down=row["down"] or 0)

    def rows(self, text: str) -> list[sqlite3.Row]:
        return self.connection.execute(text).fetchall()


class Network(RuleBasedStateMachine):
    """Two devices at one router; packets are lost, doubled, late and out of order, and the router reboots."""

    with_class = True

    @initialize()
    def begin(self) -> None:
        self.folder = TemporaryDirectory(prefix="bando-radius-")
        self.books = Books(self.folder.name)
        self.nas = Nas(now=START + 1000)

    def teardown(self) -> None:
        if hasattr(self, "books"):
            self.books.connection.close()
            self.folder.cleanup()

    def device(self, number: int) -> Device:
        return self.books.devices[number]

    @rule(number=st.integers(0, 1))
    def login(self, number: int) -> None:
        device = self.device(number)
        self.nas.login(device, self.books.passes[device.id])

    @rule(number=st.integers(0, 1), up=st.integers(0, 1 << 34), down=st.integers(0, 1 << 34))
    def use(self, number: int, up: int, down: int) -> None:
        self.nas.use(self.device(number).id, up, down)

    @rule(number=st.integers(0, 1))
    def interim(self, number: int) -> None:
        self.nas.interim(self.device(number).id)

    @rule(number=st.integers(0, 1))
    def logout(self, number: int) -> None:
        self.nas.logout(self.device(number).id)

    @rule(seconds=st.integers(1, 900))
    def wait(self, seconds: int) -> None:
        self.nas.wait(seconds)

    @rule(told=st.booleans())
    def reboot(self, told: bool) -> None:
        self.nas.reboot()
        if told:  # Accounting-On arrives
            self.books.run(ended(self.books.router_id, self.nas.now, "router", self.nas.now))

    @rule()
    def silence(self) -> None:
        """What was not heard of for long is taken for over, and may be heard of again."""
        before = self.nas.now - SILENCE_S * 1000
        self.books.run(ended(self.books.router_id, before, "silence", self.nas.now))

    @rule(which=st.integers(0, 50), again=st.booleans(), slow_s=st.integers(0, 9))
    def arrive(self, which: int, again: bool, slow_s: int) -> None:
        came = self.nas.arrive(which, again=again, slow_s=slow_s)
        if came is None:
            return
        report, named = came
        assert self.books.take(report, named if self.with_class else None, self.nas.now) in ("new", "again")

    @rule()
    def hear(self) -> None:
        """Whoever is online, and is heard of, is online in the books, whatever was lost before."""
        self.nas.wait(1)
        for number in range(2):
            before = len(self.nas.air)
            self.interim(number)
            if len(self.nas.air) > before:
                self.arrive(before, False, 0)
        if self.with_class:
            still = self.books.rows("SELECT let_in_at FROM sessions WHERE ended_at IS NULL")
            assert {stay.begun for stay in self.nas.running.values()} <= {row["let_in_at"] for row in still}

    @rule(which=st.integers(0, 50))
    def lose(self, which: int) -> None:
        self.nas.lose(which)

    @invariant()
    def totals_are_those_that_arrived(self) -> None:
        if not hasattr(self, "books"):
            return
        books, arrived = self.books, self.nas.arrived
        assert books.sums("usage", "used_ms") == arrived
        assert books.sums("sessions", "online_ms") == arrived
        assert books.sums("usage_hours", "online_ms") == arrived
        used = books.rows("SELECT SUM(used_bytes) AS size FROM passes")[0]["size"]
        assert used == arrived.bytes_up + arrived.bytes_down
        assert len(books.rows("SELECT id FROM sessions")) == sum(stay.heard for stay in self.nas.stays)

    @invariant()
    def one_session_runs_at_most(self) -> None:
        if not hasattr(self, "books"):
            return
        running = self.books.rows("SELECT device_id, started_at FROM sessions WHERE ended_at IS NULL")
        online = self.books.rows("SELECT device_id, online_since FROM presence WHERE online_since IS NOT NULL")
        assert sorted(map(tuple, running)) == sorted(map(tuple, online))
        assert len({row["device_id"] for row in running}) == len(running)
        stopped = {stay.begun for stay in self.nas.stays if stay.stopped}
        if self.with_class:
            still = self.books.rows("SELECT let_in_at FROM sessions WHERE ended_at IS NULL")
            assert not stopped & {row["let_in_at"] for row in still}
        for row in self.books.rows("SELECT * FROM sessions"):
            assert row["started_at"] <= row["seen_at"]
            assert row["ended_at"] is None or row["started_at"] <= row["ended_at"]
            assert (row["login_sealed"] is None) or row["ended_at"] is None


class WithoutClass(Network):
    """Sessions are told apart by their beginnings alone."""

    with_class = False


QUICK = settings(
    max_examples=100,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@pytest.mark.parametrize("machine", [Network, WithoutClass])
def test_totals_are_exact_whatever_happens_to_packets(machine: type[Network]) -> None:
    run_state_machine_as_test(machine, settings=QUICK)


def test_without_merging_the_totals_are_wrong() -> None:
    """Whoever forgets what is known of a session, and adds what a packet says, counts twice."""
    with TemporaryDirectory(prefix="bando-radius-") as folder:
        books, nas = Books(folder), Nas(now=START + 1000)
        device = books.devices[0]
        nas.login(device, books.passes[device.id])
        nas.use(device.id, 5, 7)
        nas.wait(60)
        nas.interim(device.id)
        for forgets, right in ((False, True), (True, False)):
            if forgets:
                books.connection.execute("UPDATE sessions SET online_ms = 0, bytes_up = 0, bytes_down = 0")
            came = nas.arrive(1, again=True, slow_s=0)
            assert came is not None
            books.take(*came, nas.now)
            assert (books.sums("usage", "used_ms") == nas.arrived) is right
        books.connection.close()
