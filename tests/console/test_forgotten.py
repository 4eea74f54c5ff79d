"""A device whose MAC was purged is nobody's: no router hears of it, and nobody can do anything to it."""

from __future__ import annotations

import pytest

from portal.access import record
from portal.access import store as access
from portal.clock import DAY
from portal.privacy.retention.room import Retention
from tests.console import guests
from tests.console.office import Office
from tests.console.test_guests import at, search


@pytest.fixture
async def gone(o: Office) -> int:
    """A device that paid, was blocked, and was forgotten two years later."""
    device, s = await guests.device(o.home), o.home
    await guests.paid(s, device)
    await s.write(access.set_block, device, s.clock.now())
    s.clock.advance(100 * DAY)
    await s.write(record.let_time_act, s.clock.now())
    s.clock.advance(800 * DAY)
    taken = await Retention(s.db, s.vault, s.clock).purge(s.tenant, s.clock.now(), "clock")
    assert taken["devices"] == 1
    return device


async def test_no_router_is_told_of_it(o: Office, gone: int) -> None:
    assert await o.home.read(access.blocked_devices) == []
    assert await o.home.read(record.wanted, o.home.router_id, [gone], [], o.home.clock.now()) == []


@pytest.mark.parametrize("act", ["/block", "/kick", "/connect", "/extend", "/note"])
async def test_nothing_can_be_done_to_it(o: Office, gone: int, act: str) -> None:
    who = await o.of("owner")
    key = "0123456789abcdef"
    fields = {
        "csrf": await who.token(),
        "reason": "why",
        "text": "a note",
        "minutes": "5",
        "unit": "minutes",
        "key": key,
    }
    assert (await who.http.post(f"/console{at(gone, act)}", data=fields)).status_code in (400, 404)
    assert await guests.state_of(o.home, gone) is None


async def test_its_page_is_gone_and_its_receipt_is_still_found(o: Office, gone: int) -> None:
    who = await o.of("owner")
    assert (await who.http.get(f"/console{at(gone)}")).status_code == 404
    assert guests.RECEIPT in await search(who, guests.RECEIPT)
    listed = await who.http.get("/console/payments")
    assert listed.status_code == 200
    for path in ("/online", "/vouchers", "/guests", "/books", "/alarms"):
        assert (await who.http.get(f"/console{path}")).status_code == 200


async def test_who_comes_back_is_somebody_new(o: Office, gone: int) -> None:
    again = await guests.device(o.home)
    assert again != gone
    assert await o.home.read(access.device, again) is not None
