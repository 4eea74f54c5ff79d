"""The window against a simulated router: one command at a time, a line of 100 ms, the fall of facts/mikrotik.md 1.6."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from portal.mikrotik.pace import CEILING, FLOOR, QUIET, START, Pace, Ticket


@dataclass
class World:
    """A discrete-event simulation: nothing sleeps. The router executes in the order of arrival."""

    pace: Pace
    round_trip: float = 0.1
    quick: float = 0.001
    fallen: float = 0.02
    falls_after: int = 10**9
    now: float = 100.0
    executed: int = 0
    free_at: float = 0.0
    most_underway: int = 0
    _order: int = 0
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _waiting: deque[Callable[[float], None]] = field(default_factory=deque)

    def at(self, moment: float, what: Callable[[], None]) -> None:
        self._order += 1
        heapq.heappush(self._events, (moment, self._order, what))

    def command(self, done: Callable[[float], None], *, urgent: bool = False) -> None:
        if urgent:
            self._send(done, urgent=True)
        else:
            self._waiting.append(done)
            self._pump()

    def run(self) -> None:
        while self._events:
            self.now, _, what = heapq.heappop(self._events)
            what()

    def _pump(self) -> None:
        for _ in range(min(self.pace.room(), len(self._waiting))):
            self._send(self._waiting.popleft(), urgent=False)

    def _send(self, done: Callable[[float], None], *, urgent: bool) -> None:
        ticket = self.pace.sent(self.now, urgent=urgent)
        self.most_underway = max(self.most_underway, self.pace.underway)
        self.at(self.now + self.round_trip / 2, lambda: self._arrive(ticket, done))

    def _arrive(self, ticket: Ticket, done: Callable[[float], None]) -> None:
        service = self.quick if self.executed < self.falls_after else self.fallen
        self.executed += 1
        self.free_at = max(self.free_at, self.now) + service
        self.at(self.free_at + self.round_trip / 2, lambda: self._answer(ticket, done))

    def _answer(self, ticket: Ticket, done: Callable[[float], None]) -> None:
        self.pace.answered(ticket, self.now)
        done(self.now - ticket.at)
        self._pump()


def bulk(world: World, count: int) -> float:
    """How long `count` commands take that are asked for at once."""
    began, finished = world.now, [world.now]
    for _ in range(count):
        world.command(lambda _: finished.append(world.now))
    world.run()
    assert len(finished) == count + 1
    return finished[-1] - began


def urgent_while_bulk(world: World, *, after: float) -> float:
    """How long an urgent command takes that is asked for `after` seconds into a thousand others."""
    took: list[float] = []
    world.at(world.now + after, lambda: world.command(took.append, urgent=True))
    bulk(world, 1000)
    return took[0]


def test_a_known_quick_router_takes_a_thousand_commands_at_full_speed() -> None:
    pace = Pace()
    first = bulk(World(pace), 1000)
    pace_is_trusted = pace.trusted
    second = bulk(World(pace, now=200.0), 1000)

    assert pace_is_trusted
    assert first < 2.0  # the zone of the fall is crossed with care
    assert second < 1.2  # of which the router itself takes 1.0


@pytest.mark.parametrize("round_trip", [0.001, 0.02, 0.05, 0.2, 0.3])
def test_the_line_is_kept_full_at_any_length(round_trip: float) -> None:
    pace = Pace(trusted=True)
    took = bulk(World(pace, round_trip=round_trip), 2000)

    assert took < 2.0 * 1.02 + 5 * round_trip


@pytest.mark.parametrize("falls_after", [120, 150, 185, 220])
def test_a_router_that_falls_is_kept_busy(falls_after: int) -> None:
    assert bulk(World(Pace(), falls_after=falls_after), 1000) <= 23


@pytest.mark.parametrize("falls_after", [120, 150, 185, 220])
def test_a_new_payer_is_served_quickly_at_any_moment_of_the_fall(falls_after: int) -> None:
    moments = [n / 50 for n in range(100)] + [2.0 + n * 0.7 for n in range(25)]
    slowest = max(urgent_while_bulk(World(Pace(), falls_after=falls_after), after=after) for after in moments)

    assert slowest <= 0.45


def test_a_router_that_falls_loses_its_trust() -> None:
    pace = Pace(trusted=True)
    world = World(pace, falls_after=150)
    bulk(world, 1000)

    assert not pace.trusted
    assert pace.window < START


def test_a_router_that_is_slow_from_the_start_is_not_flooded() -> None:
    world = World(Pace(), quick=0.02)
    slowest = max(urgent_while_bulk(World(Pace(), quick=0.02), after=n / 5) for n in range(5, 60))

    assert bulk(world, 500) < 500 * 0.02 * 1.05 + 0.2
    assert slowest <= 0.45


def test_trust_is_not_earned_by_a_trickle() -> None:
    pace = Pace()
    world = World(pace)
    for _ in range(500):
        world.command(lambda _: None)
        world.run()
    assert not pace.trusted


def test_a_new_burst_after_a_quiet_second_is_careful_again() -> None:
    pace = Pace()
    world = World(pace, falls_after=150)
    bulk(world, 1000)
    again = World(pace, now=world.now + QUIET, falls_after=150)

    assert urgent_while_bulk(again, after=0.3) <= 0.45


def test_a_way_that_became_longer_is_followed() -> None:
    pace = Pace(trusted=True)
    bulk(World(pace, round_trip=0.01), 300)
    world = World(pace, round_trip=0.3, now=500.0)
    for _ in range(30):
        world.command(lambda _: None)
        world.run()

    assert bulk(world, 2000) < 5  # with too short a line in mind it would be 40


def test_one_command_may_always_be_underway() -> None:
    pace = Pace()
    for _ in range(600):
        pace.sent(1.0, urgent=True)

    assert pace.room() == 1


def test_the_window_keeps_between_its_bounds() -> None:
    pace = Pace(trusted=True)
    bulk(World(pace, round_trip=2.0, quick=0.0001), 20_000)
    assert pace.window <= CEILING
    bulk(World(pace, round_trip=0.001, quick=3.0, now=500.0), 100)
    assert FLOOR <= pace.window < START


def test_a_lost_connection_leaves_nothing_underway() -> None:
    pace = Pace()
    for _ in range(10):
        pace.sent(1.0)
    pace.lost()

    assert pace.underway == 0
    assert pace.room() == START
