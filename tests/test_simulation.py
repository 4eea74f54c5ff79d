"""The simulation in short; `make simulate` runs 100,000 payments."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from portal.access import admission
from portal.access.store import Cause
from sandbox.simulation import Failed, Simulation

SEED = int(os.environ.get("BANDO_SEED") or time.time_ns() % 1_000_000)


def test_whoever_paid_has_access_or_a_line_for_staff_and_nobody_else_has(tmp_path: Path) -> None:
    print(f"seed {SEED}")  # BANDO_SEED makes the same history again
    counted = Simulation(tmp_path / "simulation.db", SEED, 400, guests=300).run()

    assert counted["paid"] > 200
    assert counted["served"] > 0.9 * counted["paid"]
    assert counted["callback lost"] > 40
    assert counted["recovered"] > 5
    assert counted["router down"] > 0


def test_the_same_seed_makes_the_same_history(tmp_path: Path) -> None:
    first, second = (Simulation(tmp_path / name, 7, 60, guests=40).run() for name in ("a.db", "b.db"))

    assert first == second


def test_without_queries_and_statement_somebody_who_paid_would_be_forgotten(tmp_path: Path) -> None:
    world = Simulation(tmp_path / "deaf.db", 7, 120, guests=100)
    loops: Any = lambda: None  # noqa: E731
    world._loops = world._pulls = loops  # type: ignore[method-assign]
    with pytest.raises(Failed, match="no pass, and no line"):
        world.run()


def test_somebody_online_who_has_not_paid_would_be_noticed(tmp_path: Path) -> None:
    world = Simulation(tmp_path / "free.db", 7, 60, guests=40)
    arrives = world._arrives

    def with_a_gift() -> None:
        arrives()
        guest = next((each for each in world.guests if each.device and not each.paid), None)
        if guest is not None:
            cause = Cause(kind="trial", ref=f"{guest.n}")
            world.do(admission.grant, world.plan, guest.device, cause, world.now)
            world._looks(guest)

    world._arrives = with_a_gift  # type: ignore[method-assign]
    with pytest.raises(Failed, match="has paid nothing"):
        world.run()
