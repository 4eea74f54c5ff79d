"""Making a batch and voiding one, killed on the way: what is half is known to be half, and can be finished."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from portal.check import breaches
from portal.errors import Misconfigured
from portal.vouchers import batches, store
from portal.vouchers.batches import Batches
from portal.vouchers.store import Batch
from tests import raw
from tests.crash.points import Points
from tests.crash.portals import Launcher, launcher
from tests.crash.stock import batches_of
from tests.support import MASTER, Seed, seed, spelt
from tests.vouchers.cards import print_cards, show

KEY = MASTER.decode()
COUNT = 2 * batches.CHUNK + 50  # three parts
IN_USE = range(40, 61)  # two parts of the passes that end
SWEEP = os.environ.get("BANDO_SWEEP") == "1"
SOME = 8


@dataclass(kw_only=True)
class Store:
    """Where vouchers are made, by processes that die."""

    s: Seed
    by: Launcher
    points: Points
    folder: Path

    async def run(self, act: str, kill_at: int, **order: Any) -> tuple[int, int]:
        """How it ended, and how many vouchers it said are done."""
        told = self.folder / "told"
        told.unlink(missing_ok=True)
        self.points.arm(kill_at)
        paths = {"place": spelt(self.s.db.place), "points": str(self.folder / "points"), "told": str(told)}
        code = await self.by.run("stock", act=act, key=KEY, **paths, **order)
        assert code == (-9 if kill_at else 0), self.by.written()
        return code, sum(map(int, told.read_text().split())) if told.exists() else 0

    async def stock(self) -> Batches:
        return await batches_of(self.s.db, KEY)

    async def batches(self) -> list[Batch]:
        found: list[Batch] = await self.s.read(store.batches)
        return found

    def counts(self, *queries: str) -> list[int]:
        with raw.opened(self.s.db.place) as connection:
            return [int(connection.execute(f"SELECT COUNT(*) FROM {each}").fetchone()[0]) for each in queries]

    async def sound(self) -> bool:
        return bool(await self.s.read(breaches, self.s.clock.now()) == [])


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Store]:
    s = await seed(tmp_path)
    points = Points(tmp_path / "points")
    async with launcher(tmp_path / "log") as by:
        yield Store(s=s, by=by, points=points, folder=tmp_path)
    points.close()
    await s.db.aclose()


def spread(points: Sequence[str]) -> list[int]:
    """The points to die at: all, or some and those around commits."""
    every = 1 if SWEEP else len(points) // SOME
    return [k for k, name in enumerate(points, start=1) if k % every == 0 or name.startswith("commit:")]


async def test_a_batch_whose_making_was_killed_is_not_whole_and_can_be_finished(shop: Store) -> None:
    assert await shop.run("make", 0, count=COUNT) == (0, COUNT)
    points = spread(shop.points.passed())
    print(len(shop.points.passed()), "points")
    assert len(points) >= 8

    for kill_at in points:
        known = await shop.batches()
        _, told = await shop.run("make", kill_at, count=COUNT)
        made = [each for each in await shop.batches() if each.id not in {one.id for one in known}]
        for batch in made:
            await half_made(shop, batch, told)
        assert made or not told

    count = len(await shop.batches())
    own = ["vouchers", "code_owners", "(SELECT DISTINCT code_index FROM vouchers) AS known"]
    assert shop.counts(*own) == [count * COUNT] * 3, "never a code twice, none is left over"
    assert shop.counts("voucher_acts WHERE act = 'made'") == [count]
    assert await shop.sound()


async def half_made(shop: Store, batch: Batch, told: int) -> None:
    """What was told is there; before it is whole nothing can be done with it, then it is as if nothing had been."""
    stock = await shop.stock()
    (there,) = shop.counts(f"vouchers WHERE batch_id = {batch.id}")
    assert told <= there <= COUNT
    if batch.ready_at is not None:
        assert there == COUNT
    else:
        with pytest.raises(Misconfigured, match="finish"):
            await stock.void(batch, 1, COUNT, reason="lost", by="W.")
    whole = await stock.finish(batch, "W.")
    assert whole.ready_at is not None
    assert await shop.s.read(store.serials, batch.id, 1, COUNT) == set(range(1, COUNT + 1))


async def test_of_a_batch_whose_voiding_was_killed_what_was_told_is_void_and_the_rest_can_be(shop: Store) -> None:
    await in_use(shop)
    assert await shop.run("void", 0, batch=1) == (0, 100)
    points = spread(shop.points.passed())
    print(len(shop.points.passed()), "points")

    for kill_at in points:
        await in_use(shop)
        batch = (await shop.batches())[0]
        _, told = await shop.run("void", kill_at, batch=batch.number)
        state = "vouchers WHERE batch_id = {} AND serial {} {} AND state = 'void'"
        assert shop.counts(state.format(batch.id, "<=", told)) == [told]
        await voided_together(shop, batch)
        left = 100 - shop.counts(state.format(batch.id, ">", 0))[0]
        done = await (await shop.stock()).void(batch, 1, 100, reason="lost", by="W.", end_passes=True)
        assert (done.taken, done.left) == (left, 100 - left)
        await voided_together(shop, batch)
    assert await shop.sound()


async def in_use(shop: Store) -> None:
    """A batch of a hundred, some of which are in use."""
    codes = await print_cards(shop.s, 100)
    for n in IN_USE:
        await show(shop.s, codes[n - 1], n)


async def voided_together(shop: Store, batch: Batch) -> None:
    """A void voucher has no pass that goes on, and no pass was ended of one that is not void."""
    one = (
        "passes p JOIN vouchers v ON v.tenant_id = p.tenant_id AND v.label = p.cause_ref"
        f" WHERE v.batch_id = {batch.id} AND (v.state = 'void') <> (p.state = 'ended')"
    )
    assert shop.counts(one) == [0]
    assert await shop.sound()
