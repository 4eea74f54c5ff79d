"""Paystack's messages, as bytes in and notices out; nothing here needs a network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from portal.errors import Misconfigured, ProviderRefused, ProviderUnknown
from portal.money import Money
from portal.payments import payment
from portal.payments.accounts import Account
from portal.payments.line import Answer
from portal.payments.paystack import Paystack, email_of, read_cents, read_started, request_for, signature
from portal.payments.provider import Arrived, Notice, Prompt
from portal.phone import Phone
from portal.seal import Vault
from tests.support import MASTER

RECORDED = Path(__file__).parent / "recorded" / "paystack"
REFERENCE = "a1b2c3d4e5f6"
KEY = "sk_test_0123456789"
VAULT = Vault(MASTER)
PAYSTACK = Paystack(None, VAULT)  # type: ignore[arg-type]


def recorded(name: str) -> bytes:
    return (RECORDED / f"{name}.json").read_bytes()


def verified(name: str = "verified-success", **changes: Any) -> Notice:
    found = json.loads(recorded(name))
    found["data"] |= changes
    (notice,) = PAYSTACK.read("query", json.dumps(found).encode()) or ()
    return notice


def an_account(kind: str = "page", base_url: str = "https://api.paystack.co", key: str = KEY) -> Account:
    def sealed(name: str, text: str) -> bytes:
        return VAULT.seal(text, table="mpesa_accounts", row="acc1", column=f"{name}_sealed")

    return Account(
        id=1,
        tenant_id=1,
        public="acc1",
        provider="paystack",
        environment="sandbox",
        base_url=base_url,
        kind=kind,
        shortcode="",
        party_b="",
        consumer_key_sealed=sealed("consumer_key", ""),
        consumer_secret_sealed=sealed("consumer_secret", key),
        passkey_sealed=sealed("passkey", ""),
        app_index=b"app",
        active=True,
    )


def a_prompt(return_url: str = "https://wifi.isp.test/p/t/?back=1") -> Prompt:
    return Prompt(
        phone=Phone("254712345678"),
        amount=Money(2000),
        account_ref="BCDFGHJ",
        description="1 hour",
        callback_url="https://wifi.isp.test/hook/t",
        payment=REFERENCE,
        return_url=return_url,
    )


def started(name: str, status: int = 200) -> dict[str, Any]:
    return read_started(Answer(status=status, body=recorded(name)))


# --- requests ---


def test_a_page_is_asked_for_in_cents_with_our_own_name_of_the_payment() -> None:
    path, said = request_for(an_account("page"), a_prompt())

    assert path == "/transaction/initialize"
    assert said == {
        "email": f"{REFERENCE}@wifi.isp.test",
        "amount": 2000,
        "currency": "KES",
        "reference": REFERENCE,
        "callback_url": "https://wifi.isp.test/p/t/?back=1",
    }


def test_a_prompt_names_the_phone_and_only_there() -> None:
    path, said = request_for(an_account("prompt"), a_prompt())

    assert (path, said["mobile_money"]) == ("/charge", {"phone": "+254712345678", "provider": "mpesa"})
    assert "callback_url" not in said
    assert "712345678" not in json.dumps({**said, "mobile_money": None})


@pytest.mark.parametrize("host", ["127.0.0.1:8443", "localhost", "[::1]:443"])
def test_where_the_portal_has_no_name_the_address_is_of_nobody(host: str) -> None:
    assert email_of(a_prompt(f"https://{host}/p/t/")) == f"{REFERENCE}@payments.invalid"


# --- replies to a request ---


def test_an_accepted_request_gives_its_page_or_its_words() -> None:
    assert started("initialized")["authorization_url"] == "https://checkout.paystack.com/7lqh2k9p0"
    assert started("charge-pay-offline")["display_text"].startswith("Please complete")


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [("invalid-key", 401, "config"), ("charge-failed", 200, "no-money"), ("charge-failed", 400, "no-money")],
)
def test_a_refusal_says_that_nothing_was_started(name: str, status: int, reason: str) -> None:
    with pytest.raises(ProviderRefused) as refused:
        started(name, status)

    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>blocked</html>"),
        (403, b"<html>blocked</html>"),
        (500, recorded("initialized")),
        (502, b""),
        (400, recorded("duplicate")),
        (200, b"[]"),
        (200, b'{"message": "neither"}'),
    ],
)
def test_whatever_says_neither_yes_nor_no_is_unknown(status: int, body: bytes) -> None:
    with pytest.raises(ProviderUnknown):
        read_started(Answer(status=status, body=body))


# --- what became of it ---


def test_a_verified_success_is_whole() -> None:
    notice = verified()

    assert (notice.meaning, notice.receipt, notice.amount) == ("success", "4099260516", Money(2000))
    assert (notice.payment, notice.checkout_request, notice.paid_at) == (REFERENCE, REFERENCE, 1_795_858_867_000)


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": None},
        {"amount": 20.0},
        {"amount": "20.00"},
        {"amount": True},
        {"amount": -2000},
        {"currency": None},
        {"currency": "kes"},
        {"id": None},
        {"id": "x' OR 1"},
        {"reference": ""},
    ],
    ids=str,
)
def test_a_success_of_which_half_is_missing_is_not_yet_one(changes: dict[str, Any]) -> None:
    assert verified(**changes).meaning == "pending"


@pytest.mark.parametrize("status", ["pending", "ongoing", "queued", "pay_offline", "send_otp", "processing", "", "new"])
def test_a_status_that_is_not_listed_stays_pending(status: str) -> None:
    assert verified(status=status).meaning == "pending"


def test_failures_have_reasons_that_guests_can_read() -> None:
    failed, turned = verified("verified-failed"), verified("verified-reversed")

    assert (failed.meaning, failed.reason) == ("failure", "no-money")
    assert (turned.meaning, turned.reason) == ("failure", "refused")
    assert {failed.reason, turned.reason} <= payment.FAILURES


def test_a_page_that_nobody_has_finished_is_given_its_ten_minutes() -> None:
    left = verified("verified-abandoned")

    assert (left.meaning, left.final_after_ms) == ("failure", payment.EXPIRES_MS)


@pytest.mark.parametrize(
    ("body", "meaning"),
    [
        (recorded("not-found"), "unknown-id"),
        (recorded("invalid-key"), "pending"),
        (b"<html>", "pending"),
        (b'{"status": true, "data": []}', "pending"),
        (b'{"status": false, "data": {"status": "success", "reference": "x"}}', "pending"),
        (b'{"status": "true", "data": {"status": "failed", "reference": "x"}}', "pending"),
    ],
)
def test_other_answers_to_a_question(body: bytes, meaning: str) -> None:
    (notice,) = PAYSTACK.read("query", body) or ()

    assert notice.meaning == meaning


def test_a_webhook_says_the_same_as_an_answer() -> None:
    assert PAYSTACK.read("webhook", recorded("webhook-success")) == (verified(),)


def test_a_webhook_about_something_else_is_about_no_payment() -> None:
    assert PAYSTACK.read("webhook", recorded("webhook-transfer")) == ()


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"event": NaN}', b"\xff\xfe", b'{"data": {}}', b"[" * 9_000])
def test_what_is_no_webhook_cannot_be_read(body: bytes) -> None:
    assert PAYSTACK.read("webhook", body) is None


@pytest.mark.parametrize("channel", ["stk", "c2b-confirm", "c2b-validate"])
def test_it_reads_nothing_on_the_channels_of_others(channel: str) -> None:
    assert PAYSTACK.read(channel, recorded("webhook-success")) is None


@pytest.mark.parametrize(("value", "cents"), [(2000, 2000), ("2000", 2000), (0, 0), ("٢٠", None), (1e3, None)])
def test_cents_are_whole_numbers(value: object, cents: int | None) -> None:
    assert read_cents(value) == cents


# --- its signature ---


def genuine(body: bytes, headers: dict[str, str]) -> bool:
    return PAYSTACK.genuine(an_account(), VAULT, Arrived(headers=headers, body=body, source="127.0.0.1"))


def test_a_signature_is_made_over_the_bytes_as_they_came() -> None:
    body = recorded("webhook-success")
    right = {"x-paystack-signature": signature(body, KEY)}

    assert genuine(body, right)
    assert not genuine(json.dumps(json.loads(body)).encode(), right)  # the same words, written anew
    assert not genuine(body + b"\n", right)


@pytest.mark.parametrize("text", ["", "0" * 128, "é", "zz", signature(b"", KEY)])
def test_any_other_signature_is_none(text: str) -> None:
    assert not genuine(recorded("webhook-success"), {"x-paystack-signature": text})
    assert not genuine(recorded("webhook-success"), {})


# --- its accounts ---


@pytest.mark.parametrize(
    ("environment", "key", "fits"),
    [
        ("sandbox", "sk_test_1", True),
        ("production", "sk_live_1", True),
        ("sandbox", "sk_live_1", False),
        ("production", "sk_test_1", False),
        ("production", "pk_live_1", False),
    ],
)
def test_a_key_must_be_of_the_accounts_environment(environment: str, key: str, fits: bool) -> None:
    said = ""
    try:
        PAYSTACK.refuse_keys(environment, {"consumer_secret": key})
    except Misconfigured as wrong:
        said = str(wrong)

    assert (said == "", key in said) == (fits, False)


@pytest.mark.parametrize(
    ("address", "ours"),
    [
        ("https://checkout.paystack.com/abc", True),
        ("http://checkout.paystack.com/abc", False),
        ("https://checkout.paystack.com.evil.test/abc", False),
        ("https://checkout.paystack.com@evil.test/abc", False),
        ("javascript:alert(1)", False),
        ("//checkout.paystack.com/abc", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_a_guest_is_sent_to_no_host_but_paystacks(address: str, ours: bool) -> None:
    assert PAYSTACK._ours(an_account(), address) == ours
