"""The sandbox M-Pesa's statement, by request and as a file, as the service's own client finds it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from portal.clock import HOUR, MINUTE, SECOND
from portal.errors import ProviderRefused, ProviderUnknown
from portal.money import Money
from portal.payments.answers import is_throttled
from portal.payments.mpesa import tail_of
from portal.payments.statement import PullPage, StatementRow, moment_of, zone_of
from portal.payments.statement_csv import read_csv
from sandbox.mpesa.statement import NOTHING
from tests.sandbox.mpesa import (
    PAYBILL,
    PHONE,
    TILL,
    faulty,
)
from tests.sandbox.office import OTHER, Office, opened


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with opened() as it:
        yield it


# --- the statement by request (facts/mpesa.md 6.7) ---


async def test_what_the_sandbox_writes_is_read_back_exactly(office: Office) -> None:
    await office.registered()
    first = await office.paid(20)
    second = await office.paid(1500, ref="0722 000 678", phone=OTHER)
    found = await office.page()

    assert found == PullPage(
        meaning="rows",
        rows=(
            StatementRow(
                number=first,
                amount=Money(2000),
                written=found.rows[0].written,
                kind="in",
                account_ref="B4KD92X",
                payer=PHONE,
                organization="PWANI NET",
            ),
            StatementRow(
                number=second,
                amount=Money(150_000),
                written=found.rows[1].written,
                kind="in",
                account_ref="0722000678",
                payer=OTHER,
                organization="PWANI NET",
            ),
        ),
        raw=2,
        registered=True,
    )


@pytest.mark.parametrize("spaced", [True, False])
async def test_registration_has_spaced_keys_and_may_be_repeated(office: Office, spaced: bool) -> None:
    # facts/mpesa.md 6.7: "captured bodies use spaced keys", "1000 registered / 1001 already"
    office.switches.spaced_keys = spaced
    body = {"ShortCode": PAYBILL, "RequestType": "Pull", "NominatedNumber": PHONE, "CallBackURL": "http://shop.test/x"}
    answers = [(await office.seller.post("/pulltransactions/v1/register", body)).json() for _ in range(2)]
    await office.registered()

    name = "Response Status" if spaced else "ResponseStatus"
    assert [each[name] for each in answers] == ["1000", "1001"]


async def test_the_path_has_no_mpesa_in_front(office: Office) -> None:
    # facts/mpesa.md 6.7
    answer = await office.seller.post("/mpesa/pulltransactions/v1/register", {})

    assert faulty(answer) == (404, "404.001.01", "Resource not found")


async def test_nothing_and_not_registered_are_the_same_words(office: Office) -> None:
    # facts/mpesa.md 6.7: "1001 = nothing *or* not registered"
    await office.paid()
    unregistered = await office.page()
    await office.registered()
    office.seller.clock.advance(4 * HOUR)
    empty = await office.page()

    assert unregistered == empty == PullPage(meaning="nothing", registered=None, detail=NOTHING)


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("numbers", [False, True])
async def test_a_list_inside_a_list_and_amounts_as_text(office: Office, flat: bool, numbers: bool) -> None:
    # facts/mpesa.md 6.7: "List inside a list, lower-case keys, amount string"
    office.switches.pull_flat, office.switches.pull_numbers = flat, numbers
    await office.registered()
    await office.paid(168)

    assert [row.amount for row in (await office.page()).rows] == [Money(16800)]


@pytest.mark.parametrize("end", ["1001", "empty"])
async def test_the_offset_counts_rows_until_a_page_is_empty(office: Office, end: Any) -> None:
    # facts/mpesa.md 6.7: "offset is a **row** offset, page until an empty page"
    office.switches.pull_page, office.switches.pull_end = 2, end
    await office.registered()
    paid = [await office.paid(n, phone=f"2547123456{n:02}") for n in range(1, 6)]
    seen: list[str] = []
    while (found := await office.page(len(seen))).meaning == "rows":
        seen += [row.number for row in found.rows]

    assert seen == paid
    assert (found.meaning, found.registered) == ("nothing", True if end == "empty" else None)


async def test_settlements_stand_between_the_payments_and_count_as_rows(office: Office) -> None:
    # facts/mpesa.md 6.7: "Also returns `merchant-to-organization-settlement` rows"
    await office.registered()
    first = await office.paid()
    office.seller.clock.advance(SECOND)
    office.seller.mpesa.statement.settle(PAYBILL)
    office.seller.clock.advance(SECOND)
    last = await office.paid(30)
    found = await office.page()

    assert [(row.kind, row.payer) for row in found.rows] == [("in", PHONE), ("other", ""), ("in", PHONE)]
    assert (found.rows[0].number, found.rows[2].number, found.raw) == (first, last, 3)


@pytest.mark.parametrize("dates, zone", [("eat as Z", "eat"), ("+03:00", "eat"), ("utc as Z", "utc")])
async def test_a_date_may_lie_about_its_zone_and_a_known_receipt_tells(office: Office, dates: Any, zone: Any) -> None:
    # facts/mpesa.md 6.7: "`trxDate` seen as `...Z` and as `...+03:00`: calibrate against an already known receipt"
    office.switches.pull_dates = dates
    await office.registered()
    known, at = await office.paid(), office.now
    office.seller.clock.advance(10 * MINUTE)
    await office.paid(30)
    rows = (await office.page()).rows
    ends = office.now - 3 * HOUR, office.now

    assert zone_of(rows, {known: at}, *ends, office.now) == zone
    read_at = moment_of(rows[0].written, zone)
    assert read_at is not None
    assert abs(read_at - at) <= 5 * SECOND


@pytest.mark.parametrize("refuses", [False, True])
async def test_what_is_older_than_two_days_is_gone(office: Office, refuses: bool) -> None:
    # facts/mpesa.md 6.7: "48-hour window"
    office.switches.pull_refuses_old = refuses
    await office.registered()
    await office.paid()
    office.seller.clock.advance(47 * HOUR)
    kept = await office.page(since=72 * HOUR)
    office.seller.clock.advance(2 * HOUR)
    gone = await office.page(since=72 * HOUR)

    assert (kept.raw, gone.meaning) == (1, "nothing")


async def test_a_window_is_in_nairobi_time(office: Office) -> None:
    await office.registered()
    await office.paid()
    office.seller.clock.advance(HOUR)
    late = await office.paid(30)

    assert [row.number for row in (await office.page(since=MINUTE)).rows] == [late]
    assert (await office.page(since=3 * HOUR, until=2 * HOUR)).meaning == "nothing"


@pytest.mark.parametrize("kind", ["paybill", "till"])
async def test_a_till_is_registered_by_its_store_and_asked_for_by_its_own_number(kind: str) -> None:
    # facts/mpesa.md 6.7: "For tills register the Go-Live HO shortcode, query per till"
    async with opened(kind) as office:
        await office.registered()
        paid = await office.paid()
        found = await office.page()
        wrong = replace(office.account, shortcode=TILL)

        assert [row.number for row in found.rows] == [paid]
        if kind == "till":
            assert found.rows[0].account_ref == ""
            with pytest.raises(ProviderRefused):
                await office.daraja.register_pull(wrong, PHONE, "http://shop.test/x")


@pytest.mark.parametrize("payer, tail", [("full", "678"), ("short", "678"), ("masked", "678")])
async def test_a_payer_comes_in_several_forms(office: Office, payer: Any, tail: str) -> None:
    office.switches.pull_payer = payer
    await office.registered()
    await office.paid()

    assert [tail_of(row.payer) for row in (await office.page()).rows] == [tail]


async def test_every_payment_is_on_the_statement_whatever_became_of_its_messages(office: Office) -> None:
    # facts/mpesa.md 5.4 and 7: callbacks and confirmations are lost, the statement has them all
    await office.registered()
    office.seller.mpesa.faults.always(order=())
    await office.seller.push()
    await office.seller.mpesa.handset(PHONE).approve()
    by_hand = await office.paid(30, phone=OTHER)
    office.seller.mpesa.faults.next(push="accepted_cut", order=())
    with pytest.raises(httpx.TransportError):
        await office.seller.push(Amount=40)
    await office.seller.mpesa.handset(PHONE).approve()
    rows = (await office.page()).rows

    assert office.seller.receiver.got == []
    assert [row.amount for row in rows] == [Money(2000), Money(3000), Money(4000)]
    assert rows[1].number == by_hand


@pytest.mark.parametrize("fault", ["waf_503", "too_many", "failed_500", "busy", "quota", "accepted_500"])
async def test_a_page_that_does_not_come_is_unknown_and_no_empty_page(office: Office, fault: Any) -> None:
    # facts/mpesa.md 1.1, 1.2
    await office.registered()
    office.seller.mpesa.initiators.faults.next(answer=fault)

    assert (await office.page()).meaning == "unknown"
    assert (await office.page()).meaning == "nothing"


async def test_a_page_may_be_cut(office: Office) -> None:
    await office.registered()
    office.seller.mpesa.initiators.faults.next(answer="accepted_cut")

    with pytest.raises(ProviderUnknown):
        await office.page()


async def test_a_throttled_page_says_so(office: Office) -> None:
    office.seller.mpesa.initiators.faults.next(answer="too_many")
    office.switches.retry_after = True
    answer = await office.daraja.pull(office.account, office.now - HOUR, office.now, 0, office.now)

    assert (is_throttled(answer.status, answer.body), answer.retry_after_ms) == (True, 12_000)


@pytest.mark.parametrize("field", ["StartDate", "EndDate", "OffSetValue"])
async def test_a_page_is_asked_for_in_one_form_only(office: Office, field: str) -> None:
    body = {"ShortCode": PAYBILL, "StartDate": "2026-11-18 10:00:00", "EndDate": "2026-11-18 11:00:00"}
    body |= {"OffSetValue": "0", field: "2026-11-18T10:00:00"}

    assert faulty(await office.seller.post("/pulltransactions/v1/query", body))[2] == f"Bad Request - Invalid {field}"


async def test_a_killed_token_is_replaced_for_each_of_the_four(office: Office) -> None:
    # facts/mpesa.md 1.1: each API numbers the same refusal in its own way
    receipt = await office.paid()
    calls = (
        office.registered,
        office.page,
        lambda: office.daraja.ask_status(office.account, office.initiator, receipt, *office.urls),
        lambda: office.daraja.balance(office.account, office.initiator, *office.urls),
        lambda: office.reverse(receipt),
    )
    for call in calls:
        await office.seller.login()  # kills the token that the client has
        await call()
    await office.posted(3)

    assert len(office.seller.receiver.bodies("/result")) == 3


# --- the organisation portal's file ---


@pytest.mark.parametrize("day_first", [True, False])
async def test_the_file_that_the_sandbox_writes_is_read_back_exactly(office: Office, day_first: bool) -> None:
    office.switches.csv_day_first = day_first
    receipt, at = await office.paid(1500), office.now
    await office.reversed(receipt, 1500)
    await office.paid(20, ref='odd "ref", 7', phone=OTHER)
    office.seller.clock.advance(SECOND)
    office.seller.mpesa.statement.settle(PAYBILL)
    answer = await office.seller.http.get("/statement.csv", params={"shortcode": PAYBILL})
    found = read_csv(answer.content)

    assert (found.problem, found.bad_lines, found.unfinished, found.shortcodes) == ("", (), 0, (PAYBILL,))
    assert [(row.kind, row.amount, row.payer, row.account_ref, row.linked) for row in found.rows] == [
        ("other", Money(2000), "", "", ""),
        ("in", Money(2000), OTHER, "ODDREF7", ""),
        ("out", Money(150_000), PHONE, "", receipt),
        ("in", Money(150_000), PHONE, "B4KD92X", ""),
    ]
    read_at = moment_of(found.rows[3].written, "eat")
    assert read_at is not None
    assert abs(read_at - at) <= 5 * SECOND


async def test_the_file_is_a_download_of_one_shop_only(office: Office) -> None:
    await office.seller.mpesa.pay_by_hand(PHONE, TILL, "", 20)
    answer = await office.seller.http.get("/statement.csv", params={"shortcode": PAYBILL})

    assert answer.headers["content-disposition"] == 'attachment; filename="statement-174379.csv"'
    assert read_csv(answer.content).rows == ()
    assert (await office.seller.http.get("/statement.csv", params={"shortcode": "1"})).status_code == 404
    assert f"/statement.csv?shortcode={TILL}" in (await office.seller.http.get("/handset")).text
