"""A guest reads out their address: the router says who has it, and the search box finds the device."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from portal.access import record, store
from portal.access.places import store as places
from portal.access.record import Sighting
from portal.clock import MINUTE, SECOND
from portal.console.guests.clues import clues
from portal.console.guests.finding import find
from portal.mikrotik.sightings import ipv4
from portal.sessions.meter import Pace, Reading
from portal.tenancy import store as tenancy
from tests.console import guests
from tests.console.office import Office
from tests.console.plans_of_queries import plans, scans
from tests.console.test_guests import at, search
from tests.flows.site import ADDRESS, MAC, Site, a_site
from tests.hand import hand_on
from tests.support import add_router

IP = "10.5.50.11"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with a_site(tmp_path) as made:
        yield made


async def seen(o: Office, device_id: int, address: str, router_id: int = 0) -> None:
    """Its router sees it there now."""
    s = o.home
    one = Sighting(device_id=device_id, reading=Reading(read_at=s.clock.now()), address=address)
    await s.write(record.record, router_id or s.router_id, [one], s.clock.now())


# --- what the router says ---


async def test_the_address_of_a_guest_is_known_as_the_device_itself_has_it(site: Site) -> None:
    device = await site.arrive(to_address="10.9.9.9")
    await site.grant(device)
    await site.until(site.online)

    await site.polled()

    found = await site.seed.read(store.presence_at, site.seed.router_id, device.id)
    assert found.address == ADDRESS


async def test_another_address_of_the_same_device_takes_the_place_of_the_old_one(site: Site) -> None:
    device = await site.arrive()
    await site.polled()
    site.router.host_gone(MAC)
    site.router.host_seen(MAC, "10.5.50.77")

    await site.polled()

    assert [each.device_id for each in await site.seed.read(places.with_address, "10.5.50.77", 9)] == [device.id]
    assert await site.seed.read(places.with_address, ADDRESS, 9) == []


@pytest.mark.parametrize("said", ["", "0.0.0.0", "224.0.0.1", "127.0.0.1", "10.5.50", "::1", "<script>", "9" * 400])
def test_what_no_device_can_have_is_not_written_down(said: str) -> None:
    assert ipv4(said) is None


def poll(o: Office, sightings: Sequence[Sighting], now: int) -> list[str]:
    """The statements that a poll writes."""
    told: list[str] = []
    with closing(hand_on(o.home.db.place)) as hand:

        def heard(text: str, params: Mapping[str, Any]) -> Any:
            told.extend([text] if text.startswith(("INSERT", "UPDATE")) else [])
            return hand.ask(text, params)

        hand.run(record.record(o.home.router_id, sightings, now), o.home.tenant.id, heard)
    return told


async def test_a_poll_of_devices_that_stay_where_they_are_writes_no_address(o: Office) -> None:
    ids = [await guests.device(o.home, n) for n in range(1, 21)]
    now = o.home.clock.now()

    def sights(at: int, begin: int) -> list[Sighting]:
        return [
            Sighting(
                device_id=each,
                reading=Reading(read_at=at, active_uptime_s=(at - now) // SECOND + 9, active_bytes_in=at - now),
                address=f"10.5.50.{begin + n}",
            )
            for n, each in enumerate(ids)
        ]

    first = poll(o, sights(now, 10), now)
    again = poll(o, sights(now + 15 * SECOND, 10), now + 15 * SECOND)
    moved = poll(o, sights(now + 30 * SECOND, 60), now + 30 * SECOND)

    def addresses(told: list[str]) -> int:
        return sum(each.startswith("UPDATE presence SET address") for each in told)

    assert (addresses(first), addresses(again), addresses(moved)) == (20, 0, 20)
    assert len(again) == 20  # one row for each device, as before there were addresses


async def test_how_fast_a_device_is_follows_from_two_readings_of_one_session(o: Office) -> None:
    device_id, now = await guests.device(o.home), o.home.clock.now()

    async def read(after_s: int, up: int, down: int, uptime: int | None) -> Pace | None:
        at = now + after_s * SECOND
        counted = Reading(read_at=at, active_uptime_s=uptime, active_bytes_in=up, active_bytes_out=down)
        one = Sighting(device_id=device_id, reading=counted)
        await o.home.write(record.record, o.home.router_id, [one], at)
        pace: Pace | None = (await o.home.read(store.presence_at, o.home.router_id, device_id)).pace
        return pace

    assert await read(0, 0, 0, 10) is None
    assert await read(10, 1_000, 10_000, 20) == Pace(up=800, down=8_000)
    assert await read(12, 9_000, 90_000, 22) == Pace(up=800, down=8_000), "too soon to tell"
    assert await read(40, 5, 5, 3) is None, "another session"
    assert await read(60, 5, 5, None) is None, "offline"


# --- the search box ---


async def test_whoever_has_the_address_now_is_found_at_once(o: Office) -> None:
    who, device_id = await o.of("support"), await guests.device(o.home)
    await seen(o, device_id, IP)

    assert await search(who, IP) == f"/console{at(device_id)}"
    assert await search(who, f" ::ffff:{IP} ") == f"/console{at(device_id)}"
    page = await who.get(at(device_id))
    assert IP in page
    assert "now at Site 1" in " ".join(page.split())


async def test_the_same_address_at_two_sites_shows_both_devices(o: Office) -> None:
    who, s = await o.of("support"), o.home
    fields = {"host": "127.0.0.1", "port": 2, "username": "x", "password": "y", "hotspot_host": "b.test"}
    other = await s.write(guests.a_router, s, name="Site 2", **fields)
    await seen(o, await guests.device(s, 1), IP)
    await seen(o, await guests.device(s, 2), IP, other)

    page = await search(who, IP)

    for each in (guests.mac(1), guests.mac(2), "at Site 1", "at Site 2"):
        assert each in page, each


async def test_whoever_had_it_before_is_shown_as_such_and_not_taken_for_the_one_that_was_meant(o: Office) -> None:
    who, s = await o.of("support"), o.home
    await seen(o, await guests.device(s, 1), IP)
    s.clock.advance(20 * MINUTE)
    gone = await search(who, IP)
    assert "last seen with it at Site 1" in gone
    await seen(o, await guests.device(s, 2), IP)

    page = await search(who, IP)

    assert page.index(guests.mac(2)) < page.index(guests.mac(1))
    assert "now" in page
    assert "last seen with it" in page


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (IP, "no device has it"),
        ("8.8.8.8", "public address"),
        ("10.5.50.300", "no IP address"),
        ("10.5.050.11", "no IP address"),
        ("fe80::1", "IPv6"),
        ("10.5.50.11/24", "cannot be searched for"),
    ],
)
async def test_what_leads_to_nobody_says_why(o: Office, text: str, says: str) -> None:
    assert says in await search(await o.of("support"), text)


async def test_an_address_next_door_is_not_found(o: Office) -> None:
    s = o.home
    other = await s.db.write(None, tenancy.add_tenant, "Next Door", s.clock.now())
    router_id = await s.db.write(other.id, add_router, s.vault, s.clock.now())
    device = await s.db.write(other.id, store.touch_device, guests.mac(9), router_id, s.clock.now())
    one = Sighting(device_id=device.id, reading=Reading(read_at=s.clock.now()), address=IP)
    await s.db.write(other.id, record.record, router_id, [one], s.clock.now())

    assert "no device has it" in await search(await o.of("support"), IP)


async def test_the_search_for_an_address_goes_by_its_index(o: Office) -> None:
    s = o.home
    await seen(o, await guests.device(s), IP)

    found = plans(s, find(s.vault, s.tenant.id, clues(IP), s.clock.now()))

    assert scans(found, ("presence", "devices", "passes")) == []
    assert any("ix_presence_tenant_id_address" in each for each in found)
