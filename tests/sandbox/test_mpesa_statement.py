"""The sandbox M-Pesa's back office as the service's own client finds it: statement, status, reversal, balance."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from portal.clock import DAY, HOUR, MINUTE, SECOND, Moment
from portal.errors import ProviderRefused, ProviderUnknown
from portal.money import Money
from portal.payments.accounts import SECRETS, MpesaAccount
from portal.payments.daraja import Daraja
from portal.payments.initiator import (
    Ack,
    Initiator,
    InitiatorResult,
    read_balance,
    read_result,
    reversal_meaning,
    security_credential,
    status_of,
)
from portal.payments.mpesa import tail_of
from portal.payments.statement import PullPage, StatementRow, moment_of, read_pull, zone_of
from portal.payments.statement_csv import read_csv
from portal.seal import Vault
from sandbox.mpesa.statement import NOTHING
from tests.sandbox.mpesa import (
    KEY,
    PASSKEY,
    PAYBILL,
    PHONE,
    SECRET,
    STORE,
    TILL,
    Shop,
    faulty,
    receiving,
    shop,
)

VAULT = Vault(b"k" * 32)
USER, PASSWORD = "bandoapi", "Safe#2026"
OTHER = "254722000678"


def account(url: str, kind: Any = "paybill") -> MpesaAccount:
    sealed: dict[str, Any] = {
        f"{name}_sealed": VAULT.seal(text, table="mpesa_accounts", row="a", column=f"{name}_sealed")
        for name, text in zip(SECRETS, (KEY, SECRET, PASSKEY), strict=True)
    }
    return MpesaAccount(
        id=1,
        tenant_id=1,
        public="a",
        environment="sandbox",
        base_url=url,
        kind=kind,
        shortcode=STORE if kind == "till" else PAYBILL,
        party_b=TILL if kind == "till" else PAYBILL,
        app_index=b"app",
        active=True,
        **sealed,
    )


@dataclass
class Office:
    """The shop with the service's own client."""

    seller: Shop
    daraja: Daraja
    account: MpesaAccount
    initiator: Initiator

    @property
    def now(self) -> Moment:
        return self.seller.clock.now()

    @property
    def switches(self) -> Any:
        return self.seller.mpesa.switches

    async def paid(self, amount: int = 20, ref: str = "B4KD92X", phone: str = PHONE) -> str:
        return await self.seller.mpesa.pay_by_hand(phone, self.account.pay_number, ref, amount)

    async def registered(self) -> None:
        await self.daraja.register_pull(self.account, PHONE, f"{self.seller.receiver.url}/cb")

    async def page(self, offset: int = 0, since: int = 3 * HOUR, until: int = 0) -> PullPage:
        now = self.now
        answer = await self.daraja.pull(self.account, now - since, now - until, offset, now)
        return read_pull(answer.status, answer.body)

    @property
    def urls(self) -> tuple[str, str]:
        return f"{self.seller.receiver.url}/result", f"{self.seller.receiver.url}/timeout"

    async def reverse(self, receipt: str, amount: int = 20) -> Ack:
        return await self.daraja.reverse(self.account, self.initiator, receipt, Money(amount * 100), "Back", *self.urls)

    async def posted(self, count: int = 1) -> InitiatorResult:
        """The last of so many messages, after their time."""
        self.seller.clock.advance(3 * SECOND)
        await self.seller.receiver.until(count)
        return read(self.seller.receiver.got[count - 1][1])

    async def reversed(self, receipt: str, amount: int = 20) -> str:
        """The code that a reversal ends with."""
        await self.reverse(receipt, amount)
        return (await self.posted(len(self.seller.receiver.got) + 1)).code


def read(body: dict[str, Any]) -> InitiatorResult:
    found = read_result(json.dumps(body).encode())
    assert found is not None
    return found


