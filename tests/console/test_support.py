"""Who is let in leaves a line wherever they look, and the ISP can always shut the window again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from portal.console.support import store as windows
from portal.staff import roles
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant
from portal.units import rows
from tests.console.office import Office, _member


async def looks_in(o: Office, tenant: Tenant) -> list[str]:
    """The pages that stand in this ISP's log."""
    found = await o.home.db.read(tenant.id, rows, "SELECT * FROM audit WHERE tenant_id = :tenant ORDER BY number")
    return [row["subject"] for row in found if row["act"] == windows.LOOKED]


async def let_in(o: Office, tenant: Tenant) -> None:
    """An owner of this ISP opens the window."""
    there = replace(o.home, tenant=tenant)
    owner = await o.logged_in("owner", await there.write(_member, there, "owner", True), there)
    await owner.post("/support/open", hours="1", reason="a payment is missing")


async def test_the_same_page_of_two_isps_within_a_minute_stands_in_both_logs(o: Office) -> None:
    other = await o.home.db.write(None, tenancy.add_tenant, "Mtaa Net", o.home.clock.now())
    await o.services.catalog.refresh()
    who = await o.of("platform")
    for each in (o.home.tenant, other):
        await let_in(o, each)
        await who.post(f"/isps/{each.id}/look")
        assert each.name in await who.get("/online")
        await who.post("/isps/leave")
    assert await looks_in(o, o.home.tenant) == ["page:/online"]
    assert await looks_in(o, other) == ["page:/online"]


async def test_an_isp_that_is_switched_off_can_shut_its_window(o: Office) -> None:
    await let_in(o, o.home.tenant)
    who = await o.of("platform")
    await who.post(f"/isps/{o.home.tenant.id}/look")
    await who.post(f"/isps/{o.home.tenant.id}/switch", to="off", reason="has not paid")
    assert "You look into" in await who.get("/online")
    owner = await o.of("owner")
    assert "Shut it now" in await owner.get("/support")
    await owner.post("/support/close")
    answer = await who.http.get("/console/online")
    assert "You look into" not in answer.text


@pytest.mark.parametrize("role", ["manager", "auditor"])
async def test_only_an_owner_shuts_it(o: Office, role: str) -> None:
    await let_in(o, o.home.tenant)
    who = await o.of(role)
    await who.post("/support/close", 403)
    assert not roles.may(role, "support.change")


async def test_nothing_is_switched_by_a_form_that_does_not_say_what(o: Office) -> None:
    who = await o.of("platform")
    await who.post(f"/isps/{o.home.tenant.id}/switch", 400, to="", reason="x")
    found = await o.home.db.read(None, tenancy.tenant, o.home.tenant.id)
    assert found is not None
    assert found.active


async def test_a_platform_person_who_is_switched_off_is_out_with_the_next_request(o: Office) -> None:
    from portal.staff import store as staff

    await let_in(o, o.home.tenant)
    who, _other = await o.of("platform"), await o.of("platform")
    await who.post(f"/isps/{o.home.tenant.id}/look")
    assert "You look into" in await who.get("/online")
    platform = await o.platform()
    await o.home.db.write(platform.id, staff.set_state, who.staff_id, False, o.home.clock.now())
    answer = await who.http.get("/console/online")
    assert answer.headers["location"].startswith("/console/login")
