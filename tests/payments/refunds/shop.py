"""An ISP with a paid payment, a gateway that counts what leaves, and somebody who asks for refunds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from portal.books import ledger
from portal.books import store as books
from portal.errors import ProviderRefused, ProviderUnknown
from portal.money import Money
from portal.payments import accounts
from portal.payments.accounts import MpesaAccount
from portal.payments.refunds import store, units
from portal.payments.refunds.rules import Rules
from portal.payments.refunds.store import Refund
from portal.payments.refunds.units import Who, Wish
from portal.units import Unit, insert
from tests.payments.story import Ledger, Story
from tests.support import fresh_place

PRICE = Money(2_000)
RULES = Rules()


class Gateway:
    """M-Pesa as it is about reversals: each request that reaches it moves the money, whatever we hear of it."""

    def __init__(self) -> None:
        self.left: list[str] = []  # receipts whose money has left
        self.urls: list[str] = []
        self.answer: Callable[[], str] = lambda: "AG_20261128_1"

    async def reverse(self, account: MpesaAccount, receipt: str, amount: Money, result_url: str) -> str:
        self.urls.append(result_url)
        self.left.append(receipt)
        return self.answer()


def refused() -> str:
    raise ProviderRefused("config", "no role")


def cut() -> str:
    raise ProviderUnknown("ReadTimeout")


def somebody(public: str, role: str, commission_bp: int = 0) -> Unit[int]:
    return (
        yield from insert(
            "staff",
            public=public,
            email_index=public.encode(),
            email_sealed=b"",
            name=public,
            role=role,
            state="active",
            commission_bp=commission_bp,
            created_at=0,
            changed_at=0,
        )
    )


class Shop:
    """One guest has paid, and their pass is there."""

    def __init__(self, folder: Path) -> None:
        self.books = Ledger(fresh_place(folder))
        self.story = Story(self.books)
        account = self.story.account
        sealed = self.books.vault.seal("x", table="mpesa_accounts", row=account.public, column="credential_sealed")
        self.do(accounts.set_initiator, account.id, "bando", sealed, self.now)
        self.story.claimed()
        self.story.pushed()
        self.story.callback()
        self.owner = Who(id=self.do(somebody, "olive", "owner"), role="owner")
        self.manager = Who(id=self.do(somebody, "mary", "manager"), role="manager")
        self.cashier = Who(id=self.do(somebody, "carl", "cashier"), role="cashier")

    @property
    def now(self) -> int:
        return self.story.now

    def do(self, unit: Any, *args: Any, **kwargs: Any) -> Any:
        return self.books.run(unit(*args, **kwargs))

    def ask(self, who: Who | None = None, rules: Rules = RULES, **changes: Any) -> int:
        wish = Wish(
            **{
                "payment_id": self.story.id,
                "way": "reversal",
                "amount": PRICE,
                "reason": "paid twice",
                "ends_pass": True,
                "key": "form 1",
                **changes,
            }
        )
        tenant = self.books.tenant.public
        found: int = self.do(units.ask, self.books.vault, tenant, wish, who or self.owner, rules, self.now)
        return found

    def refund(self, refund_id: int) -> Refund:
        found = self.do(store.refund, refund_id)
        assert found is not None
        return found  # type: ignore[no-any-return]

    @property
    def pass_state(self) -> str:
        row = self.books.connection.execute("SELECT state FROM passes").fetchone()
        return str(row["state"])

    def balances(self) -> dict[str, int]:
        """What stands on the accounts, without those that are empty."""
        found = ledger.balances(self.do(books.sums, 0, 1 << 62), "KES")
        return {str(name): minor for name, minor in found.items() if minor}
