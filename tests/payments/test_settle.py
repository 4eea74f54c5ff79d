"""Any evidence in any order: at most one pass, and the guards that hold it, each shown by taking it away."""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.clock import MINUTE, SECOND
from portal.errors import ProviderRefused, ProviderUnknown
from portal.payments import orders, reconcile
from portal.payments.provider import Accepted
from portal.place import Place, Server
from tests.hand import on_disk
from tests.payments.story import START, Ledger, Story
from tests.raw import asked, changed
from tests.support import examples, fresh_place

EVENTS: dict[str, Any] = {
    "claimed": lambda s: s.claimed(),
    "accepted": lambda s: s.pushed(),
    "refused": lambda s: s.pushed(ProviderRefused("busy")),
    "lost": lambda s: s.pushed(ProviderUnknown()),
    "success": lambda s: s.callback(),
    "success again": lambda s: s.callback(),
    "failure": lambda s: s.callback(1032),
    "unlisted": lambda s: s.callback(2029),
    "c2b": lambda s: s.c2b(),
    "till c2b": lambda s: s.c2b(ref=""),
    "query paid": lambda s: s.query("0"),
    "query failed": lambda s: s.query("1037"),
    "query pending": lambda s: s.query("4999"),
    "time": lambda s: s.time_passes(),
    "restart": lambda s: s.restart(),
    "wrong amount": lambda s: s.callback(receipt="UKM0000WRG", amount=1.0),
    "wrong ids": lambda s: s.callback(receipt="UKM0000IDS", ids="x"),
    "another receipt": lambda s: s.callback(receipt="UKM0000TWO"),
}
MONEY = {"success", "success again", "c2b"}
FOREIGN = {"wrong amount", "wrong ids", "another receipt"}


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    made = Ledger(fresh_place(tmp_path_factory.mktemp("ledger")))
    yield made
    made.connection.close()


@settings(max_examples=examples(300), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(st.sampled_from(sorted(EVENTS)), max_size=14))
def test_any_evidence_in_any_order_makes_at_most_one_pass_and_paid_stays_paid(
    ledger: Ledger, events: list[str]
) -> None:
    with ledger.trial():
        story, paid = Story(ledger), False
        for name in events:
            EVENTS[name](story)
            state = story.row.state
            assert not paid or state == "paid"
            paid = state == "paid"
            assert ledger.count("passes") == paid

        if MONEY & set(events) and not FOREIGN & set(events):
            assert paid  # whoever paid has a pass, whatever else was said (I1)
        if FOREIGN & set(events) and not paid:
            assert ledger.lines()


@pytest.mark.parametrize("order", list(itertools.permutations(["success", "c2b", "query paid", "failure"])), ids=str)
def test_all_orders_of_the_channels_end_in_one_pass_with_its_receipt(ledger: Ledger, order: tuple[str, ...]) -> None:
    with ledger.trial():
        story = Story(ledger)
        story.claimed()
        story.pushed()
        for name in order:
            EVENTS[name](story)

        assert (ledger.count("passes"), ledger.count("receipts")) == (1, 1)
        assert (story.row.state, story.row.receipt_state) == ("paid", "here")


def test_a_receipt_that_was_waiting_belongs_to_the_payment_that_a_query_settles(ledger: Ledger) -> None:
    with ledger.trial():
        story = Story(ledger)
        story.claimed()
        story.pushed()
        ledger.connection.execute("UPDATE payments SET state = 'review'")  # it cannot match when it comes
        first = story.c2b(ref="")
        ledger.connection.execute("UPDATE payments SET state = 'awaiting'")
        story.query("0")

        assert (first, story.row.receipt_state, ledger.lines()) == ("unmatched-money", "here", set())


def test_two_receipts_that_wait_are_for_staff(ledger: Ledger) -> None:
    with ledger.trial():
        story = Story(ledger)
        story.claimed()
        story.pushed()
        ledger.connection.execute("UPDATE payments SET state = 'review'")
        story.c2b(ref="", receipt="UKM0000001")
        story.c2b(ref="", receipt="UKM0000002")
        ledger.connection.execute("UPDATE payments SET state = 'awaiting'")
        story.query("0")

        assert (story.row.receipt_state, "two-candidates" in ledger.lines()) == ("to come", True)


def test_a_wrong_amount_by_hand_goes_to_staff(ledger: Ledger) -> None:
    with ledger.trial():
        story = Story(ledger)
        story.c2b(amount="19.00")

        assert (story.row.state, story.row.reason, ledger.count("passes")) == ("review", "wrong-amount", 0)


def test_money_to_a_number_that_is_not_the_accounts_goes_to_staff(ledger: Ledger) -> None:
    with ledger.trial():
        story = Story(ledger)
        said = {"TransID": "UKM0000001", "TransAmount": "20.00", "BusinessShortCode": "600000", "MSISDN": "x"}
        verdict = story.say("c2b-confirm", said, account_id=story.account.id)

        assert (verdict, story.row.state, ledger.lines()) == ("wrong-shortcode", "created", {"wrong-shortcode"})


def test_in_a_closed_shop_money_is_kept_and_no_pass_is_made(ledger: Ledger) -> None:
    with ledger.trial():
        story = Story(ledger)
        story.claimed()
        story.pushed()
        body = {"ResponseCode": "0", "ResultCode": "0"}
        ledger.run(reconcile.heard(ledger.vault, story.id, json.dumps(body).encode(), story.now, open_shop=False))

        assert (story.row.state, ledger.lines(), ledger.count("passes")) == ("review", {"tenant-closed"}, 0)


