"""The one tap of each finding: what it does to pass, payment and books, once; and the finding is gone afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from portal import check
from portal.clock import DAY, HOUR, MINUTE
from portal.errors import Refused
from portal.money import Money
from portal.payments import by_hand
from portal.payments import store as payments
from portal.payments.claims import Claim, redeem
from portal.payments.refunds import store as refunds
from portal.payments.refunds import units
from portal.payments.refunds.rules import Rules
from portal.payments.statement import StatementRow
from portal.payments.statements import checking, mending, store, taking
from portal.payments.statements.checking import Day
from portal.payments.statements.kinds import KINDS
from portal.payments.statements.mending import Mender
from portal.payments.statements.taking import Way
from portal.phone import Phone
from tests.payments.refunds.shop import Shop
from tests.payments.story import Story


class Checked(Shop):
    """A shop whose day has a statement."""

    def day(self) -> Day:
        return Day(name="2026-11-28", since=self.now - DAY, until=self.now + DAY)

    def covered(self) -> None:
        self.do(store.add_span, self.story.account.id, self.now - DAY, self.now + DAY, "pull", 1, self.now)

    def row(self, number: str = "UKM0000001", kind: str = "in", minor: int = 2_000, **more: Any) -> None:
        self.do(
            store.add_row,
            account_id=self.story.account.id,
            number=number,
            kind=kind,
            amount_minor=minor,
            currency="KES",
            paid_at=self.now,
            via="pull",
            read_at=self.now,
            **more,
        )

    def found(self) -> dict[str, int]:
        """What does not agree, an hour later."""
        later = self.now + HOUR
        self.do(checking.check, self.day(), "KES", later)
        return {row["kind"]: row["id"] for row in self.do(store.open_findings, "2026-11-28")}

    def mend(self, finding_id: int) -> str:
        mender = Mender(
            vault=self.books.vault,
            tenant_public=self.books.tenant.public,
            staff_id=self.owner.id,
            open_shop=True,
        )
        done: str = self.do(mending.mend, mender, finding_id, self.now)
        return done


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Checked]:
    made = Checked(tmp_path)
    yield made
    assert made.do(check.breaches, made.now + 2 * MINUTE) == []
    made.books.connection.close()


def test_every_finding_leads_somewhere() -> None:
    leads_to_a_page = {"place", "refund"}

    assert {each.remedy for each in KINDS.values()} - leads_to_a_page <= set(mending._ACTS)


def test_money_that_is_only_on_the_statement_is_taken_in(shop: Checked) -> None:
    second = Story(shop.books, n=2)
    second.claimed()
    second.pushed()
    shop.row()
    shop.row("UKM0000002", account_ref=second.row.account_ref)
    found = shop.found()

    assert set(found) == {"not-in-books"}
    assert shop.mend(found["not-in-books"]) == "take"
    assert second.row.state == "paid"
    assert shop.found() == {}


def test_what_was_taken_back_at_the_provider_becomes_a_refund_in_the_books(shop: Checked) -> None:
    shop.row()
    shop.row("UKMBACK001", "out", linked="UKM0000001")
    found = shop.found()

    assert set(found) == {"reversed"}
    shop.mend(found["reversed"])
    (one,) = shop.do(refunds.of_payment, shop.story.id)
    assert (one.state, one.number, shop.pass_state) == ("done", "UKMBACK001", "ended")
    assert shop.balances() == {"revenue": 2_000, "refunds": 2_000}
    assert shop.found() == {}
    with pytest.raises(Refused, match="refund-more"):
        shop.ask(way="cash", key="again")


def test_a_reversal_of_which_nobody_knew_is_the_one_that_the_statement_shows(shop: Checked) -> None:
    refund_id = shop.ask()
    shop.do(units.claim, refund_id, shop.now)
    shop.do(units.recover, shop.now)
    shop.row()
    shop.row("UKMBACK001", "out", linked="UKM0000001")
    shop.mend(shop.found()["reversed"])

    assert shop.refund(refund_id).state == "done"
    assert shop.balances() == {"revenue": 2_000, "refunds": 2_000}
    assert len(shop.do(refunds.of_payment, shop.story.id)) == 1


def test_money_without_an_order_that_went_back_is_sent_back(shop: Checked) -> None:
    shop.story.c2b(receipt="UKMHAND001", ref="NOBODY")
    shop.row()
    shop.row("UKMHAND001")
    shop.row("UKMBACK001", "out", linked="UKMHAND001")
    found = shop.found()

    assert set(found) == {"unplaced", "reversed"}
    shop.mend(found["reversed"])
    receipt = shop.do(payments.receipt, "UKMHAND001", "sandbox")
    assert receipt.state == "returned"
    assert shop.balances() == {"mpesa": 2_000, "revenue": 2_000}
    assert shop.found() == {}


def test_a_receipt_that_is_not_there_ends_the_pass_and_leaves_the_books(shop: Checked) -> None:
    shop.covered()
    found = shop.found()

    assert set(found) == {"not-on-statement"}
    shop.mend(found["not-on-statement"])
    assert shop.pass_state == "ended"
    with pytest.raises(Refused, match="refund-never-came"):
        shop.ask(way="cash")
    assert shop.balances() == {"revenue": 2_000, "differences": 2_000}
    assert shop.found() == {}


def test_a_refund_that_was_asked_for_before_its_money_was_found_not_to_be_there_is_not_handed_over(
    shop: Checked,
) -> None:
    two = Rules(alone=500)
    asked, agreed = (
        shop.ask(shop.cashier, two, way="cash", amount=Money(600), key=f"part {n}", ends_pass=False) for n in range(2)
    )
    shop.do(units.approve, agreed, shop.owner, two, shop.now)
    shop.covered()
    shop.mend(shop.found()["not-on-statement"])
    with pytest.raises(Refused, match="refund-never-came"):
        shop.do(units.approve, asked, shop.owner, two, shop.now)
    with pytest.raises(Refused, match="refund-never-came"):
        shop.do(units.hand_over, agreed, shop.cashier, shop.now)
    for each in (asked, agreed):
        shop.do(units.decline, each, shop.owner, "never came", shop.now)

    assert "cash" not in shop.balances()


def unheard(shop: Checked) -> Story:
    """A second order that a query says is paid; the statement, whole, does not list its money."""
    second = Story(shop.books, n=2)
    second.claimed()
    second.pushed()
    second.query("0")
    shop.row()
    shop.covered()
    return second


def test_an_order_whose_money_never_came_is_taken_out_of_transit(shop: Checked) -> None:
    second = unheard(shop)
    found = shop.found()

    assert set(found) == {"no-receipt"}
    assert shop.balances()["transit"] == 2_000
    shop.mend(found["no-receipt"])
    assert "transit" not in shop.balances()
    with pytest.raises(Refused, match="refund-never-came"):
        shop.ask(way="cash", payment_id=second.id)


def test_money_that_comes_after_it_was_given_up_is_in_transit_no_longer_and_may_go_back(shop: Checked) -> None:
    second = unheard(shop)
    shop.mend(shop.found()["no-receipt"])
    for _ in range(2):
        second.c2b()

    assert shop.balances() == {"mpesa": 4_000, "revenue": 4_000}
    shop.ask(way="cash", payment_id=second.id)


def test_a_payment_without_its_pass_gets_one(shop: Checked) -> None:
    shop.row()
    shop.books.connection.execute("DELETE FROM pass_devices")
    shop.books.connection.execute("DELETE FROM passes")
    found = shop.found()

    assert set(found) == {"no-pass"}
    shop.mend(found["no-pass"])
    assert shop.pass_state == "waiting"
    assert shop.found() == {}


def test_a_finding_is_mended_once(shop: Checked) -> None:
    shop.row()
    shop.row("UKMBACK001", "out", linked="UKM0000001")
    finding = shop.found()["reversed"]
    shop.mend(finding)
    with pytest.raises(Refused, match="done-before"):
        shop.mend(finding)

    assert shop.balances()["refunds"] == 2_000


def test_what_needs_a_choice_is_not_done_by_a_tap(shop: Checked) -> None:
    shop.story.c2b(receipt="UKMHAND001", ref="NOBODY")
    shop.row()
    shop.row("UKMHAND001")
    with pytest.raises(Refused, match="form"):
        shop.mend(shop.found()["unplaced"])


def test_what_the_statement_lists_by_now_is_not_ended(shop: Checked) -> None:
    shop.covered()
    finding = shop.found()["not-on-statement"]
    shop.row()
    with pytest.raises(Refused, match="finding-gone"):
        shop.mend(finding)

    assert (shop.pass_state, shop.balances()) == ("waiting", {"mpesa": 2_000, "revenue": 2_000})
    assert shop.found() == {}


def test_a_payment_whose_receipt_has_come_by_now_is_not_ended(shop: Checked) -> None:
    second = unheard(shop)
    finding = shop.found()["no-receipt"]
    second.c2b()
    with pytest.raises(Refused, match="finding-gone"):
        shop.mend(finding)

    assert shop.balances() == {"mpesa": 4_000, "revenue": 4_000}


def test_money_that_bought_nothing_and_is_not_there_buys_nothing_and_is_owed_to_nobody(shop: Checked) -> None:
    shop.story.c2b(receipt="UKMHAND001", ref="NOBODY")
    shop.row()
    shop.covered()
    shop.mend(shop.found()["not-on-statement"])

    assert shop.do(payments.receipt, "UKMHAND001", "sandbox").state == "returned"
    assert shop.balances() == {"mpesa": 2_000, "revenue": 2_000}
    assert shop.found() == {}


@pytest.mark.parametrize("kind", ["not-on-statement", "reversed"])
def test_what_a_receipt_has_bought_since_it_was_found_counts(shop: Checked, kind: str) -> None:
    second = Story(shop.books, n=2)
    second.claimed()
    second.pushed()
    shop.row()
    shop.story.c2b(receipt="UKMHAND001", ref="NOBODY")
    if kind == "reversed":
        shop.row("UKMHAND001")
        shop.row("UKMBACK001", "out", linked="UKMHAND001")
    else:
        shop.covered()
    finding = shop.found()[kind]
    receipt = shop.do(payments.receipt, "UKMHAND001", "sandbox")
    shop.do(by_hand.match, shop.books.vault, receipt.id, second.id, shop.now)
    assert second.row.state == "paid"
    shop.mend(finding)

    states = [row["state"] for row in shop.books.connection.execute("SELECT state FROM passes ORDER BY id")]
    assert states == ["waiting", "ended"]
    assert shop.balances()["mpesa"] == 2_000


@pytest.mark.parametrize("kind", ["not-on-statement", "no-receipt"])
def test_staff_hear_of_money_that_comes_after_it_was_given_up(shop: Checked, kind: str) -> None:
    if kind == "no-receipt":
        shop.row()
        second = Story(shop.books, n=2)
        second.claimed()
        second.pushed()
        second.query("0")
    shop.covered()
    shop.mend(shop.found()[kind])
    assert shop.books.lines() == set()
    number = "UKM0000001" if kind == "not-on-statement" else "UKM0000002"
    came = StatementRow(
        number=number, amount=Money(2_000), written="2026-11-18 11:06:40", kind="in", payer="2547 *** 672"
    )
    if kind == "no-receipt":
        second.c2b()
    else:
        way = Way(via="file", zone="eat", open_shop=True)
        shop.do(taking.take, shop.books.vault, shop.story.account, [came], way, shop.now)

    assert "came-after-all" in shop.books.lines()


def test_a_payment_that_was_given_back_gets_no_pass(tmp_path: Path) -> None:
    shop = Checked(tmp_path)
    shop.row()
    shop.books.connection.execute("DELETE FROM pass_devices")
    shop.books.connection.execute("DELETE FROM passes")
    finding = shop.found()["no-pass"]
    shop.ask(way="cash")
    with pytest.raises(Refused, match="finding-gone"):
        shop.mend(finding)

    assert shop.books.count("passes") == 0
    assert shop.found() == {}
    shop.books.connection.close()


def taken(shop: Checked, **row: Any) -> None:
    """A row of a file is read."""
    whole = StatementRow(**{"amount": Money(2_000), "written": "2026-11-18 14:06:40", "kind": "in", **row})
    way = Way(via="file", zone="eat", open_shop=True)
    shop.do(taking.take, shop.books.vault, shop.story.account, [whole], way, shop.now)


def test_money_that_went_back_buys_nothing_before_staff_have_looked(shop: Checked) -> None:
    shop.row()
    taken(shop, number="UKMHAND001", payer="254712345671")
    taken(shop, number="UKMBACK001", kind="out", linked="UKMHAND001")
    phone = Phone("254712345671")
    router, plan, _ = shop.books.views[shop.books.tenant.id]
    claim = Claim(
        tenant_id=shop.books.tenant.id,
        timezone="Africa/Nairobi",
        router=router,
        plans=[plan],
        mac="02:00:00:00:00:99",
        number="UKMHAND001",
        phone=phone,
    )
    with pytest.raises(Refused, match="receipt-review"):
        shop.do(redeem, shop.books.vault, claim, [], shop.now)
    shop.mend(shop.found()["reversed"])

    assert shop.balances() == {"mpesa": 2_000, "revenue": 2_000}


def test_what_is_listed_after_all_is_in_the_books_again_and_may_go_back(shop: Checked) -> None:
    shop.covered()
    shop.mend(shop.found()["not-on-statement"])
    for _ in range(2):
        taken(shop, number="UKM0000001")

    assert shop.balances() == {"mpesa": 2_000, "revenue": 2_000}
    shop.ask(way="cash")
