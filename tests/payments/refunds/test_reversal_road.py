"""Reversals on real sockets: the loop, the gateway client, the sandbox's back office, and its result at our door."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from portal import check
from portal.books import ledger
from portal.books import store as books
from portal.clock import HOUR, MINUTE, SECOND
from portal.payments import accounts
from portal.payments import store as payments
from portal.payments.initiator import security_credential
from portal.payments.line import quiet
from portal.payments.refunds import store, units
from portal.payments.refunds.units import Who, Wish
from portal.payments.room import Payments
from sandbox.mpesa import Switches
from tests.payments.refunds.shop import RULES, somebody
from tests.payments.road import Road, road

USER, PASSWORD = "bandoapi", "Safe#2026"


@asynccontextmanager
async def refunding(folder: Path, password: str = PASSWORD) -> AsyncIterator[tuple[Road, int]]:
    """A road on which a guest has paid, and somebody has asked for a reversal; gives the refund."""
    async with road(folder, loops=False, switches=Switches(query_per_minute=0)) as r:
        r.mpesa.initiators.add(r.account.shortcode, USER, PASSWORD)
        text = security_credential(password, r.mpesa.certificate)
        sealed = r.home.vault.seal(text, table="mpesa_accounts", row=r.account.public, column="credential_sealed")
        await r.home.write(accounts.set_initiator, r.account.id, USER, sealed, r.clock.now())
        started = await r.buy()
        await r.payments.checkout.drain()
        await (await r.prompt()).approve()
        await until(r, lambda: r.passes())
        owner = await r.home.write(somebody, "olive", "owner")
        one = await r.home.read(payments.payment_by_public, started.public)
        assert one is not None
        yield r, await ask(r, one, owner)


async def ask(r: Road, one: payments.Payment, owner: int, key: str = "form") -> int:
    wish = Wish(payment_id=one.id, way="reversal", amount=one.amount, reason="paid twice", ends_pass=True, key=key)
    who = Who(id=owner, role="owner")
    made: int = await r.home.write(units.ask, r.home.vault, r.home.tenant.public, wish, who, RULES, r.clock.now())
    return made


async def until(r: Road, true: Callable[[], Any]) -> None:
    for _ in range(3000):
        await r.payments.inbox.run_once()
        if await true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen")


def at_rest(r: Road) -> Callable[[], Any]:
    """Whether M-Pesa has done all that it had to do by now."""

    async def rests() -> bool:
        return not r.mpesa.agenda.busy

    return rests


async def state(r: Road, refund_id: int) -> str:
    found = await r.home.read(store.refund, refund_id)
    assert found is not None
    return str(found.state)


async def becomes(r: Road, refund_id: int, wanted: str) -> None:
    r.clock.advance(3 * SECOND)

    async def there() -> bool:
        return await state(r, refund_id) == wanted

    await until(r, there)


def left(r: Road) -> int:
    """How many reversals M-Pesa has made."""
    return sum(line.kind == "out" for line in r.mpesa.statement.lines(r.account.party_b))


async def pass_state(r: Road) -> str:
    return str((await r.passes())[0]["state"])


async def refunds_in_books(r: Road) -> int:
    return ledger.balances(await r.home.read(books.sums, 0, 1 << 62), "KES")["refunds"]


async def sound(r: Road) -> None:
    assert await r.home.read(check.breaches, r.clock.now() + 2 * MINUTE) == []


async def test_an_accepted_reversal_is_sent_once_and_its_result_ends_it(tmp_path: Path) -> None:
    async with refunding(tmp_path) as (r, refund_id):
        await r.payments.refunds.run_once()
        assert (await state(r, refund_id), await pass_state(r)) == ("awaiting", "ended")
        await becomes(r, refund_id, "done")
        await r.payments.refunds.run_once()

        assert (left(r), await refunds_in_books(r)) == (1, 2_000)
        await sound(r)


@pytest.mark.parametrize(("code", "why"), [(1, "no-float"), ("R000002", "unknown-receipt"), (21, "no-role")])
async def test_a_reversal_that_fails_gives_the_pass_back(tmp_path: Path, code: Any, why: str) -> None:
    async with refunding(tmp_path) as (r, refund_id):
        r.mpesa.initiators.faults.next(code=code)
        await r.payments.refunds.run_once()
        assert await pass_state(r) == "ended"
        await becomes(r, refund_id, "failed")
        found = await r.home.read(store.refund, refund_id)
        assert found is not None

        assert (found.why_not, left(r), await pass_state(r), await refunds_in_books(r)) == (why, 0, "waiting", 0)
        assert "refund-failed" in await r.lines()
        await sound(r)


async def test_a_wrong_credential_fails_and_says_so(tmp_path: Path) -> None:
    async with refunding(tmp_path, password="stale") as (r, refund_id):
        await r.payments.refunds.run_once()
        await becomes(r, refund_id, "failed")
        found = await r.home.read(store.refund, refund_id)
        assert found is not None

        assert (found.why_not, left(r)) == ("credential", 0)


@pytest.mark.parametrize("fault", ["accepted_cut", "html", "accepted_500"])
async def test_a_reply_that_is_lost_leaves_it_unknown_until_the_result(tmp_path: Path, fault: str) -> None:
    async with refunding(tmp_path) as (r, refund_id):
        r.mpesa.initiators.faults.next(answer=fault)
        await r.payments.refunds.run_once()
        assert (await state(r, refund_id), await pass_state(r)) == ("unknown", "waiting")
        for _ in range(3):
            r.clock.advance(HOUR)
            await r.payments.refunds.run_once()
            await r.payments.inbox.run_once()
        await until(r, at_rest(r))  # whatever M-Pesa took in, it has carried out and told by now
        if left(r):
            await becomes(r, refund_id, "done")

        assert left(r) <= 1
        assert (await state(r, refund_id) == "done") == (left(r) == 1)
        await sound(r)


async def test_a_result_that_comes_twice_is_booked_once(tmp_path: Path) -> None:
    async with refunding(tmp_path) as (r, refund_id):
        r.mpesa.initiators.faults.next(copies=2)
        await r.payments.refunds.run_once()
        await becomes(r, refund_id, "done")
        await until(r, lambda: settled(r, 2))

        assert (left(r), await refunds_in_books(r)) == (1, 2_000)
        await sound(r)


async def settled(r: Road, count: int) -> bool:
    return sum(each in ("success", "done") for each in await r.verdicts()) >= count


async def test_the_time_out_address_says_nothing_of_the_outcome(tmp_path: Path) -> None:
    async with refunding(tmp_path) as (r, refund_id):
        r.mpesa.initiators.faults.next(timed_out=True)
        await r.payments.refunds.run_once()
        await becomes(r, refund_id, "unknown")

        assert "refund-unknown" in await r.lines()
        assert left(r) == 1  # it was done all the same, which the statement shows
        await r.payments.refunds.run_once()
        assert left(r) == 1


async def test_a_result_from_an_address_that_is_not_on_the_list_does_nothing(tmp_path: Path) -> None:
    async with refunding(tmp_path) as (r, refund_id):
        r.settings = replace(r.settings, mpesa_source_mode="enforce", mpesa_sources=frozenset({"192.0.2.1"}))
        r.payments = Payments(r.home.db, r.home.vault, r.clock, r.catalog, r.settings, r.http, quiet)
        await r.payments.refunds.run_once()
        r.clock.advance(3 * SECOND)
        await asyncio.sleep(0.3)
        await r.payments.inbox.run_once()

        assert await state(r, refund_id) == "awaiting"


async def test_a_receipt_that_was_reversed_at_the_portal_counts_as_done(tmp_path: Path) -> None:
    async with refunding(tmp_path) as (r, refund_id):
        r.mpesa.initiators.faults.next(code="R000001")
        await r.payments.refunds.run_once()
        await becomes(r, refund_id, "done")


async def test_an_unlisted_code_stays_pending(tmp_path: Path) -> None:
    async with refunding(tmp_path) as (r, refund_id):
        r.mpesa.initiators.faults.next(code=4321)
        await r.payments.refunds.run_once()
        r.clock.advance(3 * SECOND)
        await until(r, lambda: pending(r))

        assert await state(r, refund_id) == "awaiting"
        r.clock.advance(3 * HOUR)
        await r.payments.refunds.run_once()
        assert await state(r, refund_id) == "unknown"


async def pending(r: Road) -> bool:
    return "pending" in await r.verdicts()
