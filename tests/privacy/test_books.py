"""What was really paid and really used: a purge of all that may go leaves the books and the invariants as they were."""

from __future__ import annotations

from portal.access import store as access
from portal.audit import store as audit
from portal.clock import DAY
from portal.payments import store as payments
from portal.people import store as people
from portal.phone import Phone
from tests.privacy.trade import YEARS, Trade


async def test_the_books_are_the_same_before_and_after(trade: Trade) -> None:
    for n in (1, 2, 3):
        trade.sell(n)
    before, transfers = trade.balances(), trade.all_of("transfers")
    amounts = [(each["public"], each["amount_minor"], each["state"]) for each in trade.all_of("payments")]
    assert (before["revenue"], trade.breaches()) == (6000, [])

    trade.clock.advance(8 * YEARS)
    taken = await trade.purge()

    assert {"usage", "presence", "passes", "devices", "persons", "inbox", "payments", "receipts"} <= set(taken)
    assert trade.balances() == before
    assert trade.all_of("transfers") == transfers
    assert amounts == [(each["public"], each["amount_minor"], each["state"]) for each in trade.all_of("payments")]
    assert trade.breaches() == []
    assert trade.ledger.connection.orphans() == []
    assert trade.ledger.run(audit.verify_all(trade.ledger.vault)) is None


async def test_nobody_is_left_in_what_is_kept(trade: Trade) -> None:
    trade.sell(1)
    trade.clock.advance(8 * YEARS)
    await trade.purge()

    (person,), (device,) = trade.all_of("persons"), trade.all_of("devices")
    assert (person["phone_sealed"], person["phone_index"], person["key_sealed"]) == (None, None, None)
    assert (device["mac"], device["person_id"]) == (f"gone-{device['id']}", None)
    assert [each["phone_tail"] for each in trade.all_of("payments")] == [None]
    assert [(each["payer_tail"], each["payer_index"]) for each in trade.all_of("receipts")] == [(None, None)]
    assert [each["body_sealed"] for each in trade.all_of("inbox")] == [None]
    assert (trade.all_of("usage"), trade.all_of("presence")) == ([], [])
    whole = "\n".join(trade.ledger.connection.iterdump())
    assert "02:00:00:00:00:01" not in whole
    assert "10.5.50.9" not in whole


async def test_a_guest_who_comes_back_is_known_as_somebody_new(trade: Trade) -> None:
    trade.sell(1)
    trade.clock.advance(8 * YEARS)
    await trade.purge()

    vault, now = trade.ledger.vault, trade.clock.now()
    device = trade.ledger.run(access.touch_device("02:00:00:00:00:01", None, now))
    person = trade.ledger.run(people.person_for(vault, trade.ledger.tenant.id, Phone("254712345671"), now))

    assert (device.id, person) == (2, 2)
    assert trade.breaches() == []


async def test_a_guest_with_time_left_and_one_who_is_online_are_not_touched(trade: Trade) -> None:
    """Their rows are made older than any limit: they are kept for what they are, and not for their age."""
    waiting, running = trade.sell(1, used=False), trade.sell(2, used=False)
    trade.online(2)
    tables = ("passes", "devices", "persons", "presence", "usage", "pass_devices")
    old = trade.clock.now() - 9 * YEARS
    for text in (
        "UPDATE devices SET last_seen_at = ?", "UPDATE persons SET last_seen_at = ?", "UPDATE presence SET seen_at = ?",
        "UPDATE passes SET bought_at = ?", "UPDATE usage SET updated_at = ?",
    ):  # fmt: skip
        trade.ledger.connection.execute(text, (old,))
    before = {table: trade.all_of(table) for table in tables}
    assert [each["state"] for each in before["passes"]] == ["waiting", "running"]

    assert await trade.purge() == {}

    assert {table: trade.all_of(table) for table in tables} == before
    # and it is their passes alone that kept them
    for story in (waiting, running):
        text = "UPDATE passes SET state = 'ended', ended_at = ? WHERE cause_ref = ?"
        trade.ledger.connection.execute(text, (old, story.public))
    assert set(await trade.purge()) == {"usage", "presence", "passes", "devices", "persons"}


async def test_a_device_that_keepers_alone_saw_is_not_forgotten(trade: Trade) -> None:
    trade.sell(1)
    old = trade.clock.now() - 3 * YEARS
    trade.ledger.connection.execute("UPDATE devices SET last_seen_at = ?", (old,))
    trade.ledger.connection.execute("UPDATE persons SET last_seen_at = ?", (old,))
    assert await trade.purge() == {}

    trade.clock.advance(731 * DAY)
    assert {"devices", "persons"} <= set(await trade.purge())


async def test_a_blocked_device_is_forgotten_with_its_block(trade: Trade) -> None:
    """Or its router would be asked to keep off an address that is none."""
    trade.sell(1)
    trade.ledger.run(access.set_block(1, trade.clock.now()))
    trade.clock.advance(800 * DAY)
    await trade.purge()

    assert trade.ledger.run(access.blocked_devices()) == []


async def test_a_message_that_was_not_settled_yet_stays(trade: Trade) -> None:
    story = trade.sell(1)
    trade.ledger.connection.execute("UPDATE inbox SET processed_at = NULL")
    trade.clock.advance(200 * DAY)
    assert "inbox" not in await trade.purge()
    assert story.row.state == "paid"


async def test_evidence_that_is_gone_is_not_looked_at_again(trade: Trade) -> None:
    trade.sell(1)
    trade.ledger.connection.execute("UPDATE inbox SET verdict = 'doubtful'")
    assert len(trade.ledger.run(payments.look_again(1))) == 1
    trade.ledger.connection.execute("UPDATE inbox SET processed_at = 5")
    trade.clock.advance(200 * DAY)
    assert (await trade.purge())["inbox"] == 1

    assert trade.ledger.run(payments.look_again(1)) == []
