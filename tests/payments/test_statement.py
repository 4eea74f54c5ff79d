"""A statement by request: what is asked, what is read of any answer, and what its times mean."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.clock import HOUR, MINUTE, SECOND, Moment
from portal.errors import ProviderRefused, ProviderUnknown
from portal.money import Money
from portal.payments import mpesa, statement
from portal.payments.statement import StatementRow, moment_of, read_pull, read_registration, zone_of

NOON: Moment = 1_795_858_200_000  # 2026-11-28 12:30:00 in Nairobi, 09:30:00 UTC
NUMBER = "UKS1AB2CD3"


def raw(**changes: Any) -> dict[str, Any]:
    """A row as it comes."""
    return {
        "transactionId": NUMBER,
        "trxDate": "2026-11-28T12:30:00Z",
        "msisdn": "254712345678",
        "sender": "MPESA",
        "transactiontype": "c2b-pay-bill-debit",
        "billreference": "b4k d92x",
        "amount": "168.00",
        "organizationname": "PWANI NET",
        **changes,
    }


def page(response: Any, code: Any = "1000", **more: Any) -> bytes:
    whole = {"ResponseRefID": "1", "ResponseCode": code, "ResponseMessage": "Success", "Response": response, **more}
    return json.dumps(whole).encode()


def only(body: bytes) -> StatementRow:
    found = read_pull(200, body)
    assert (found.meaning, len(found.rows), found.skipped) == ("rows", 1, 0)
    return found.rows[0]


# --- what is asked ---


def test_a_window_is_asked_for_in_nairobi_time_and_by_row() -> None:
    assert statement.pull_request("600984", NOON - HOUR, NOON, 100) == {
        "ShortCode": "600984",
        "StartDate": "2026-11-28 11:30:00",
        "EndDate": "2026-11-28 12:30:00",
        "OffSetValue": "100",
    }


def test_registration_names_the_number_and_the_address() -> None:
    assert statement.pull_register_request("600984", "254712345678", "https://portal.example/x") == {
        "ShortCode": "600984",
        "RequestType": "Pull",
        "NominatedNumber": "254712345678",
        "CallBackURL": "https://portal.example/x",
    }


@pytest.mark.parametrize("names", [("Response Status", "Response Description"), ("ResponseStatus", "x")])
@pytest.mark.parametrize("code, meaning", [("1000", "new"), ("1001", "already"), (1000, "new")])
def test_a_registration_is_read_with_and_without_spaces(names: tuple[str, str], code: Any, meaning: str) -> None:
    body = {"ResponseRefID": "1", names[0]: code, names[1]: "ShortCode already Registered"}

    assert read_registration(200, json.dumps(body).encode()) == meaning


@pytest.mark.parametrize("status, body", [(503, b"<html>"), (200, b"{}"), (200, b""), (500, b'{"errorCode": "500.1"}')])
def test_a_registration_that_does_not_say_is_unknown(status: int, body: bytes) -> None:
    with pytest.raises(ProviderUnknown):
        read_registration(status, body)


@pytest.mark.parametrize(
    "status, body",
    [
        (400, b'{"errorCode": "400.002.02", "errorMessage": "Bad Request - Invalid ShortCode"}'),
        (200, b'{"Response Status": "1004", "Response Description": "No"}'),
        (429, b"<html>"),
    ],
)
def test_a_registration_may_be_refused(status: int, body: bytes) -> None:
    with pytest.raises(ProviderRefused):
        read_registration(status, body)


# --- what comes ---


@pytest.mark.parametrize(
    "response",
    [[[raw()]], [raw()], raw(), [[[raw()]]], [[], [raw()]]],
    ids=["list in list", "flat", "alone", "deeper", "with an empty list"],
)
def test_a_row_is_found_however_it_is_wrapped(response: Any) -> None:
    assert only(page(response)) == StatementRow(
        number=NUMBER,
        amount=Money(16800),
        written="2026-11-28T12:30:00Z",
        kind="in",
        account_ref="B4KD92X",
        payer="254712345678",
        organization="PWANI NET",
    )


@pytest.mark.parametrize("change", [str.lower, str.upper, str.title, lambda name: " ".join(name)])
def test_the_case_and_the_spaces_of_a_key_do_not_matter(change: Any) -> None:
    row = {change(name): value for name, value in raw().items()}
    body = {change(name): value for name, value in {"ResponseCode": "1000", "Response": [[row]]}.items()}

    assert only(json.dumps(body).encode()) == only(page([[raw()]]))


@pytest.mark.parametrize("amount", ["168.00", "168", 168, 168.0, " 168.0 "])
def test_an_amount_is_text_or_a_number(amount: Any) -> None:
    assert only(page([[raw(amount=amount)]])).amount == Money(16800)


@pytest.mark.parametrize(
    "name, kind",
    [
        ("c2b-pay-bill-debit", "in"),
        ("c2b-buy-goods-debit", "in"),
        ("C2B-Buy-Goods-Debit", "in"),
        ("merchant-to-organization-settlement", "other"),
        ("c2b-reversal", "out"),
        ("organization-to-organization", "other"),
        ("", "other"),
        (None, "other"),
    ],
)
def test_only_a_customer_s_payment_is_money_that_came_in(name: Any, kind: str) -> None:
    assert only(page([[raw(transactiontype=name)]])).kind == kind


@pytest.mark.parametrize(
    "said, payer",
    [
        (254712345678, "254712345678"),
        ("+254 712 345 678", "254712345678"),
        (712345678, "254712345678"),
        ("0112345678", "254112345678"),
        ("2547 ***** 126", "2547 ***** 126"),
        ("0712***126", "0712***126"),
        ("MPESA", ""),
        (None, ""),
        ([], ""),
        ("12", ""),
    ],
)
def test_a_payer_is_a_number_a_mask_or_nobody(said: Any, payer: str) -> None:
    assert only(page([[raw(msisdn=said)]])).payer == payer


def test_a_row_that_cannot_be_read_is_counted_because_the_offset_counts_rows() -> None:
    bad: list[Any] = [
        None,
        5,
        "text",
        [],
        {},
        raw(amount="a lot"),
        raw(amount=-5),
        raw(transactionId=None),
        raw(transactionId=12),
    ]
    found = read_pull(200, page([[raw(), *bad, raw(transactionId="UKS9ZZ9ZZ9")]]))

    assert [row.number for row in found.rows] == [NUMBER, "UKS9ZZ9ZZ9"]
    assert (found.raw, found.skipped) == (9, 7)  # null and an empty list are no rows


@pytest.mark.parametrize("empty", [[], [[]], None, ""])
def test_an_empty_page_says_that_we_are_registered(empty: Any) -> None:
    found = read_pull(200, page(empty))

    assert (found.meaning, found.registered, found.raw) == ("nothing", True, 0)


def test_1001_means_nothing_or_not_registered_and_nobody_can_know() -> None:
    found = read_pull(200, page([], code=1001, ResponseMessage="No records found or Organization Name not available"))

    assert (found.meaning, found.registered) == ("nothing", None)
    assert "No records" in found.detail


@pytest.mark.parametrize(
    "status, body",
    [
        (503, b"<html>Incapsula incident</html>"),
        (200, b""),
        (200, b"[]"),
        (200, b"{}"),
        (200, b'{"ResponseCode": "1000", "Response": [[' + b" " * 50),
        (500, page([[raw()]])),
        (200, page([[raw()]], code="9")),
        (200, page([[raw()]], code=True)),
        (429, b'{"fault": {"faultstring": "x", "detail": {"errorcode": "policies.ratelimit.Spike"}}}'),
        (500, b'{"errorCode": "500.003.02", "errorMessage": "System is busy"}'),
        (401, b'{"errorCode": "401.001", "errorMessage": "Invalid Access Token"}'),
    ],
)
def test_an_answer_that_is_no_page_is_unknown(status: int, body: bytes) -> None:
    assert read_pull(status, body).meaning == "unknown"


def test_a_page_may_be_much_longer_than_a_callback_but_has_its_bound() -> None:
    many = page([[raw(transactionId=f"UKS{n:07}") for n in range(5_000)]])
    assert len(many) > 10 * mpesa.MAX_BODY

    assert len(read_pull(200, many).rows) == 5_000
    assert read_pull(200, page([[raw()]], Padding="x" * statement.MAX_PAGE)).meaning == "unknown"


@given(st.binary(max_size=300))
def test_no_bytes_whatever_make_the_reader_fail(body: bytes) -> None:
    assert read_pull(200, body).meaning == "unknown"


NAMES = ("Response", "ResponseCode", "response code", "transactionId", "amount", "trxDate", "msisdn", "errorCode")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["1000", "1001"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(JSON, JSON)
def test_no_shape_whatever_makes_the_reader_fail(shape: Any, response: Any) -> None:
    for body in (json.dumps(shape).encode(), page(response)):
        found = read_pull(200, body)
        assert found.raw == found.skipped + len(found.rows)


def test_a_deep_page_is_unknown_or_read_and_never_a_crash() -> None:
    for deep in (500, 900, 50_000):
        read_pull(200, b'{"ResponseCode": "1000", "Response": ' + b"[" * deep + b"]" * deep + b"}")


# --- when ---


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-28T12:30:00Z",
        "2026-11-28 12:30:00Z",
        "2026-11-28T12:30:00+03:00",
        "2026-11-28 12:30:00 +0300",
        "2026-11-28T12:30:00.123Z",
        "2026-11-28T12:30:00.123456789+03:00",
        "2026-11-28 12:30:00",
        "2026-11-28 12:30",
        "28-11-2026 12:30:00",
        "20261128123000",
        " 2026-11-28t12:30:00z ",
    ],
)
def test_a_written_time_is_read_in_the_zone_that_we_say(written: str) -> None:
    assert moment_of(written, "eat") == NOON
    assert moment_of(written, "utc") == NOON + 3 * HOUR


@pytest.mark.parametrize(
    "written", ["", "yesterday", "2026-13-28T12:30:00Z", "2026-11-28", "28/11/2026 12:30:00", "٢٠٢٦-11-28T12:30:00Z",
                "0001-01-01T00:00:00Z x", "2026-11-28T25:00:00Z", "99999999999999"]
)  # fmt: skip
def test_a_time_that_cannot_be_read_is_none(written: str) -> None:
    assert moment_of(written, "eat") is None


@given(st.text(max_size=40) | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}Z"))
def test_no_text_whatever_makes_the_reading_of_a_time_fail(text: str) -> None:
    for zone in statement.ZONES:
        moment_of(text, zone)


def rows(*written: str) -> list[StatementRow]:
    return [
        StatementRow(number=f"UKS{n:07}", amount=Money(100), written=each, kind="in") for n, each in enumerate(written)
    ]


def zone(found: list[StatementRow], known: dict[str, Moment], *, since: int = 3 * HOUR, ago: int = 0) -> str | None:
    """Read rows that were asked for until `ago` before noon."""
    until = NOON - ago
    return zone_of(found, known, until - since, until, NOON)


FIRST, SECOND_ONE = "UKS0000000", "UKS0000001"


@pytest.mark.parametrize("off", [-2 * MINUTE, 0, 2 * MINUTE])
def test_a_known_receipt_decides(off: int) -> None:
    found = rows("2026-11-28T09:30:00Z")

    assert zone(found, {FIRST: NOON + off}) == "utc"
    assert zone(found, {FIRST: NOON - 3 * HOUR + off}) == "eat"


def test_a_known_receipt_further_away_does_not() -> None:
    found = rows("2026-11-28T09:30:00Z")

    assert zone(found, {FIRST: NOON + 2 * MINUTE + SECOND}) is None


def test_two_known_receipts_that_disagree_decide_nothing() -> None:
    found = rows("2026-11-28T09:30:00Z", "2026-11-28T09:30:00Z")

    assert zone(found, {FIRST: NOON, SECOND_ONE: NOON}) == "utc"
    assert zone(found, {FIRST: NOON, SECOND_ONE: NOON - 3 * HOUR}) is None


def test_a_reading_in_the_future_is_excluded() -> None:
    assert zone(rows("2026-11-28T12:00:00Z", "2026-11-28T09:00:00Z"), {}) == "eat"
    assert zone(rows("2026-11-28T09:36:00Z"), {}, since=4 * HOUR) == "eat"
    assert zone(rows("2026-11-28T09:34:00Z"), {}, since=4 * HOUR) is None  # clocks may differ by five minutes


def test_a_reading_that_lies_wholly_before_what_was_asked_for_is_excluded() -> None:
    assert zone(rows("2026-11-28T09:20:00Z", "2026-11-28T09:10:00Z"), {}, since=HOUR) == "utc"


def test_a_reading_that_lies_wholly_after_what_was_asked_for_is_excluded() -> None:
    found = rows("2026-11-28T05:00:00Z")  # 05:00 or 08:00 in Nairobi, asked for 03:30 to 06:30

    assert zone(found, {}, ago=6 * HOUR) == "eat"


def test_a_long_window_proves_nothing() -> None:
    assert zone(rows("2026-11-27T09:00:00Z"), {}, since=48 * HOUR) is None


@pytest.mark.parametrize("found", [[], rows("soon"), rows("")])
def test_rows_without_a_time_prove_nothing(found: list[StatementRow]) -> None:
    assert zone(found, {}) is None


def test_when_both_readings_are_impossible_nobody_may_read() -> None:
    assert zone(rows("2027-11-28T09:00:00Z"), {}) is None


@given(st.integers(0, 47 * 60), st.integers(0, 180), st.sampled_from(["eat", "utc"]), st.booleans())
def test_a_proof_is_never_wrong(age: int, span: int, true: Any, know: bool) -> None:
    """Whatever zone was meant: rows from within what was asked for are read rightly or not at all."""
    at = NOON - age * MINUTE
    shift = 0 if true == "utc" else 3 * HOUR
    written = mpesa.timestamp(at - 3 * HOUR + shift)
    found = zone_of(rows(written), {FIRST: at} if know else {}, at - span * MINUTE, NOON, NOON)

    assert found in ({true} if know else {true, None})
