"""Paying through Paystack on real sockets: page and prompt, every fault, and what a forger comes to."""

from __future__ import annotations

import asyncio
import logging
import random
from pathlib import Path
from typing import Any

import httpx
import pytest

from portal.clock import MINUTE, SECOND
from portal.payments import by_hand
from portal.payments.paystack import Paystack
from portal.payments.provider import Arrived
from sandbox.paystack import Switches
from tests.payments.paystack_road import PaystackRoad, paystack_road
from tests.payments.road import OTHER_MAC, OTHER_PHONE, PHONE, payment_row


async def travel(p: PaystackRoad, span_ms: int) -> None:
    """Time passes, in steps that the loops can follow."""
    for _ in range(5):
        p.road.clock.advance(span_ms // 5)
        await asyncio.sleep(0.05)


async def test_a_guest_pays_on_the_page_and_has_a_pass(tmp_path: Path) -> None:
    async with paystack_road(tmp_path) as p:
        started = await p.road.buy()
        seen = await p.road.until(started, "awaiting")
        one = await p.begun()
        await p.paystack.pay(one.reference)
        paid = await p.road.until(started, "paid")
        (receipt,) = await p.road.receipts()

        assert (seen.start, seen.go_to) == ("page", f"{p.paystack.url}/pay/{one.access}")
        assert (paid.receipt, len(await p.road.passes())) == (str(one.id), 1)
        assert (receipt["provider"], receipt["environment"], receipt["amount_minor"]) == ("paystack", "sandbox", 2000)
        assert await p.road.lines() == set()


async def test_a_guest_pays_by_a_prompt_and_reads_what_paystack_says(tmp_path: Path) -> None:
    async with paystack_road(tmp_path, kind="prompt") as p:
        started = await p.road.buy()
        seen = await p.road.until(started, "awaiting")
        one = await p.begun()
        await p.paystack.pay(one.reference)
        await p.road.until(started, "paid")

        assert (seen.start, seen.go_to, seen.say[:15]) == ("prompt", "", "Please complete")
        assert (one.phone, one.amount) == (f"+{PHONE.digits}", 2000)


@pytest.mark.parametrize("kind", ["page", "prompt"])
@pytest.mark.parametrize("hook", ["once", "twice", "never", "late", "before reply", "wrong signature", "re-serialised"])
async def test_whatever_becomes_of_the_webhook_who_paid_has_one_pass(tmp_path: Path, kind: str, hook: Any) -> None:
    async with paystack_road(tmp_path, kind=kind, switches=Switches(hook=hook)) as p:
        started = await p.road.buy()
        one = await p.begun()
        if hook != "before reply":
            await p.road.until(started, "awaiting")
            await p.paystack.pay(one.reference)
        await travel(p, 3 * MINUTE)
        paid = await p.road.until(started, "paid")

        assert (paid.receipt, len(await p.road.passes()), len(await p.road.receipts())) == (str(one.id), 1, 1)


@pytest.mark.parametrize("hook", ["wrong signature", "re-serialised"])
@pytest.mark.parametrize("guarded", [True, False])
async def test_a_webhook_that_its_signature_does_not_prove_makes_no_pass(
    tmp_path: Path, hook: Any, guarded: bool
) -> None:
    make = Paystack if guarded else Credulous
    async with paystack_road(tmp_path, switches=Switches(hook=hook), make=make, loops=False) as p:
        started = await p.road.buy()
        await p.road.until(started, "awaiting")
        one = await p.begun()
        one.status = "success"
        await p.paystack.deliver(one, hook)
        one.status = "abandoned"  # nobody has paid
        await p.road.payments.inbox.run_once()
        await p.road.payments.queries.run_once()

        assert [each.status for each in p.paystack.told] == [200]
        assert len(await p.road.passes()) == (0 if guarded else 1)
        assert (await p.road.state(started) == "paid") != guarded


class Credulous(Paystack):
    """Without the guard: whoever knows the address is believed."""

    def genuine(self, account: Any, vault: Any, arrived: Arrived) -> bool:
        return True


async def test_a_forged_failure_ends_no_payment(tmp_path: Path) -> None:
    async with paystack_road(tmp_path, loops=False) as p:
        started = await p.road.buy()
        await p.road.until(started, "awaiting")
        one = await p.begun()
        one.status = "failed"
        await p.paystack.deliver(one, "wrong signature")
        await p.road.payments.inbox.run_once()

        assert (await p.road.state(started), await p.road.verdicts()) == ("awaiting", ["doubtful"])


@pytest.mark.parametrize("seed", range(3))
async def test_twenty_callbacks_in_any_order_make_one_pass(tmp_path: Path, seed: int) -> None:
    """True ones, forged ones and rewritten ones, all at once and while the question is asked."""
    kinds: list[Any] = ["once", "wrong signature", "re-serialised", "twice"] * 5
    random.Random(seed).shuffle(kinds)
    async with paystack_road(tmp_path, switches=Switches(hook="never")) as p:
        started = await p.road.buy()
        await p.road.until(started, "awaiting")
        one = await p.begun()
        await p.paystack.pay(one.reference)
        await asyncio.gather(*(p.paystack.deliver(one, each) for each in kinds), travel(p, 30 * SECOND))
        await p.road.until(started, "paid")
        await p.road.settled(20)

        assert (len(await p.road.passes()), len(await p.road.receipts())) == (1, 1)
        assert len(p.paystack.told) == 20


@pytest.mark.parametrize("reply", ["500 after accept", "cut after accept"])
@pytest.mark.parametrize("paid", [True, False])
async def test_a_reply_that_is_lost_is_asked_for_and_never_a_second_charge(
    tmp_path: Path, reply: Any, paid: bool
) -> None:
    switches = Switches(reply=reply, hook="never", pays_at_once=paid)
    async with paystack_road(tmp_path, kind="prompt", switches=switches) as p:
        started = await p.road.buy()
        await p.road.until(started, "submit_unknown", "paid")
        await travel(p, 50 * SECOND)
        state = (await p.road.until(started, "paid")).state if paid else await p.road.state(started)

        assert state == ("paid" if paid else "submit_unknown")
        assert p.paystack.requests.count("/charge") == 1
        assert len(await p.road.passes()) == paid


@pytest.mark.parametrize("reply", ["html", "500"])
async def test_an_answer_of_no_use_leaves_the_outcome_open(tmp_path: Path, reply: Any) -> None:
    async with paystack_road(tmp_path, switches=Switches(reply=reply)) as p:
        started = await p.road.buy()
        await p.road.until(started, "submit_unknown")
        p.paystack.switches.reply = "well"
        await travel(p, 11 * MINUTE)
        await p.road.until(started, "expired_unknown")

        assert p.paystack.requests.count("/transaction/initialize") == 1


async def test_a_crash_while_it_is_asked_is_no_second_charge_and_the_money_is_found(tmp_path: Path) -> None:
    async with paystack_road(tmp_path, kind="prompt", switches=Switches(hook="never")) as p:
        started = await p.road.buy()
        await p.road.until(started, "awaiting")
        one = await p.begun()
        await p.road.home.write(forget_reply, started.public)
        await p.paystack.pay(one.reference)
        await p.road.restart()
        await p.road.until(started, "paid")

        assert (p.paystack.requests.count("/charge"), len(await p.road.passes())) == (1, 1)


def forget_reply(public: str) -> Any:
    from portal.payments import store

    one = yield from store.payment_by_public(public)
    assert one is not None
    yield from store.change_payment(one.id, state="submitting", next_query_at=None)


async def test_a_wrong_amount_is_for_staff(tmp_path: Path) -> None:
    async with paystack_road(tmp_path, switches=Switches(amount_is=100)) as p:
        started = await p.road.buy()
        await p.road.until(started, "awaiting")
        await p.paystack.pay((await p.begun()).reference)
        seen = await p.road.until(started, "review")

        assert (seen.reason, await p.road.lines(), await p.road.passes()) == ("wrong-amount", {"wrong-amount"}, [])


async def test_shillings_in_place_of_cents_are_a_wrong_amount(tmp_path: Path) -> None:
    async with paystack_road(tmp_path, switches=Switches(amount_is=20, hook="never")) as p:
        started = await p.road.buy()
        await p.road.until(started, "awaiting")
        await p.paystack.pay((await p.begun()).reference)
        await travel(p, 30 * SECOND)
        await p.road.until(started, "review")

        assert await p.road.passes() == []


async def test_money_of_another_business_of_the_isp_is_kept_for_staff(tmp_path: Path) -> None:
    async with paystack_road(tmp_path) as p:
        wish = {"email": "shop@isp.test", "amount": 50000, "currency": "KES", "reference": "the-isps-own-shop"}
        one = p.paystack.begin(wish, "card")
        await p.paystack.pay(one.reference)
        await p.road.settled()
        (receipt,) = await p.road.receipts()

        assert (receipt["provider"], receipt["state"], await p.road.passes()) == ("paystack", "unmatched", [])
        assert await p.road.lines() == {"unmatched-money"}


async def test_staff_give_the_money_of_a_receipt_to_the_order_that_it_was_for(tmp_path: Path) -> None:
    """By hand, too, a receipt stays its provider's, and is one."""
    async with paystack_road(tmp_path, switches=Switches(hook="never"), loops=False) as p:
        home, first = p.road.home, await p.road.buy()
        await p.road.until(first, "awaiting")
        wish = {"email": "shop@isp.test", "amount": 2000, "currency": "KES", "reference": "typed-by-hand"}
        one = p.paystack.begin(wish, "card")
        one.status = "success"
        await p.paystack.deliver(one)
        await p.road.payments.inbox.run_once()
        (receipt,) = await p.road.receipts()
        payment = await payment_row(home, first.public)
        await home.write(by_hand.match, home.vault, receipt["id"], payment.id, p.road.clock.now())
        second = await p.road.buy(mac=OTHER_MAC, phone=OTHER_PHONE, click="click 2")
        await p.road.until(second, "awaiting")
        payment = await payment_row(home, second.public)
        number = await home.read(by_hand.typed_number, payment.id, " 4099555555 ")
        assert await home.read(by_hand.typed_number, payment.id, "<b>4099555555</b>") is None
        await home.write(by_hand.found_receipt, home.vault, payment.id, number, p.road.clock.now())

        assert [each["provider"] for each in await p.road.receipts()] == ["paystack", "paystack"]
        assert len(await p.road.passes()) == 2


async def test_a_page_that_is_left_fails_after_ten_minutes_and_a_late_success_still_wins(tmp_path: Path) -> None:
    async with paystack_road(tmp_path) as p:
        started = await p.road.buy()
        await p.road.until(started, "awaiting")
        one = await p.begun()
        p.paystack.refuse(one.reference, "The guest went away", "abandoned")
        await travel(p, 5 * MINUTE)
        early = await p.road.state(started)
        await travel(p, 6 * MINUTE)
        left = await p.road.until(started, "failed")
        await p.paystack.pay(one.reference)
        await p.road.until(started, "paid")

        assert (early, left.reason, len(await p.road.passes())) == ("awaiting", "unanswered", 1)


async def test_who_has_no_money_is_told_so_and_may_try_again(tmp_path: Path) -> None:
    async with paystack_road(tmp_path, kind="prompt") as p:
        started = await p.road.buy()
        await p.road.until(started, "awaiting")
        p.paystack.refuse((await p.begun()).reference)
        await travel(p, 30 * SECOND)
        seen = await p.road.until(started, "failed")

        assert (seen.reason, seen.may_retry_at is not None) == ("no-money", True)


async def test_a_key_that_is_not_taken_is_told_to_staff_and_nothing_was_started(tmp_path: Path) -> None:
    async with paystack_road(tmp_path) as p:
        p.paystack.key = "sk_test_another"
        started = await p.road.buy()
        seen = await p.road.until(started, "failed")

        assert (seen.reason, await p.road.lines()) == ("config", {"mpesa-config"})
        assert p.paystack.transactions == {}


async def test_what_comes_back_with_the_browser_proves_nothing(tmp_path: Path) -> None:
    async with paystack_road(tmp_path, loops=False) as p:
        started = await p.road.buy()
        await p.road.until(started, "awaiting")
        one = await p.begun()
        async with httpx.AsyncClient(trust_env=False, timeout=60) as guest:
            away = await guest.post(f"{p.paystack.url}/pay/{one.access}", data={"do": "cancel"})
        back = away.headers["location"]

        assert back.startswith(f"{p.road.door}/p/{started.token}/?back=1&trxref={one.reference}")
        assert (await p.road.state(started), await p.road.passes()) == ("awaiting", [])


async def test_nothing_personal_is_in_an_address_or_a_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with paystack_road(tmp_path, kind="prompt") as p:
        started = await p.road.buy()
        await p.road.until(started, "awaiting")
        one = await p.begun()
        await travel(p, 50 * SECOND)
        await p.paystack.pay(one.reference)
        await p.road.until(started, "paid")
        asked = " ".join(p.paystack.requests)

    written = "\n".join(each.getMessage() for each in caplog.records)
    for secret in (PHONE.digits[3:], p.paystack.key):
        assert secret not in asked
        assert secret not in written
        assert secret not in one.email


async def test_both_providers_are_taken_side_by_side(tmp_path: Path) -> None:
    async with paystack_road(tmp_path) as p:
        through_paystack = await p.road.buy()
        await p.road.until(through_paystack, "awaiting")
        await p.road.home.write(switch_off, p.account.id)
        by_mpesa = await p.road.buy(mac=OTHER_MAC, phone=OTHER_PHONE, click="click 2")
        handset = await p.road.prompt(OTHER_PHONE)
        await handset.approve()
        await p.road.until(by_mpesa, "paid")
        await p.paystack.pay((await p.begun()).reference)
        await p.road.until(through_paystack, "paid")

        assert {each["provider"] for each in await p.road.receipts()} == {"mpesa", "paystack"}
        assert len(await p.road.passes()) == 2


def switch_off(account_id: int) -> Any:
    from portal.payments import accounts

    yield from accounts.set_active(account_id, False)


async def test_a_key_can_be_tried_without_money(tmp_path: Path) -> None:
    async with paystack_road(tmp_path, loops=False) as p:
        await p.road.payments.providers["paystack"].try_out(p.account)

        assert p.paystack.transactions == {}


@pytest.mark.parametrize("path", ["hook", "webhook", "c2b"])
async def test_a_message_at_the_wrong_door_is_nobodys_evidence(tmp_path: Path, path: str) -> None:
    """M-Pesa's way to say success, at an account of Paystack, and the other way round."""
    async with paystack_road(tmp_path, loops=False) as p:
        token = p.paystack.webhook_url.rsplit("/", 1)[1]
        body = b'{"TransID": "UKM0000001", "TransAmount": "20.00", "BusinessShortCode": "1", "MSISDN": "x"}'
        address = f"/c2b/{token}/confirm" if path == "c2b" else f"/{path}/{token}"
        status = await p.road.post(address, body)
        await p.road.payments.inbox.run_once()

        assert status == (404 if path == "hook" else 200)
        assert await p.road.verdicts() == ([] if path == "hook" else ["unreadable"])
