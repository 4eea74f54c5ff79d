"""Each kind of evidence, against the sandbox M-Pesa: the right state, and one pass or none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from portal.clock import HOUR, MINUTE, SECOND
from portal.errors import Refused
from sandbox.mpesa import Switches
from tests.payments.road import OTHER_MAC, OTHER_PHONE, PHONE, Road, payment_row, road


async def approve(r: Road) -> Any:
    return await (await r.prompt()).approve()


async def test_without_a_callback_a_query_settles(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        r.mpesa.faults.next(order=())
        started = await r.buy()
        await approve(r)
        await r.until(started, "awaiting")
        r.clock.advance(26 * SECOND)
        seen = await r.until(started, "paid")

        assert (len(await r.passes()), seen.receipt) == (1, None)
        assert (await payment_row(r.home, started.public)).receipt_state == "to come"


async def test_five_callbacks_at_once_make_one_pass(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        r.mpesa.faults.next(copies=5)
        started = await r.buy()
        await approve(r)
        await r.until(started, "paid")
        await r.settled(5)

        assert (len(await r.passes()), len(await r.receipts())) == (1, 1)
        assert await r.lines() == set()


async def test_a_callback_before_the_push_response_pays_and_the_ids_are_kept(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        r.mpesa.faults.next(before_ack=True, slow_ms=200)
        started = await r.buy()
        await r.until(started, "paid")
        await r.payments.checkout.drain()
        row = await payment_row(r.home, started.public)

        assert (row.state, len(await r.passes())) == ("paid", 1)
        assert row.checkout_request(r.home.vault) in r.mpesa.pushes


@pytest.mark.parametrize("fault", ["accepted_cut", "accepted_500"])
async def test_a_lost_push_response_is_unknown_until_the_callback_comes(tmp_path: Path, fault: str) -> None:
    async with road(tmp_path) as r:
        r.mpesa.faults.next(push=fault)
        started = await r.buy()
        await r.until(started, "submit_unknown")
        await approve(r)
        await r.until(started, "paid")

        assert (len(r.mpesa.pushes), len(await r.passes())) == (1, 1)


@pytest.mark.parametrize("fault", ["waf_503", "failed_500"])
async def test_an_answer_that_says_nothing_is_an_unknown_outcome_and_no_second_prompt(
    tmp_path: Path, fault: str
) -> None:
    async with road(tmp_path) as r:
        r.mpesa.faults.next(push=fault)
        started = await r.buy()
        await r.until(started, "submit_unknown")
        r.clock.advance(11 * MINUTE)
        await r.until(started, "expired_unknown")

        assert (len(r.mpesa.pushes), len(await r.passes())) == (0, 0)
        assert await r.lines() == {"unknown-outcome"}


@pytest.mark.parametrize(
    "fault, reason",
    [("busy", "provider-busy"), ("spike", "provider-busy"), ("quota", "provider-busy"), ("too_many", "provider-busy")],
)
async def test_a_gateway_that_has_too_much_to_do_refuses_cleanly(tmp_path: Path, fault: str, reason: str) -> None:
    async with road(tmp_path) as r:
        r.mpesa.faults.next(push=fault)
        started = await r.buy()
        seen = await r.until(started, "failed")

        assert (seen.reason, seen.may_retry_at is not None and seen.may_retry_at <= r.clock.now()) == (reason, True)


@pytest.mark.parametrize("as_error", [False, True])
async def test_not_yet_answers_leave_the_payment_open(tmp_path: Path, as_error: bool) -> None:
    async with road(tmp_path, switches=Switches(pending_as_error=as_error, query_per_minute=0)) as r:
        started = await r.buy()
        await r.until(started, "awaiting")
        for advance in (26 * SECOND, 20 * SECOND):
            r.clock.advance(advance)
            count = len(await r.verdicts())
            await r.settled(count + 1)

        assert (await r.state(started), set(await r.verdicts())) == ("awaiting", {"pending"})


async def test_an_id_that_is_asked_for_too_early_is_not_a_failure(tmp_path: Path) -> None:
    async with road(tmp_path, switches=Switches(unknown_for_ms=HOUR)) as r:
        started = await r.buy()
        await r.until(started, "awaiting")
        r.clock.advance(26 * SECOND)
        await r.settled(1)

        assert (await r.verdicts(), await r.state(started)) == (["unknown-id"], "awaiting")


async def test_failure_then_success_is_paid(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        r.mpesa.faults.next(fail_first=1032)
        started = await r.buy()
        await approve(r)
        await r.until(started, "paid")

        assert len(await r.passes()) == 1


async def test_success_then_failure_stays_paid_with_a_line(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        started = await r.buy()
        push = await approve(r)
        await r.until(started, "paid")
        await r.mpesa.courier.callback(push, 1037)
        await r.settled(2)

        assert (await r.state(started), await r.lines()) == ("paid", {"contradicted"})


@pytest.mark.parametrize(
    "code, reason",
    [
        (1, "no-money"),
        (17, "duplicate"),
        (1001, "busy"),
        (1019, "expired"),
        (1032, "cancelled"),
        ("1037", "no-answer"),
        (2001, "wrong-pin"),
        (8006, "locked-account"),
        ("E3008", "bad-debt"),
        ("SFC_IC0003", "config"),
    ],
)
async def test_a_documented_code_fails_with_its_reason(tmp_path: Path, code: int | str, reason: str) -> None:
    async with road(tmp_path) as r:
        started = await r.buy()
        await (await r.prompt()).end(code)
        seen = await r.until(started, "failed")

        assert (seen.reason, await r.passes()) == (reason, [])
        assert await r.lines() == ({"mpesa-config"} if reason == "config" else set())


@pytest.mark.parametrize("code", [2029, "R000009", "00", -1])
async def test_an_unlisted_code_stays_pending(tmp_path: Path, code: int | str) -> None:
    async with road(tmp_path) as r:
        started = await r.buy()
        await (await r.prompt()).end(code)
        await r.payments.checkout.drain()
        await r.settled(1)

        assert (await r.state(started), await r.passes()) == ("awaiting", [])


@pytest.mark.parametrize(
    "quirk",
    [{"string_code": True}, {"balance": "no value"}, {"balance": "text"}, {"phone": "missing"}, {"date_text": True}],
    ids=str,
)
async def test_the_quirks_of_a_true_callback_do_not_matter(tmp_path: Path, quirk: dict[str, Any]) -> None:
    async with road(tmp_path) as r:
        r.mpesa.faults.next(**quirk)
        started = await r.buy()
        push = await approve(r)
        seen = await r.until(started, "paid")

        assert (seen.receipt, len(await r.passes())) == (push.receipt, 1)


@pytest.mark.parametrize("kind", ["paybill", "till"])
@pytest.mark.parametrize("order", [("c2b", "callback"), ("callback", "c2b"), ("c2b",)], ids=str)
@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_callback_and_c2b_in_any_order_make_one_pass(
    tmp_path: Path, kind: Any, order: tuple[str, ...], version: str
) -> None:
    async with road(tmp_path, kind=kind) as r:
        await r.register_c2b(version)
        r.mpesa.faults.next(order=order)
        started = await r.buy()
        await r.until(started, "awaiting")
        push = await approve(r)
        await r.settled(len(order))
        seen = await r.until(started, "paid")

        assert (seen.receipt, len(await r.passes()), len(await r.receipts())) == (push.receipt, 1, 1)
        assert await r.lines() == set()


@pytest.mark.parametrize("kind", ["paybill", "till"])
async def test_a_query_settled_payment_gets_its_c2b_row_later(tmp_path: Path, kind: Any) -> None:
    async with road(tmp_path, kind=kind) as r:
        await r.register_c2b()
        r.mpesa.faults.next(order=("c2b",), c2b_late_ms=5 * MINUTE)
        started = await r.buy()
        push = await approve(r)
        await r.until(started, "awaiting")
        r.clock.advance(26 * SECOND)
        await r.until(started, "paid")
        r.clock.advance(5 * MINUTE)
        await r.settled(2)
        seen = await r.see(started)
        with pytest.raises(Refused):  # it is not free for anyone else
            await r.payments.claims.claim(
                r.view, r.router, mac=OTHER_MAC, text=push.receipt, phone=OTHER_PHONE, source="10.0.0.1"
            )

        assert (seen.receipt, len(await r.passes()), await r.lines()) == (push.receipt, 1, set())


@pytest.mark.parametrize("wrong", ["checkout", "merchant", "both"])
async def test_wrong_ids_go_to_staff(tmp_path: Path, wrong: str) -> None:
    async with road(tmp_path) as r:
        r.mpesa.faults.next(wrong_ids=wrong)
        started = await r.buy()
        await r.until(started, "awaiting")
        await approve(r)
        seen = await r.until(started, "review")

        assert (seen.reason, await r.passes(), await r.lines()) == ("wrong-ids", [], {"wrong-ids"})


@pytest.mark.parametrize("amount", [1, 19, 21, 2000])
async def test_a_wrong_amount_goes_to_staff(tmp_path: Path, amount: int) -> None:
    async with road(tmp_path) as r:
        r.mpesa.faults.next(amount=amount)
        started = await r.buy()
        await approve(r)
        seen = await r.until(started, "review")

        assert (seen.reason, await r.passes(), await r.lines()) == ("wrong-amount", [], {"wrong-amount"})
        assert [row["state"] for row in await r.receipts()] == ["review"]


async def test_a_callback_without_a_receipt_waits_for_a_query(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        r.mpesa.faults.next(no_receipt=True)
        started = await r.buy()
        await r.until(started, "awaiting")
        await approve(r)
        await r.settled(1)
        before = await r.state(started)
        r.clock.advance(26 * SECOND)
        await r.until(started, "paid")

        assert (before, len(await r.passes())) == ("awaiting", 1)


async def test_an_unlisted_source_needs_a_query_before_the_pass(tmp_path: Path) -> None:
    async with road(tmp_path, mpesa_source_mode="enforce", loops=False) as r:
        started = await r.buy()
        await r.until(started, "awaiting")
        push = await approve(r)
        await r.payments.inbox.run_once()
        before = (await r.state(started), len(await r.passes()))
        r.clock.advance(3 * SECOND)
        await r.payments.queries.run_once()
        after = await r.see(started)

        assert before == ("awaiting", 0)
        assert (after.state, after.receipt, len(await r.passes())) == ("paid", push.receipt, 1)


async def test_a_success_that_nothing_proves_is_shown_to_staff(tmp_path: Path) -> None:
    async with road(tmp_path, mpesa_source_mode="enforce") as r:
        r.mpesa.faults.next(push="accepted_cut")  # so that there is no id to ask with
        started = await r.buy()
        await r.until(started, "submit_unknown")
        await approve(r)
        await r.settled(1)
        r.clock.advance(11 * MINUTE)
        await r.until(started, "expired_unknown")

        assert (await r.lines(), await r.passes()) == ({"unproven"}, [])


async def test_a_listed_source_is_enough(tmp_path: Path) -> None:
    async with road(tmp_path, mpesa_source_mode="enforce", mpesa_sources="127.0.0.1") as r:
        started = await r.buy()
        await approve(r)
        await r.until(started, "paid")

        assert await r.verdicts() == ["success"]


async def test_a_success_that_mpesa_does_not_know_goes_to_staff(tmp_path: Path) -> None:
    async with road(tmp_path, mpesa_source_mode="enforce", loops=False) as r:
        started = await r.buy()
        await r.until(started, "awaiting")
        await approve(r)
        await r.payments.inbox.run_once()
        r.mpesa.pushes.clear()
        r.clock.advance(3 * MINUTE)
        await r.payments.queries.run_once()
        seen = await r.see(started)

        assert (seen.state, seen.reason, await r.passes()) == ("review", "unknown-id", [])


async def test_a_query_is_not_believed_against_the_guest_before_90_seconds(tmp_path: Path) -> None:
    switches = Switches(query_per_minute=0)
    async with road(tmp_path, switches=switches, loops=False) as r:
        r.mpesa.faults.next(order=())
        started = await r.buy()
        await r.until(started, "awaiting")
        await (await r.prompt()).cancel()
        states = []
        for span in (26, 20, 30, 46):
            r.clock.advance(span * SECOND)
            await r.payments.queries.run_once()
            states.append(await r.state(started))

        assert states == ["awaiting", "awaiting", "awaiting", "failed"]


async def test_a_query_never_takes_a_success_back(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        r.mpesa.faults.next(query_code="1037")
        started = await r.buy()
        await approve(r)
        await r.until(started, "paid")
        r.clock.advance(HOUR)
        await r.payments.queries.run_once()

        assert (await r.state(started), len(await r.passes())) == ("paid", 1)


async def test_ten_minutes_of_silence_are_not_a_failure_and_a_late_callback_wins(tmp_path: Path) -> None:
    async with road(tmp_path, switches=Switches(prompt_ms=HOUR)) as r:
        started = await r.buy()
        await r.until(started, "awaiting")
        r.clock.advance(11 * MINUTE)
        await r.until(started, "expired_unknown")
        await approve(r)
        await r.until(started, "paid")

        assert len(await r.passes()) == 1


async def test_a_late_success_after_a_failure_wins(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        started = await r.buy()
        push = await (await r.prompt()).cancel()
        await r.until(started, "failed")
        push.receipt = "UKM1AB2CD3"
        await r.mpesa.courier.callback(push, 0)
        await r.until(started, "paid")

        assert len(await r.passes()) == 1


async def test_a_receipt_that_does_not_come_is_shown_to_staff_after_two_days(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        r.mpesa.faults.next(order=())
        started = await r.buy()
        await approve(r)
        await r.until(started, "awaiting")
        r.clock.advance(26 * SECOND)
        await r.until(started, "paid")
        before = await r.lines()
        r.clock.advance(48 * HOUR)
        await r.payments.deadlines.run_once()

        assert (before, await r.lines()) == (set(), {"receipt-missing"})


async def test_two_payments_of_one_device_make_two_passes_and_a_line(tmp_path: Path) -> None:
    async with road(tmp_path, switches=Switches(duplicate_ms=0)) as r:
        first = await r.buy(click="a")
        await approve(r)
        await r.until(first, "paid")
        r.clock.advance(3 * MINUTE)
        second = await r.buy(click="b")
        await approve(r)
        await r.until(second, "paid")

        assert (len(await r.passes()), await r.lines()) == (2, {"two-payments"})


async def test_a_second_receipt_for_one_payment_goes_to_staff(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        await r.register_c2b()
        started = await r.buy()
        await approve(r)
        seen = await r.until(started, "paid")
        await r.mpesa.pay_by_hand(PHONE.digits, "174379", seen.account_ref, 20)
        await r.settled(3)

        assert (len(await r.passes()), await r.lines()) == (1, {"second-receipt"})
        assert sorted(row["state"] for row in await r.receipts()) == ["matched", "review"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"Body": 1}',
        b'{"Body": {"stkCallback": []}}',
        b'{"Body": {"stkCallback": {"ResultCode": null}}}',
        b'{"Body": {"stkCallback": {"ResultCode": true}}}',
        b'{"Body": {"stkCallback": {"ResultCode": NaN}}}',
        b"\xff\xfe0",
        b"[" * 20_000,
        b'{"Body": {"stkCallback": {"ResultCode": 0, "x": "' + b"y" * 20_000 + b'"}}}',
        b"<html>Request unsuccessful. Incapsula incident</html>",
    ],
    ids=range(13),
)
async def test_a_body_that_cannot_be_read_is_kept_and_changes_nothing(tmp_path: Path, body: bytes) -> None:
    async with road(tmp_path) as r:
        started = await r.buy()
        await r.until(started, "awaiting")
        push = next(iter(r.mpesa.pushes.values()))
        status = await r.post(push.callback_url.removeprefix(r.door), body)
        await r.settled(1)

        assert (status, await r.verdicts(), await r.state(started)) == (200, ["unreadable"], "awaiting")


async def test_an_unknown_token_is_a_404_and_is_not_kept(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        public = r.home.tenant.public
        body = json.dumps({"Body": {"stkCallback": {"ResultCode": 0}}}).encode()
        tokens = [
            f"{public}.{'0' * 32}",
            f"ffffffff.{'0' * 32}",
            public,
            f"{public}.",
            "x" * 300,
            f"{public}.{'g' * 32}",
        ]
        statuses = [await r.post(f"/hook/{token}", body) for token in tokens]
        statuses += [await r.post(f"/c2b/{token}/confirm", body) for token in tokens]

        assert (set(statuses), await r.verdicts()) == ({404}, [])
