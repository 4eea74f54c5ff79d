"""The statement by request, from the real gateway client to the pass: what messages lost is found by one pull."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from portal import check
from portal.clock import DAY, HOUR, MINUTE, SECOND
from portal.payments.statements import store
from portal.payments.statements.daily import day_ago
from portal.payments.statements.pulling import Stretch, stretch
from portal.payments.statements.store import Pull
from portal.payments.statements.taking import Taken
from portal.phone import Phone
from sandbox.mpesa import Switches
from tests.payments.road import Road, all_rows, road

LOST = {"callback_loss": 1.0, "c2b_loss": 1.0}


def lossy(**more: Any) -> Switches:
    """Every callback and every confirmation is lost."""
    return Switches(**{**LOST, "query_per_minute": 0, **more})


@asynccontextmanager
async def silent_road(folder: Path, kind: Any = "paybill", **switches: Any) -> AsyncIterator[Road]:
    async with road(folder, kind=kind, switches=lossy(**switches), loops=False) as r:
        yield r


async def pays(r: Road, n: int) -> Any:
    """Guest number n pays by prompt, and nothing is heard of it."""
    phone = Phone(f"2547{10_000_000 + n}")
    started = await r.buy(mac=f"02:00:00:00:{n // 256:02X}:{n % 256:02X}", phone=phone, click=f"click {n}")
    await r.payments.checkout.drain()
    handset = await r.prompt(phone)
    await handset.approve()
    return started


async def pull(r: Road) -> Taken:
    return await r.payments.pulls.read(r.view, r.account, now_please=True)


async def sound(r: Road) -> None:
    assert await r.home.read(check.breaches, r.clock.now() + 2 * MINUTE) == []


@pytest.mark.parametrize("kind", ["paybill", "till"])
async def test_a_hundred_lost_confirmations_are_recovered_by_one_pull(tmp_path: Path, kind: str) -> None:
    async with silent_road(tmp_path, kind) as r:
        for n in range(100):
            await pays(r, n)
            r.clock.advance(20 * SECOND)
        assert (await r.passes(), await r.receipts()) == ([], [])
        r.clock.advance(3 * MINUTE)
        taken = await pull(r)

        assert (taken.new, taken.recovered) == (100, 100)
        passes = await r.passes()
        assert len({row["cause_ref"] for row in passes}) == len(passes) == 100
        assert {row["state"] for row in await r.home.read(all_rows, "payments")} == {"paid"}
        assert (await pull(r)).new == 0
        assert len(await r.passes()) == 100
        await sound(r)


async def test_what_a_message_told_already_is_settled_once(tmp_path: Path) -> None:
    async with road(tmp_path, loops=False, switches=Switches(query_per_minute=0)) as r:
        await r.register_c2b()
        await pays(r, 1)
        for _ in range(3000):
            await r.payments.inbox.run_once()
            if await r.passes():
                break
            await asyncio.sleep(0.02)
        r.clock.advance(MINUTE)
        taken = await pull(r)

        assert (taken.new, taken.recovered, len(await r.passes()), len(await r.receipts())) == (1, 0, 1, 1)
        await sound(r)


@pytest.mark.parametrize("dates", ["eat as Z", "utc as Z", "+03:00"])
async def test_times_are_read_by_what_is_proven_and_not_by_what_they_say(tmp_path: Path, dates: Any) -> None:
    async with silent_road(tmp_path, "till", pull_dates=dates) as r:
        for n in range(3):
            await pays(r, n)
            r.clock.advance(MINUTE)
        begun = r.clock.now()
        taken = await pull(r)
        row = (await r.home.read(all_rows, "receipts"))[0] if taken.new else None

        # Within three hours of the request both readings of "Z" may be possible; then nothing is taken on a guess.
        if row is not None:
            assert abs(row["paid_at"] - begun) < 10 * MINUTE
            assert taken.recovered == 3
        else:
            assert taken.later == 3
            assert (await r.home.read(store.pulls))[r.account.id]["trouble"] == "zone"


async def test_a_receipt_whose_time_is_known_proves_how_to_read_the_others(tmp_path: Path) -> None:
    async with silent_road(tmp_path, "till", pull_dates="eat as Z") as r:
        r.mpesa.switches.callback_loss = 0.0
        await pays(r, 1)
        for _ in range(3000):
            await r.payments.inbox.run_once()
            if await r.passes():
                break
            await asyncio.sleep(0.02)
        assert len(await r.passes()) == 1
        r.mpesa.switches.callback_loss = 1.0
        r.clock.advance(MINUTE)
        await pays(r, 2)
        r.clock.advance(4 * HOUR)
        taken = await pull(r)

        assert (await r.home.read(store.pulls))[r.account.id]["zone"] == "eat"
        assert (taken.new, taken.recovered, len(await r.passes())) == (2, 1, 2)


async def test_pages_go_by_rows_and_the_last_one_is_nothing(tmp_path: Path) -> None:
    for end in ("1001", "empty"):
        folder = tmp_path / end
        folder.mkdir()
        async with silent_road(folder, pull_page=3, pull_end=end) as r:
            for n in range(7):
                await pays(r, n)
                r.clock.advance(MINUTE)
            assert (await pull(r)).recovered == 7


async def test_settlements_of_the_shop_are_left_out(tmp_path: Path) -> None:
    async with silent_road(tmp_path) as r:
        await pays(r, 1)
        assert r.mpesa.statement.settle(r.account.party_b) is not None
        r.clock.advance(MINUTE)
        await pull(r)

        assert {row["kind"] for row in await r.home.read(all_rows, "statement_rows")} == {"in"}
        assert len(await r.receipts()) == 1


async def test_who_is_not_registered_registers_first(tmp_path: Path) -> None:
    async with silent_road(tmp_path) as r:
        await pays(r, 1)
        r.clock.advance(MINUTE)
        assert not (await r.home.write(store.pull_of, r.account.id)).registered
        assert (await pull(r)).recovered == 1
        assert (await r.home.write(store.pull_of, r.account.id)).registered


async def test_a_statement_that_does_not_come_whole_covers_nothing_and_is_told(tmp_path: Path) -> None:
    async with silent_road(tmp_path) as r:
        await pays(r, 1)
        r.clock.advance(MINUTE)
        await r.home.write(store.pull_of, r.account.id)
        r.mpesa.initiators.faults.always(answer="html")
        taken = await pull(r)
        spans = await r.home.read(store.spans, r.account.id, 0, 1 << 60)
        known = await r.home.write(store.pull_of, r.account.id)

        assert (taken.new, list(spans), known.read_until) == (0, [], None)
        assert known.trouble in ("no-answer", "registration")


async def told(r: Road, n: int) -> None:
    """Guest number n pays, and the callback says so."""
    await pays(r, n)
    for _ in range(3000):
        await r.payments.inbox.run_once()
        if len(await r.receipts()) > n:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("no callback")


async def test_nothing_is_no_answer_where_messages_told_of_money(tmp_path: Path) -> None:
    async with silent_road(tmp_path) as r:
        r.mpesa.switches.callback_loss = 0.0
        await told(r, 0)
        r.clock.advance(HOUR)
        await r.home.write(store.change_pull, (await r.home.write(store.pull_of, r.account.id)).id, registered=True)
        await pull(r)  # M-Pesa has forgotten that it was
        spans = await r.home.read(store.spans, r.account.id, 0, 1 << 60)
        known = await r.home.write(store.pull_of, r.account.id)

        assert (list(spans), known.read_until, known.trouble, known.registered) == ([], None, "nothing", False)
        r.clock.advance(20 * MINUTE)
        assert (await pull(r)).new == 1
        assert (await r.home.write(store.pull_of, r.account.id)).registered


async def test_with_a_row_that_nobody_can_read_nothing_is_said_to_be_missing(tmp_path: Path) -> None:
    async with silent_road(tmp_path) as r:
        await pays(r, 0)
        await pays(r, 1)
        r.mpesa.transactions[0] = replace(r.mpesa.transactions[0], receipt="?")
        r.clock.advance(HOUR)

        assert (await pull(r)).new == 1
        assert list(await r.home.read(store.spans, r.account.id, 0, 1 << 60)) == []


async def test_money_that_nobody_awaits_is_kept_for_staff(tmp_path: Path) -> None:
    async with silent_road(tmp_path) as r:
        await r.mpesa.pay_by_hand("254722000999", r.account.pay_number, "NOBODY", 35)
        r.clock.advance(MINUTE)
        await pull(r)

        assert await r.lines() == {"unmatched-money"}
        assert [row["state"] for row in await r.receipts()] == ["unmatched"]
        await sound(r)


# --- when to read ---


def known(**fields: Any) -> Pull:
    whole: dict[str, Any] = {
        "id": 1,
        "account_id": 1,
        "registered": True,
        "zone": None,
        "read_until": None,
        "swept_at": None,
        "trouble": None,
        "tried_at": None,
    }
    return Pull(**{**whole, **fields})


NOW = 100 * DAY


def test_the_first_time_and_after_a_gap_all_that_is_remembered_is_read() -> None:
    for pull in (known(), known(read_until=NOW - 4 * HOUR, swept_at=NOW - HOUR, tried_at=NOW - 4 * HOUR)):
        due = stretch(pull, NOW)
        assert due is not None
        assert due.sweep
        assert NOW - 48 * HOUR <= due.since <= NOW - 47 * HOUR


def test_the_last_three_hours_are_read_every_quarter_of_an_hour() -> None:
    lately = known(read_until=NOW - 16 * MINUTE, swept_at=NOW - HOUR, tried_at=NOW - 16 * MINUTE)

    assert stretch(lately, NOW) == Stretch(since=NOW - 3 * HOUR, until=NOW, sweep=False)
    assert stretch(known(tried_at=NOW - 14 * MINUTE), NOW) is None


def test_once_a_day_everything_is_read() -> None:
    due = stretch(known(read_until=NOW - 16 * MINUTE, swept_at=NOW - DAY, tried_at=NOW - 16 * MINUTE), NOW)

    assert due is not None
    assert due.sweep


# --- the day after ---


async def test_the_days_before_are_checked_once_after_midnight(tmp_path: Path) -> None:
    async with silent_road(tmp_path) as r:
        zone = r.home.tenant.timezone
        r.clock.advance(day_ago(r.clock.now(), zone, -1).since - r.clock.now() + 30 * MINUTE)
        assert await r.payments.check.run_once() == 0 or (await r.home.read(store.checks, 9))
        r.clock.advance(HOUR)
        await r.payments.check.run_once()
        days = [row["day"] for row in await r.home.read(store.checks, 9)]

        assert days == [day_ago(r.clock.now(), zone, ago).name for ago in (1, 2, 3)]
        assert await r.payments.check.run_once() == 0


def test_a_day_is_one_of_the_calendar_of_the_isp() -> None:
    day = day_ago(1_795_000_000_000, "Africa/Nairobi", 1)

    assert (day.name, day.until - day.since, day.since % DAY) == ("2026-11-17", DAY, 21 * HOUR)
