"""The story of an alarm: one look is no alarm, one outage is one message, and a restart repeats nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from portal.clock import DAY, HOUR, MINUTE
from portal.units import Row, rows
from portal.watch import channels, ledger, store
from portal.watch.alarm import KINDS, Alarm
from portal.watch.ledger import Book, Patience
from tests.support import Seed, seed

HASTY = Patience(debounce_ms=0, calm_ms=0)


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Seed]:
    made = await seed(tmp_path)
    await listen(made)
    yield made
    await made.db.aclose()


async def listen(home: Seed, *wanted: str, public: str = "aa") -> int:
    kinds = wanted or tuple(KINDS)
    args = (home.vault, public, "webhook", "https://hooks.example.test/x", "whs_secret", kinds, home.clock.now())
    made: int = await home.write(channels.add, *args)
    return made


def down(since: int, **changes: Any) -> Alarm:
    fields: dict[str, Any] = {"kind": "router-down", "subject": "router:1", "severity": "grave", "text": "Down."}
    return Alarm(**{**fields, "since": since, **changes})


class Story:
    """Looks, one each minute."""

    def __init__(self, home: Seed, patience: Patience = ledger.PATIENCE) -> None:
        self.home = home
        self.book = Book(tenant=home.tenant, url="https://wifi.test", patience=patience)
        self.now = home.clock.now()
        self.since = self.now

    async def looks(self, pattern: str, alarm: Alarm | None = None, blind: frozenset[str] = frozenset()) -> None:
        """``x``: it is there, ``.``: it is not."""
        for each in pattern:
            self.now += MINUTE
            found = [alarm or down(self.since)] if each == "x" else []
            await self.home.write(ledger.keep, self.book, found, self.now, blind)

    async def messages(self) -> list[str]:
        found = await self.home.read(rows, "SELECT event FROM deliveries WHERE tenant_id = :tenant ORDER BY id")
        return [each["event"] for each in found]

    async def alarms(self) -> list[Row]:
        return list(await self.home.read(rows, "SELECT * FROM alarms WHERE tenant_id = :tenant ORDER BY id"))


async def test_one_look_is_a_suspicion_and_two_are_an_alarm(home: Seed) -> None:
    story = Story(home)
    await story.looks("x")
    assert await story.messages() == []
    await story.looks("x")
    assert await story.messages() == ["opened"]


async def test_a_suspicion_that_comes_to_nothing_leaves_nothing(home: Seed) -> None:
    story = Story(home)
    await story.looks("x.x.x.")
    assert await story.messages() == []
    assert await story.alarms() == []


async def test_without_the_second_look_each_blink_is_told(home: Seed) -> None:
    """The control of the test above."""
    story = Story(home, HASTY)
    await story.looks("x.x.")
    assert await story.messages() == ["opened", "closed", "opened", "closed"]


async def test_an_outage_is_told_once_and_its_end_with_how_long_it_was(home: Seed) -> None:
    story = Story(home)
    await story.looks("x" * 90 + "." * 30)
    (alarm,) = await story.alarms()
    bodies = await home.read(rows, "SELECT body FROM deliveries WHERE tenant_id = :tenant ORDER BY id")

    assert await story.messages() == ["opened", "closed"]
    assert alarm["closed_at"] is not None
    assert "after 1 h 31 min" in json.loads(bodies[1]["body"])["text"]


async def test_a_router_that_flaps_is_one_message_and_without_patience_it_is_many(home: Seed) -> None:
    story = Story(home)
    await story.looks("xxxxx......" * 20)
    assert await story.messages() == ["opened"]

    hasty = Story(home, Patience(calm_ms=0))
    hasty.now = story.now
    await hasty.looks("." * 2 + "xxxxx......" * 20)
    assert (await story.messages()).count("opened") == 21, "the control"


async def test_one_that_comes_and_goes_slowly_all_day_is_told_a_few_times_only(home: Seed) -> None:
    """Down for 6 minutes, up for 20, for a day: the more often it came, the longer it must be well."""
    story = Story(home)
    await story.looks(("x" * 6 + "." * 20) * 55)

    opened = (await story.messages()).count("opened")
    assert opened <= 4


async def test_a_restart_repeats_nothing(home: Seed) -> None:
    story = Story(home)
    await story.looks("xxx")
    again = Story(home)  # knows nothing but what is in the database
    again.now, again.since = story.now, story.since
    await again.looks("xxx")
    assert await again.messages() == ["opened"]


async def test_what_nothing_can_be_said_of_stays_as_it_is(home: Seed) -> None:
    story = Story(home)
    await story.looks("xx")
    await story.looks("." * 60, blind=frozenset({"router-down"}))
    assert [each["closed_at"] for each in await story.alarms()] == [None]
    await story.looks("." * 11)
    assert await story.messages() == ["opened", "closed"]


async def test_what_gets_worse_is_told_again_once(home: Seed) -> None:
    story = Story(home)
    mild = down(story.since, kind="balance", severity="warn", subject="Paybill")
    grave = down(story.since, kind="balance", severity="grave", subject="Paybill")
    await story.looks("xxx", mild)
    await story.looks("xxx", grave)
    await story.looks("xxx", mild)
    assert await story.messages() == ["opened", "worse"]


async def test_a_muted_alarm_says_nothing_more_until_it_is_over(home: Seed) -> None:
    story = Story(home)
    await story.looks("xx")
    (alarm,) = await story.alarms()
    await home.write(store.change, alarm["id"], muted_at=story.now)
    await story.looks("xxxxx" + "." * 12)
    assert await story.messages() == ["opened"]
    story.since = story.now
    await story.looks("xx")
    assert await story.messages() == ["opened", "opened"], "the next outage is told again"


async def test_only_those_who_want_a_kind_hear_of_it(home: Seed) -> None:
    other = await listen(home, "balance", public="bb")
    story = Story(home)
    await story.looks("xx")
    told = await home.read(rows, "SELECT channel_id FROM deliveries WHERE tenant_id = :tenant")
    assert [each["channel_id"] for each in told] == [other - 1]


async def test_whoever_did_not_hear_of_the_beginning_does_not_hear_of_the_end(home: Seed) -> None:
    story = Story(home)
    await story.looks("xx")
    await listen(home, public="late")
    await story.looks("." * 12)
    told = await home.read(rows, "SELECT DISTINCT channel_id FROM deliveries WHERE tenant_id = :tenant")
    assert len(told) == 1


async def test_an_alarm_and_its_message_are_written_together_or_not_at_all(home: Seed) -> None:
    story = Story(home)
    await story.looks("x")

    def torn() -> Any:
        yield from ledger.keep(story.book, [down(story.since)], story.now + MINUTE)
        raise RuntimeError("the power went")

    with pytest.raises(RuntimeError):
        await home.write(torn)
    assert await story.messages() == []
    assert [each["opened_at"] for each in await story.alarms()] == [None]
    await story.looks("x")
    assert await story.messages() == ["opened"]


async def test_a_message_holds_what_a_reader_needs_and_is_the_same_for_all(home: Seed) -> None:
    story = Story(home)
    await story.looks("xx")
    (row,) = await home.read(rows, "SELECT public, body FROM deliveries WHERE tenant_id = :tenant")
    said = json.loads(row["body"])

    assert said["id"] == row["public"]
    assert said["event"] == "alarm.opened"
    assert said["url"] == "https://wifi.test/console/alarms"
    assert said["do"] == KINDS["router-down"].do
    assert said["isp"] == home.tenant.name


async def test_how_often_it_came_counts_for_a_day(home: Seed) -> None:
    story = Story(home)
    await story.looks("xx" + "." * 12)
    assert await home.read(store.times_lately, "router-down", "router:1", story.now - DAY) == 1
    assert await home.read(store.times_lately, "router-down", "router:1", story.now + HOUR) == 0


async def test_a_clock_that_goes_back_keeps_no_alarm_from_opening_or_from_ending(home: Seed) -> None:
    story = Story(home)
    story.now += 2 * DAY
    await story.looks("x")
    story.now -= 2 * DAY
    await story.looks("xx")
    assert await story.messages() == ["opened"]
    story.now += 2 * DAY
    await story.looks(".")
    story.now -= 2 * DAY
    await story.looks("." * 60)
    assert await story.messages() == ["opened", "closed"]
