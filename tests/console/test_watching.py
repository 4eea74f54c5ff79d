"""Watching usage: how much each device moved, how fast it is, and who moves most."""

from __future__ import annotations

import re

from portal.access import record
from portal.access.places import store as places
from portal.access.record import Sighting
from portal.clock import MINUTE, SECOND
from portal.console.online import store
from portal.console.online.screens import PAGE
from portal.sessions.meter import Reading
from tests.console import guests
from tests.console.office import Office
from tests.console.plans_of_queries import plans, scans
from tests.console.test_online import MAC, second_site
from tests.support import on_postgres


async def read(o: Office, device_id: int, up: int, down: int, uptime_s: int) -> None:
    """Its router is read now."""
    now = o.home.clock.now()
    counted = Reading(read_at=now, active_uptime_s=uptime_s, active_bytes_in=up, active_bytes_out=down)
    one = Sighting(device_id=device_id, reading=counted, address="10.5.50.9")
    await o.home.write(record.record, o.home.router_id, [one], now)


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).replace("\u00a0", " ").split())


async def test_the_list_says_how_much_and_how_fast_up_and_down(o: Office) -> None:
    who, device_id = await o.of("support"), await guests.device(o.home)
    await read(o, device_id, 1_000_000, 10_000_000, 60)
    assert "at the next reading" in words(await who.get("/online"))
    o.home.clock.advance(10 * SECOND)
    await read(o, device_id, 2_000_000, 15_000_000, 70)

    told = words(await who.get("/online"))

    assert "17 MB 15 MB down, 2 MB up" in told
    assert re.search(r"(3\.\d|4) Mbps down [78]\d\d(\.\d)? kbps up", told)  # a test takes a moment, too
    assert "10.5.50.9" in told


async def test_a_reading_that_is_old_shows_no_speed(o: Office) -> None:
    who, device_id = await o.of("support"), await guests.device(o.home)
    await read(o, device_id, 0, 0, 60)
    o.home.clock.advance(10 * SECOND)
    await read(o, device_id, 2_000_000, 15_000_000, 70)
    assert "Mbps" in words(await who.get("/online"))
    o.home.clock.advance(2 * MINUTE)  # its keeper leaves it as it is for so long
    await o.home.write(places.still_here, o.home.router_id, [device_id], o.home.clock.now())
    assert "Mbps" in words(await who.get("/online"))
    o.home.clock.advance(MINUTE + 5 * SECOND)

    told = words(await who.get("/online"))

    assert "Mbps" not in told
    assert "read 3 min ago" in told


async def test_the_list_of_most_data_has_pages_and_each_device_stands_on_one(o: Office) -> None:
    who, s = await o.of("support"), o.home
    for n in range(PAGE + 7):
        await guests.goes_online(s, await guests.device(s, n + 1), size=(n // 3) * 1_000_000)

    first = await who.get("/online", order="data")
    further = re.search(r"before=(\d+-\d+)", first)
    assert further is not None
    second = await who.get("/online", order="data", before=further[1])

    assert MAC.findall(first)[:1] == [guests.mac(PAGE + 7)]
    assert len(MAC.findall(first)) == PAGE
    assert sorted(MAC.findall(first) + MAC.findall(second)) == sorted(guests.mac(n + 1) for n in range(PAGE + 7))


async def test_site_and_order_stay_with_each_other_and_with_the_renewal(o: Office) -> None:
    who = await o.of("support")
    site_2 = await second_site(o)

    page = await who.get("/online", order="data", router=str(site_2))

    assert f'href="/console/online?router={site_2}"' in page  # latest first, at this site
    assert 'href="/console/online?order=data"' in page  # all sites, in this order
    assert f'hx-get="/console/online?router={site_2}&amp;order=data"' in page
    await who.get("/online", 400, order="mac")


async def test_both_orders_go_by_an_index(o: Office) -> None:
    for order in store.ORDERS:
        for before in (None, (5, 5)):
            found = plans(o.home, store.online(0, None, order, before, 51))
            assert scans(found, ("presence", "devices")) == []
            if not on_postgres():  # which chooses among the indexes of a table of a few rows as it likes
                assert any("ix_presence_tenant_id_online_since" in each for each in found)
