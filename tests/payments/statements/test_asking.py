"""Answers to questions about one payment: what they may say of money that came, and what came from nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal import check
from portal.clock import MINUTE
from portal.money import Money
from portal.payments import inbox
from portal.payments.initiator import read_result
from portal.payments.statements import asking, known, store
from tests.payments.story import START, Ledger
from tests.support import fresh_place

GUEST, SHOP = "254712345678 - JOYCE WANJIRU", "9001234 - PWANI NET"


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(fresh_place(tmp_path))
    yield made
    assert made.run(check.breaches(START + 5 * MINUTE)) == []
    made.connection.close()


def told(books: Ledger, debit: str, credit: str, number: str = "UKS1AB2CD3") -> str:
    """M-Pesa's answer to a question about this number."""
    _, _, account = books.views[books.tenant.id]
    made = books.run(
        store.add_question(
            public="q", kind="status", account_id=account.id, number="UKS1AB2CD3", result_hash=b"q", asked_at=START
        )
    )
    values = {
        "ReceiptNo": number,
        "TransactionStatus": "Completed",
        "Amount": "20.00",
        "FinalisedTime": "20261118110640",
        "DebitPartyName": debit,
        "CreditPartyName": credit,
    }
    listed = [{"Key": key, "Value": value} for key, value in values.items()]
    body = {"Result": {"ResultCode": 0, "ResultParameters": {"ResultParameter": listed}}}
    result, question = read_result(json.dumps(body).encode()), books.run(store.question(made))
    assert result is not None
    assert question is not None
    return books.run(asking.answered(books.vault, question, result, START, True))


@pytest.mark.parametrize("credit", [SHOP, "5004321 - PWANI NET STORE", ""])
def test_money_that_came_is_a_receipt(books: Ledger, credit: str) -> None:
    assert told(books, GUEST, credit) == "unmatched-money"
    assert books.count("receipts") == 1


@pytest.mark.parametrize(
    "debit, credit",
    [(SHOP, GUEST), (SHOP, "600999 - ANOTHER SHOP"), ("", GUEST), ("5004321 - STORE", "0712*****78 - J"), (SHOP, "")],
)
def test_money_that_went_out_is_none(books: Ledger, debit: str, credit: str) -> None:
    """A reversal or a payout has a number, too, and whoever received it knows that number."""
    assert told(books, debit, credit) == "went-out"
    assert books.count("receipts") == 0


def test_an_answer_about_another_receipt_is_none(books: Ledger) -> None:
    assert told(books, GUEST, SHOP, "UKS9999999") == "another-receipt"
    assert books.count("receipts") == 0


def balance(books: Ledger) -> int:
    _, _, account = books.views[books.tenant.id]
    return books.run(
        store.add_question(
            public="b", kind="balance", account_id=account.id, number=None, result_hash=b"b", asked_at=START
        )
    )


def post(books: Ledger, channel: str, question_id: int, **values: str) -> None:
    listed = [{"Key": key, "Value": value} for key, value in values.items()]
    body = {"Result": {"ResultCode": 0, "ResultParameters": {"ResultParameter": listed}}}
    row = books.run(
        inbox.keep_row(books.vault, channel, json.dumps(body).encode(), True, START, question_id=question_id)
    )
    books.run(inbox.settle_row(books.vault, row, START, enforce=True, open_shop=True))


def test_a_balance_that_m_pesa_did_not_tell_in_time_is_no_balance(books: Ledger) -> None:
    post(books, "result-timeout", balance(books))

    assert list(books.run(store.balances())) == []
    assert list(books.run(known.balances())) == []


def test_a_late_word_that_it_does_not_know_takes_no_balance_back(books: Ledger) -> None:
    asked = balance(books)
    post(books, "result", asked, AccountBalance="Working Account|KES|481000.00|481000.00|0.00|0.00")
    post(books, "result-timeout", asked)
    (found,) = books.run(known.balances())

    assert found[1] == Money(48_100_000)
