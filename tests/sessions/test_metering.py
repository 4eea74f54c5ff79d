"""What the sessions add up to is what went through the router, whatever readings are lost, repeated or late."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from portal.access import record, store
from portal.access.record import Sighting
from portal.clock import HOUR, SECOND
from portal.seal import Vault
from portal.sessions.meter import Reading
from portal.tenancy import store as tenancy
from portal.units import Unit
from tests.hand import Hand, fresh_hand
from tests.sessions.model import Router
from tests.support import MASTER, examples

START = 1_800_000_000_000

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("login")),
        st.tuples(st.just("logout")),
        st.tuples(st.just("use"), st.integers(0, 1 << 34), st.integers(0, 1 << 34)),
        st.tuples(st.just("wait"), st.integers(1, 900)),
        st.tuples(st.just("poll")),
        st.tuples(st.just("poll again")),
        st.tuples(st.just("poll late")),
        st.tuples(st.just("stalled poll"), st.integers(1, 60)),
        st.tuples(st.just("torn poll"), st.integers(0, 30), st.booleans()),
    ),
    max_size=40,
)
REBOOTS = st.lists(
    st.one_of(
        st.tuples(st.just("login")),
        st.tuples(st.just("use"), st.integers(0, 1 << 34), st.integers(0, 1 << 34)),
        st.tuples(st.just("wait"), st.integers(1, 900)),
        st.tuples(st.just("poll")),
        st.tuples(st.just("reboot"), st.booleans()),
    ),
    max_size=40,
)


class Books:
    """One device at one router, and what its keeper writes down about it."""

    def __init__(self, connection: Hand) -> None:
        self.connection = connection
        self.tenant = connection.run(tenancy.add_tenant("A", START), None)
        vault = Vault(MASTER)
        self.router_id = self.run(
            tenancy.add_router(
                vault, START, name="R", host="h", port=1, username="u", password="p", hotspot_host="w.test"
            )
        )
        self.device_id = self.run(store.touch_device("02:00:00:00:00:01", self.router_id, START)).id
        self.late: Reading | None = None
        self.noted = START  # when the last reading was made

    def run(self, unit: Unit[Any]) -> Any:
        return self.connection.run(unit, self.tenant.id)

    def note(self, reading: Reading) -> None:
        self.noted = max(self.noted, reading.read_at)
        seen = Sighting(device_id=self.device_id, reading=reading, address="10.5.50.9")
        self.run(record.record(self.router_id, [seen], reading.read_at))

    def sums(self, table: str) -> tuple[int, int]:
        found = self.connection.execute(f"SELECT SUM(bytes_up), SUM(bytes_down) FROM {table}").fetchone()
        return int(found[0] or 0), int(found[1] or 0)

    def now(self) -> tuple[int, int]:
        """All sessions as pages and the export tell them: of the one that runs, the last reading."""
        found = self.connection.execute(
            "SELECT SUM(COALESCE(y.active_bytes_in, e.bytes_up)), SUM(COALESCE(y.active_bytes_out, e.bytes_down))"
            " FROM sessions e LEFT JOIN presence y ON y.router_id = e.router_id AND y.device_id = e.device_id"
            " AND y.online_since = e.started_at AND e.ended_at IS NULL"
        ).fetchone()
        return int(found[0] or 0), int(found[1] or 0)

    def sessions(self) -> list[Any]:
        return self.connection.execute("SELECT * FROM sessions ORDER BY started_at, id").fetchall()

    def step(self, router: Router, what: str, *how: Any) -> None:
        if what == "poll":
            self.late = router.reading()
            self.note(router.reading())
        elif what == "poll again":
            self.note(router.reading())
            self.note(router.reading())
        elif what == "poll late":
            if self.late is not None and 0 < self.noted - self.late.read_at <= record.LATE_MS:
                self.note(self.late)
        elif what == "stalled poll":
            read, asked = router.reading(), router.now
            router.wait(how[0])
            self.note(replace(read, read_at=router.now, late_ms=router.now - asked))
        elif what == "torn poll":
            self.torn(router, *how)
        elif what == "reboot":
            self.note(router.reading())  # what went through since then is lost with the router: at most one poll
            router.reboot(rows_lost=how[0])
        else:
            getattr(router, what)(*how)

    def torn(self, router: Router, seconds: int, comes_back: bool) -> None:
        """The device leaves, and may come back, between the answers of the active rows and of the users."""
        active, asked = router.reading(), router.now
        router.wait(seconds)
        router.logout()
        if comes_back:
            router.login()
        router.now += 1
        users = router.reading()
        read = replace(active, read_at=router.now, late_ms=router.now - asked)
        columns = ("user_uptime_s", "user_bytes_in", "user_bytes_out")
        self.note(replace(read, **{each: getattr(users, each) for each in columns}))


@contextmanager
def books() -> Iterator[Books]:
    with fresh_hand() as connection, connection.trial():
        yield Books(connection)


def played(steps: list[tuple[Any, ...]]) -> tuple[Router, Books, list[Any]]:
    with books() as made:
        router = Router(now=START)
        made.note(router.reading())
        for what, *how in steps:
            made.step(router, what, *how)
        router.wait(1)
        made.note(router.reading())
        assert made.sums("sessions") == made.sums("usage_hours")
        assert made.now() == router.passed
        sessions, running = made.sessions(), router.begun is not None
        if running:
            router.logout()
            router.wait(1)
            made.note(router.reading())
        assert made.sums("sessions") == made.sums("usage_hours") == router.passed
        router.begun = router.now if running else None  # as it was for whoever looks at it
        return router, made, sessions


QUICK = settings(max_examples=examples(120), deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(STEPS)
@example([("login",), ("use", 5, 7), ("wait", 30), ("poll",), ("use", 1, 1), ("logout",), ("login",), ("use", 9, 9)])
@example([("login",), ("wait", 50), ("poll",), ("wait", 5), ("use", 1, 1), ("poll again",), ("poll late",)])
@example([("login",), ("use", 0, 1), ("torn poll", 0, True)])
@example([("login",), ("wait", 600), ("use", 5, 5), ("poll",), ("torn poll", 0, False)])
@example([("login",), ("wait", 9), ("use", 1, 1), ("poll",), ("wait", 90), ("use", 5, 5), ("stalled poll", 10)])
def test_sessions_and_hours_add_up_to_what_went_through(steps: list[tuple[Any, ...]]) -> None:
    router, _, sessions = played(steps)
    for one in sessions:
        assert one["started_at"] <= one["seen_at"] <= router.now
        assert one["ended_at"] is None or one["started_at"] <= one["ended_at"] <= router.now
    running = [one for one in sessions if one["ended_at"] is None]
    assert len(running) == int(router.begun is not None)


@QUICK
@given(REBOOTS)
def test_a_router_that_reboots_takes_nothing_away_that_was_read(steps: list[tuple[Any, ...]]) -> None:
    played(steps)


@QUICK
@given(st.lists(st.tuples(st.integers(1, 300), st.integers(0, 1 << 33)), min_size=1, max_size=20))
def test_time_online_is_that_of_the_router(stays: list[tuple[int, int]]) -> None:
    steps: list[tuple[Any, ...]] = []
    for seconds, size in stays:
        steps += [("login",), ("wait", seconds), ("use", size, size), ("poll",), ("logout",), ("wait", 20), ("poll",)]
    router, _, sessions = played(steps)
    assert sum(one["online_ms"] for one in sessions) == router.online_ms
    assert len(sessions) == len(stays)
    assert all(one["ended_at"] - one["started_at"] == one["online_ms"] for one in sessions)


def test_an_hour_counts_a_guest_once() -> None:
    with books() as made:
        router = Router(now=START - START % HOUR)
        made.note(router.reading())
        for _ in range(3):  # three sessions within an hour, and one that runs into the next
            for what, *how in (
                ("login",),
                ("wait", 300),
                ("use", 10, 20),
                ("poll",),
                ("logout",),
                ("wait", 60),
                ("poll",),
            ):
                made.step(router, what, *how)
        router.login()
        made.step(router, "poll")
        router.wait(HOUR // SECOND)
        made.step(router, "poll")
        hours = made.connection.execute("SELECT hour, guests FROM usage_hours ORDER BY hour").fetchall()
        assert [each["guests"] for each in hours] == [1, 1]
        assert hours[1]["hour"] - hours[0]["hour"] == HOUR


def test_a_clock_that_was_put_back_stops_no_metering() -> None:
    with books() as made:
        router = Router(now=START + HOUR)
        router.login()
        router.use(5, 5)
        made.step(router, "poll")
        router.now, router.begun = START, START - 60 * SECOND  # an hour earlier; the router counts on
        router.use(7, 7)
        made.step(router, "poll")
        assert made.now() == router.passed
        router.logout()
        router.wait(10)
        made.step(router, "poll")
        assert made.sums("sessions") == router.passed
        assert all(one["ended_at"] >= one["started_at"] for one in made.sessions())
