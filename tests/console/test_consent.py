"""Consent in the console: guests are asked or not, and staff take it back for somebody who says so."""

from __future__ import annotations

from portal.privacy.consent import service, store
from tests.console import consent, guests
from tests.console.office import Office

PAGE = "/settings/offers"


async def test_asking_guests_publishes_the_text_once_with_its_line(o: Office) -> None:
    who = await o.of("manager")
    assert "guests are not asked" in await who.get(PAGE)
    for to in ("on", "off", "on"):
        await who.post(PAGE, to=to)
    assert "guests are asked" in await who.get(PAGE)
    assert "Version 2" not in await who.get("/settings/notices/versions", kind="offers")
    assert [each["act"] for each in await o.acts()] == ["offers.on", "offers.off", "offers.on"]
    await who.post(PAGE, 400, to="maybe")


async def test_staff_take_it_back_with_how_the_guest_said_it(o: Office) -> None:
    who = await o.of("support")
    device, person = await consent.agreed(o.home)
    assert "What was agreed to" in await who.get(f"/guests/device/{device}")
    there = f"/guests/device/{device}/offers"
    assert "agrees" in await who.get(there)
    await who.post(there, 400, person=str(person), reason=" ")
    assert await o.home.read(service.may_send, person, "offers") is not None
    await who.post(there, person=str(person), reason="called at noon")

    assert await o.home.read(service.may_send, person, "offers") is None
    newest, oldest = await o.home.read(store.all_of, person)
    assert (newest.channel, newest.proof, oldest.given) == ("console", "called at noon", True)
    assert newest.actor.startswith("staff:")
    await who.post(there, 409, person=str(person), reason="again")
    assert "taken back" in await who.get(there)
    assert await o.verified()


async def test_of_another_device_nothing_is_taken_back(o: Office) -> None:
    who = await o.of("owner")
    _, person = await consent.agreed(o.home)
    other = await guests.device(o.home)
    await who.get(f"/guests/device/{other}/offers", 404)
    await who.post(f"/guests/device/{other}/offers", 404, person=str(person), reason="because")
    assert await o.home.read(service.may_send, person, "offers") is not None


async def test_who_only_looks_changes_nothing_and_sees_no_whole_number(o: Office) -> None:
    who = await o.of("auditor")
    device, person = await consent.agreed(o.home)
    page = await who.get(f"/guests/device/{device}/offers")
    assert "0712 345 678" not in page
    await who.post(f"/guests/device/{device}/offers", 403, person=str(person), reason="because")
    await who.post(PAGE, 403, to="on")
