"""Clearing the log of sessions: with its effect, a reason and a password; never beside a hold; its end can be seen."""

from __future__ import annotations

import asyncio
from typing import Any

from portal.clock import HOUR, MINUTE
from portal.privacy.retention import service, store
from portal.privacy.retention.room import Retention
from portal.units import Sql, Unit, value
from tests.console import guests
from tests.console.office import Office

PAGE, CLEAR = "/settings/retention", "/settings/retention/clear"
HOLD: dict[str, Any] = {"hold-session": "1"}


async def sessions(o: Office, many: int) -> None:
    """So many sessions that have ended just now, and one that goes on."""
    home = o.home
    device = await guests.device(home)
    for n in range(many + 1):
        began = home.clock.now() - HOUR - n * MINUTE
        await home.write(_session, device, home.router_id, began, began + MINUTE if n else None)


def _session(device: int, router: int, began: int, ended: int | None) -> Unit[None]:
    yield Sql(
        "INSERT INTO sessions (tenant_id, router_id, device_id, started_at, seen_at, ended_at, online_ms, bytes_up,"
        " bytes_down, address) VALUES (:tenant, :router, :device, :began, :seen, :ended, 60000, 1, 1, '10.5.50.9')",
        {"router": router, "device": device, "began": began, "seen": ended or began + HOUR, "ended": ended},
    )


async def left(o: Office) -> int:
    return int(await o.home.read(value, "SELECT COUNT(*) FROM sessions WHERE tenant_id = :tenant"))


def room(o: Office) -> Retention:
    return Retention(o.home.db, o.home.vault, o.home.clock)


async def test_what_would_go_is_counted_before_and_nothing_is_done_by_looking(o: Office) -> None:
    await sessions(o, 3)
    page = await (await o.of("owner")).get(CLEAR)
    assert "3 rows will go" in page
    assert "3: sessions: who was online" in page
    assert await left(o) == 4
    assert await o.home.read(store.runs, 9) == []


async def test_the_service_clears_what_was_asked_for_and_the_page_says_so(o: Office) -> None:
    await sessions(o, 3)
    who, purge = await o.of("owner"), room(o)
    await who.post(CLEAR, reason="we moved out")
    waiting = await who.get(PAGE)
    assert "goes on" in waiting
    assert 'hx-trigger="every 2s"' in waiting
    assert await purge.run_once() >= 3
    assert await left(o) == 1
    done = await who.get(PAGE)
    assert "all sessions cleared" in done
    assert "3 of sessions: who was online" in done
    assert 'hx-trigger="every 2s"' not in done
    acts = [each["act"] for each in await o.acts()]
    assert acts[-2:] == ["retention.clear", "retention.run"]
    assert '"we moved out"' in (await o.acts())[-2]["payload"]
    assert await o.verified()


async def test_the_service_is_woken_and_one_that_broke_off_goes_on(o: Office) -> None:
    await sessions(o, 250)
    who, purge = await o.of("owner"), room(o)
    await who.post(CLEAR, reason="we moved out")
    async with asyncio.timeout(60):  # of the hour that it would wait otherwise
        await purge.loop.wait()
    run, by = (await o.home.read(service.clearings, o.home.tenant))[0]
    rule = next(each for each in run.rules if each.name == "sessions")
    ids = await o.home.read(service.search, run, rule, o.home.clock.now(), 100)
    await o.home.write(service.batch, o.home.vault, run, rule, ids, o.home.clock.now())  # and then the power went
    assert by.startswith("staff:")
    await room(o).run_once()
    assert await left(o) == 1
    assert [(each.kind, each.taken) for each in await o.home.read(store.runs, 9) if each.kind == "clear"] == [
        ("clear", 250)
    ]


async def test_beside_a_hold_it_is_refused_in_words(o: Office) -> None:
    await sessions(o, 2)
    who = await o.of("owner")
    await who.post(f"{PAGE}/hold", reason="Order 12", **HOLD)
    assert "before it is lifted" in await who.get(CLEAR)
    answer = await who.post(CLEAR, 409, reason="we moved out")
    assert "A hold stands on these records" in answer.text
    await room(o).run_once()
    assert await left(o) == 3
    assert "retention.clear" not in [each["act"] for each in await o.acts()]


async def test_a_hold_that_comes_after_it_was_asked_for_counts(o: Office) -> None:
    await sessions(o, 2)
    who = await o.of("owner")
    await who.post(CLEAR, reason="we moved out")
    await who.post(f"{PAGE}/hold", reason="Order 12", **HOLD)
    await room(o).run_once()
    assert await left(o) == 3


async def test_it_needs_a_reason_the_password_and_an_owner(o: Office) -> None:
    await sessions(o, 2)
    who, manager = await o.of("owner"), await o.of("manager")
    await who.post(CLEAR, 400, reason=" ")
    await manager.post(CLEAR, 403, reason="because")
    o.home.clock.advance(11 * MINUTE)
    asked = await who.post(CLEAR, 403, reason="we moved out")
    assert "Your password once more" in asked.text
    assert 'value="we moved out"' in asked.text
    assert await o.home.read(service.clearings, o.home.tenant) == []


async def test_it_is_not_asked_for_twice_at_once(o: Office) -> None:
    await sessions(o, 2)
    who = await o.of("owner")
    await who.post(CLEAR, reason="we moved out")
    assert "being cleared already" in (await who.post(CLEAR, 409, reason="we moved out")).text
    assert len(await o.home.read(service.clearings, o.home.tenant)) == 1


async def test_a_run_that_broke_off_is_an_alarm_until_another_one_ends(o: Office) -> None:
    now = o.home.clock.now()
    await o.home.write(store.begin, "daily", "clock", now - 3 * HOUR)
    assert await o.home.read(service.broke_off, now) == now - 3 * HOUR
    assert await o.home.read(service.broke_off, now - 2 * HOUR) is None, "it may still go on"
    made = await o.home.write(store.begin, "daily", "clock", now - HOUR)
    assert await o.home.read(service.broke_off, now) == now - 3 * HOUR
    await o.home.write(store.end, made, now)
    assert await o.home.read(service.broke_off, now) is None
