"""Batches: made in small parts, finished after a stop, frozen, voided with a reason, never deleted."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from portal.access import admission
from portal.access import store as access
from portal.access.store import Cause
from portal.clock import DAY, SystemClock
from portal.errors import BandoError, Misconfigured
from portal.money import Money
from portal.units import Row, Unit, rows
from portal.vouchers import codes, states, store
from portal.vouchers.batches import CHUNK, LONGEST_MS, MOST, Batches, Order, Voided, code_index, label_of, open_code
from portal.vouchers.codes import STYLES, Style
from portal.vouchers.store import Batch
from tests.support import Seed, seed

MAC = "02:00:00:00:00:0{}"


@dataclass(kw_only=True)
class Shop:
    """An ISP that makes batches."""

    home: Seed
    batches: Batches

    def order(self, **changes: Any) -> Order:
        use_by = self.home.clock.now() + 30 * DAY
        order = Order(plan=self.home.plan, count=10, style=STYLES["letters-10"], use_by=use_by, by="Asha")
        return replace(order, **changes)

    async def make(self, **changes: Any) -> Batch:
        return await self.batches.make(self.order(**changes))

    async def rows_of(self, table: str) -> list[Row]:
        def every() -> Unit[list[Row]]:
            found = yield from rows(f"SELECT * FROM {table} WHERE tenant_id = :tenant ORDER BY id")
            return list(found)

        return list(await self.home.read(every))

    async def counts(self, batch: Batch) -> dict[str, int]:
        """The states that occur in a batch."""
        groups = await self.home.read(store.groups, self.home.clock.now(), batch.id)
        return {state: n for state, n in states.tally(groups[batch.id]).counts.items() if n}

    async def redeem(self, batch: Batch, serial: int) -> int:
        """As the redeeming statement and the one door do it; gives the pass."""

        def unit(now: int) -> Unit[int]:
            (found,) = yield from store.in_range(batch.id, serial, serial)
            device = yield from access.touch_device(MAC.format(serial), self.home.router_id, now)
            yield from rows(
                "UPDATE vouchers SET state = 'redeemed', redeemed_at = :now WHERE tenant_id = :tenant AND id = :id",
                now=now,
                id=found.id,
            )
            cause = Cause(kind=store.CAUSE, ref=found.label)
            return (yield from admission.grant(batch.plan, device.id, cause, now)).id

        return int(await self.home.write(unit, self.home.clock.now()))


@asynccontextmanager
async def shop(folder: Path, **fields: Any) -> AsyncIterator[Shop]:
    home = await seed(folder)
    made = {"db": home.db, "vault": home.vault, "clock": home.clock, "tenant": home.tenant, "guesses_an_hour": 600}
    try:
        yield Shop(home=home, batches=Batches(**{**made, **fields}))
    finally:
        await home.db.aclose()


# --- making ---


async def test_a_batch_is_numbered_whole_and_logged(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        first, second = await s.make(note="till 2", agent="Mama Njeri"), await s.make(count=CHUNK + 1)
        found = await s.rows_of("vouchers")
        acts = [
            (each["batch_id"], each["act"], each["last_serial"], each["actor"])
            for each in await s.rows_of("voucher_acts")
        ]

    assert (first.number, first.note, first.agent, first.made_by) == (1, "till 2", "Mama Njeri", "Asha")
    assert second.number == 2
    assert first.ready_at is not None
    assert [each["serial"] for each in found] == [*range(1, 11), *range(1, CHUNK + 2)]
    assert (found[0]["label"], found[-1]["label"]) == ("B1-0001", f"B2-{CHUNK + 1:04d}")
    assert {each["state"] for each in found} == {"printed"}
    assert acts == [(first.id, "made", 10, "Asha"), (second.id, "made", CHUNK + 1, "Asha")]


async def test_codes_stand_as_keyed_hash_and_sealed_only(tmp_path: Path) -> None:
    drawn: list[str] = []

    def noted(style: Style) -> str:
        drawn.append(codes.draw(style))
        return drawn[-1]

    async with shop(tmp_path, draw=noted) as s:
        batch = await s.make()
        found = await s.home.read(store.in_range, batch.id, 1, 10)
        opened = [open_code(s.home.vault, s.home.tenant.id, each.label, each.code_sealed) for each in found]
        by_code = await s.home.read(store.by_code, code_index(s.home.vault, drawn[3]))
        owner = await s.home.db.read(None, store.owner_of, code_index(s.home.vault, drawn[3]))
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())

    in_order = sorted(drawn, key=lambda code: code_index(s.home.vault, code))
    assert opened == in_order
    assert by_code is not None
    assert by_code.label == f"B1-{in_order.index(drawn[3]) + 1:04d}"
    assert owner == s.home.tenant.id
    assert not any(code.encode() in stored for code in drawn)


@pytest.mark.parametrize("style", STYLES)
async def test_every_style_can_be_made(tmp_path: Path, style: str) -> None:
    async with shop(tmp_path) as s:
        batch = await s.make(style=STYLES[style], count=3)
        found = await s.home.read(store.in_range, batch.id, 1, 3)
        opened = [open_code(s.home.vault, s.home.tenant.id, each.label, each.code_sealed) for each in found]

    assert [codes.read(codes.shown(each)) for each in opened] == opened


async def test_a_batch_keeps_the_plan_and_price_of_the_day_it_was_made(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        batch = await s.make(price=Money(500))
        await s.home.write(access.set_on_sale, s.home.plan.id, False)
        found = await s.home.read(store.batch_numbered, 1)
        (row,) = await s.rows_of("batches")

    assert found == batch
    assert batch.plan == replace(s.home.plan, price=Money(500))
    assert row["price_minor"] == 500


async def test_a_free_card_costs_nothing(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        batch = await s.make(price=Money(0))

    assert batch.plan.price == Money(0)


async def test_a_withdrawn_plan_makes_no_new_vouchers(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        await s.home.write(access.set_on_sale, s.home.plan.id, False)
        with pytest.raises(Misconfigured, match="bando plan offer"):
            await s.make()
        assert await s.rows_of("batches") == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"count": 0}, "1 to 50,000"),
        ({"count": MOST + 1}, "1 to 50,000"),
        ({"use_by": 1}, "is past"),
        ({"use_by": 2**43 + LONGEST_MS}, "three years"),
        ({"price": Money(-100)}, "0 or more"),
        ({"price": Money(150)}, "whole KES"),
        ({"price": Money(100, "USD")}, "whole KES"),
        ({"note": "x" * 201}, "200 characters"),
        ({"agent": "a\nb"}, "one line"),
        ({"by": " "}, "--by"),
        ({"style": STYLES["letters-8"], "count": 50_000}, "expected hits"),
    ],
)
async def test_what_may_not_be_made_is_refused_with_a_sentence(
    tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    async with shop(tmp_path) as s:
        with pytest.raises(Misconfigured, match=sentence):
            await s.make(**changes)
        assert await s.rows_of("batches") == []


async def test_codes_in_use_and_codes_to_come_count_as_live(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        batch = await s.make(count=9)
        await s.home.write(admission.end_pass, await s.redeem(batch, 1), "void", s.home.clock.now())
        await s.redeem(batch, 2)
        await s.batches.void(batch, 3, 4, reason="lost", by="Asha")
        short = await s.make(count=4, style=STYLES["letters-8"], use_by=s.home.clock.now() + DAY)
        await s.batches.open(s.order(count=50))
        live = await s.home.read(store.live_codes, s.home.clock.now())
        s.home.clock.advance(2 * DAY)
        later = await s.home.read(store.live_codes, s.home.clock.now())

    assert short.style == "letters-8"
    assert live == {"letters-10": 9 - 1 - 2 + 50, "letters-8": 4}
    assert later == {"letters-10": 9 - 1 - 2 + 50}


# --- stopping and finishing ---


async def test_a_stopped_batch_is_not_ready_and_finish_completes_it(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        enough = asyncio.Event()
        making = asyncio.create_task(s.batches.make(s.order(count=10 * CHUNK), progress=lambda _: enough.set()))
        await enough.wait()
        making.cancel()
        with pytest.raises(asyncio.CancelledError):
            await making
        stopped = await s.home.read(store.batch_numbered, 1)
        before = await s.rows_of("vouchers")
        finished = await s.batches.finish(stopped, "Baraka")
        again = await s.batches.finish(finished, "Chebet")
        after = await s.rows_of("vouchers")
        acts = await s.rows_of("voucher_acts")

    assert stopped.ready_at is None
    assert 0 < len(before) < 10 * CHUNK
    assert again.ready_at == finished.ready_at is not None
    assert after[: len(before)] == before
    assert sorted(each["serial"] for each in after) == list(range(1, 10 * CHUNK + 1))
    assert [(each["act"], each["actor"]) for each in acts] == [("made", "Baraka")]


async def test_two_who_finish_the_same_batch_make_each_voucher_once(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        batch = await s.batches.open(s.order(count=5 * CHUNK))
        await asyncio.gather(*(s.batches.finish(batch, who) for who in ("Asha", "Baraka")))
        found = await s.rows_of("vouchers")
        acts = await s.rows_of("voucher_acts")

    assert sorted(each["serial"] for each in found) == list(range(1, 5 * CHUNK + 1))
    assert len(acts) == 1


def _again_and_again() -> Iterator[str]:
    """Three codes that come twice, then ever new ones."""
    same = [codes.draw(STYLES["letters-10"]) for _ in range(3)]
    return itertools.chain(same, same, (codes.draw(STYLES["letters-10"]) for _ in itertools.count()))


async def test_a_code_that_was_drawn_before_is_drawn_anew(tmp_path: Path) -> None:
    source = _again_and_again()
    async with shop(tmp_path, draw=lambda _: next(source)) as s:
        await s.make(count=3)
        batch = await s.make(count=3)
        found = await s.rows_of("vouchers")

    assert batch.ready_at is not None
    assert len({each["code_index"] for each in found}) == len(found) == 6


async def test_when_no_new_code_comes_the_batch_stays_unfinished(tmp_path: Path) -> None:
    same = codes.draw(STYLES["letters-10"])
    async with shop(tmp_path, draw=lambda _: same) as s:
        await s.make(count=1)
        with pytest.raises(BandoError, match="bando voucher finish"):
            await s.make(count=1)
        found = await s.home.read(store.batch_numbered, 2)

    assert found.ready_at is None


async def test_writes_of_others_go_on_while_a_batch_is_made(tmp_path: Path) -> None:
    async with shop(tmp_path, clock=SystemClock()) as s:
        making = asyncio.create_task(s.make(count=20 * CHUNK))
        took = []
        while not making.done():
            begun = time.perf_counter()
            await s.home.write(access.set_on_sale, s.home.plan.id, True)
            took.append(time.perf_counter() - begun)
            await asyncio.sleep(0.002)
        await making

    assert len(took) > 20
    assert sorted(took)[len(took) // 2] < 0.5


# --- voiding ---


async def test_a_range_is_voided_with_its_reason_and_the_rest_stays(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        batch = await s.make()
        done = await s.batches.void(batch, 3, 5, reason="lost on the bus", by="Baraka")
        found = await s.home.read(store.in_range, batch.id, 1, 10)
        acts = await s.home.read(store.acts, batch.id)

    assert done == Voided(printed=3, in_use=0, left=0)
    assert [each.serial for each in found if each.state == "void"] == [3, 4, 5]
    assert {(each.voided_by, each.void_reason) for each in found[2:5]} == {("Baraka", "lost on the bus")}
    last = acts[-1]
    assert (last["act"], last["first_serial"], last["last_serial"], last["reason"]) == (
        "voided",
        3,
        5,
        "lost on the bus",
    )


async def test_voiding_leaves_what_is_void_in_use_or_spent_as_it_was(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        batch = await s.make()
        await s.batches.void(batch, 1, 1, reason="first", by="Asha")
        await s.home.write(admission.end_pass, await s.redeem(batch, 2), "void", s.home.clock.now())
        pass_id = await s.redeem(batch, 3)
        done = await s.batches.void(batch, 1, 10, reason="second", by="Asha")
        found = await s.home.read(store.in_range, batch.id, 1, 10)
        counts = await s.counts(batch)
        going_on = await s.home.read(access.get_pass, pass_id)

    assert done == Voided(printed=7, in_use=0, left=3)
    assert found[0].void_reason == "first"
    assert counts == {"redeemed": 1, "spent": 1, "void": 8}
    assert going_on.state != "ended"


async def test_with_their_passes_those_in_use_are_voided_too_but_nothing_spent(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        batch = await s.make()
        await s.home.write(admission.end_pass, await s.redeem(batch, 2), "void", s.home.clock.now())
        pass_id = await s.redeem(batch, 3)
        done = await s.batches.void(batch, 1, 10, reason="stolen", by="Asha", end_passes=True)
        counts = await s.counts(batch)
        ended = await s.home.read(access.get_pass, pass_id)

    assert done == Voided(printed=8, in_use=1, left=1)
    assert counts == {"spent": 1, "void": 9}
    assert (ended.state, ended.end_reason) == ("ended", "void")


@pytest.mark.parametrize(
    ("first", "last", "reason"),
    [(0, 3, "x"), (3, 2, "x"), (1, 11, "x"), (1, 2, " "), (1, 2, "x" * 201), (1, 2, "a\nb")],
)
async def test_a_wrong_range_or_no_reason_voids_nothing(tmp_path: Path, first: int, last: int, reason: str) -> None:
    async with shop(tmp_path) as s:
        batch = await s.make()
        with pytest.raises(Misconfigured):
            await s.batches.void(batch, first, last, reason=reason, by="Asha")
        assert await s.counts(batch) == {"printed": 10}
        assert len(await s.rows_of("voucher_acts")) == 1


async def test_an_unfinished_batch_is_finished_before_it_is_voided(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        batch = await s.batches.open(s.order())
        with pytest.raises(Misconfigured, match="bando voucher finish B1"):
            await s.batches.void(batch, 1, 10, reason="x", by="Asha")


async def test_a_large_batch_is_voided_in_parts(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        batch = await s.make(count=1_201)
        steps: list[int] = []
        done = await s.batches.void(batch, 1, 1_201, reason="x", by="Asha", progress=steps.append)

    assert done.printed == sum(steps) == 1_201
    assert len(steps) > 1


# --- states ---


async def test_the_states_of_a_batch_add_up_to_its_count(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        batch, other = await s.make(), await s.make(count=4, use_by=s.home.clock.now() + 60 * DAY)
        await s.redeem(batch, 1)
        await s.home.write(admission.end_pass, await s.redeem(batch, 2), "void", s.home.clock.now())
        await s.batches.void(batch, 9, 10, reason="x", by="Asha")
        before = await s.counts(batch)
        s.home.clock.advance(31 * DAY)
        after = await s.counts(batch)
        spent = await s.home.read(store.spent_of, batch.id, 1, 10)

        assert await s.counts(other) == {"printed": 4}
    assert before == {"printed": 6, "redeemed": 1, "spent": 1, "void": 2}
    assert after == {"expired": 6, "redeemed": 1, "spent": 1, "void": 2}
    assert spent == {"B1-0002"}


@pytest.mark.parametrize(
    ("count", "label"), [(5, "B3-0007"), (9_999, "B3-0007"), (10_000, "B3-00007"), (50_000, "B3-00007")]
)
def test_labels_of_a_batch_have_one_length(count: int, label: str) -> None:
    assert label_of(3, 7, count) == label
