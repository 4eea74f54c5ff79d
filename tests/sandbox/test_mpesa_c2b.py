"""The sandbox M-Pesa: C2B, payments by hand, validation."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest

from portal.clock import MINUTE, SECOND
from sandbox.mpesa import Declined
from tests.sandbox.mpesa import PAYBILL, PHONE, STORE, TILL, Receiver, Shop, faulty, receiving, shop


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as it:
        yield it


@pytest.fixture
async def seller(receiver: Receiver) -> AsyncIterator[Shop]:
    async with shop(receiver) as it:
        yield it


@pytest.fixture
async def careful(receiver: Receiver) -> AsyncIterator[Shop]:
    """A shop for which Safaricom has switched validation on."""
    async with shop(receiver, validation=True) as it:
        await it.register()
        yield it


async def test_registration_answers_with_the_misspelt_key(seller: Shop) -> None:
    # facts/mpesa.md 5.2
    answer = (await seller.register()).json()

    assert set(answer) == {"OriginatorCoversationID", "ResponseCode", "ResponseDescription"}
    assert answer["ResponseCode"] == "0"


@pytest.mark.parametrize("word", ["M-PESA", "mpesa", "Safaricom", "exe", "EXEC", "cmd", "SQL", "query", "ngrok"])
@pytest.mark.parametrize("field", ["ConfirmationURL", "ValidationURL"])
async def test_refused_words_are_refused_in_any_case(seller: Shop, word: str, field: str) -> None:
    # facts/mpesa.md 5.2
    answer = await seller.register(**{field: f"https://shop.test/a/{word}/b"})

    assert faulty(answer) == (400, "400.002.02", f"Bad Request - Invalid {field}")


@pytest.mark.parametrize("kind", ["completed", "CANCELLED", ""])
async def test_the_response_type_is_case_sensitive(seller: Shop, kind: str) -> None:
    # facts/mpesa.md 5.2
    assert faulty(await seller.register(ResponseType=kind))[2] == "Bad Request - Invalid ResponseType"


async def test_production_registers_once_and_only_https(receiver: Receiver) -> None:
    # facts/mpesa.md 5.2
    async with shop(receiver, environment="production") as seller:
        assert faulty(await seller.register())[2] == "Bad Request - Invalid ConfirmationURL"
        urls = {"ConfirmationURL": "https://shop.test/c", "ValidationURL": "https://shop.test/v"}
        assert (await seller.register(**urls)).status_code == 200
        assert faulty(await seller.register(**urls)) == (500, "500.003.1001", "Urls are already registered")


async def test_the_sandbox_registers_as_often_as_you_like(seller: Shop) -> None:
    # facts/mpesa.md 5.2
    await seller.register()

    assert (await seller.register()).status_code == 200


async def test_a_shortcode_on_the_old_broker_cannot_register(receiver: Receiver) -> None:
    # facts/mpesa.md 5.2
    async with shop(receiver, on_old_broker=True) as seller:
        assert faulty(await seller.register())[2].startswith("Duplicate notification info, SP ID")


async def test_a_push_is_confirmed_by_c2b_as_well(seller: Shop) -> None:
    # facts/mpesa.md 5.1 and 5.3
    await seller.register()
    await seller.push()
    await seller.mpesa.handset(PHONE).approve()

    [confirmation] = seller.receiver.bodies("/confirm")
    [paid] = seller.mpesa.transactions
    [callback] = seller.receiver.callbacks
    assert confirmation == {
        "TransactionType": "Pay Bill",
        "TransID": paid.receipt,
        "TransTime": confirmation["TransTime"],
        "TransAmount": "20.00",
        "BusinessShortCode": PAYBILL,
        "BillRefNumber": "WIFI42",
        "InvoiceNumber": "",
        "OrgAccountBalance": "20.00",
        "ThirdPartyTransID": "",
        "MSISDN": "2547 ***** 678",
        "FirstName": seller.mpesa.handset(PHONE).first_name,
        "MiddleName": "",
        "LastName": "",
    }
    assert confirmation["TransTime"].startswith("20261118140")
    assert {"Name": "MpesaReceiptNumber", "Value": paid.receipt} in callback["CallbackMetadata"]["Item"]


async def test_a_till_s_confirmation_has_no_reference(seller: Shop) -> None:
    # facts/mpesa.md 5.3
    await seller.register(TILL)
    await seller.push(seller.till_order())
    await seller.mpesa.handset(PHONE).approve()

    [confirmation] = seller.receiver.bodies("/confirm")
    assert confirmation["TransactionType"] == "Buy Goods"
    assert (confirmation["BillRefNumber"], confirmation["BusinessShortCode"]) == ("", TILL)


async def test_a_till_may_register_and_confirm_as_its_store(seller: Shop) -> None:
    # facts/mpesa.md 5.2 names no number for tills: a switch
    seller.mpesa.switches.till_confirmed_as = "store"
    await seller.register(STORE)
    await seller.mpesa.pay_by_hand(PHONE, TILL, "", 50)

    assert seller.receiver.bodies("/confirm")[0]["BusinessShortCode"] == STORE


async def test_version_1_hashes_the_number(receiver: Receiver) -> None:
    # facts/mpesa.md 5.3 and 12
    async with shop(receiver, products=("c2b/v1",)) as seller:
        await seller.register(version="v1")
        await seller.mpesa.pay_by_hand(PHONE, PAYBILL, "A", 50)
        seller.mpesa.switches.hash_salt = "salt"
        await seller.mpesa.pay_by_hand(PHONE, PAYBILL, "A", 50)

    hashes = [body["MSISDN"] for body in receiver.bodies("/confirm")]
    assert hashes == [hashlib.sha256(text).hexdigest() for text in (PHONE.encode(), b"salt" + PHONE.encode())]


async def test_a_failure_is_not_confirmed(seller: Shop) -> None:
    await seller.register()
    await seller.push()
    await seller.mpesa.handset(PHONE).cancel()

    assert [path for path, _, _ in seller.receiver.got] == ["/cb"]


async def test_a_payment_by_hand_takes_any_account(seller: Shop) -> None:
    # facts/mpesa.md 5
    await seller.register()
    receipt = await seller.mpesa.pay_by_hand("0712345678", PAYBILL, "what i typed, longer than 20", 50)

    [confirmation] = seller.receiver.bodies("/confirm")
    [paid] = seller.mpesa.transactions
    assert (confirmation["TransID"], confirmation["BillRefNumber"]) == (receipt, "what i typed, longer")
    assert (paid.via, paid.amount, paid.checkout_id) == ("hand", 50, None)
    assert receipt in seller.mpesa.handset(PHONE).inbox[0].text


async def test_an_unregistered_shortcode_hears_nothing(seller: Shop) -> None:
    await seller.mpesa.pay_by_hand(PHONE, PAYBILL, "A", 50)

    assert (seller.receiver.got, len(seller.mpesa.transactions)) == ([], 1)


async def test_confirmations_may_be_late_or_lost(seller: Shop) -> None:
    # facts/mpesa.md 5.4
    await seller.register()
    seller.mpesa.faults.next(c2b_late_ms=MINUTE)
    await seller.mpesa.pay_by_hand(PHONE, PAYBILL, "A", 50)
    assert seller.receiver.got == []
    seller.clock.advance(MINUTE)
    await seller.receiver.until(1)

    seller.mpesa.switches.c2b_loss = 0.75
    for _ in range(40):
        await seller.mpesa.pay_by_hand(PHONE, PAYBILL, "A", 50)
    assert 1 < len(seller.receiver.got) < 25
    assert len(seller.mpesa.transactions) == 41


async def test_validation_is_off_by_default(seller: Shop) -> None:
    # facts/mpesa.md 5.3
    await seller.register()
    await seller.mpesa.pay_by_hand(PHONE, PAYBILL, "A", 50)

    assert seller.receiver.bodies("/valid") == []


async def test_validation_comes_first_with_a_blank_balance(careful: Shop) -> None:
    # facts/mpesa.md 5.3
    careful.receiver.reply = {"ResultCode": "0", "ResultDesc": "Accepted", "ThirdPartyTransID": "mine-1"}
    await careful.mpesa.pay_by_hand(PHONE, PAYBILL, "A", 50)

    (first, asked, _), (second, told, _) = careful.receiver.got
    assert (first, second) == ("/valid", "/confirm")
    assert (asked["OrgAccountBalance"], asked["ThirdPartyTransID"]) == ("", "")
    assert told["ThirdPartyTransID"] == "mine-1"
    assert asked["TransID"] == told["TransID"]


@pytest.mark.parametrize("code", ["C2B00011", "C2B00012", "C2B00013", "C2B00014", "C2B00015", "C2B00016"])
async def test_validation_may_refuse(careful: Shop, code: str) -> None:
    # facts/mpesa.md 5.3
    careful.receiver.reply = {"ResultCode": code, "ResultDesc": "Rejected"}
    with pytest.raises(Declined, match=code):
        await careful.mpesa.pay_by_hand(PHONE, PAYBILL, "A", 50)

    assert (careful.mpesa.transactions, careful.receiver.bodies("/confirm")) == ([], [])


@pytest.mark.parametrize(("kind", "moved"), [("Completed", 1), ("Cancelled", 0)])
async def test_after_8_seconds_the_response_type_decides(careful: Shop, kind: str, moved: int) -> None:
    # facts/mpesa.md 5.3
    await careful.register(ResponseType=kind)
    careful.receiver.silent = True
    paying = asyncio.create_task(careful.mpesa.pay_by_hand(PHONE, PAYBILL, "A", 50))
    await careful.receiver.until(1)
    careful.clock.advance(7 * SECOND)
    await careful.clock.sleep(50)
    assert not paying.done()
    careful.clock.advance(SECOND)
    await asyncio.wait([paying])

    assert (len(careful.mpesa.transactions), paying.exception() is None) == (moved, bool(moved))


@pytest.mark.parametrize(("kind", "moved"), [("Completed", 1), ("Cancelled", 0)])
async def test_a_useless_answer_counts_as_none(careful: Shop, kind: str, moved: int) -> None:
    await careful.register(ResponseType=kind)
    careful.receiver.status = 503
    paying = asyncio.create_task(careful.mpesa.pay_by_hand(PHONE, PAYBILL, "A", 50))
    await asyncio.wait([paying])

    assert (len(careful.mpesa.transactions), paying.exception() is None) == (moved, bool(moved))


def injected(shortcode: str = PAYBILL, command: str = "CustomerPayBillOnline") -> dict[str, object]:
    return {
        "ShortCode": int(shortcode),
        "CommandID": command,
        "Amount": 1,
        "Msisdn": 254708374149,
        "BillRefNumber": "ACC 9",
    }


async def test_the_injector_pays(seller: Shop) -> None:
    # facts/mpesa.md 5.4
    await seller.register()
    answer = await seller.post("/mpesa/c2b/v2/simulate", injected())
    await seller.receiver.until(1)

    assert answer.json()["ResponseCode"] == "0"
    assert seller.receiver.bodies("/confirm")[0]["BillRefNumber"] == "ACC 9"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"CommandID": "CustomerBuyGoodsOnline"}, "CommandID"),
        ({"Msisdn": "0712345678"}, "Msisdn"),
        ({"Amount": 0}, "Amount"),
        ({"ShortCode": 1}, "ShortCode"),
    ],
)
async def test_the_injector_names_a_wrong_field(seller: Shop, changes: dict[str, object], field: str) -> None:
    answer = await seller.post("/mpesa/c2b/v2/simulate", injected() | changes)

    assert faulty(answer)[2] == f"Bad Request - Invalid {field}"


async def test_production_has_no_injector(receiver: Receiver) -> None:
    # facts/mpesa.md 5.4
    async with shop(receiver, environment="production") as seller:
        answer = await seller.post("/mpesa/c2b/v2/simulate", injected())

        assert faulty(answer) == (404, "404.001.01", "Resource not found")
