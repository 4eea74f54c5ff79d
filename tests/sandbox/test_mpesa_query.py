"""The sandbox M-Pesa: asking how a push went."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from portal.clock import HOUR, SECOND
from sandbox.mpesa import Switches
from tests.sandbox.mpesa import PHONE, STORE, Shop, faulty, receiving, shop

UNKNOWN = (400, "400.002.02", "Bad Request - Invalid CheckoutRequestID")


@pytest.fixture
async def seller() -> AsyncIterator[Shop]:
    switches = Switches(https_callbacks=False, query_per_minute=0)
    async with receiving() as receiver, shop(receiver, switches=switches) as it:
        yield it


async def pushed(seller: Shop) -> str:
    answer = await seller.push()
    return str(answer.json()["CheckoutRequestID"])


async def test_a_push_is_unknown_for_two_seconds(seller: Shop) -> None:
    # facts/mpesa.md 4 and 11.5
    checkout = await pushed(seller)
    assert faulty(await seller.query(checkout)) == UNKNOWN
    seller.clock.advance(2 * SECOND)

    assert (await seller.query(checkout)).status_code == 200


async def test_a_foreign_id_is_unknown(seller: Shop) -> None:
    # facts/mpesa.md 4
    assert faulty(await seller.query("ws_CO_18112026110640155712345678")) == UNKNOWN


async def test_a_push_of_another_shortcode_is_unknown(seller: Shop) -> None:
    checkout = await pushed(seller)
    seller.clock.advance(3 * SECOND)

    assert faulty(await seller.query(checkout, STORE)) == UNKNOWN


async def test_an_open_prompt_is_4999_with_200(seller: Shop) -> None:
    # facts/mpesa.md 3.3 and 4
    checkout = await pushed(seller)
    seller.clock.advance(3 * SECOND)
    answer = await seller.query(checkout)

    assert answer.status_code == 200
    assert (answer.json()["ResponseCode"], answer.json()["ResultCode"]) == ("0", "4999")
    assert answer.json()["ResultDesc"] == "The transaction is still under processing"


async def test_an_open_prompt_may_be_an_error_of_500(seller: Shop) -> None:
    # facts/mpesa.md 4, LNMOnlineAndroidSample#13
    seller.mpesa.switches.pending_as_error = True
    checkout = await pushed(seller)
    seller.clock.advance(3 * SECOND)

    assert faulty(await seller.query(checkout)) == (
        500,
        "500.001.1001",
        "The transaction is being processed",
    )


async def test_the_end_is_a_string_without_receipt_or_amount(seller: Shop) -> None:
    # facts/mpesa.md 4
    checkout = await pushed(seller)
    await seller.mpesa.handset(PHONE).approve()
    seller.clock.advance(3 * SECOND)
    answer = (await seller.query(checkout)).json()

    assert set(answer) == {
        "ResponseCode",
        "ResponseDescription",
        "MerchantRequestID",
        "CheckoutRequestID",
        "ResultCode",
        "ResultDesc",
    }
    assert answer["ResultCode"] == "0"
    assert seller.mpesa.transactions[0].receipt not in str(answer)


async def test_a_failure_is_told_with_its_code(seller: Shop) -> None:
    checkout = await pushed(seller)
    await seller.mpesa.handset(PHONE).cancel()
    seller.clock.advance(3 * SECOND)

    assert (await seller.query(checkout)).json()["ResultCode"] == "1032"


async def test_the_query_may_contradict_the_callback(seller: Shop) -> None:
    # facts/mpesa.md 4 (W4)
    seller.mpesa.faults.next(query_code="1032")
    checkout = await pushed(seller)
    await seller.mpesa.handset(PHONE).approve()
    seller.clock.advance(3 * SECOND)

    assert (await seller.query(checkout)).json()["ResultCode"] == "1032"
    assert seller.receiver.codes == [0]


async def test_an_old_id_may_be_forgotten(seller: Shop) -> None:
    # facts/mpesa.md 12
    seller.mpesa.switches.query_age_ms = 24 * HOUR
    checkout = await pushed(seller)
    seller.clock.advance(25 * HOUR)
    await seller.login()

    assert faulty(await seller.query(checkout)) == UNKNOWN


async def test_wrong_credentials_are_named(seller: Shop) -> None:
    body = {"BusinessShortCode": "174379", "Password": "eA==", "Timestamp": "20261118140640"}
    answer = await seller.post("/mpesa/stkpushquery/v1/query", body | {"CheckoutRequestID": "x"})

    assert faulty(answer) == (500, "500.001.1001", "Wrong credentials")


async def test_five_queries_a_minute_one_at_a_time(seller: Shop) -> None:
    # facts/mpesa.md 4: the gateway's own envelope
    seller.mpesa.switches.query_per_minute = 5
    assert (await seller.query("x")).status_code == 400
    answer = await seller.query("x")

    assert answer.status_code == 429
    fault = answer.json()["fault"]
    assert fault["detail"] == {"errorcode": "policies.ratelimit.SpikeArrestViolation"}
    assert (
        "MessageRate{messagesPerPeriod=5, periodInMicroseconds=60000000, maxBurstMessageCount=1.0}"
        in fault["faultstring"]
    )
    assert "retry-after" not in answer.headers

    seller.clock.advance(13 * SECOND)
    assert (await seller.query("x")).status_code == 400


async def test_the_limit_counts_for_the_app_not_the_shortcode(seller: Shop) -> None:
    # facts/mpesa.md 4
    seller.mpesa.switches.query_per_minute = 5
    await seller.query("x")

    assert (await seller.query("x", STORE)).status_code == 429


async def test_the_limit_has_its_switches(seller: Shop) -> None:
    # facts/mpesa.md 12
    seller.mpesa.switches.query_per_minute = 60
    seller.mpesa.switches.query_burst = 3
    seller.mpesa.switches.retry_after = True
    statuses = [(await seller.query("x")) for _ in range(4)]

    assert [answer.status_code for answer in statuses] == [400, 400, 400, 429]
    assert statuses[-1].headers["retry-after"] == "1"
