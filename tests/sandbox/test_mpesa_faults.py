"""The sandbox M-Pesa: what goes wrong with pushes and callbacks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from portal.clock import HOUR, SECOND, TravelClock
from sandbox.ca import Authority
from sandbox.mpesa import Fault, Faults, SandboxMpesa, serve_mpesa
from tests.sandbox.mpesa import PHONE, Shop, faulty, receiving, shop


@pytest.fixture
async def seller() -> AsyncIterator[Shop]:
    async with receiving() as receiver, shop(receiver) as it:
        yield it


async def paid(seller: Shop, **changes: Any) -> None:
    """One push, approved, with this fault."""
    seller.mpesa.faults.next(**changes)
    await seller.push()
    await seller.mpesa.handset(PHONE).approve()


def items(seller: Shop) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = seller.receiver.callbacks[0]["CallbackMetadata"]["Item"]
    return found


# Pushes


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("failed_500", (500, "500.003.1001", "Internal Server Error")),
        ("busy", (500, "500.003.02", "System is busy. Please try again in few minutes.")),
        ("spike", (500, "500.003.02", "Error Occurred: Spike Arrest Violation")),
        ("quota", (500, "500.003.03", "Quota Violation")),
    ],
)
async def test_a_refused_push_starts_nothing(seller: Shop, fault: str, expected: object) -> None:
    # facts/mpesa.md 2.3
    seller.mpesa.faults.next(push=fault)

    assert faulty(await seller.push()) == expected
    assert seller.mpesa.pushes == {}
    assert (await seller.push()).status_code == 200


async def test_the_firewall_answers_in_html(seller: Shop) -> None:
    # facts/mpesa.md 1.1
    seller.mpesa.faults.next(push="waf_503")
    answer = await seller.push()

    assert (answer.status_code, answer.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert "Request unsuccessful. Incapsula incident ID" in answer.text
    assert seller.mpesa.pushes == {}


async def test_too_many_pushes_get_the_gateway_s_envelope(seller: Shop) -> None:
    # facts/mpesa.md 1.2 and 2.3
    seller.mpesa.faults.next(push="too_many")
    answer = await seller.push()

    assert (answer.status_code, set(answer.json())) == (429, {"fault"})


async def test_a_push_may_be_accepted_though_the_answer_is_500(seller: Shop) -> None:
    # facts/mpesa.md 7 and 11.7
    seller.mpesa.faults.next(push="accepted_500")
    assert faulty(await seller.push()) == (500, "500.003.1001", "Internal Server Error")
    await seller.mpesa.handset(PHONE).approve()

    assert seller.receiver.codes == [0]


async def test_a_push_may_be_accepted_though_the_connection_dies(seller: Shop) -> None:
    # facts/mpesa.md 7 and 11.7
    seller.mpesa.faults.next(push="accepted_cut")
    with pytest.raises(httpx.TransportError):
        await seller.push()
    await seller.mpesa.handset(PHONE).approve()

    assert seller.receiver.codes == [0]


async def test_a_slow_push_rings_before_it_answers(seller: Shop) -> None:
    # facts/mpesa.md 11.7: 30 s
    seller.mpesa.faults.next(slow_ms=30 * SECOND)
    await seller.login()
    pushing = asyncio.create_task(seller.push())
    async with asyncio.timeout(60):
        while seller.mpesa.pending(PHONE) is None:
            await seller.clock.sleep(5)
    assert not pushing.done()
    seller.clock.advance(30 * SECOND)

    assert (await pushing).status_code == 200


async def test_a_refused_request_uses_up_no_fault(seller: Shop) -> None:
    seller.mpesa.faults.next(push="busy")
    await seller.push(Amount=0)

    assert faulty(await seller.push())[1] == "500.003.02"


async def test_a_fault_may_wait_for_one_phone(seller: Shop) -> None:
    seller.mpesa.faults.next(payer="254711000000", push="busy")

    assert (await seller.push()).status_code == 200
    assert (await seller.push(PartyA="254711000000")).status_code == 500
    assert (await seller.push(PartyA="254711000000")).status_code == 200


def test_a_standing_fault_lies_under_the_next_ones() -> None:
    faults = Faults(Fault(late_ms=5))
    faults.next(copies=2)

    assert faults.take(PHONE) == Fault(late_ms=5, copies=2)
    assert faults.take(PHONE) == Fault(late_ms=5)
    faults.clear()
    assert faults.take(PHONE) == Fault()


# Callbacks


async def test_the_callback_may_come_before_the_answer(seller: Shop) -> None:
    # facts/mpesa.md 7, `callbackBeforeAck`
    seller.mpesa.faults.next(before_ack=True)
    await seller.login()
    answered = []
    pushing = asyncio.create_task(seller.push())
    pushing.add_done_callback(lambda _: answered.append(len(seller.receiver.got)))
    answer = await pushing

    assert answered == [1]
    assert seller.receiver.callbacks[0]["CheckoutRequestID"] == answer.json()["CheckoutRequestID"]


async def test_the_callback_may_come_hours_late(seller: Shop) -> None:
    # facts/mpesa.md 11.6
    await paid(seller, late_ms=3 * HOUR)
    assert (len(seller.mpesa.transactions), seller.receiver.got) == (1, [])
    seller.clock.advance(3 * HOUR)
    await seller.receiver.until(1)

    assert seller.receiver.codes == [0]


async def test_the_callback_may_never_come(seller: Shop) -> None:
    # facts/mpesa.md 3.4
    await paid(seller, order=())
    seller.clock.advance(48 * HOUR)
    await seller.mpesa.agenda.run_once()

    assert (len(seller.mpesa.transactions), seller.receiver.got) == (1, [])


async def test_the_callback_may_come_twice_and_again_later(seller: Shop) -> None:
    # facts/mpesa.md 3.4
    await paid(seller, order=("callback", "callback"), again_after_ms=HOUR)
    assert seller.receiver.codes == [0, 0]
    seller.clock.advance(HOUR)
    await seller.receiver.until(3)

    first, second, third = seller.receiver.callbacks
    assert first == second == third


async def test_the_callback_may_come_many_times_at_once(seller: Shop) -> None:
    # facts/mpesa.md 3.4
    await paid(seller, copies=5)

    assert seller.receiver.codes == [0] * 5


@pytest.mark.parametrize(
    ("order", "paths"),
    [
        (("callback", "c2b"), ["/cb", "/confirm"]),
        (("c2b", "callback"), ["/confirm", "/cb"]),
        (("callback", "c2b", "callback"), ["/cb", "/confirm", "/cb"]),
        (("c2b",), ["/confirm"]),
    ],
)
async def test_callback_and_confirmation_come_in_any_order(
    seller: Shop, order: tuple[str, ...], paths: list[str]
) -> None:
    # facts/mpesa.md 5.1 and 11.6
    await seller.register()
    await paid(seller, order=order)

    assert [path for path, _, _ in seller.receiver.got] == paths


async def test_the_amount_may_be_wrong(seller: Shop) -> None:
    # facts/mpesa.md 11.6
    await paid(seller, amount=1)

    assert (items(seller)[0]["Value"], seller.mpesa.transactions[0].amount) == (1.0, 20)


@pytest.mark.parametrize(
    ("wrong", "right"), [("checkout", "MerchantRequestID"), ("merchant", "CheckoutRequestID"), ("both", None)]
)
async def test_the_ids_may_be_wrong(seller: Shop, wrong: str, right: str | None) -> None:
    await paid(seller, wrong_ids=wrong)
    [push] = seller.mpesa.pushes.values()
    true = {"MerchantRequestID": push.merchant_request_id, "CheckoutRequestID": push.checkout_id}
    [callback] = seller.receiver.callbacks

    assert [name for name in true if callback[name] == true[name]] == ([right] if right else [])


async def test_the_balance_may_have_no_value(seller: Shop) -> None:
    # facts/mpesa.md 3.2
    await paid(seller, balance="no value")

    assert {"Name": "Balance"} in items(seller)


async def test_the_balance_may_be_a_text(seller: Shop) -> None:
    # facts/mpesa.md 3.2
    await paid(seller, balance="text")

    assert any(item["Name"] == "Balance" and "BasicAmount=" in item["Value"] for item in items(seller))


@pytest.mark.parametrize(("phone", "values"), [("missing", []), ("masked", ["2547 ***** 678"])])
async def test_the_number_may_be_missing_or_masked(seller: Shop, phone: str, values: list[str]) -> None:
    # facts/mpesa.md 3.2 and 12
    await paid(seller, phone=phone)

    assert [item["Value"] for item in items(seller) if item["Name"] == "PhoneNumber"] == values


async def test_the_receipt_may_be_missing(seller: Shop) -> None:
    # facts/mpesa.md 3.2: any item may be missing
    await paid(seller, no_receipt=True)

    assert "MpesaReceiptNumber" not in [item["Name"] for item in items(seller)]


async def test_the_date_may_be_text(seller: Shop) -> None:
    # facts/mpesa.md 3.2
    await paid(seller, date_text=True)
    [date] = [item["Value"] for item in items(seller) if item["Name"] == "TransactionDate"]

    assert date.startswith("2026-11-18 14:06:")


async def test_the_code_may_be_a_numeric_string(seller: Shop) -> None:
    # facts/mpesa.md 3.2
    await paid(seller, string_code=True)

    assert seller.receiver.codes == ["0"]


@pytest.mark.parametrize("code", [2029, "XYZ_1"])
async def test_an_unlisted_code_may_come_and_no_money_moves(seller: Shop, code: int | str) -> None:
    # facts/mpesa.md 3.3
    await paid(seller, code=code)

    assert (seller.receiver.codes, seller.mpesa.transactions) == ([code], [])


async def test_a_failure_may_be_followed_by_success(seller: Shop) -> None:
    # facts/mpesa.md 7
    await paid(seller, fail_first=1032)

    assert (seller.receiver.codes, len(seller.mpesa.transactions)) == ([1032, 0], 1)


async def test_a_callback_may_come_from_a_strange_address(seller: Shop) -> None:
    # facts/mpesa.md 3.6 and 11.6
    await paid(seller, source="127.0.0.9")

    assert seller.receiver.got[0][2] == "127.0.0.9"


async def test_a_refused_callback_is_not_repeated(seller: Shop) -> None:
    # facts/mpesa.md 3.4
    seller.receiver.status = 503
    await paid(seller)
    seller.clock.advance(HOUR)
    await seller.mpesa.agenda.run_once()

    assert [delivery.outcome for delivery in seller.mpesa.deliveries] == ["503"]


async def test_a_refused_callback_may_be_repeated(seller: Shop) -> None:
    # facts/mpesa.md 12
    seller.mpesa.switches.retries_ms = (SECOND, SECOND)
    seller.receiver.status = 503
    await paid(seller)
    for count in (2, 3):
        seller.clock.advance(SECOND)
        await seller.receiver.until(count)
    seller.clock.advance(HOUR)
    await seller.mpesa.agenda.run_once()

    assert seller.receiver.codes == [0, 0, 0]


async def test_callbacks_may_be_lost(seller: Shop) -> None:
    # facts/mpesa.md 3.4
    seller.mpesa.switches.callback_loss = 1.0
    await paid(seller)

    assert seller.receiver.got == []
    assert [delivery.outcome for delivery in seller.mpesa.deliveries] == ["lost"]


async def test_the_callback_s_certificate_is_checked(tmp_path: Path) -> None:
    # facts/mpesa.md 3.5
    authority = Authority(tmp_path / "ca")
    leaf = authority.leaf("localhost")
    tls = (str(leaf.certificate), str(leaf.key))
    for trusted, outcome in ((authority.certificate_path, "200"), (None, "ConnectError")):
        async with receiving(tls) as receiver, shop(receiver, callback_ca=trusted) as seller:
            seller.mpesa.switches.https_callbacks = True
            await paid(seller)

            assert [delivery.outcome for delivery in seller.mpesa.deliveries] == [outcome]


async def test_a_name_of_the_sandbox_world_is_reached_and_still_checked(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    for named, outcome in (("portal.test", "200"), ("other.test", "ConnectError")):
        leaf = authority.leaf(named)
        tls = (str(leaf.certificate), str(leaf.key))
        async with receiving(tls) as receiver:
            port = int(receiver.url.rpartition(":")[2])
            receiver.url = "https://portal.test"
            async with shop(receiver, callback_ca=authority.certificate_path) as seller:
                seller.mpesa.courier.reach["portal.test"] = ("127.0.0.1", port)
                await paid(seller)

                assert [delivery.outcome for delivery in seller.mpesa.deliveries] == [outcome]


async def test_the_api_itself_may_be_https(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    leaf = authority.leaf("127.0.0.1")
    server = await serve_mpesa(SandboxMpesa(TravelClock()), tls=(leaf.certificate, leaf.key))
    try:
        async with httpx.AsyncClient(verify=authority.client_context(), trust_env=False, timeout=60) as http:
            answer = await http.get(f"{server.url}/handset")
    finally:
        await server.aclose()

    assert (server.url.startswith("https://"), answer.status_code) == (True, 200)
