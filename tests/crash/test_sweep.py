"""The portal is killed at every statement and every call of the paying road, before and after (I1-I4, I10).

Guests come one after the other to the same shop, and each finds a portal that dies one point later than the
last. The short form picks points that are spread over the road.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.crash.stage import stage
from tests.crash.walk import Walk, walk

SHOP = 40  # guests in one world
TELLING = re.compile(r"commit:|mpesa:|router:(add|login):")


async def whole_road(folder: Path) -> list[str]:
    """The points of a road on which nothing happens."""
    async with stage(folder, patient=True) as made:
        went = await walk(made, 1, 0)
    assert not went.died
    assert went.healed_by == "at once"
    return went.points


def telling(points: Sequence[str], *, half: int) -> list[int]:
    """The points around commits, calls and what changes the router; each half has some before and some after."""
    found = [k for k, name in enumerate(points, start=1) if TELLING.match(name)]
    return [k for n, k in enumerate(found) if (n % 4 in (0, 3)) == bool(half)]


async def die_at(folder: Path, ks: Sequence[int], *, patient: bool) -> list[Walk]:
    """Kill the portal at each of these points; every failure says at which."""
    walks: list[Walk] = []
    for first in range(0, len(ks), SHOP):
        async with stage(folder / str(first), patient=patient) as made:
            for number, k in enumerate(ks[first : first + SHOP], start=1):
                try:
                    walks.append(await walk(made, number, k))
                except Exception as broken:
                    passed = made.points.passed()
                    broken.add_note(f"killed at point {k}: {passed[-1:]}\n{passed}\n{made.launcher.written()}")
                    raise
                print(f"  {k:4d} {walks[-1].where:60s} {walks[-1].healed_by}", flush=True)
    return walks


@pytest.mark.parametrize("patient", [True, False], ids=["callbacks come again", "callbacks are lost"])
async def test_a_portal_killed_anywhere_on_the_road_loses_nothing(tmp_path: Path, patient: bool) -> None:
    points = await whole_road(tmp_path / "whole")
    walks = await die_at(tmp_path / "dying", telling(points, half=patient), patient=patient)
    assert sum(each.died for each in walks) >= 8


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("BANDO_SWEEP") != "1", reason="the whole sweep takes minutes: make sweep")
@pytest.mark.parametrize("patient", [True, False], ids=["callbacks come again", "callbacks are lost"])
async def test_a_portal_killed_at_every_point_of_the_road_loses_nothing(tmp_path: Path, patient: bool) -> None:
    points = await whole_road(tmp_path / "whole")
    print(f"\n{len(points)} points: {points}")
    walks = await die_at(tmp_path / "dying", range(1, len(points) + 1), patient=patient)
    print(f"{sum(each.died for each in walks)} of {len(points)} points killed the portal")
    assert sum(each.died for each in walks) >= len(points) * 0.9
