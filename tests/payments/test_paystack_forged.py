"""What somebody who may call Paystack's own doors, or record its messages, comes to: never to a pass."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from portal import check
from portal.clock import MINUTE
from portal.payments import inbox, reconcile
from tests.payments.paystack_story import PaystackStory, paystack_ledger
from tests.payments.story import Ledger
from tests.support import fresh_place


@pytest.fixture
def story(tmp_path: Path) -> Iterator[PaystackStory]:
    books = Ledger(fresh_place(tmp_path))
    made = PaystackStory(books, paystack_ledger(books))
    made.claimed()
    made.pushed()
    yield made
    assert books.run(check.breaches(made.now + 5 * MINUTE)) == []
    books.connection.close()


def asked(story: PaystackStory, data: dict[str, Any]) -> None:
    """The provider's answer to our own question."""
    body = json.dumps({"status": True, "data": data}).encode()
    for row in story.run(
        reconcile.heard(story.ledger.vault, story.id, body, story.now, open_shop=True, readers=story.readers)
    ):
        story.run(
            inbox.settle_row(story.ledger.vault, row, story.now, enforce=True, open_shop=True, readers=story.readers)
        )


WRONG: list[dict[str, Any]] = [
    {"currency": "NGN"},
    {"currency": "kes"},
    {"amount": 20},
    {"amount": 1_999},
    {"amount": 2_001},
    {"amount": -2_000},
    {"amount": 2_000.0},
    {"amount": "2000 "},
    {"amount": True},
    {"id": None},
    {"id": "1e9"},
    {"status": "Successful"},
]


@pytest.mark.parametrize("changes", WRONG)
@pytest.mark.parametrize("way", ["webhook", "query"])
def test_money_that_is_not_what_was_asked_for_makes_no_pass(
    story: PaystackStory, way: str, changes: dict[str, Any]
) -> None:
    data = story.transaction("success", None, 20.0, "") | changes
    for _ in range(2):
        story.told(data) if way == "webhook" else asked(story, data)

    assert story.row.state != "paid"
    assert story.ledger.count("passes") == 0


@pytest.mark.parametrize("way", ["webhook", "query"])
def test_an_answer_about_another_payment_pays_only_that_one(story: PaystackStory, way: str) -> None:
    second = PaystackStory(story.ledger, story.readers, n=2)
    second.claimed()
    second.pushed()
    data = second.transaction("success", None, 20.0, "")
    if way == "webhook":
        story.told(data)
        assert second.row.state == "paid"
    else:
        asked(story, data)
    assert story.row.state != "paid"


def test_one_transaction_pays_one_payment_under_whatever_name_it_comes_again(story: PaystackStory) -> None:
    second = PaystackStory(story.ledger, story.readers, n=2)
    second.claimed()
    second.pushed()
    first = story.transaction("success", None, 20.0, "")
    for _ in range(3):
        story.told(first)
        story.told(first | {"reference": second.public})
        asked(second, first | {"reference": second.public})

    assert (story.row.state, second.row.state == "paid", story.ledger.count("passes")) == ("paid", False, 1)


def test_a_message_of_another_isp_s_key_is_nobody_s(story: PaystackStory) -> None:
    data = story.transaction("success", None, 20.0, "")
    story.told(data, key="sk_test_of_another_isp")

    assert (story.row.state == "paid", story.ledger.count("receipts")) == (False, 0)
