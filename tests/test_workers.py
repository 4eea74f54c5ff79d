"""The process that starts the others: it starts again who dies, and keeps the old one when the new one is no good."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from workers import STEADY_S, Workers


@dataclass
class Child:
    """A process that is none."""

    kind: str
    listening: Sequence[int]
    pid: int
    says: int
    stubborn: bool = False
    returncode: int | None = None
    told: list[str] = field(default_factory=list)

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            raise subprocess.TimeoutExpired("child", timeout or 0)
        return self.returncode

    def terminate(self) -> None:
        self.told.append("terminate")
        if not self.stubborn:
            self.returncode = 0

    def kill(self) -> None:
        self.told.append("kill")
        self.returncode = -9


class House:
    """A parent with children that do what the test says."""

    def __init__(self, kinds: Sequence[str]) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.now = 1000.0
        self.started: list[Child] = []
        self.becomes = "ready"  # what a new one does: ready | dead | silent
        self.parent = Workers(kinds, [self.listening], begin=self.begin, now=lambda: self.now, start_s=0.3, end_s=0.05)

    def begin(self, kind: str, lives: int, says: int, listening: Sequence[int]) -> Child:
        del lives
        child = Child(kind, listening, pid=100 + len(self.started), says=os.dup(says))
        if self.becomes == "ready":
            os.write(child.says, b"ready")
        if self.becomes == "dead":
            os.close(child.says)
            child.returncode = 1
        self.started.append(child)
        return child

    def living(self) -> list[int]:
        return [each.process.pid for each in self.parent.places if each.process is not None]


@pytest.fixture
def house() -> Iterator[House]:
    made = House(["work", "web", "web"])
    made.parent.look()
    yield made
    made.listening.close()


def test_each_place_gets_its_process_and_only_those_who_answer_the_socket(house: House) -> None:
    assert [each.kind for each in house.started] == ["work", "web", "web"]
    assert [len(each.listening) for each in house.started] == [0, 1, 1]


def test_who_dies_is_started_again(house: House) -> None:
    house.started[1].returncode = -9
    house.parent.look()
    house.now += 0.3
    house.parent.look()
    assert house.living() == [100, 103, 102]


def test_who_keeps_dying_is_started_again_after_longer_and_longer_pauses(house: House) -> None:
    pauses = []
    for _ in range(6):
        house.started[-1].returncode = 1
        died_at, count = house.now, len(house.started)
        while len(house.started) == count:
            house.parent.look()
            house.now += 0.1
        pauses.append(round(house.now - died_at, 1))
    assert pauses == sorted(pauses)
    assert pauses[0] < 0.5
    assert 14 < pauses[-1] < 16


def test_who_has_lived_for_long_is_started_at_once_again(house: House) -> None:
    for _ in range(4):
        house.started[-1].returncode = 1
        house.parent.look()
        house.now += 20
        house.parent.look()
    house.now += STEADY_S + 1
    house.started[-1].returncode = 1
    house.parent.look()
    house.now += 0.3
    count = len(house.started)
    house.parent.look()
    assert len(house.started) == count + 1


def test_an_exchange_ends_the_old_one_when_the_new_one_answers(house: House) -> None:
    house.parent.exchange_all()
    assert [each.told for each in house.started[:3]] == [["terminate"]] * 3
    assert house.living() == [103, 104, 105]


@pytest.mark.parametrize("becomes", ["dead", "silent"])
def test_a_new_one_that_does_not_get_ready_keeps_the_old_one(house: House, becomes: str) -> None:
    house.becomes = becomes
    house.parent.exchange_all()
    assert house.living() == [100, 101, 102]
    assert [each.told for each in house.started[:3]] == [[]] * 3
    assert all(each.returncode is not None for each in house.started[3:])


def test_who_dies_during_an_exchange_is_not_forgotten(house: House) -> None:
    house.becomes = "silent"
    house.started[2].returncode = -9
    house.now += 1
    house.parent.look()  # it has been seen
    house.now += 1
    house.parent.exchange_all()
    assert len(house.living()) == 3


def test_whoever_does_not_end_is_killed(house: House) -> None:
    house.started[0].stubborn = True
    house.parent.end()
    assert house.started[0].told == ["terminate", "kill"]


def test_an_end_is_not_kept_waiting_by_an_exchange(house: House) -> None:
    house.becomes = "silent"
    house.parent.ending = True
    house.parent.exchange_all()
    assert len(house.started) == 3


def test_no_file_is_left_open(house: House) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        house.started[-1].returncode = 1
        os.close(house.started[-1].says)
        house.parent.look()
        house.now += 20
        house.parent.look()
        house.started[-1].returncode = None
    assert len(os.listdir("/proc/self/fd")) <= before
