"""What an API user asks, and what is read of M-Pesa's answers and results."""

from __future__ import annotations

import base64
import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from portal.errors import Misconfigured, ProviderRefused, ProviderUnknown
from portal.money import Money
from portal.payments import initiator
from portal.payments.initiator import (
    Initiator,
    InitiatorResult,
    ReplyTo,
    read_balance,
    read_result,
    reversal_meaning,
    security_credential,
    status_of,
)

USER = Initiator(name="bandoapi", credential="c2VhbGVk")
REPLY = ReplyTo(result_url="https://portal.example/r", timeout_url="https://portal.example/t")
NOON = 1_795_858_200_000  # 2026-11-28 12:30:00 in Nairobi
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(key: Any) -> str:
    """In an envelope that ended in 2016, as those in use did."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "apicrypt")])
    made = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=1,
        not_valid_before=datetime(2015, 11, 11, tzinfo=UTC),
        not_valid_after=datetime(2016, 11, 11, tzinfo=UTC),
    ).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


# --- requests ---


def test_the_password_is_for_m_pesa_s_eyes_only() -> None:
    sealed = security_credential("Safe#123é", certificate(RSA))

    assert RSA.decrypt(base64.b64decode(sealed), padding.PKCS1v15()).decode() == "Safe#123é"
    assert sealed != security_credential("Safe#123é", certificate(RSA))


@pytest.mark.parametrize(
    "pem", ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "é\ud800"]
)
def test_what_is_no_certificate_is_told_to_the_operator(pem: str) -> None:
    with pytest.raises(Misconfigured, match="no certificate"):
        security_credential("Safe123", pem)


def test_a_certificate_of_another_kind_is_not_m_pesa_s() -> None:
    with pytest.raises(Misconfigured, match="RSA"):
        security_credential("Safe123", certificate(ec.generate_private_key(ec.SECP256R1())))


@pytest.mark.parametrize("password", ["", "x" * 246])
def test_a_password_that_does_not_fit_is_told_to_the_operator(password: str) -> None:
    with pytest.raises(Misconfigured, match="password"):
        security_credential(password, certificate(RSA))


def test_an_initiator_shows_no_credential() -> None:
    assert "c2VhbGVk" not in repr(USER)


def test_a_status_is_asked_by_receipt() -> None:
    assert initiator.status_request("174379", USER, "UKS1AB2CD3", REPLY) == {
        "Initiator": "bandoapi",
        "SecurityCredential": "c2VhbGVk",
        "CommandID": "TransactionStatusQuery",
        "TransactionID": "UKS1AB2CD3",
        "PartyA": "174379",
        "IdentifierType": "4",
        "ResultURL": "https://portal.example/r",
        "QueueTimeOutURL": "https://portal.example/t",
        "Remarks": "Receipt check",
        "Occasion": "",
    }


def test_a_reversal_is_misspelt_as_m_pesa_wants_it() -> None:
    made = initiator.reversal_request("174379", USER, "UKS1AB2CD3", Money(2000), "Twice paid", REPLY)

    assert (made["RecieverIdentifierType"], made["ReceiverParty"], made["Amount"], made["Remarks"]) == (
        *("11", "174379"),
        *("20", "Twice paid"),
    )
    assert (made["CommandID"], made["TransactionID"]) == ("TransactionReversal", "UKS1AB2CD3")


@pytest.mark.parametrize("minor, text", [(100, "1"), (100_000, "1000"), (16_850, "168.50")])
def test_a_reversal_names_the_exact_amount(minor: int, text: str) -> None:
    assert initiator.reversal_request("174379", USER, "R", Money(minor), "Back", REPLY)["Amount"] == text


@pytest.mark.parametrize("text", ["", "x", "é&<", "Guest paid twice; (till) @ 5.30", "y" * 500])
def test_remarks_are_always_there_short_and_plain(text: str) -> None:
    said = initiator.reversal_request("174379", USER, "R", Money(100), text, REPLY)["Remarks"]

    assert 2 <= len(said) <= 100
    assert said.replace(" ", "").isalnum()
    assert said.isascii()


def test_the_balance_is_asked_for_a_shortcode() -> None:
    made = initiator.balance_request("174379", USER, REPLY)

    assert (made["CommandID"], made["PartyA"], made["IdentifierType"]) == ("AccountBalance", "174379", "4")


# --- answers ---


@pytest.mark.parametrize("name", ["OriginatorConversationID", "OriginatorCoversationID"])
def test_a_request_that_was_taken_gives_its_ids(name: str) -> None:
    body = {name: "o", "ConversationID": "AG_1", "ResponseCode": "0", "ResponseDescription": "Accept"}

    assert initiator.read_ack(200, json.dumps(body).encode()) == initiator.Ack(originator="o", conversation="AG_1")


@pytest.mark.parametrize(
    "status, body, reason",
    [
        (400, b'{"errorCode": "400.002.02", "errorMessage": "Bad Request - Invalid Remarks"}', "config"),
        (400, b'{"errorCode": "400.003.01", "errorMessage": "Invalid Access Token"}', "config"),
        (429, b"", "provider-busy"),
        (500, b'{"errorCode": "500.003.02", "errorMessage": "System is busy"}', "provider-busy"),
        (200, b'{"ResponseCode": "1", "ResponseDescription": "No"}', "refused"),
    ],
)
def test_a_refusal_says_that_nothing_was_started(status: int, body: bytes, reason: str) -> None:
    with pytest.raises(ProviderRefused) as refused:
        initiator.read_ack(status, body)

    assert refused.value.reason == reason


@pytest.mark.parametrize(
    "status, body",
    [
        (200, b"<html>"),
        (503, b"<html>Incapsula</html>"),
        (200, b""),
        (200, b"{}"),
        (502, b'{"ResponseCode": "0"}'),
        (500, b'{"errorCode": "500.003.1001", "errorMessage": "Internal Server Error"}'),
    ],
)
def test_an_answer_that_does_not_say_is_unknown(status: int, body: bytes) -> None:
    with pytest.raises(ProviderUnknown):
        initiator.read_ack(status, body)


# --- results ---


def result(code: Any = 0, parameters: Any = None, **more: Any) -> bytes:
    whole: dict[str, Any] = {
        "ResultType": 0,
        "ResultCode": code,
        "ResultDesc": "d",
        "OriginatorConversationID": "o",
        "ConversationID": "AG_1",
        "TransactionID": "UKS7ZZ7ZZ7",
        **more,
    }
    if parameters is not None:
        whole["ResultParameters"] = {"ResultParameter": parameters}
    return json.dumps({"Result": whole}).encode()


def read(body: bytes) -> InitiatorResult:
    found = read_result(body)
    assert found is not None
    return found


@pytest.mark.parametrize("code, text", [(0, "0"), ("0", "0"), (2001, "2001"), ("R000002", "R000002"), (" 21 ", "21")])
def test_a_result_code_is_text_whatever_it_was(code: Any, text: str) -> None:
    found = read(result(code))

    assert (found.code, found.originator, found.conversation, found.transaction) == (text, "o", "AG_1", "UKS7ZZ7ZZ7")


@pytest.mark.parametrize("code", [None, True, [], {}, ""])
def test_without_a_code_it_is_no_result(code: Any) -> None:
    assert read_result(result(code)) is None


def test_a_failure_has_no_parameters() -> None:
    assert read(result(2001)).values == {}


def test_a_single_parameter_may_stand_alone() -> None:
    assert read(result(0, {"Key": "AccountBalance", "Value": "x"})).values == {"AccountBalance": "x"}


def test_of_a_key_that_comes_again_the_first_that_says_something_counts() -> None:
    party = "DebitPartyName"
    listed = [{"Key": party}, {"Key": party, "Value": "first"}, {"Key": party, "Value": "second"}, {"Key": party}]

    assert read(result(0, listed)).values == {party: "first"}


@pytest.mark.parametrize("parameters", [None, [], {}, "x", 5, [None, 5, [], {"Value": 1}, {"Key": 5}, {"Key": []}]])
def test_parameters_of_an_odd_shape_are_none(parameters: Any) -> None:
    assert read(result(0, parameters)).values == {}
    assert read(result(0, ResultParameters=parameters)).values == {}


def test_a_long_balance_is_read_whole() -> None:
    told = "&".join(f"Account number {n}|KES|1.00|1.00|0.00|0.00" for n in range(20))

    assert len(read_balance(read(result(0, [{"Key": "AccountBalance", "Value": told}])).values["AccountBalance"])) == 20


# --- meanings ---


@pytest.mark.parametrize(
    "code, state, reason",
    [
        ("0", "done", ""),
        ("R000001", "done", ""),
        ("1", "failed", "no-float"),
        ("11", "failed", "state"),
        ("21", "failed", "no-role"),
        ("2001", "failed", "credential"),
        ("2006", "failed", "account"),
        ("2028", "failed", "product"),
        ("8006", "failed", "locked"),
        ("R000002", "failed", "unknown-receipt"),
        ("26", "unknown", ""),
        ("2029", "unknown", ""),
        ("", "unknown", ""),
        ("00", "unknown", ""),
    ],
)
def test_only_a_code_that_is_known_to_mean_so_is_a_failure(code: str, state: str, reason: str) -> None:
    meaning = reversal_meaning(code)

    assert (meaning.state, meaning.reason) == (state, reason)


def answered(code: str = "0", **values: str) -> initiator.StatusAnswer:
    listed = [
        {"Key": name, "Value": value}
        for name, value in {
            "ReceiptNo": "UKS1AB2CD3",
            "TransactionStatus": "Completed",
            "Amount": "20.00",
            "DebitPartyName": "254712345678 - JOYCE WANJIRU",
            "FinalisedTime": "20261128123000",
            **values,
        }.items()
    ]
    return status_of(read(result(code, listed)))


def test_a_status_tells_receipt_amount_time_and_payer() -> None:
    found = answered()

    assert (found.receipt, found.amount, found.state, found.finalised_at, found.payer) == (
        *("UKS1AB2CD3", Money(2000), "completed"),
        *(NOON, "254712345678"),
    )


@pytest.mark.parametrize(
    "said, state",
    [
        ("Completed", "completed"),
        ("CANCELLED", "cancelled"),
        ("Declined", "declined"),
        ("Expired", "expired"),
        ("Authorized", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_state_that_is_no_end_proves_nothing(said: str, state: str) -> None:
    assert answered(TransactionStatus=said).state == state


@pytest.mark.parametrize("code", ["25", "2001", "1", "E3008"])
def test_a_status_that_failed_proves_nothing_whatever_stands_in_it(code: str) -> None:
    assert answered(code).state == "unknown"


@pytest.mark.parametrize("party", ["600310 - SHOP", "", "JOYCE", "- - -"])
def test_a_party_without_a_phone_is_no_payer(party: str) -> None:
    assert answered(DebitPartyName=party).payer == ""


def test_a_balance_is_what_is_available_in_each_account() -> None:
    told = "Working Account|KES|481000.00|480500.00|0.00|500.00&Utility Account|KES|-5.50|-5.50|0.00|0.00"

    assert read_balance(told) == [
        ("Working Account", "KES", Money(48_050_000)),
        ("Utility Account", "KES", Money(-550)),
    ]


@pytest.mark.parametrize("told", ["", "&&", "Working Account", "a|KES|x|y|z|w", "a|KES|1|NaN|1|1", "|||"])
def test_a_balance_that_cannot_be_read_is_no_balance(told: str) -> None:
    assert read_balance(told) == []


# --- that nothing crashes ---


@given(st.binary(max_size=300))
def test_no_bytes_whatever_make_a_reader_fail(body: bytes) -> None:
    assert read_result(body) is None


NAMES = ("Result", "ResultCode", "ResultParameters", "ResultParameter", "Key", "Value", "AccountBalance", "errorCode")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(NAMES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(JSON, JSON)
def test_no_shape_whatever_makes_a_reader_fail(shape: Any, parameters: Any) -> None:
    for body in (json.dumps(shape).encode(), result(0, parameters)):
        with contextlib.suppress(ProviderRefused, ProviderUnknown):
            initiator.read_ack(200, body)
        found = read_result(body)
        if found is not None:
            status_of(found)
            for text in found.values.values():
                read_balance(text)


@given(st.text(max_size=60))
def test_no_text_whatever_makes_a_balance_fail(text: str) -> None:
    read_balance(text)
    reversal_meaning(text)
