"""The sandbox M-Pesa: pushes, from validation to the result."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from portal.clock import MINUTE, SECOND
from tests.sandbox.mpesa import KEY, PAYBILL, PHONE, STORE, TILL, Shop, faulty, receiving, shop

LOCKED = "Unable to lock subscriber, a transaction is already in process for the current subscriber"


@pytest.fixture
async def seller() -> AsyncIterator[Shop]:
    async with receiving() as receiver, shop(receiver) as it:
        yield it


async def test_an_approved_push_moves_money_and_calls_back(seller: Shop) -> None:
    # facts/mpesa.md 2.2 and 3.1
    answer = await seller.push()

    assert answer.status_code == 200
    body = answer.json()
    assert body["ResponseCode"] == "0"
    assert body["ResponseDescription"] == "Success. Request accepted for processing"
    assert body["CustomerMessage"] == "Success. Request accepted for processing"

    await seller.mpesa.handset("0712345678").approve()

    [callback] = seller.receiver.callbacks
    [paid] = seller.mpesa.transactions
    assert (callback["ResultCode"], callback["ResultDesc"]) == (
        0,
        "The service request is processed successfully.",
    )
    assert callback["CheckoutRequestID"] == body["CheckoutRequestID"]
    assert callback["MerchantRequestID"] == body["MerchantRequestID"]
    items = {item["Name"]: item["Value"] for item in callback["CallbackMetadata"]["Item"]}
    assert list(items) == ["Amount", "MpesaReceiptNumber", "TransactionDate", "PhoneNumber"]
    assert items["Amount"] == 20.0
    assert isinstance(items["Amount"], float)
    assert items["MpesaReceiptNumber"] == paid.receipt
    assert str(items["TransactionDate"]).startswith("202611181")
    assert items["PhoneNumber"] == 254712345678
    assert (paid.amount, paid.phone, paid.shortcode, paid.account) == (20, PHONE, PAYBILL, "WIFI42")


@pytest.mark.parametrize(
    "field",
    [
        "BusinessShortCode",
        "Password",
        "Timestamp",
        "TransactionType",
        "Amount",
        "PartyA",
        "PartyB",
        "PhoneNumber",
        "CallBackURL",
        "AccountReference",
    ],
)
async def test_a_missing_field_is_named(seller: Shop, field: str) -> None:
    # facts/mpesa.md 2.3
    order = {name: value for name, value in seller.order().items() if name != field}
    answer = await seller.push(order)

    assert faulty(answer) == (400, "400.002.02", f"Bad Request - Invalid {field}")


async def test_a_missing_description_is_called_remarks(seller: Shop) -> None:
    # facts/mpesa.md 2.1
    answer = await seller.push(TransactionDesc=None)

    assert faulty(answer) == (400, "400.002.02", "Bad Request - Invalid Remarks")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("BusinessShortCode", "12"),
        ("Timestamp", "2026-11-22"),
        ("Timestamp", "20261322101010"),
        ("TransactionType", "CustomerPayBill"),
        ("CallBackURL", "yourcallback"),
        ("CallBackURL", "https://abc.ngrok.io/cb"),
        ("PhoneNumber", "0712345678"),
        ("PartyA", "254212345678"),
        ("Amount", 0),
        ("Amount", "1.5"),
        ("Amount", 1.5),
        ("Amount", True),
        ("Amount", 250_001),
    ],
)
async def test_a_wrong_field_is_named(seller: Shop, field: str, value: object) -> None:
    # facts/mpesa.md 2.1 and 2.3
    answer = await seller.push(seller.order() | {field: value})

    assert faulty(answer) == (400, "400.002.02", f"Bad Request - Invalid {field}")


async def test_a_callback_over_plain_http_is_refused(seller: Shop) -> None:
    # facts/mpesa.md 2.1
    seller.mpesa.switches.https_callbacks = True
    answer = await seller.push()

    assert faulty(answer) == (400, "400.002.02", "Bad Request - Invalid CallBackURL")


async def test_a_form_is_refused_for_its_shortcode(seller: Shop) -> None:
    # facts/mpesa.md 2.1
    await seller.login()
    answer = await seller.http.post(
        "/mpesa/stkpush/v1/processrequest",
        data=seller.order(),
        headers={"Authorization": f"Bearer {seller.token}"},
    )

    assert faulty(answer) == (400, "400.002.02", "Bad Request - Invalid BusinessShortCode")


async def test_an_amount_may_be_text(seller: Shop) -> None:
    # facts/mpesa.md 2.1
    assert (await seller.push(Amount="1")).status_code == 200


async def test_checks_come_in_their_order(seller: Shop) -> None:
    # facts/mpesa.md 11.2
    bad: dict[str, Any] = {
        "BusinessShortCode": "999999",
        "CallBackURL": "no",
        "PhoneNumber": "no",
        "Amount": 0,
        "TransactionDesc": "",
    }
    mended = [
        ("TransactionDesc", "Internet", "Bad Request - Invalid Remarks"),
        ("CallBackURL", f"{seller.receiver.url}/cb", "Bad Request - Invalid CallBackURL"),
        ("PhoneNumber", PHONE, "Bad Request - Invalid PhoneNumber"),
        ("Amount", 20, "Bad Request - Invalid Amount"),
        ("BusinessShortCode", PAYBILL, "Merchant does not exist"),
    ]
    order = seller.order(Password="d3Jvbmc=") | bad
    said = []
    for field, value, _ in mended:
        said.append(faulty(await seller.push(order))[2])
        order[field] = value

    assert said == [text for _, _, text in mended]
    assert faulty(await seller.push(order)) == (500, "500.001.1001", "Wrong credentials")


async def test_a_till_number_is_no_business_shortcode(seller: Shop) -> None:
    # facts/mpesa.md 2.1: the store number goes there
    answer = await seller.push(seller.till_order(BusinessShortCode=TILL))

    assert faulty(answer) == (500, "500.001.1001", "Merchant does not exist")


async def test_a_timestamp_other_than_the_password_s_is_wrong_credentials(seller: Shop) -> None:
    # facts/mpesa.md 2.3
    answer = await seller.push(Timestamp="20260101000000")

    assert faulty(answer) == (500, "500.001.1001", "Wrong credentials")


async def test_a_phone_with_a_prompt_is_locked(seller: Shop) -> None:
    # facts/mpesa.md 2.3
    await seller.push()
    answer = await seller.push(Amount=50)

    assert faulty(answer) == (500, "500.001.1001", LOCKED)
    assert (await seller.push(PartyA="254711000000")).status_code == 200


async def test_the_lock_may_come_as_a_refusal_with_200(seller: Shop) -> None:
    # facts/mpesa.md 2.3, the integrators' variant
    seller.mpesa.switches.lock_as_200 = True
    await seller.push()
    answer = await seller.push(Amount=50)

    assert (answer.status_code, answer.json()["ResponseCode"]) == (200, "1")


async def test_an_answered_prompt_frees_the_phone(seller: Shop) -> None:
    await seller.push()
    await seller.mpesa.handset(PHONE).cancel()

    assert (await seller.push(Amount=50)).status_code == 200


async def test_the_lock_may_linger(seller: Shop) -> None:
    # facts/mpesa.md 2.3: wait at least a minute
    seller.mpesa.switches.lock_lingers_ms = MINUTE
    await seller.push()
    await seller.mpesa.handset(PHONE).cancel()

    assert faulty(await seller.push(Amount=50))[2] == LOCKED
    seller.clock.advance(MINUTE)
    assert (await seller.push(Amount=50)).status_code == 200


async def test_the_same_amount_within_two_minutes_ends_as_17(seller: Shop) -> None:
    # facts/mpesa.md 2.4
    await seller.push()
    await seller.mpesa.handset(PHONE).cancel()
    assert (await seller.push()).status_code == 200
    assert seller.mpesa.pending(PHONE) is None
    seller.clock.advance(3 * SECOND)
    await seller.receiver.until(2)

    assert seller.receiver.codes == [1032, 17]


async def test_the_same_amount_after_two_minutes_rings_again(seller: Shop) -> None:
    # facts/mpesa.md 2.4
    await seller.push()
    await seller.mpesa.handset(PHONE).cancel()
    seller.clock.advance(2 * MINUTE)
    await seller.push()

    assert seller.mpesa.pending(PHONE) is not None


async def test_only_a_paid_push_may_count_as_the_earlier_one(seller: Shop) -> None:
    seller.mpesa.switches.duplicate_of = "payments"
    await seller.push()
    await seller.mpesa.handset(PHONE).cancel()
    await seller.push()

    assert seller.mpesa.pending(PHONE) is not None


async def test_a_till_is_paid_under_its_store(seller: Shop) -> None:
    # facts/mpesa.md 11.3
    await seller.push(seller.till_order())
    await seller.mpesa.handset(PHONE).approve()

    [paid] = seller.mpesa.transactions
    assert (paid.shortcode, paid.account, seller.receiver.codes) == (TILL, "", [0])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"PartyB": STORE}, "SFC_IC0003"),
        ({"TransactionType": "CustomerPayBillOnline"}, 2028),
    ],
)
async def test_a_wrong_till_pair_is_accepted_and_fails_later(
    seller: Shop, changes: dict[str, str], code: object
) -> None:
    # facts/mpesa.md 11.3 and 3.3
    assert (await seller.push(seller.till_order(**changes))).json()["ResponseCode"] == "0"
    seller.clock.advance(3 * SECOND)
    await seller.receiver.until(1)

    assert (seller.receiver.codes, seller.mpesa.transactions) == ([code], [])


async def test_a_prompt_that_is_too_long_ends_as_1025(seller: Shop) -> None:
    # facts/mpesa.md 2.1
    await seller.push(AccountReference="A" * 150)
    seller.clock.advance(3 * SECOND)
    await seller.receiver.until(1)

    assert seller.receiver.codes == [1025]


async def test_a_reference_of_fifteen_characters_passes(seller: Shop) -> None:
    # facts/mpesa.md 2.1
    await seller.push(AccountReference="A" * 15)

    assert seller.mpesa.pending(PHONE) is not None


async def test_the_real_sandbox_s_refusal_of_real_numbers_is_a_switch(seller: Shop) -> None:
    # facts/mpesa.md 2.5
    seller.mpesa.switches.refuse_real_numbers = True
    await seller.push()
    seller.clock.advance(3 * SECOND)
    await seller.receiver.until(1)

    assert seller.receiver.codes == ["E3008"]


async def test_a_shortcode_of_another_app_does_not_exist(seller: Shop) -> None:
    # facts/mpesa.md 2.3
    seller.mpesa.add_shortcode(shortcode="600100", passkey="p", consumer_key="other", consumer_secret="s", name="OTHER")
    assert seller.mpesa.merchants[0].consumer_key == KEY
    answer = await seller.push(BusinessShortCode="600100", PartyB="600100")

    assert faulty(answer) == (500, "500.001.1001", "Merchant does not exist")
