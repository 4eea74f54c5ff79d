"""What becomes of a voucher in each state, tried out on a database: the drawing of vouchers in docs/flows.md."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from portal.access import admission
from portal.access import store as access
from portal.access.store import Cause
from portal.clock import DAY
from portal.errors import Refused
from portal.vouchers import states, store
from portal.vouchers.batches import Batches
from portal.vouchers.store import Batch
from tests.support import Seed, seed
from tests.vouchers.cards import print_cards, show


class Card:
    """The only voucher of a batch, and what may happen to it."""

    def __init__(self, home: Seed, device: int) -> None:
        self.home, self.device = home, device

    async def printed(self) -> None:
        (self.code,) = await print_cards(self.home)
        number = await self.home.read(store.next_number)
        found = await self.home.read(store.batch_numbered, number - 1)
        assert found is not None
        self.batch: Batch = found

    async def redeemed(self) -> None:
        with suppress(Refused):
            await show(self.home, self.code, self.device)

    async def pass_ended(self) -> None:
        made = await self.home.read(access.pass_by_cause, Cause(kind=store.CAUSE, ref=f"B{self.batch.number}-0001"))
        if made is not None:
            await self.home.write(admission.end_pass, made.id, "time", self.home.clock.now())

    async def late(self) -> None:
        self.home.clock.advance(91 * DAY)

    async def voided(self) -> None:
        await self._void(end_passes=False)

    async def voided_with_pass(self) -> None:
        await self._void(end_passes=True)

    async def _void(self, *, end_passes: bool) -> None:
        home = self.home
        room = Batches(db=home.db, vault=home.vault, clock=home.clock, tenant=home.tenant, guesses_an_hour=3_600)
        await room.void(self.batch, 1, 1, reason="to try", by="tests", end_passes=end_passes)

    async def state(self) -> str:
        found = await self.home.read(store.groups, self.home.clock.now(), self.batch.id)
        (only,) = (each for each, n in states.tally(found[self.batch.id]).counts.items() if n)
        return only


Act = Callable[[Card], Awaitable[None]]
ACTS: dict[str, Act] = {
    "a guest shows its code": Card.redeemed,
    "its use-by passes": Card.late,
    "its pass ends": Card.pass_ended,
    "staff void it": Card.voided,
    "staff void it with --end-passes": Card.voided_with_pass,
}
WAYS: dict[str, tuple[Act, ...]] = {
    "printed": (),
    "redeemed": (Card.redeemed,),
    "spent": (Card.redeemed, Card.pass_ended),
    "expired": (Card.late,),
    "void": (Card.voided,),
}


async def _tried() -> list[tuple[str, str, str]]:
    found: dict[tuple[str, str], list[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        home = await seed(Path(folder))
        pairs = [(start, why) for start in WAYS for why in ACTS]
        for device, (start, why) in enumerate(pairs, start=1):
            card = Card(home, device)
            await card.printed()
            for act in WAYS[start]:
                await act(card)
            assert await card.state() == start
            await ACTS[why](card)
            if (after := await card.state()) != start:
                found.setdefault((start, after), []).append(why)
        await home.db.aclose()
    return [(before, after, _joined(whys)) for (before, after), whys in found.items()]


def _joined(whys: list[str]) -> str:
    """What voids without more ado voids with the option as well."""
    return ", ".join(why for why in whys if not ("staff void it" in whys and why.endswith("--end-passes")))


@cache
def voucher_steps() -> list[tuple[str, str, str]]:
    """From, to, why: everything that a voucher was seen to do."""
    return asyncio.run(_tried())


def vouchers_diagram() -> str:
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> printed"]
    lines += [f"    {before} --> {after}: {why}" for before, after, why in voucher_steps()]
    return "\n".join([*lines, "    spent --> [*]", "    void --> [*]", "```"])
