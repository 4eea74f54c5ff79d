"""A process dies with `kill -9`: others do its work, and nothing that was acknowledged is lost or doubled."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from portal.clock import MINUTE, SECOND, TravelClock
from portal.processes.leases import ALL, shard
from tests.processes.guests import Crowd, exactly
from tests.processes.stage import Launcher, Town, lives, town, until

TAKEN_OVER_S, AGREE_S = 15.0, 20.0

sweep = [
    pytest.mark.slow,
    pytest.mark.skipif(os.environ.get("BANDO_SWEEP") != "1", reason="takes minutes: make sweep"),
]


async def taken_over(made: Town) -> bool:
    """Whether everything is done by somebody who lives."""
    shares = await made.shares()
    return len(shares) == len(ALL) and all(lives(int(owner.split("/")[1])) for owner in shares.values())


async def agrees(made: Town, crowd: Crowd) -> bool:
    """Whether everyone who was let in is online."""
    del made
    return not crowd.offline()


@pytest.mark.parametrize("kills", [1, pytest.param(5, marks=sweep)])
async def test_whoever_keeps_the_routers_dies(tmp_path: Path, launcher: Launcher, kills: int) -> None:
    async with town(tmp_path, launcher) as made:
        await made.serve()
        await made.work()
        await until(lambda: taken_over(made), 10, "an owner of everything")
        crowd = Crowd(made, lines=2)
        crowd.begin(await made.print_cards(1000 * kills), pause_s=0.1)
        for number in range(kills):
            if number:
                await made.work()  # as its unit does; who dies again and again is begun later each time
            await asyncio.sleep(2)
            owner = await made.owner_of(shard(made.routers[0][0].id))
            assert owner is not None
            os.kill(owner, signal.SIGKILL)
            await until(lambda owner=owner: not lives(owner), 5, "its end", 0.005)  # type: ignore[misc]
            killed_at = time.monotonic()
            before = crowd.everyone()
            took = await until(lambda: taken_over(made), TAKEN_OVER_S, "an owner of everything")
            here = [each for each in before if not each.online]
            await until(lambda here=here: all(each.online for each in here), AGREE_S - took, "agreement")  # type: ignore[misc]
            agreed = time.monotonic() - killed_at
            print(f"\ntaken over after {took:.1f} s, routers agree after {agreed:.1f} s ({len(here)} were waiting)")
        await crowd.end()
        await until(lambda: agrees(made, crowd), AGREE_S, "everybody online")
        assert (crowd.failed, crowd.cut) == ([], 0), "no guest notices"
        await exactly(crowd)
        print(f"{len(crowd.redeemed)} codes and {len(crowd.paid)} payments meanwhile")


async def test_a_process_that_answers_dies_and_then_their_parent(tmp_path: Path, launcher: Launcher) -> None:
    clock = TravelClock(tmp_path / "clock")
    async with town(tmp_path, launcher, clock=clock, BANDO_CLOCK_FILE=str(tmp_path / "clock")) as made:
        serving = await made.serve()
        crowd = Crowd(made)
        crowd.begin(await made.print_cards(1000), pause_s=0.02, payers=2)
        await asyncio.sleep(1)
        made.site.mpesa.faults.always(slow_ms=30 * SECOND)  # from now on no push is answered in time
        asked = len(made.site.mpesa.pushes)
        await until(lambda: len(made.site.mpesa.pushes) >= asked + 2, 20, "prompts that are in hand")
        for pid in serving.children("web"):
            os.kill(pid, signal.SIGKILL)
        await until(lambda: len(serving.children("web")) == 2, 5, "other processes instead")
        made.site.mpesa.faults.always(slow_ms=0)
        shown = len(crowd.redeemed)
        await until(lambda: len(crowd.redeemed) >= shown + 10, 30, "further guests")
        await crowd.end()
        assert crowd.failed == []
        clock.advance(MINUTE)
        await until(lambda: all_settled(made), 20, "an end of what was in hand")
        await until(lambda: agrees(made, crowd), AGREE_S, "everybody online")
        await exactly(crowd)
        print(f"\n{len(crowd.redeemed)} codes, {len(crowd.paid)} payments, {crowd.cut} requests cut off")

        children = serving.children()
        serving.signal(signal.SIGKILL)
        gone = await until(lambda: not any(lives(pid) for pid in children), 15, "the end of its children")
        print(f"children of a parent that was killed end after {gone:.1f} s")
        await made.serve()  # and nobody holds the socket


async def all_settled(made: Town) -> bool:
    """Whether every shilling that moved is known, and every payment has an end or a question that is due."""
    found = [row for row in await made.passes() if row["cause_kind"] == "payment"]
    return len(found) == len(made.site.mpesa.transactions)
