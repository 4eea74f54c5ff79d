"""Messages go out by a gateway in the ISP's register of processors alone; whoever took it out sends nothing."""

from __future__ import annotations

from pathlib import Path

import httpx

from app import build
from portal.access.catalog import Catalog
from portal.clock import DAY, MINUTE
from portal.messages.gateways import SandboxGateway, gateway_of
from portal.messages.room import Messages
from portal.messages.store import Letter
from portal.processors import service
from portal.processors import store as register
from portal.tenancy import store as tenancy
from portal.tenancy.store import exceptions
from sandbox.world import PORTAL_HOST, world
from tests.messages.post import PHONE, TEXT, Post
from tests.support import anybody, records

MARK = SandboxGateway.mark


async def lines(post: Post) -> list[str]:
    return [row["subject"] for row in await post.home.read(exceptions) if row["kind"] == "unregistered"]


async def take_out(post: Post) -> None:
    found = await post.home.read(register.registered, MARK)
    await post.home.write(service.remove, found.id, "staff:x", post.home.clock.now())


async def left(post: Post) -> Messages:
    """A room that has started, at an ISP that took the gateway out of its register."""
    room = await post.room()
    await room.start()
    await take_out(post)
    return room


async def test_what_has_a_gateway_without_an_entry_waits_without_losing_a_try_and_staff_are_told(post: Post) -> None:
    room = await left(post)
    await post.put()
    await room.run_once()
    (row,) = await post.rows()
    assert (row["state"], row["tries"], row["outcome"]) == ("waiting", 0, "unregistered")
    assert (post.gateway.calls, await lines(post)) == (0, [f"processor:{MARK}"])
    assert not await room.possible(post.home.tenant.id)
    assert await room.run_once() == 0, "not before a minute is over"

    await post.home.write(service.put_back, MARK, "staff:x", post.home.clock.now())
    post.home.clock.advance(MINUTE)
    assert await room.run_once() == 1
    assert ((await post.rows())[0]["state"], len(post.gateway.of(PHONE.digits)), await lines(post)) == ("sent", 1, [])
    assert await room.possible(post.home.tenant.id)


async def test_it_does_not_wait_for_longer_than_it_is_of_use(post: Post) -> None:
    room = await left(post)
    await post.put(for_ms=MINUTE)
    await room.run_once()
    post.home.clock.advance(MINUTE)
    await room.run_once()
    (row,) = await post.rows()
    assert (row["state"], row["outcome"], post.gateway.calls) == ("dropped", "too late", 0)


async def test_without_the_gate_it_would_have_been_sent(post: Post) -> None:
    await left(post)
    await post.put()
    await (await post.room(anybody)).run_once()
    assert len(post.gateway.of(PHONE.digits)) == 1


async def test_a_room_that_was_given_no_gate_sends_nothing(post: Post) -> None:
    home, catalog = post.home, Catalog(post.home.db)
    await catalog.refresh()
    await post.put()
    room = Messages(home.db, home.vault, home.clock, catalog, gateway_of(post.settings, post.http))
    await room.start()
    await room.run_once()
    assert (post.gateway.calls, (await post.rows())[0]["outcome"]) == (0, "unregistered")


async def test_a_gateway_sends_nothing_by_the_entry_of_somebody_else(post: Post) -> None:
    gateway, letter = SandboxGateway(post.settings, post.http), Letter(mark="m", to=PHONE, text=TEXT)
    other, own = await anybody(1, "mail"), await anybody(1, MARK)
    assert other is not None
    assert own is not None
    assert (await gateway.send(other, letter), post.gateway.calls) == ("unregistered", 0)
    assert (await gateway.send(own, letter), post.gateway.calls) == ("taken", 1)


async def test_an_isp_that_was_added_while_bando_serves_is_not_shut_out(post: Post) -> None:
    room = await post.room()
    await room.start()
    other = await post.home.db.write(None, tenancy.add_tenant, "Langata Wi-Fi", post.home.clock.now())
    assert not await room.possible(other.id)
    again = await post.room()
    await again.run_once()
    assert await again.possible(other.id)


async def test_what_an_isp_took_out_stays_out_after_a_start(post: Post) -> None:
    await left(post)
    again = await post.room()
    await again.start()
    await post.put(for_ms=DAY)
    await again.run_once()
    assert (post.gateway.calls, await again.possible(post.home.tenant.id)) == (0, False)


async def test_the_whole_portal_registers_its_gateway_and_offers_codes_only_where_it_stands(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, build, **records()) as (site, built):
        entry = await built.db.read(site.tenant.id, register.registered, MARK)
        assert (entry.named, entry.looked_at) == ("SMS of the sandbox", None)
        address = f"https://127.0.0.1:{site.portal_address[1]}/data/{site.tenant.public}/"
        trust, headers = site.ca.client_context(), {"Host": PORTAL_HOST}
        async with httpx.AsyncClient(verify=trust, trust_env=False, headers=headers, timeout=60) as http:
            offered = (await http.get(address)).text
            await built.db.write(site.tenant.id, service.remove, entry.id, "staff:x", site.clock.now())
            without = (await http.get(address)).text
            refused = await http.post(f"{address}code", data={"number": PHONE.spoken})
    assert ('name="number"' in offered, 'name="number"' in without, refused.status_code) == (True, False, 404)
