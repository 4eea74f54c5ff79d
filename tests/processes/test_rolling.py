"""SIGHUP exchanges all processes under load, and no request fails."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from tests.processes.far import far_from
from tests.processes.guests import Crowd, exactly
from tests.processes.stage import Launcher, Process, Town, town, until

EXCHANGED_S = 60.0
LOOKING = 12


async def exchanged(serving: Process, before: list[int]) -> float:
    """Until each process is another one; how long that took."""

    def done() -> bool:
        now = serving.children()
        return len(now) == len(before) and not set(now) & set(before)

    serving.signal(signal.SIGHUP)
    return await until(done, EXCHANGED_S, "other processes")


async def under_load(made: Town, serving: Process) -> Crowd:
    """Exchange them while some guests keep their connections and others come on new ones; all are far away."""
    cards = await made.print_cards(5000)
    async with far_from(*made.site.portal_address) as port:
        kept, fresh = Crowd(made, lines=2, port=port), Crowd(made, lines=3, port=port)
        fresh._numbers = kept._numbers
        kept.begin(cards)
        fresh.begin(cards, payers=0, fresh=True)
        kept.look(LOOKING, 0.2)
        await asyncio.sleep(1)
        took = await exchanged(serving, serving.children())
        await asyncio.sleep(0.5)
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
        crowd = await under_load(made, serving)
        assert (crowd.cut, crowd.failed) == (0, [])
        assert crowd.asked > 100
        await until(lambda: not crowd.offline(), 20, "agreement of the routers")
        await exactly(crowd)


async def test_without_the_leaving_requests_are_cut_off(tmp_path: Path, launcher: Launcher) -> None:
    """A server that closes what is idle meets requests that are on their way: nobody near notices, but who is far."""
    async with town(tmp_path, launcher) as made:
        serving = await made.serve(without=("leaving",))
        crowd = await under_load(made, serving)
        assert crowd.cut > 0
