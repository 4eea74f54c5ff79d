"""Who is online: those whom a router sees now, with what is left to them, by site and in pages."""

from __future__ import annotations

import re

from portal.access import admission
from portal.access import store as access
from portal.clock import HOUR, MINUTE
from portal.console.online.screens import PAGE
from portal.tenancy import store as tenancy
from tests.console import guests
from tests.console.office import Office

MAC = re.compile(r"<code>(02:[0-9A-F:]{14})</code>")


async def second_site(o: Office) -> int:
    fields = {"host": "127.0.0.1", "port": 2, "username": "x", "password": "y", "hotspot_host": "b.test"}
    router_id: int = await o.home.write(guests.a_router, o.home, name="Site 2", **fields)
    return router_id


async def test_the_list_shows_device_site_plan_time_and_data(o: Office) -> None:
    who, s = await o.of("support"), o.home
    device_id = await guests.device(s)
    await guests.given(s, device_id, await s.plan_of(name="Bundle", span_ms=2 * HOUR, data_bytes=900_000_000))
    await guests.goes_online(s, device_id, size=120_000_000)

    page = await who.get("/online")

    for each in (guests.mac(1), "Site 1", "Bundle", "2\u00a0hours", "120\u00a0MB", "just now"):
        assert each in page, each
    assert 'hx-get="/console/online"' in page
    assert f"/device/{device_id}/kick" not in page  # support may help, not stop


async def test_whoever_is_off_or_was_not_seen_lately_is_not_online(o: Office) -> None:
    who, s = await o.of("support"), o.home
    await guests.device(s, 1)
    gone = await guests.device(s, 2)
    await guests.goes_online(s, gone)
    s.clock.advance(admission.FRESH_MS + MINUTE)

    page = await who.get("/online")

    assert MAC.findall(page) == []
    assert "Site 1 does not answer" in page
    assert "Nobody is online" in page


async def test_the_list_is_of_one_site_when_the_address_says_so(o: Office) -> None:
    who, s = await o.of("support"), o.home
    site_2 = await second_site(o)
    await guests.goes_online(s, await guests.device(s, 1))
    await guests.goes_online(s, await guests.device(s, 2), router_id=site_2)

    assert set(MAC.findall(await who.get("/online"))) == {guests.mac(1), guests.mac(2)}
    assert MAC.findall(await who.get("/online", router=str(site_2))) == [guests.mac(2)]
    assert f'hx-get="/console/online?router={site_2}"' in await who.get("/online", router=str(site_2))
    await who.get("/online", 404, router="999")
    for bad in ({"router": "x"}, {"before": "x"}, {"before": "1-"}, {"kicked": "-1"}, {"router": "9" * 30}):
        await who.get("/online", 400, **bad)


async def test_a_long_list_has_pages_and_each_device_stands_on_one(o: Office) -> None:
    who, s = await o.of("support"), o.home
    for n in range(PAGE + 7):
        await guests.goes_online(s, await guests.device(s, n + 1), for_s=n // 3)

    first = await who.get("/online")
    further = re.search(r"before=(\d+-\d+)", first)
    assert further is not None
    second = await who.get("/online", before=further[1])

    found = MAC.findall(first) + MAC.findall(second)
    assert len(MAC.findall(first)) == PAGE
    assert sorted(found) == sorted(guests.mac(n + 1) for n in range(PAGE + 7))


async def test_kick_from_the_list_comes_back_to_it_and_says_until_when(o: Office) -> None:
    who, s = await o.of("cashier"), o.home
    device_id = await guests.device(s)
    await guests.goes_online(s, device_id)

    answer = await who.post(f"/guests/device/{device_id}/kick", back="online", router=str(s.router_id))

    where = answer.headers["location"]
    assert where.startswith("/console/online?")
    page = (await who.http.get(where)).text
    assert re.search(rf"<code>{guests.mac(1)}</code> is kept off until [^.]*\d\d:\d\d\.", page)
    assert [each["act"] for each in await o.acts()] == ["kick"]
    assert (await s.read(access.device, device_id)).hold.by == "staff"


async def test_nobody_sees_who_is_online_at_another_isp(o: Office) -> None:
    who, s = await o.of("owner"), o.home
    other = await s.db.write(None, tenancy.add_tenant, "Other Wi-Fi", s.clock.now())
    device = await s.db.write(other.id, access.touch_device, guests.mac(9), None, s.clock.now())

    page = await who.get("/online", kicked=str(device.id))

    assert guests.mac(9) not in page
