"""Requests to M-Pesa and the reading of what it says, as values."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.errors import ProviderRefused, ProviderUnknown
from portal.money import Money
from portal.payments import answers, mpesa
from portal.payments.mpesa import Shop

# The public test vector of facts/mpesa.md 2.5.
PASSKEY = "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919"
NOON = 1_624_861_448_000  # 2021-06-28 09:24:08 in Nairobi


def shop(*, till: bool = False) -> Shop:
    if till:
        return Shop(shortcode="5004321", party_b="9001234", till=True, passkey=PASSKEY)
    return Shop(shortcode="174379", party_b="174379", till=False, passkey=PASSKEY)


def request(*, till: bool = False, **changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "amount": Money(2000),
        "phone": "254712345678",
        "account_ref": "B4KD92X",
        "description": "1 hour",
        "callback_url": "https://portal.example/hook/x",
        "now": NOON,
        **changes,
    }
    return mpesa.push_request(shop(till=till), **fields)


def test_the_timestamp_is_nairobi_time_and_the_password_the_public_vector() -> None:
    made = request()

    assert made["Timestamp"] == "20210628092408"
    assert made["Password"].endswith("MjEwNjI4MDkyNDA4")


def test_a_paybill_asks_in_its_own_name() -> None:
    made = request()

    assert (made["BusinessShortCode"], made["PartyB"], made["TransactionType"], made["Amount"]) == (
        "174379",
        "174379",
        "CustomerPayBillOnline",
        20,
    )


def test_a_till_asks_through_its_store() -> None:
    made = request(till=True)

    assert (made["BusinessShortCode"], made["PartyB"], made["TransactionType"]) == (
        "5004321",
        "9001234",
        "CustomerBuyGoodsOnline",
    )


@pytest.mark.parametrize("text", ["", "é", "Hour & <half> of the Wi-Fi", "x" * 50, "   "])
def test_the_description_is_always_there_short_and_plain(text: str) -> None:
    said = request(description=text)["TransactionDesc"]

    assert 1 <= len(said) <= 13
    assert said.replace(" ", "").isalnum()
    assert said.isascii()


def test_the_reference_is_at_most_twelve_letters_and_digits() -> None:
    assert request(account_ref="ab-12 cd/34 ef56gh")["AccountReference"] == "AB12CD34EF56"


def callback(code: Any = 0, **items: Any) -> bytes:
    values = {
        "Amount": 20.0,
        "MpesaReceiptNumber": "UKM1AB2CD3",
        "TransactionDate": 20210628092408,
        "PhoneNumber": 254712345678,
        **items,
    }
    listed = [{"Name": name} if value is None else {"Name": name, "Value": value} for name, value in values.items()]
    return json.dumps(
        {
            "Body": {
                "stkCallback": {
                    "MerchantRequestID": "m",
                    "CheckoutRequestID": "c",
                    "ResultCode": code,
                    "CallbackMetadata": {"Item": listed},
                }
            }
        }
    ).encode()


def test_a_callback_is_read_by_name() -> None:
    found = mpesa.read_stk(callback(Balance=None))
    assert found is not None

    assert (found.code, found.amount, found.receipt, found.paid_at) == ("0", Money(2000), "UKM1AB2CD3", NOON)


@pytest.mark.parametrize("code, text", [(0, "0"), ("0", "0"), (" 0 ", "0"), ("E3008", "E3008"), (1032, "1032")])
def test_a_result_code_is_text(code: Any, text: str) -> None:
    found = mpesa.read_stk(callback(code))
    assert found is not None

    assert found.code == text


@pytest.mark.parametrize("code", [None, True, False, [], {}, ""])
def test_a_callback_without_a_code_is_none(code: Any) -> None:
    assert mpesa.read_stk(callback(code)) is None


@pytest.mark.parametrize("value", [None, "", -20, "20,00", "1e3", 1e22, True, "0x20", [20], "20.001", "٢٠"])
def test_an_odd_amount_is_no_amount(value: Any) -> None:
    assert mpesa.read_amount(value) is None


@pytest.mark.parametrize("value", [20, 20.0, "20", "20.00", " 20.0 ", "20.000"])
def test_amounts_come_as_numbers_and_strings(value: Any) -> None:
    assert mpesa.read_amount(value) == Money(2000)


@pytest.mark.parametrize("value", ["20210628092408", 20210628092408, "2021-06-28 09:24:08", "2021-06-28T09:24:08"])
def test_dates_come_in_two_forms(value: Any) -> None:
    assert mpesa.read_moment(value) == NOON


@pytest.mark.parametrize("value", [None, "", "yesterday", 0, "99999999999999", {}])
def test_a_date_that_cannot_be_read_is_no_matter(value: Any) -> None:
    assert mpesa.read_moment(value) is None


@given(st.binary(max_size=300))
def test_no_bytes_whatever_make_a_reader_fail(body: bytes) -> None:
    assert mpesa.read_stk(body) is None
    assert mpesa.read_c2b(body) is None
    assert answers.read_query(body) == answers.NOT_YET


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["Body", "stkCallback", "ResultCode", "CallbackMetadata", "Item", "Name", "Value", "fault",
                         "detail", "errorCode", "errorMessage", "TransID", "TransAmount", "ResponseCode", "MSISDN"]),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
def test_no_shape_whatever_makes_a_reader_fail(shape: Any) -> None:
    body = json.dumps(shape).encode()
    mpesa.read_stk(body)
    mpesa.read_c2b(body)
    answers.read_query(body)
    answers.read_token(200, body)
    with contextlib.suppress(ProviderRefused, ProviderUnknown):
        answers.read_push(200, body)


# --- the push's answer (facts/mpesa.md 2.2, 2.3) ---


def error(code: str, message: str) -> bytes:
    return json.dumps({"requestId": "1", "errorCode": code, "errorMessage": message}).encode()


def test_an_accepted_push_gives_its_ids() -> None:
    body = {"MerchantRequestID": "m", "CheckoutRequestID": "c", "ResponseCode": "0"}

    assert answers.read_push(200, json.dumps(body).encode()) == ("m", "c")


@pytest.mark.parametrize(
    "status, body, reason",
    [
        (500, error("500.001.1001", "Unable to lock subscriber, a transaction is already in process"), "busy"),
        (500, error("500.001.1001", "Merchant does not exist"), "config"),
        (500, error("500.001.1001", "[MerchantValidate] - Wrong credentials"), "config"),
        (500, error("500.003.02", "System is busy. Please try again in few minutes."), "provider-busy"),
        (500, error("500.003.02", "Error Occurred: Spike Arrest Violation"), "provider-busy"),
        (500, error("500.003.03", "Quota Violation"), "provider-busy"),
        (429, b'{"fault": {"faultstring": "x", "detail": {"errorcode": "policies.ratelimit.Spike"}}}', "provider-busy"),
        (429, b"<html>", "provider-busy"),
        (400, error("400.002.02", "Bad Request - Invalid PhoneNumber"), "phone"),
        (400, error("400.002.02", "Bad Request - Invalid Amount"), "limit"),
        (400, error("400.002.02", "Bad Request - Invalid CallBackURL"), "config"),
        (404, error("404.001.01", "Resource not found"), "config"),
        (200, b'{"ResponseCode": "1", "ResponseDescription": "Unable to lock subscriber"}', "busy"),
        (200, b'{"ResponseCode": "1", "ResponseDescription": "x"}', "refused"),
    ],
)
def test_a_refusal_says_that_nothing_was_started(status: int, body: bytes, reason: str) -> None:
    with pytest.raises(ProviderRefused) as refused:
        answers.read_push(status, body)

    assert refused.value.reason == reason


@pytest.mark.parametrize(
    "status, body",
    [
        (503, b"<html>Request unsuccessful. Incapsula incident ID</html>"),
        (200, b"<html>"),
        (200, b""),
        (200, b"{}"),
        (500, error("500.003.1001", "Internal Server Error")),
        (500, error("500.001.1001", "The transaction is being processed")),
        (502, b'{"fault": {"faultstring": "x", "detail": {"errorcode": "messaging.adaptors.http"}}}'),
    ],
)
def test_an_answer_that_does_not_say_is_unknown(status: int, body: bytes) -> None:
    with pytest.raises(ProviderUnknown):
        answers.read_push(status, body)


@pytest.mark.parametrize(
    "body, meaning",
    [
        (b'{"ResponseCode": "0", "ResultCode": "0", "CheckoutRequestID": "c"}', "result"),
        (b'{"ResponseCode": "0", "ResultCode": "1032"}', "result"),
        (b'{"ResponseCode": "0"}', "not-yet"),
        (error("500.001.1001", "The transaction is being processed"), "not-yet"),
        (error("400.002.02", "Bad Request - Invalid CheckoutRequestID"), "unknown-id"),
        (error("400.002.02", "Bad Request - Invalid Timestamp"), "not-yet"),
        (b"<html>", "not-yet"),
    ],
)
def test_a_query_answer_is_a_result_or_not_yet(body: bytes, meaning: str) -> None:
    assert answers.read_query(body).meaning == meaning


@pytest.mark.parametrize(
    "payer, tail", [("2547 ***** 126", "126"), ("254712345678", "678"), ("a" * 64, None), ("", None), ("1" * 64, None)]
)
def test_the_tail_of_a_payer(payer: str, tail: str | None) -> None:
    assert mpesa.tail_of(payer) == tail


@pytest.mark.parametrize("life, ms", [("3599", 3_599_000), (3599, 3_599_000), ("soon", 3_599_000)])
def test_a_token_lives_as_long_as_it_says_in_either_type(life: Any, ms: int) -> None:
    token = answers.read_token(200, json.dumps({"access_token": "t", "expires_in": life}).encode())
    assert token is not None

    assert (token.text, token.lives_ms, repr(token)) == ("t", ms, "Token(…)")


@pytest.mark.parametrize(
    "ref, shown", [("B4KD92X", "B4KD92X"), ("0712345678", "…678"), ("254712345678", "…678"), ("12", "12")]
)
def test_a_phone_number_typed_as_a_reference_is_not_kept(ref: str, shown: str) -> None:
    assert mpesa.shown_ref(ref) == shown
