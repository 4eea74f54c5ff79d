"""How long records are kept: an owner changes it within bounds after seeing what that removes; holds; the journal."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from portal import spans
from portal.clock import DAY, HOUR
from portal.privacy.retention import service, store
from portal.privacy.retention.periods import PERIODS
from portal.privacy.retention.room import Retention
from portal.units import Sql, Unit, value
from tests.console import guests
from tests.console.office import Office

PAGE = "/settings/retention"


def ticked(keep: str) -> dict[str, Any]:
    """One class of records, ticked in the form of a hold."""
    return {f"hold-{keep}": "1"}


async def a_note(o: Office, age_days: int) -> None:
    """A note about a device that nobody has written of since."""
    home, at = o.home, o.home.clock.now() - age_days * DAY
    device = await guests.device(home)
    by = await home.read(value, "SELECT MIN(id) FROM staff WHERE tenant_id = :tenant")
    await home.write(write_note, device, by, at)


def write_note(device: int, by: int, at: int) -> Unit[None]:
    yield Sql(
        "INSERT INTO notes (tenant_id, device_id, staff_id, text, written_at)"
        " VALUES (:tenant, :device, :by, 'called', :at)",
        {"device": device, "by": by, "at": at},
    )


async def notes(o: Office) -> int:
    return int(await o.home.read(value, "SELECT COUNT(*) FROM notes WHERE tenant_id = :tenant"))


async def days(o: Office, keep: str) -> int:
    known = await o.home.read(service.terms, o.home.tenant, o.home.clock.now())
    return int(known.days(keep))


async def test_every_class_stands_with_its_days_bounds_and_reason(o: Office) -> None:
    page = await (await o.of("owner")).get(PAGE)
    for each in PERIODS.values():
        assert each.title in page
        assert each.why_lowest in page


async def test_what_other_days_remove_is_said_before_they_are_kept(o: Office) -> None:
    who = await o.of("owner")
    await a_note(o, 400)
    shown = await who.get(f"{PAGE}/days", keep="support", days="300")
    assert "This will remove <b>1</b> row with the next run" in shown
    assert await days(o, "support") == PERIODS["support"].default
    await who.post(f"{PAGE}/days", keep="support", days="300", reason="our notice says so")
    assert await days(o, "support") == 300
    assert "will remove 1 row" in await who.get(PAGE, count="yes")
    await Retention(o.home.db, o.home.vault, o.home.clock).purge(o.home.tenant, o.home.clock.now(), "clock")
    assert await notes(o) == 0
    assert "1 of notes about devices" in await who.get(PAGE)


async def test_a_change_and_its_line_are_one(o: Office) -> None:
    who = await o.of("owner")
    await who.post(f"{PAGE}/days", keep="session", days="100", reason="our notice says so")
    last = (await o.acts())[-1]
    assert (last["act"], last["subject"]) == ("retention.days", "class:session")
    assert '"our notice says so"' in last["payload"]
    assert [each["act"] for each in await o.acts()].count("retention.days") == 1
    assert await o.verified()


@pytest.mark.parametrize(
    ("keep", "typed", "why"),
    [
        ("payment", "365", "seven years at least"),
        ("session", "89", "answerable for 90 days"),
        ("session", "731", "gone after 24 months"),
        ("session", "soon", "whole number of days"),
        ("session", "", "whole number of days"),
        ("session", "-5", "whole number of days"),
    ],
)
async def test_days_out_of_bounds_are_refused_with_the_reason(o: Office, keep: str, typed: str, why: str) -> None:
    who, was = await o.of("owner"), await days(o, keep)
    answer = await who.post(f"{PAGE}/days", 400, keep=keep, days=typed, reason="because")
    assert why in answer.text
    assert await days(o, keep) == was


async def test_without_a_reason_nothing_is_changed_and_the_days_stay_typed(o: Office) -> None:
    who = await o.of("owner")
    answer = await who.post(f"{PAGE}/days", 400, keep="session", days="100", reason=" ")
    assert 'value="100"' in answer.text
    assert await days(o, "session") == PERIODS["session"].default


async def test_a_class_that_is_not_there_and_a_fixed_one_are_refused(o: Office) -> None:
    who = await o.of("owner")
    for keep in ("guess", "nothing"):
        await who.post(f"{PAGE}/days", 400, keep=keep, days="1", reason="because")


@pytest.mark.parametrize("role", ["manager", "auditor"])
async def test_others_see_it_and_change_nothing(o: Office, role: str) -> None:
    who = await o.of(role)
    page = await who.get(PAGE)
    assert "Place a hold" not in page
    assert f"{PAGE}/days" not in page
    await who.post(f"{PAGE}/days", 403, keep="session", days="100", reason="because")
    await who.post(f"{PAGE}/hold", 403, reason="because", **ticked("session"))
    assert await days(o, "session") == PERIODS["session"].default


async def test_a_hold_keeps_records_until_it_is_lifted(o: Office) -> None:
    who, room = await o.of("owner"), Retention(o.home.db, o.home.vault, o.home.clock)
    await a_note(o, 4000)
    await who.post(f"{PAGE}/hold", reason="Order 12 of 2026", **ticked("support"))
    assert "Order 12 of 2026" in await who.get(PAGE)
    await room.purge(o.home.tenant, o.home.clock.now(), "clock")
    assert await notes(o) == 1
    hold = (await o.home.read(store.holds))[0]
    await who.post(f"{PAGE}/hold/{hold.id}/lift", reason="the case is over")
    assert (await o.acts())[-1]["act"] == "hold.lift"
    assert "Holds that are over" in await who.get(PAGE)
    await room.purge(o.home.tenant, o.home.clock.now(), "clock")
    assert await notes(o) == 0


async def test_a_hold_stands_to_the_end_of_its_last_day(o: Office) -> None:
    who, zone = await o.of("owner"), o.home.tenant.timezone
    today = spans.today(o.home.clock.now(), zone)
    last = (today + timedelta(days=3)).isoformat()
    await who.post(f"{PAGE}/hold", reason="Order 1", until=last, **ticked("session"))
    assert (await o.home.read(store.holds))[0].until == spans.midnight(today + timedelta(days=4), zone)


@pytest.mark.parametrize(
    "fields",
    [
        {"reason": "Order 1"},
        {"reason": "", "hold-session": "1"},
        {"reason": "Order 1", "hold-session": "1", "until": "2001-01-01"},
        {"reason": "Order 1", "hold-session": "1", "until": "9999-12-31"},
        {"reason": "Order 1", "hold-session": "1", "until": "2026-02-31"},
        {"reason": "x" * 301, "hold-session": "1"},
    ],
)
async def test_half_a_hold_is_refused_and_stays_typed(o: Office, fields: dict[str, str]) -> None:
    answer = await (await o.of("owner")).post(f"{PAGE}/hold", 400, **fields)
    assert "That is not possible" not in answer.text
    assert await o.home.read(store.holds) == []
    assert "hold.place" not in [each["act"] for each in await o.acts()]


async def test_a_hold_that_was_lifted_is_not_lifted_again(o: Office) -> None:
    who = await o.of("owner")
    await who.post(f"{PAGE}/hold", reason="Order 1", **ticked("session"))
    hold = (await o.home.read(store.holds))[0]
    await who.post(f"{PAGE}/hold/{hold.id}/lift", reason="over")
    await who.post(f"{PAGE}/hold/{hold.id}/lift", 404, reason="over")


async def test_a_run_that_broke_off_says_so(o: Office) -> None:
    who = await o.of("owner")
    await o.home.write(store.begin, "daily", "clock", o.home.clock.now() - 3 * HOUR)
    assert "broke off" in await who.get(PAGE)
    await o.home.write(store.begin, "daily", "clock", o.home.clock.now())
    assert "goes on" in await who.get(PAGE)
