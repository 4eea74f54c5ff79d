"""What was really paid and really used: a purge of all that may go leaves the books and the invariants as they were."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portal import check
from portal.access import record
from portal.access import store as access
from portal.audit import store as audit
from portal.books import ledger as books
from portal.books import store as sums
from portal.clock import DAY, MINUTE, TravelClock
from portal.db import Database
from portal.payments import store as payments
from portal.people import store as people
from portal.phone import Phone
from portal.privacy.retention.room import Retention
from portal.sessions.meter import Reading
from tests.payments.story import START, Ledger, Story
from tests.support import fresh_file

YEARS = 365 * DAY


class Trade:
    """Two ISPs that sold, in a year long past."""

    def __init__(self, path: Path) -> None:
        self.ledger = Ledger(path)
        self.clock = TravelClock(start=START)
        self.clock.run_at(0)
        self.db = Database(path)
        self.room = Retention(self.db, self.ledger.vault, self.clock)

    def sell(self, n: int, *, used: bool = True) -> Story:
        """A payment and its pass; used up, unless it is still to be."""
        story = Story(self.ledger, n=n, now=self.clock.now(), tenant=self.ledger.tenant)
        story.claimed()
        story.pushed()
        assert story.callback() == "success"
        self.clock.advance(MINUTE)
        if used:
            self.online(n)
            self.clock.advance(70 * MINUTE)
            story.run(record.let_time_act(self.clock.now()))
        return story

    def online(self, n: int) -> None:
        """A keeper sees the device, which starts the clock of its pass."""
        now = self.clock.now()
        device = self.ledger.run(access.device_by_mac(f"02:00:00:00:00:{n:02X}"))
        assert device is not None
        reading = Reading(
            read_at=now, user_uptime_s=60, user_bytes_in=9, user_bytes_out=9,
            active_uptime_s=60, active_bytes_in=9, active_bytes_out=9,
        )  # fmt: skip
        seen = record.Sighting(device_id=device.id, reading=reading, address="10.5.50.9")
        router, _, _ = self.ledger.views[self.ledger.tenant.id]
        self.ledger.run(record.record(router.id, [seen], now))

    def balances(self) -> dict[str, int]:
        stands = books.balances(self.ledger.run(sums.sums(0, sums.EVER)), "KES")
        return {str(account): minor for account, minor in stands.items()}

    def breaches(self) -> list[str]:
        return self.ledger.run(check.breaches(self.clock.now()))

    def all_of(self, table: str) -> list[dict[str, object]]:
        return [dict(row) for row in self.ledger.connection.execute(f"SELECT * FROM {table} ORDER BY id")]

    async def purge(self) -> dict[str, int]:
        return await self.room.purge(self.ledger.tenant, self.clock.now(), "clock")


@pytest.fixture
async def trade(tmp_path: Path) -> AsyncIterator[Trade]:
    made = Trade(fresh_file(tmp_path))
    yield made
    await made.db.aclose()
    made.ledger.connection.close()


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
    assert trade.ledger.connection.execute("PRAGMA foreign_key_check").fetchall() == []
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
