"""An owner leaves without asking anybody: closes their ISP, takes the records away, and may have it erased at once."""

from __future__ import annotations

import pytest

from portal.clock import DAY, MINUTE
from portal.privacy.closed.room import Closed
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant
from portal.units import rows
from tests.console.office import Office

PAGE = "/settings/leave"


async def the_isp(o: Office) -> Tenant:
    found: Tenant | None = await o.home.db.read(None, tenancy.tenant, o.home.tenant.id)
    assert found is not None
    return found


def name(o: Office) -> str:
    return o.home.tenant.name


async def test_an_owner_closes_takes_away_and_erases(o: Office) -> None:
    owner, cashier = await o.of("owner"), await o.of("cashier")
    assert "For 90 days" in await owner.get(PAGE)
    await owner.post(PAGE, to="close", name=name(o), reason="we sold the shop")
    assert (await the_isp(o)).state == "closed"
    assert (await cashier.http.get("/console/account")).headers["location"].startswith("/console/login")
    later = await o.again(owner)
    page = await later.get("/export")
    assert "until they are erased on" in page
    assert "Erase everything" in page
    assert "Erase Kilimani Wi-Fi now?" in await later.get(PAGE)
    closed = Closed(o.home.db, o.home.vault, o.home.clock)
    assert await closed.run_once() == 0
    await later.post(PAGE, to="erase", name=name(o), reason="we sold the shop")
    assert await closed.run_once() == 1
    assert (await the_isp(o)).state == "erased"
    acts = [each["act"] for each in await o.acts()]
    assert [each for each in acts if each.startswith("tenant.")] == ["tenant.close", "tenant.hasten", "tenant.erase"]
    assert await o.verified()


async def test_nobody_else_and_not_without_name_reason_and_password(o: Office) -> None:
    owner, manager = await o.of("owner"), await o.of("manager")
    await manager.get(PAGE, 403)
    await manager.post(PAGE, 403, to="close", name=name(o), reason="because")
    wrong = await owner.post(PAGE, 400, to="close", name="Kilimani", reason="we sold the shop")
    assert "not the ISP" in wrong.text
    assert 'value="we sold the shop"' in wrong.text
    await owner.post(PAGE, 400, to="close", name=name(o), reason=" ")
    await owner.post(PAGE, 400, to="burn", name=name(o), reason="because")
    o.home.clock.advance(11 * MINUTE)
    assert "password once more" in (await owner.post(PAGE, 403, to="close", name=name(o), reason="because")).text
    assert (await the_isp(o)).state == "on"


async def test_what_is_not_closed_is_not_erased(o: Office) -> None:
    owner = await o.of("owner")
    refused = await owner.post(PAGE, 409, to="erase", name=name(o), reason="because")
    assert "Close it first" in refused.text
    assert (await the_isp(o)).state == "on"


async def test_the_platform_erases_before_its_time_and_sees_that_it_is_done(o: Office) -> None:
    who, page = await o.of("platform"), f"/isps/{o.home.tenant.id}"
    await who.post(f"{page}/switch", 409, to="erase", name=name(o), reason="because")
    await who.post(f"{page}/switch", to="close", name=name(o), reason="has left")
    assert "are erased on" in await who.get(page)
    assert "It begins at once" in await who.get(f"{page}/switch", to="erase")
    await who.post(f"{page}/switch", 400, to="erase", name="Kilimani", reason="asked for it")
    await who.post(f"{page}/switch", to="erase", name=name(o), reason="asked for it")
    assert "being erased" in await who.get(page)
    await Closed(o.home.db, o.home.vault, o.home.clock).run_once()
    assert "Its records were erased" in await who.get(page)
    assert "erased" in await who.get("/isps")
    await who.post(f"{page}/switch", 409, to="on", reason="back")
    refused = await who.post(f"{page}/owner", 409, owner="Zawadi", email="zawadi@isp.test")
    assert "being erased" in refused.text
    assert "Zawadi" not in str(await o.home.read(rows, "SELECT name FROM staff WHERE tenant_id = :tenant"))


@pytest.mark.parametrize("days", [89, 90])
async def test_its_console_says_until_when_it_can_be_taken_away(o: Office, days: int) -> None:
    owner = await o.of("owner")
    await owner.post(PAGE, to="close", name=name(o), reason="we sold the shop")
    o.home.clock.advance(days * DAY)
    page = await (await o.again(owner)).get(PAGE)
    assert ("is being erased" in page) == (days == 90)
