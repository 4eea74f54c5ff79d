"""Answers to questions about one payment: what they may say of money that came, and what came from nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal import check
from portal.clock import MINUTE
from portal.payments.initiator import read_result
from portal.payments.statements import asking, store
from tests.payments.story import START, Ledger
from tests.support import fresh_file

GUEST, SHOP = "254712345678 - JOYCE WANJIRU", "9001234 - PWANI NET"


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(fresh_file(tmp_path))
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
