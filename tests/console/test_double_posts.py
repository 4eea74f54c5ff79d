"""The buttons of a guest's page, tapped twice or by many at once."""

from __future__ import annotations

import asyncio
import re

from portal.units import rows, value
from tests.console import guests
from tests.console.office import Office
from tests.console.samples import make_batch


async def passes(o: Office) -> list[str]:
    found = await o.home.read(rows, "SELECT state FROM passes WHERE tenant_id = :tenant ORDER BY id")
    return [each["state"] for each in found]


async def test_more_time_is_given_once_however_often_the_form_is_sent(o: Office) -> None:
    who = await o.of("support")
    device = await guests.device(o.home)
    await guests.given(o.home, device)
    found = re.search(r'name="key" value="([0-9a-f]{16})"', await who.get(f"/guests/device/{device}"))
    assert found is not None
    data = {"csrf": await who.token(), "give": "hour", "reason": "slow", "key": found[1]}
    path = f"/console/guests/device/{device}/extend"
    answers = await asyncio.gather(*(who.http.post(path, data=data) for _ in range(32)))

    assert {each.status_code for each in answers} == {303}
    assert await passes(o) == ["waiting", "queued"]
    assert [each["act"] for each in await o.acts()] == ["extend"]


async def test_passes_are_moved_once_and_the_second_tap_says_so(o: Office) -> None:
    who = await o.of("support")
    device = await guests.device(o.home)
    await guests.given(o.home, device)
    data = {"csrf": await who.token(), "mac": guests.mac(2)}
    path = f"/console/guests/device/{device}/move"
    answers = await asyncio.gather(*(who.http.post(path, data=data) for _ in range(8)))

    assert sorted(each.status_code for each in answers) == [303] + [409] * 7
    assert await passes(o) == ["waiting"]
    assert [each["act"] for each in await o.acts()] == ["move"]


async def test_a_pass_is_ended_once(o: Office) -> None:
    who = await o.of("owner")
    device = await guests.device(o.home)
    made = await guests.given(o.home, device)
    data = {"csrf": await who.token(), "reason": "because"}
    path = f"/console/guests/device/{device}/pass/{made.id}/end"
    answers = await asyncio.gather(*(who.http.post(path, data=data) for _ in range(8)))

    assert sorted(each.status_code for each in answers) == [303] + [409] * 7
    assert [each["act"] for each in await o.acts()] == ["end-pass"]


async def test_a_note_is_written_once_by_a_double_tap_and_again_later(o: Office) -> None:
    who = await o.of("support")
    device = await guests.device(o.home)
    for _ in range(2):
        answer = await who.post(f"/guests/device/{device}/note", text="asked for a refund")
        assert answer.headers["location"].endswith("said=noted")
    assert await o.home.read(value, "SELECT COUNT(*) FROM notes WHERE tenant_id = :tenant") == 1
    o.home.clock.advance(120_000)
    await who.post(f"/guests/device/{device}/note", text="asked for a refund")

    assert await o.home.read(value, "SELECT COUNT(*) FROM notes WHERE tenant_id = :tenant") == 2


async def test_a_voucher_that_was_found_is_voided_from_there(o: Office) -> None:
    who = await o.of("owner")
    path, fields = await make_batch(who)
    await who.post(path, 303, **fields)
    found = await who.post("/guests", 200, q="B1-2")
    assert 'href="/console/vouchers/batch/1/void?serials=2"' in found.text
    assert "B1" in await who.get("/vouchers/batch/1/void", serials="2")
    cashier = await o.of("cashier")
    assert "Void this voucher" not in (await cashier.post("/guests", 200, q="B1-2")).text


async def test_money_that_was_found_leads_to_its_page(o: Office) -> None:
    who = await o.of("owner")
    await guests.money_of_nobody(o.home, "TKM4X7Y2ZQ")
    found = await who.post("/guests", 200, q="TKM4X7Y2ZQ")

    assert re.search(r'href="/console/payments/money/\d+"', found.text)