@asynccontextmanager
async def opened(kind: Any = "paybill", **merchant: Any) -> AsyncIterator[Office]:
    async with (
        receiving() as receiver,
        shop(receiver, **merchant) as seller,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        own = account(seller.server.url, kind)
        seller.mpesa.initiators.add(own.shortcode, USER, PASSWORD)
        sealed = security_credential(PASSWORD, seller.mpesa.certificate)
        yield Office(seller, Daraja(http, VAULT, seller.clock), own, Initiator(name=USER, credential=sealed))


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


async def test_what_is_older_than_two_days_is_gone(office: Office) -> None:
    # facts/mpesa.md 6.7: "48-hour window"
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

    assert (answer.throttled, answer.retry_after_ms) == (True, 12_000)


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


# --- initiators (6.1, 6.2) ---


async def test_a_credential_is_opened_with_the_sandbox_s_own_key(office: Office) -> None:
    # facts/mpesa.md 6.1
    pem = (await office.seller.http.get("/certificate.pem")).text
    office.initiator = Initiator(name=USER, credential=security_credential(PASSWORD, pem))

    assert await office.reversed(await office.paid()) == "0"


@pytest.mark.parametrize(
    "wrong",
    [
        Initiator(name=USER, credential="bm90IHNlYWxlZA=="),
        Initiator(name=USER, credential=PASSWORD),
        Initiator(name="stranger", credential="x"),
    ],
    ids=["not sealed", "plain", "stranger"],
)
async def test_a_bad_credential_is_taken_and_then_refused_and_locks_the_user(office: Office, wrong: Initiator) -> None:
    # facts/mpesa.md 6.1: "Wrong cert/env -> asynchronous 2001; repeated -> 8006 locked"
    receipt, right = await office.paid(), office.initiator
    office.initiator = wrong
    codes = [await office.reversed(receipt) for _ in range(3)]
    office.initiator = right
    last = await office.reversed(receipt)

    assert codes == ["2001"] * 3
    assert last == ("0" if wrong.name == "stranger" else "8006")


async def test_a_password_ends_after_ninety_days(office: Office) -> None:
    # facts/mpesa.md 6.1
    receipt = await office.paid()
    office.seller.clock.advance(91 * DAY)
    assert await office.reversed(receipt) == "2001"
    office.seller.mpesa.initiators.add(PAYBILL, USER, PASSWORD)

    assert await office.reversed(receipt) == "0"


async def test_without_the_role_it_is_21(office: Office) -> None:
    # facts/mpesa.md 6.1 and 6.4
    office.seller.mpesa.initiators.add(PAYBILL, USER, PASSWORD, roles=["status"])

    assert await office.reversed(await office.paid()) == "21"


async def test_the_ids_of_the_answer_come_back_with_the_result(office: Office) -> None:
    # facts/mpesa.md 6.2
    ack = await office.reverse(await office.paid())
    found = await office.posted()

    assert (found.originator, found.conversation) == (ack.originator, ack.conversation)
    assert ack.originator
    assert ack.conversation.startswith("AG_20261118_")


@pytest.mark.parametrize("text", [False, True])
async def test_a_code_is_a_number_or_text(office: Office, text: bool) -> None:
    # facts/mpesa.md 6.2: "ResultType/ResultCode may be strings (Balance sample) or alphanumeric"
    office.seller.mpesa.initiators.faults.always(string_code=text)
    receipt = await office.paid()
    codes = [await office.reversed(receipt), await office.reversed(receipt)]

    assert codes == ["0", "R000001"]
    raw = [body["Result"]["ResultCode"] for body in office.seller.receiver.bodies("/result")]
    assert raw == ["0" if text else 0, "R000001"]


async def test_a_single_parameter_may_be_a_bare_object(office: Office) -> None:
    # facts/mpesa.md 6.2
    office.seller.mpesa.initiators.faults.next(bare_parameter=True)
    await office.daraja.balance(office.account, office.initiator, *office.urls)
    found = await office.posted()

    assert isinstance(office.seller.receiver.got[0][1]["Result"]["ResultParameters"]["ResultParameter"], dict)
    assert set(found.values) == {"AccountBalance"}


async def test_a_failure_has_no_parameters(office: Office) -> None:
    # facts/mpesa.md 6.2
    assert await office.reversed("UKS0000000") == "R000002"
    assert "ResultParameters" not in office.seller.receiver.got[0][1]["Result"]


@pytest.mark.parametrize("copies", [0, 1, 2])
async def test_a_result_may_never_come_or_come_twice(office: Office, copies: int) -> None:
    # facts/mpesa.md 7
    office.seller.mpesa.initiators.faults.next(copies=copies)
    receipt = await office.paid()
    await office.reverse(receipt)
    office.seller.clock.advance(3 * SECOND)
    await office.seller.receiver.until(copies)
    await office.reversed(receipt)

    codes = [read(body).code for body in office.seller.receiver.bodies("/result")]
    assert codes == ["0"] * copies + ["R000001"]


async def test_a_result_may_be_late(office: Office) -> None:
    office.seller.mpesa.initiators.faults.next(late_ms=HOUR)
    receipt = await office.paid()
    await office.reverse(receipt)
    await office.reversed(receipt)
    office.seller.clock.advance(HOUR)
    await office.seller.receiver.until(2)

    assert [read(body).code for body in office.seller.receiver.bodies("/result")] == ["R000001", "0"]


async def test_a_time_out_says_nothing_about_the_outcome(office: Office) -> None:
    # facts/mpesa.md 6.2: "A hit on QueueTimeOutURL = **outcome unknown**, not failure"
    office.seller.mpesa.initiators.faults.next(timed_out=True)
    await office.reverse(await office.paid())
    found = await office.posted()

    assert [path for path, _, _ in office.seller.receiver.got] == ["/timeout"]
    assert reversal_meaning(found.code).state == "unknown"
    assert office.seller.mpesa.handset(PHONE).purse == 500_000  # the money went back all the same


@pytest.mark.parametrize("fault, done", [("accepted_cut", True), ("accepted_500", True), ("failed_500", False)])
async def test_a_reversal_without_a_clear_answer_is_unknown_and_sent_once(
    office: Office, fault: Any, done: bool
) -> None:
    # facts/mpesa.md 7 and 11.7
    receipt = await office.paid()
    office.seller.mpesa.initiators.faults.next(answer=fault)
    with pytest.raises(ProviderUnknown):
        await office.reverse(receipt)
    code = await office.reversed(receipt) if not done else (await office.posted()).code

    assert code == "0"
    assert len(office.seller.receiver.got) == 1
    assert sum(line.kind == "out" for line in office.seller.mpesa.statement.lines(PAYBILL)) == 1


async def test_the_firewall_in_front_of_a_reversal_leaves_it_unknown(office: Office) -> None:
    # facts/mpesa.md 1.1
    office.seller.mpesa.initiators.faults.next(answer="waf_503")
    with pytest.raises(ProviderUnknown):
        await office.reverse(await office.paid())


@pytest.mark.parametrize("fault", ["busy", "spike", "quota", "too_many"])
async def test_a_busy_gateway_has_started_nothing(office: Office, fault: Any) -> None:
    # facts/mpesa.md 2.3
    office.seller.mpesa.initiators.faults.next(answer=fault)
    with pytest.raises(ProviderRefused) as refused:
        await office.reverse(await office.paid())

    assert refused.value.reason == "provider-busy"


@pytest.mark.parametrize(
    "path, field, value",
    [
        ("reversal/v1/request", "RecieverIdentifierType", "4"),
        ("reversal/v1/request", "Remarks", "x"),
        ("reversal/v1/request", "Amount", "0"),
        ("reversal/v1/request", "TransactionID", ""),
        ("reversal/v1/request", "ReceiverParty", "999999"),
        ("reversal/v1/request", "ResultURL", "ftp://x"),
        ("reversal/v1/request", "QueueTimeOutURL", None),
        ("reversal/v1/request", "Initiator", ""),
        ("reversal/v1/request", "SecurityCredential", 5),
        ("reversal/v1/request", "CommandID", "AccountBalance"),
    ],
)
async def test_a_reversal_is_checked_at_the_door(office: Office, path: str, field: str, value: object) -> None:
    # facts/mpesa.md 6.4: "RecieverIdentifierType "11"** (misspelling is required), Remarks 2-100"
    body = {
        "Initiator": USER,
        "SecurityCredential": "x",
        "CommandID": "TransactionReversal",
        "TransactionID": "UKS0000000",
        "Amount": "20",
        "ReceiverParty": PAYBILL,
        "RecieverIdentifierType": "11",
        "Remarks": "Back",
        "ResultURL": office.urls[0],
        "QueueTimeOutURL": office.urls[1],
    }
    assert (await office.seller.post(f"/mpesa/{path}", body)).status_code == 200
    answer = await office.seller.post(f"/mpesa/{path}", body | {field: value})

    assert faulty(answer) == (400, "400.002.02", f"Bad Request - Invalid {field}")


async def test_the_app_needs_the_product(office: Office) -> None:
    # facts/mpesa.md 1.1
    async with opened(products={"stk"}) as other:
        with pytest.raises(ProviderRefused) as refused:
            await other.reverse("UKS0000000")

    assert refused.value.reason == "config"


# --- transaction status (6.3) ---


@pytest.mark.parametrize("kind", ["paybill", "till"])
async def test_a_status_tells_what_became_of_a_receipt(kind: str) -> None:
    # facts/mpesa.md 6.2 and 6.3, with DebitPartyName twice
    async with opened(kind) as office:
        receipt, at = await office.paid(), office.now
        await office.daraja.ask_status(office.account, office.initiator, receipt, *office.urls)
        found = status_of(await office.posted())
        keys = [each["Key"] for each in _parameters(office)]

    assert (found.receipt, found.amount, found.state, found.payer) == (receipt, Money(2000), "completed", PHONE)
    assert found.finalised_at is not None
    assert abs(found.finalised_at - at) <= 5 * SECOND
    assert keys.count("DebitPartyName") == 2


def _parameters(office: Office) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = office.seller.receiver.got[0][1]["Result"]["ResultParameters"]["ResultParameter"]
    return found


@pytest.mark.parametrize("said", ["Cancelled", "Declined", "Expired", "Authorized"])
async def test_a_status_may_tell_another_end(office: Office, said: str) -> None:
    # facts/mpesa.md 6.3
    office.seller.mpesa.initiators.faults.next(status=said)
    await office.daraja.ask_status(office.account, office.initiator, await office.paid(), *office.urls)

    assert status_of(await office.posted()).state == ("unknown" if said == "Authorized" else said.lower())


async def test_an_unknown_receipt_is_25_and_so_is_that_of_another_shop(office: Office) -> None:
    # facts/mpesa.md 6.3: "Missing/bad id -> ResultCode 25"
    other = await office.seller.mpesa.pay_by_hand(PHONE, TILL, "", 20)
    for n, receipt in enumerate(("UKS0000000", other), 1):
        await office.daraja.ask_status(office.account, office.initiator, receipt, *office.urls)
        assert (await office.posted(n)).code == "25"


# --- reversal (6.4) ---


async def test_a_reversal_gives_the_money_back_and_adds_a_line(office: Office) -> None:
    # facts/mpesa.md 6.4
    await office.registered()
    receipt = await office.paid()
    await office.reverse(receipt)
    found = await office.posted()
    handset = office.seller.mpesa.handset(PHONE)

    assert (found.code, found.values["OriginalTransactionID"], found.values["Amount"]) == ("0", receipt, "20.0")
    assert found.values["CreditPartyPublicName"].startswith(f"{PHONE} - ")
    assert handset.purse == 500_000
    assert receipt in handset.inbox[0].text
    assert [row.kind for row in (await office.page()).rows] == ["in"]  # C2B only
    office.switches.pull_reversals = True
    assert [row.kind for row in (await office.page()).rows] == ["in", "out"]


@pytest.mark.parametrize("kind", ["paybill", "till"])
async def test_stk_payments_are_reversible(kind: str) -> None:
    # facts/mpesa.md 6.4
    async with opened(kind) as office:
        await office.seller.push(office.seller.till_order() if kind == "till" else None)
        push = await office.seller.mpesa.handset(PHONE).approve()
        assert push.receipt is not None

        assert await office.reversed(push.receipt) == "0"


async def test_a_second_reversal_is_r000001_and_an_unknown_one_r000002(office: Office) -> None:
    # facts/mpesa.md 6.4 and 11.10
    receipt = await office.paid()
    codes = [await office.reversed(each) for each in (receipt, receipt, "UKS0000000")]

    assert [reversal_meaning(code).state for code in codes] == ["done", "done", "failed"]
    assert codes == ["0", "R000001", "R000002"]


async def test_without_float_there_is_nothing_to_reverse_with(office: Office) -> None:
    # facts/mpesa.md 6.4: "1 (no float)"
    receipt = await office.paid()
    office.switches.no_float = True
    dry = await office.reversed(receipt)
    office.switches.no_float = False
    office.seller.mpesa.statement.settle(PAYBILL)
    settled = await office.reversed(receipt)
    await office.paid(50)

    assert (dry, settled, await office.reversed(receipt)) == ("1", "1", "0")


# --- balance (6.5) ---


async def test_a_balance_is_accounts_in_one_text(office: Office) -> None:
    # facts/mpesa.md 6.5: "accounts joined by `&`, each `Name|KES|a|b|c|d`"
    await office.paid(1500)
    await office.daraja.balance(office.account, office.initiator, *office.urls)
    found = read_balance((await office.posted()).values["AccountBalance"])

    assert found == [
        ("Working Account", "KES", Money(0)),
        ("Utility Account", "KES", Money(150_000)),
        ("Charges Paid Account", "KES", Money(0)),
    ]


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

    assert (found.problem, found.bad_lines, found.unfinished, found.shortcode) == ("", (), 0, PAYBILL)
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
