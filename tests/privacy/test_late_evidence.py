"""What is said about money after its payer was erased brings nothing of them back, and makes a pass for nobody."""

from __future__ import annotations

import json
from typing import Any

import pytest

from portal.clock import HOUR
from portal.errors import Refused
from portal.money import Money
from portal.payments import by_hand, inbox
from portal.payments.payment import REVIEWS
from portal.payments.statement import StatementRow
from portal.payments.statements import taking
from portal.payments.statements.taking import Way
from portal.privacy.erasing import subject
from portal.privacy.erasing.subject import Subject
from tests.payments.story import Story
from tests.privacy.erased import WISH, one, phone
from tests.privacy.rows import Planted
from tests.privacy.trade import Trade


def confirmed(story: Story, **more: Any) -> str:
    """M-Pesa confirms it at the account's address, with the whole number."""
    said = {
        "TransID": f"UKM000000{story.n}",
        "TransAmount": "20.00",
        "BusinessShortCode": story.account.party_b,
        "BillRefNumber": story.row.account_ref,
        "MSISDN": phone(story.n).digits,
        **more,
    }
    return story.say("c2b-confirm", said, account_id=story.account.id)


def digits(trade: Trade) -> list[object]:
    """All that is kept of payers' numbers in the books."""
    found = [row["phone_tail"] for row in trade.all_of("payments")]
    for table in ("receipts", "statement_rows"):
        found += [row["payer_tail"] for row in trade.all_of(table)]
    return [each for each in found + [row["payer_index"] for row in trade.all_of("receipts")] if each is not None]


def bodies(trade: Trade) -> list[object]:
    return [row["body_sealed"] for row in trade.all_of("inbox") if row["body_sealed"] is not None]


async def failed_and_erased(trade: Trade) -> Story:
    story = trade.asked(1)
    story.callback(1032)
    assert story.row.state == "failed"
    await trade.erasing.erase(one(trade, 1), WISH)
    return story


# --- money for somebody who is gone ---


@pytest.mark.parametrize("by", [Story.callback, confirmed])
async def test_late_money_for_an_erased_payer_is_for_staff_and_makes_no_pass(trade: Trade, by: Any) -> None:
    story = await failed_and_erased(trade)

    by(story)

    assert (story.row.state, story.row.reason) == ("review", "payer-erased")
    assert story.row.reason in REVIEWS
    assert trade.ledger.lines() == {"payer-erased"}
    assert (trade.ledger.count("passes"), digits(trade)) == (0, [])
    assert [(row["state"], row["payment_id"]) for row in trade.all_of("receipts")] == [("review", None)]


async def test_staff_can_give_it_back_and_the_line_is_closed(trade: Trade) -> None:
    story = await failed_and_erased(trade)
    story.callback()
    story.callback()  # said twice, it is one line
    confirmed(story)
    receipt: Any = trade.all_of("receipts")[0]["id"]
    vault, now = trade.ledger.vault, trade.clock.now()
    for act in (by_hand.match(vault, receipt, story.id, now), by_hand.count_as_paid(vault, story.id, now)):
        with pytest.raises(Refused, match="match-erased"):
            trade.ledger.run(act)

    trade.ledger.run(by_hand.sent_back(receipt, now))

    assert trade.ledger.lines() == set()
    assert trade.ledger.count("passes") == 0
    assert trade.breaches() == []


async def test_a_device_that_is_gone_gets_no_pass_though_its_payer_is_here(trade: Trade) -> None:
    story = trade.asked(1)
    story.callback(1032)
    alone: Subject = trade.ledger.run(subject.by_device(trade.ledger.vault, trade.ledger.tenant.id, 1))
    assert alone.person is None
    await trade.erasing.erase(alone, WISH)

    story.callback()

    assert (story.row.state, trade.ledger.count("passes"), trade.ledger.lines()) == ("review", 0, {"payer-erased"})


async def test_late_money_for_somebody_who_is_there_makes_its_pass(trade: Trade) -> None:
    """The control."""
    story = trade.asked(1)
    story.callback(1032)
    story.callback()
    assert (story.row.state, trade.ledger.count("passes"), trade.ledger.lines()) == ("paid", 1, set())
    assert digits(trade) != []


# --- money that is kept and not settled yet ---


def kept(story: Story, channel: str, said: dict[str, Any], **whose: Any) -> int:
    row: int = story.run(
        inbox.keep_row(story.ledger.vault, channel, json.dumps(said).encode(), True, story.now, **whose)
    )
    return row


def settled(story: Story, row: int) -> str:
    verdict: str = story.run(inbox.settle_row(story.ledger.vault, row, story.now, enforce=False, open_shop=True))
    return verdict


@pytest.mark.parametrize("named", ["", "theirs"])
async def test_money_that_waits_to_be_settled_is_not_thrown_away(trade: Trade, named: str) -> None:
    story = trade.asked(1)
    story.callback(1032)
    said = {"TransID": "UKM0000099", "TransAmount": "20.00", "BusinessShortCode": story.account.party_b}
    more = {"BillRefNumber": story.row.account_ref if named else "", "MSISDN": phone(1).digits}
    row = kept(story, "c2b-confirm", {**said, **more}, account_id=story.account.id)
    await trade.erasing.erase(one(trade, 1), WISH)

    assert settled(story, row) != "unreadable"

    assert [each["number"] for each in trade.all_of("receipts")] == ["UKM0000099"]
    assert trade.ledger.count("passes") == 0
    await trade.erasing.run_once()
    # Without a reference nobody could claim it, had it lost its number (decision 36).
    assert len(bodies(trade)) == (0 if named else 1)


