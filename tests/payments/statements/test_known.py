"""What the watch is told of accounts: balances with their limits, and passwords that end."""

from __future__ import annotations

from pathlib import Path

from app import _balances, _expiring
from portal.clock import DAY
from portal.money import Money
from portal.payments import accounts
from portal.payments.statements import store
from portal.watch import rules
from tests.payments.refunds.shop import Shop


def test_a_balance_near_its_limit_and_an_old_password_are_told(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    account = shop.story.account
    shop.do(accounts.set_balance_limit, account.id, 10_000_000)
    told = '[["Working Account", "KES", 9900000], ["Utility Account", "KES", 100]]'
    for n, outcome in enumerate((told.replace("9900000", "5"), told, "refused", None)):
        question = shop.do(
            store.add_question,
            public=f"q{n}",
            kind="balance",
            account_id=account.id,
            result_hash=f"q{n}".encode(),
            asked_at=shop.now,
        )
        if outcome is not None:
            shop.do(store.answer_question, question, outcome, shop.now)
    (balance,) = shop.do(_balances)
    (password,) = shop.do(_expiring)

    assert (balance.available, balance.limit) == (Money(9_900_000), Money(10_000_000))
    assert rules.balance_full(balance, shop.now) is not None
    assert rules.expires(password, shop.now, "Africa/Nairobi") is None
    assert rules.expires(password, shop.now + 80 * DAY, "Africa/Nairobi") is not None
    shop.books.connection.close()
