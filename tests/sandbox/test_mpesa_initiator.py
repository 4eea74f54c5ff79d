"""The sandbox M-Pesa's initiators, as the service's own client finds them: status, reversal, balance."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from portal.clock import DAY, HOUR, SECOND
from portal.errors import ProviderRefused, ProviderUnknown
from portal.money import Money
from portal.payments.initiator import (
    Initiator,
    read_balance,
    reversal_meaning,
    security_credential,
    status_of,
)
from tests.sandbox.mpesa import (
    PAYBILL,
    PHONE,
    TILL,
    faulty,
)
from tests.sandbox.office import PASSWORD, USER, Office, opened, read


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with opened() as it:
        yield it


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
