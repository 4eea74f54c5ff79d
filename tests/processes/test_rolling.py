"""SIGHUP exchanges all processes under load, and no request fails."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from tests.processes.guests import Crowd, exactly
from tests.processes.stage import Launcher, Process, Town, town, until

EXCHANGED_S = 60.0


async def exchanged(serving: Process, before: list[int]) -> float:
    """Until each process is another one; how long that took."""

    def done() -> bool:
        now = serving.children()
        return len(now) == len(before) and not set(now) & set(before)

    serving.signal(signal.SIGHUP)
    return await until(done, EXCHANGED_S, "other processes")


async def under_load(made: Town, serving: Process, cards: list[str]) -> Crowd:
    """Exchange them while some guests keep their connections and others come on new ones."""
    kept, fresh = Crowd(made, lines=3), Crowd(made, lines=3)
    fresh._numbers = kept._numbers
    kept.begin(cards, pause_s=0.05)
    fresh.begin(cards, pause_s=0.05, payers=0, fresh=True)
    await asyncio.sleep(1)
    took = await exchanged(serving, serving.children())
    await asyncio.sleep(1)
    await asyncio.gather(kept.end(), fresh.end())
    kept.redeemed |= fresh.redeemed
    kept.failed += fresh.failed
    kept.cut += fresh.cut
    kept.asked += fresh.asked
    print(f"\nexchanged in {took:.1f} s: {kept.asked} requests, {kept.cut} without an answer, {kept.failed}")
    return kept


async def test_processes_are_exchanged_and_no_request_fails(tmp_path: Path, launcher: Launcher) -> None:
    async with town(tmp_path, launcher) as made:
        serving = await made.serve()
        crowd = await under_load(made, serving, await made.print_cards(5000))
        assert (crowd.cut, crowd.failed) == (0, [])
        assert crowd.asked > 50
        await until(lambda: not crowd.offline(), 20, "agreement of the routers")
        await exactly(crowd)


async def test_without_the_leaving_requests_are_cut_off(tmp_path: Path, launcher: Launcher) -> None:
    async with town(tmp_path, launcher) as made:
        serving = await made.serve(without=("leaving",))
        cut = 0
        cards = await made.print_cards(5000)
        for _ in range(3):
            crowd = await under_load(made, serving, cards)
            cut += crowd.cut
            if cut:
                break
        assert cut > 0
