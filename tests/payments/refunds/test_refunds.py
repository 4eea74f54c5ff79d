"""Refunds: who may, what becomes of the pass and of the books, and that a receipt is given back once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from portal import check
from portal.clock import DAY, HOUR, MINUTE
from portal.errors import ProviderRefused, ProviderUnknown, Refused
from portal.money import Money
from portal.payments.refunds import rules, states, store, units
from portal.payments.refunds.rules import Rules
from portal.payments.refunds.states import STATES, TABLE
from tests.payments.refunds.shop import PRICE, Shop

TWO = Rules(alone=1_000)  # above KSh 10 two persons


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    assert made.do(check.breaches, made.now + 2 * MINUTE) == []
    made.books.connection.close()


# --- the table ---


def test_what_is_done_is_never_left() -> None:
    assert {after.state for after in TABLE["done"].values()} == {"done"}


def test_a_reversal_is_sent_from_one_state_alone() -> None:
    assert [state for state in STATES if "claimed" in TABLE[state]] == ["approved"]
    assert not any(after.state == "approved" for state in STATES if state != "asked" for after in TABLE[state].values())


def test_what_nobody_knows_is_released_by_nothing_but_word_of_it() -> None:
    releasing = {evidence for evidence, after in TABLE["unknown"].items() if "release" in after.effects}

    assert releasing == {"failure", "seen-kept"}


def test_unlisted_evidence_changes_nothing() -> None:
    for state in STATES:
        for evidence in ("approved", "claimed", "restarted", "silent", "seen-gone"):
            if evidence not in TABLE[state]:
                assert states.step(state, evidence).state == state


# --- a reversal ---


def sent(shop: Shop) -> int:
    refund_id = shop.ask()
    assert shop.do(units.claim, refund_id, shop.now) is not None
    shop.do(units.record_outcome, refund_id, "AG_1", shop.now)
    return refund_id


def test_an_accepted_reversal_ends_the_pass_and_its_success_is_booked_once(shop: Shop) -> None:
    refund_id = shop.ask()
    sending = shop.do(units.claim, refund_id, shop.now)

    assert (sending.receipt, shop.refund(refund_id).state, shop.pass_state) == ("UKM0000001", "submitting", "waiting")

    shop.do(units.record_outcome, refund_id, "AG_1", shop.now)
    assert (shop.refund(refund_id).state, shop.pass_state) == ("awaiting", "ended")

    for _ in range(2):
        shop.do(units.hear, shop.refund(refund_id), "success", shop.now)
    assert shop.refund(refund_id).state == "done"
    assert shop.balances() == {"revenue": 2_000, "refunds": 2_000}


def test_a_failed_reversal_gives_the_pass_back_and_the_money_may_go_another_way(shop: Shop) -> None:
    refund_id = sent(shop)
    shop.story.now += HOUR
    shop.do(units.hear, shop.refund(refund_id), "failure", shop.now, "no-money")

    assert (shop.refund(refund_id).state, shop.refund(refund_id).why_not) == ("failed", "no-money")
    assert shop.pass_state == "waiting"
    assert "refund-failed" in shop.books.lines()
    shop.ask(way="cash", key="form 2")
    assert shop.balances() == {"mpesa": 2_000, "revenue": 2_000, "refunds": 2_000, "cash": -2_000}


def test_a_refused_reversal_leaves_the_pass_alone(shop: Shop) -> None:
    refund_id = shop.ask()
    shop.do(units.claim, refund_id, shop.now)
    shop.do(units.record_outcome, refund_id, ProviderRefused("config", "no role"), shop.now)

    assert (shop.refund(refund_id).state, shop.pass_state) == ("failed", "waiting")
    assert shop.do(store.refunded, shop.story.id) == 0


def test_an_unknown_outcome_releases_no_money_and_no_second_refund(shop: Shop) -> None:
    refund_id = shop.ask()
    shop.do(units.claim, refund_id, shop.now)
    shop.do(units.record_outcome, refund_id, ProviderUnknown("ReadTimeout"), shop.now)

    assert (shop.refund(refund_id).state, shop.pass_state) == ("unknown", "waiting")
    assert "refund-unknown" in shop.books.lines()
    for way, key in (("cash", "form 2"), ("reversal", "form 3")):
        with pytest.raises(Refused, match="refund-more"):
            shop.ask(way=way, key=key)
    shop.story.now += 30 * DAY
    shop.do(units.overdue, shop.now)
    assert shop.do(units.claim, refund_id, shop.now) is None
    assert shop.refund(refund_id).state == "unknown"


@pytest.mark.parametrize(("gone", "state", "passes"), [(True, "done", "ended"), (False, "failed", "waiting")])
def test_staff_find_out_what_became_of_it(shop: Shop, gone: bool, state: str, passes: str) -> None:
    refund_id = shop.ask()
    shop.do(units.claim, refund_id, shop.now)
    shop.do(units.record_outcome, refund_id, ProviderUnknown(), shop.now)
    with pytest.raises(Refused, match="refund-limit"):
        shop.do(units.found_out, refund_id, gone, shop.cashier, shop.now)
    shop.do(units.found_out, refund_id, gone, shop.manager, shop.now)

    assert (shop.refund(refund_id).state, shop.pass_state) == (state, passes)
    assert "refund-unknown" not in shop.books.lines()


def test_silence_is_not_a_failure(shop: Shop) -> None:
    refund_id = sent(shop)
    shop.story.now += 3 * HOUR
    shop.do(units.overdue, shop.now)

    assert (shop.refund(refund_id).state, shop.pass_state) == ("unknown", "ended")
    shop.do(units.hear, shop.refund(refund_id), "success", shop.now)
    assert shop.refund(refund_id).state == "done"


def test_a_result_before_the_reply_counts(shop: Shop) -> None:
    refund_id = shop.ask()
    shop.do(units.claim, refund_id, shop.now)
    shop.do(units.hear, shop.refund(refund_id), "success", shop.now)
    shop.do(units.record_outcome, refund_id, "AG_1", shop.now)

    assert (shop.refund(refund_id).state, shop.refund(refund_id).conversation) == ("done", "AG_1")
    assert shop.pass_state == "ended"


def test_a_success_after_a_failure_is_booked_and_told(shop: Shop) -> None:
    refund_id = sent(shop)
    shop.do(units.hear, shop.refund(refund_id), "failure", shop.now)
    shop.do(units.hear, shop.refund(refund_id), "success", shop.now)

    assert shop.refund(refund_id).state == "done"
    assert shop.do(store.refunded, shop.story.id) == 2_000
    assert "refund-odd" in shop.books.lines()
    assert shop.pass_state == "ended"


def failed(shop: Shop) -> int:
    refund_id = sent(shop)
    shop.do(units.hear, shop.refund(refund_id), "failure", shop.now)
    return refund_id


@pytest.mark.parametrize("alone", [True, False])
def test_a_late_success_takes_the_place_of_a_new_reversal_that_was_not_sent(shop: Shop, alone: bool) -> None:
    first = failed(shop)
    second = shop.ask(rules=rules.Rules() if alone else TWO, key="form 2")
    shop.do(units.hear, shop.refund(first), "success", shop.now)

    assert (shop.refund(first).state, shop.refund(second).state) == ("done", "declined")
    assert shop.do(units.claim, second, shop.now) is None
    assert shop.do(store.refunded, shop.story.id) == 2_000
    assert shop.balances() == {"revenue": 2_000, "refunds": 2_000}
    assert shop.pass_state == "ended"


@pytest.mark.parametrize("ended", [True, False])
def test_a_late_success_is_that_of_the_new_reversal_that_was_sent(shop: Shop, ended: bool) -> None:
    first = failed(shop)
    second = shop.ask(key="form 2")
    shop.do(units.claim, second, shop.now)
    if ended:
        shop.do(units.hear, shop.refund(second), "success", shop.now)
    for _ in range(2):
        shop.do(units.hear, shop.refund(first), "success", shop.now)

    assert (shop.refund(first).state, shop.refund(second).state) == ("failed", "done")
    assert shop.do(store.refunded, shop.story.id) == 2_000
    assert shop.balances() == {"revenue": 2_000, "refunds": 2_000}
    assert "refund-odd" in shop.books.lines()


@pytest.mark.parametrize("alone", [True, False])
def test_money_that_went_back_elsewhere_is_booked_although_a_reversal_waits(shop: Shop, alone: bool) -> None:
    waiting = shop.ask(rules=rules.Rules() if alone else TWO)
    gone = units.Elsewhere(payment_id=shop.story.id, amount=PRICE, number="UKR0000009", staff_id=shop.owner.id)
    for _ in range(2):
        shop.do(units.seen_elsewhere, shop.books.vault, shop.books.tenant.public, gone, shop.now)

    assert shop.refund(waiting).state == "declined"
    assert shop.do(store.refunded, shop.story.id) == 2_000
    assert shop.balances() == {"revenue": 2_000, "refunds": 2_000}


def test_a_restart_makes_what_was_being_sent_unknown(shop: Shop) -> None:
    refund_id = shop.ask()
    shop.do(units.claim, refund_id, shop.now)

    assert shop.do(units.recover, shop.now) == 1
    assert shop.refund(refund_id).state == "unknown"
    assert shop.do(units.claim, refund_id, shop.now) is None


def test_two_workers_send_one_reversal(shop: Shop) -> None:
    refund_id = shop.ask()

    assert [shop.do(units.claim, refund_id, shop.now) is not None for _ in range(2)] == [True, False]


# --- cash, parts, limits, two persons ---


def test_cash_leaves_the_drawer_of_whoever_hands_it_over(shop: Shop) -> None:
    shop.ask(shop.cashier, way="cash")

    assert shop.pass_state == "ended"
    assert shop.balances() == {"mpesa": 2_000, "revenue": 2_000, "refunds": 2_000, "cash": -2_000}


def test_parts_of_a_payment_come_to_no_more_than_it(shop: Shop) -> None:
    for n, minor in enumerate((500, 1_200, 300)):
        shop.ask(way="cash", amount=Money(minor), key=f"part {n}", ends_pass=False)
    with pytest.raises(Refused, match="refund-more"):
        shop.ask(way="cash", amount=Money(1), key="part 9")

    assert shop.pass_state == "waiting"
    assert shop.balances()["refunds"] == 2_000


def test_a_form_that_is_sent_twice_gives_back_once(shop: Shop) -> None:
    first = shop.ask(way="cash", amount=Money(500))
    with pytest.raises(Refused, match="refund-there") as there:
        shop.ask(way="cash", amount=Money(500))

    assert there.value.values == {"refund": first}
    assert shop.balances()["refunds"] == 500


def test_a_reversal_takes_the_whole_receipt(shop: Shop) -> None:
    with pytest.raises(Refused, match="refund-reversal-part"):
        shop.ask(amount=Money(500))


@pytest.mark.parametrize("minor", [0, -100, 2_001])
def test_an_odd_amount_is_refused(shop: Shop, minor: int) -> None:
    with pytest.raises(Refused, match="refund-amount"):
        shop.ask(way="cash", amount=Money(minor))


def test_each_role_has_its_limit(shop: Shop) -> None:
    small = Rules(most={"owner": None, "manager": None, "cashier": 1_000})
    with pytest.raises(Refused, match="refund-limit"):
        shop.ask(shop.cashier, small)
    with pytest.raises(Refused, match="refund-limit"):
        shop.ask(units.Who(id=shop.owner.id, role="support"), small)
    shop.ask(shop.cashier, small, way="cash", amount=Money(1_000))


def test_a_large_refund_needs_two_persons(shop: Shop) -> None:
    refund_id = shop.ask(shop.manager, TWO)

    assert shop.refund(refund_id).state == "asked"
    assert shop.do(units.claim, refund_id, shop.now) is None
    for who, why in ((shop.manager, "refund-same-person"), (shop.cashier, "refund-limit")):
        with pytest.raises(Refused, match=why):
            shop.do(units.approve, refund_id, who, TWO, shop.now)
    shop.do(units.approve, refund_id, shop.owner, TWO, shop.now)
    assert shop.refund(refund_id).decided_by == shop.owner.id
    assert shop.do(units.claim, refund_id, shop.now) is not None


def test_parts_of_a_payment_need_what_their_sum_needs(shop: Shop) -> None:
    small = Rules(most={"owner": None, "manager": None, "cashier": 1_000}, alone=1_200)
    shop.ask(shop.cashier, small, way="cash", amount=Money(1_000), key="part 1")
    with pytest.raises(Refused, match="refund-limit"):
        shop.ask(shop.cashier, small, way="cash", amount=Money(100), key="part 2")
    second = shop.ask(shop.manager, small, way="cash", amount=Money(300), key="part 3")

    assert shop.refund(second).state == "asked"
    assert shop.balances()["cash"] == -1_000


def test_large_cash_is_handed_over_after_somebody_agreed(shop: Shop) -> None:
    refund_id = shop.ask(shop.cashier, TWO, way="cash")
    with pytest.raises(Refused, match="refund-over"):
        shop.do(units.hand_over, refund_id, shop.cashier, shop.now)
    shop.do(units.approve, refund_id, shop.manager, TWO, shop.now)
    shop.do(units.hand_over, refund_id, shop.cashier, shop.now)
    with pytest.raises(Refused, match="refund-over"):
        shop.do(units.hand_over, refund_id, shop.cashier, shop.now)

    assert shop.balances()["cash"] == -2_000
    assert shop.refund(refund_id).drawer_id == shop.cashier.id


def test_what_is_declined_or_forgotten_releases_its_money(shop: Shop) -> None:
    first = shop.ask(shop.cashier, TWO, way="cash")
    shop.do(units.decline, first, shop.manager, "no reason", shop.now)
    second = shop.ask(shop.cashier, TWO, way="cash", key="form 2")
    shop.story.now += 8 * DAY
    shop.do(units.overdue, shop.now)

    assert [shop.refund(each).state for each in (first, second)] == ["declined", "declined"]
    assert shop.do(store.refunded, shop.story.id) == 0


def test_only_what_is_paid_is_given_back(shop: Shop) -> None:
    with pytest.raises(Refused, match="refund-unpaid"):
        shop.ask(payment_id=999)


def test_a_payment_without_its_receipt_cannot_be_reversed(shop: Shop) -> None:
    shop.books.connection.execute("UPDATE receipts SET payment_id = NULL")
    shop.books.connection.execute("DELETE FROM transfers WHERE kind = 'placed'")
    with pytest.raises(Refused, match="refund-reversal-receipt"):
        shop.ask()


def test_rules_are_kept_as_text() -> None:
    made = Rules(most={"owner": None, "cashier": 10}, alone=7)

    assert rules.read(made.as_text()) == made
    assert rules.read("") == Rules()
    assert Rules().may("owner", PRICE)


@pytest.mark.parametrize("guarded", [True, False])
def test_without_the_reservation_the_same_money_goes_back_twice(tmp_path: Path, guarded: bool) -> None:
    shop = Shop(tmp_path)
    if not guarded:
        shop.books.unguarded = " AND refunded_minor + :minor <= amount_minor"
    for n in range(2):
        try:
            shop.ask(way="cash", key=f"form {n}")
        except Refused:
            continue
    given = shop.balances()["refunds"]
    shop.books.connection.close()

    assert given == (2_000 if guarded else 4_000)