# --- the guards: each test has a twin on a database without the guard, in which the harm is done ---


def without_unique(place: Place, table: str, columns: str) -> None:
    """Take one of its unique constraints from a table."""
    if isinstance(place, Server):
        (row,) = asked(
            place,
            "SELECT conname AS name FROM pg_constraint WHERE conrelid = ?::regclass AND pg_get_constraintdef(oid) = ?",
            *(table, f"UNIQUE ({columns})"),
        )
        changed(place, f"ALTER TABLE {table} DROP CONSTRAINT {row['name']}")
        return
    raw = sqlite3.connect(place)
    (text,) = raw.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    lines = [line for line in text.splitlines() if not ("UNIQUE" in line and f"({columns})" in line)]
    assert len(lines) == len(text.splitlines()) - 1
    weaker = "\n".join(lines).replace(f"CREATE TABLE {table}", f"CREATE TABLE weaker_{table}")
    raw.execute("PRAGMA foreign_keys=OFF")
    raw.execute(weaker.replace(", \n)", "\n)").replace(",\n)", "\n)"))
    raw.execute(f"DROP TABLE {table}")
    raw.execute(f"ALTER TABLE weaker_{table} RENAME TO {table}")
    raw.commit()
    raw.close()


@pytest.mark.parametrize("guarded", [True, False])
@pytest.mark.parametrize("foreign", [False, True])
def test_a_receipt_pays_once_over_all_payments_and_tenants(tmp_path: Path, guarded: bool, foreign: bool) -> None:
    place = fresh_place(tmp_path)
    if not guarded:
        without_unique(place, "receipts", "provider, environment, number")
    ledger = Ledger(place)
    first = Story(ledger, n=1)
    second = Story(ledger, n=2, tenant=ledger.other if foreign else None)
    for story in (first, second):
        story.claimed()
        story.pushed()
        story.callback(receipt="UKM0000001")
    harm = ledger.count("passes")
    ledger.connection.close()

    assert harm == (1 if guarded else 2)


def test_the_second_of_a_receipt_is_told_to_staff_and_says_nothing_of_the_other_tenant(tmp_path: Path) -> None:
    ledger = Ledger(fresh_place(tmp_path))
    first, second = Story(ledger, n=1), Story(ledger, n=2, tenant=ledger.other)
    for story in (first, second):
        story.claimed()
        story.pushed()
        story.callback(receipt="UKM0000001")
    (line,) = ledger.connection.execute("SELECT * FROM exceptions").fetchall()
    ledger.connection.close()

    assert (line["tenant_id"], line["kind"]) == (ledger.other.id, "receipt-elsewhere")
    assert first.public not in line["detail"]
    assert ledger.tenant.name not in line["detail"].split()


@pytest.mark.parametrize("guarded", [True, False])
def test_a_payment_makes_one_pass_even_if_its_state_was_lost(tmp_path: Path, guarded: bool) -> None:
    place = fresh_place(tmp_path)
    ledger = Ledger(place)
    if not guarded:
        without_unique(place, "passes", "tenant_id, cause_kind, cause_ref")
        ledger.unguarded = "ON CONFLICT (tenant_id, cause_kind, cause_ref) DO NOTHING"
    story = Story(ledger)
    story.claimed()
    story.pushed()
    story.callback()
    ledger.connection.execute("UPDATE payments SET state = 'awaiting', settled_at = NULL")
    story.callback()
    harm = ledger.count("passes")
    ledger.connection.close()

    assert harm == (1 if guarded else 2)


def test_a_receipt_of_one_environment_is_not_one_of_the_other(ledger: Ledger) -> None:
    with ledger.trial():
        first, second = Story(ledger, n=1), Story(ledger, n=2)
        ledger.connection.execute("UPDATE payments SET environment = 'production' WHERE id = ?", (second.id,))
        for story in (first, second):
            story.claimed()
            story.pushed()
            story.callback(receipt="UKM0000001")

        assert (ledger.states(), ledger.count("passes")) == (["paid", "paid"], 2)


def test_a_push_reply_after_the_callback_keeps_ids_and_changes_nothing_else(ledger: Ledger) -> None:
    with ledger.trial():
        for outcome in (None, ProviderRefused("busy"), ProviderUnknown()):
            story = Story(ledger, n=3 + (outcome is not None) + isinstance(outcome, ProviderUnknown))
            story.claimed()
            story.callback(1032)
            story.pushed(outcome)
            assert (story.row.state, story.row.reason) == ("failed", "cancelled")


def test_a_restart_makes_submitting_unknown_and_sends_only_what_is_fresh(ledger: Ledger) -> None:
    with ledger.trial():
        sending, fresh = Story(ledger, n=1), Story(ledger, n=2)
        sending.claimed()
        unsent = ledger.run(orders.recover(START + SECOND))
        late = ledger.run(orders.recover(START + 2 * MINUTE))

        assert (sending.row.state, unsent, late) == ("submit_unknown", [fresh.id], [])
        assert (fresh.row.state, fresh.row.reason) == ("failed", "not-sent")


def test_nothing_personal_is_readable_in_the_file(tmp_path: Path) -> None:
    place = fresh_place(tmp_path)
    ledger = Ledger(place)
    story = Story(ledger)
    story.claimed()
    story.pushed(Accepted(merchant_request="m1", checkout_request="ws_CO_22112026163000712345671"))
    story.callback(1032)
    ledger.connection.close()
    data = on_disk(place)

    assert story.public.encode() in data
    assert not [each for each in (b"712345671", b"ws_CO_", b"stkCallback") if each in data]
