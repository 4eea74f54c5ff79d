"""The portal is killed at every statement and every call of a redemption, before and after (I4, I10)."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest

from tests.crash.redeem_walk import Kind, redeem_walk
from tests.crash.stage import Stage, stage
from tests.crash.walk import Walk

SHOP = 60  # guests in one world
KINDS: tuple[Kind, ...] = get_args(Kind)
SHORT = 12  # points in what a keeper writes of nothing new
TELLING = re.compile(r"commit:|router:(add|login):")


async def whole_road(made: Stage, kind: Kind) -> list[str]:
    """The points of a redemption in which nothing happens."""
    went = await redeem_walk(made, 1, 0, kind)
    assert not went.died
    assert went.healed_by == "at once"
    return went.points


async def die_at(made: Stage, kind: Kind, ks: Sequence[int]) -> list[Walk]:
    """Kill the portal at each of these points; every failure says at which."""
    walks: list[Walk] = []
    for number, k in enumerate(ks, start=2):
        try:
            walks.append(await redeem_walk(made, number, k, kind))
        except Exception as broken:
            passed = made.points.passed()
            broken.add_note(f"{kind}: killed at point {k}: {passed[-1:]}\n{passed}\n{made.launcher.written()}")
            raise
        print(f"  {kind} {k:4d} {walks[-1].where:60s} {walks[-1].healed_by}", flush=True)
    return walks


def telling(points: Sequence[str], first: int) -> list[int]:
    """Some statements before the first commit, and what is around it and around what changes the router."""
    ends = [0, *(k for k, name in enumerate(points, start=1) if name == "commit:after")]
    # A keeper may write some rows meanwhile: the redemption is the first that is longer.
    begin, commit = next(each for each in pairwise(ends) if each[1] - each[0] > SHORT)
    before = range(begin + 1 + 3 * first, commit, 9)
    return sorted({*before, *(k for k, name in enumerate(points[: 2 * commit], start=1) if TELLING.match(name))})


@pytest.mark.parametrize("kind", KINDS)
async def test_a_portal_killed_anywhere_in_a_redemption_keeps_voucher_and_pass_together(
    tmp_path: Path, kind: Kind
) -> None:
    async with stage(tmp_path, patient=True) as made:
        points = await whole_road(made, kind)
        walks = await die_at(made, kind, telling(points, KINDS.index(kind)))
    assert sum(each.died for each in walks) >= 6
    assert {each.healed_by for each in walks if each.died} == {"at once", "showing it again"}


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("BANDO_SWEEP") != "1", reason="the whole sweep takes minutes: make sweep")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_portal_killed_at_every_point_of_a_redemption_keeps_voucher_and_pass_together(
    tmp_path: Path, kind: Kind
) -> None:
    async with stage(tmp_path / "whole", patient=True) as made:
        points = await whole_road(made, kind)
    print(f"\n{kind}: {len(points)} points: {points}")
    died = 0
    for first in range(1, len(points) + 1, SHOP):
        async with stage(tmp_path / str(first), patient=True) as made:
            walks = await die_at(made, kind, range(first, min(first + SHOP, len(points) + 1)))
            died += sum(each.died for each in walks)
    print(f"{kind}: {died} of {len(points)} points killed the portal")
    assert died >= len(points) * 0.9