# --- digits and words ---


def read(trade: Trade, story: Story, number: str, **more: Any) -> None:
    """A row of the statement, with the whole number of its payer."""
    row = StatementRow(
        number=number, amount=Money(2000), written="2026-11-18 12:00:00", payer=phone(story.n).digits, **more
    )
    way = Way(via="file", zone="eat", open_shop=True)
    trade.ledger.run(taking.take(trade.ledger.vault, story.account, [row], way, trade.clock.now()))


async def test_rows_of_statements_that_come_later_have_no_digits(trade: Trade) -> None:
    story, other = trade.sell(1), trade.sell(2)
    await trade.erasing.erase(one(trade, 1), WISH)

    read(trade, story, "UKM0000001", kind="in")
    read(trade, story, "UKM0000009", kind="out", linked="UKM0000001")
    read(trade, other, "UKM0000002", kind="in")

    assert [row["payer_tail"] for row in trade.all_of("statement_rows")] == [None, None, "672"]


async def test_a_row_that_is_the_first_to_tell_of_the_money_has_none_either(trade: Trade) -> None:
    story = await failed_and_erased(trade)
    read(trade, story, "UKM0000001", kind="in", account_ref=story.row.account_ref)
    assert (trade.ledger.lines(), digits(trade)) == ({"payer-erased"}, [])
    assert trade.ledger.count("statement_rows") == 1


async def test_a_receipt_that_comes_after_its_payment_brings_no_digits_back(trade: Trade) -> None:
    story = trade.asked(1)
    story.now += HOUR
    story.query("0")
    assert (story.row.state, story.row.receipt_state) == ("paid", "to come")
    await trade.erasing.erase(one(trade, 1), WISH)

    assert confirmed(story) == "success"

    assert (story.row.receipt_state, digits(trade)) == ("here", [])
    assert trade.breaches() == []


async def test_a_confirmation_at_the_accounts_address_keeps_no_words(trade: Trade) -> None:
    story, other = trade.sell(1), trade.sell(2)
    await trade.erasing.erase(one(trade, 1), WISH)
    before = len(bodies(trade))

    confirmed(story)
    assert len(bodies(trade)) == before
    confirmed(other)
    assert len(bodies(trade)) == before + 1


@pytest.mark.parametrize("unlinked", [False, True])
async def test_results_of_refunds_and_questions_that_come_later_are_emptied(trade: Trade, unlinked: bool) -> None:
    story = await failed_and_erased(trade) if unlinked else trade.sell(1)
    if unlinked:
        story.callback()
    else:
        await trade.erasing.erase(one(trade, 1), WISH)
    planted = Planted(trade.db.place)
    tenant = trade.ledger.tenant.id
    given = {"account_id": story.account.id, "kind": "status", "asked_at": trade.clock.now()}
    asked = planted.row("questions", tenant, number="UKM0000001", **given)
    nobodys = planted.row("questions", tenant, number="UKM0000077", **given)
    refund = planted.row("refunds", tenant, payment_id=story.id, state="done", amount_minor=1)
    for n, whose in enumerate(({"question_id": asked}, {"refund_id": refund}, {"question_id": nobodys})):
        more = {"payment_id": None, "refund_id": None, "question_id": None, "account_id": None, **whose}
        planted.row("inbox", tenant, channel="result", ref=f"late{n}", body_sealed=b"x", processed_at=1, **more)
    planted.connection.close()

    await trade.erasing.run_once()

    assert [row["ref"] for row in trade.all_of("inbox") if row["body_sealed"] is not None] == ["late2"]


# --- money that came before, and paid nothing ---


async def test_money_that_names_a_payment_of_theirs_and_paid_nothing_is_looked_at_first(trade: Trade) -> None:
    story = trade.asked(1)
    assert story.callback(amount=19.0) == "wrong-amount"
    with pytest.raises(Refused, match="erase-money"):
        await trade.erasing.erase(one(trade, 1), WISH)

    receipt: Any = trade.all_of("receipts")[0]["id"]
    trade.ledger.run(by_hand.sent_back(receipt, trade.clock.now()))
    read(trade, story, "UKM0000001", kind="in")
    assert len(digits(trade)) == 3
    await trade.erasing.erase(one(trade, 1), WISH)

    assert digits(trade) == []


async def test_no_pass_is_given_to_a_device_that_is_gone(trade: Trade) -> None:
    story = trade.sell(1)
    read(trade, trade.sell(2), "UKM0000005", kind="in", account_ref="wrong")  # somebody else's
    await trade.erasing.erase(one(trade, 1), WISH)
    waits: Any = next(row["id"] for row in trade.all_of("receipts") if row["payment_id"] is None)
    given = by_hand.Given(device_id=1, plan=story.row.plan)
    with pytest.raises(Refused, match="give-device"):
        trade.ledger.run(by_hand.give(trade.ledger.vault, trade.ledger.tenant.id, waits, given, trade.clock.now()))
    assert trade.ledger.count("passes") == 2
