"""Whoever runs the installation: the ISPs, switching them off and on, and looking in only while they are let in."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portal.audit import store as audit
from portal.clock import DAY, HOUR
from portal.console.site import SCREENS
from portal.console.support import store as windows
from portal.errors import Refused
from portal.staff import roles
from portal.staff import store as staff
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant
from portal.units import rows
from tests.console.office import Office, Visitor, office
from tests.console.test_frame import REFUSED, filled


@pytest.fixture
async def o(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as made:
        yield made
        assert await made.verified()
        platform = await made.platform()
        assert await made.home.db.read(platform.id, audit.verify_all, made.home.vault) is None


async def the_isp(o: Office) -> Tenant:
    found = await o.home.db.read(None, tenancy.tenant, o.home.tenant.id)
    assert found is not None
    return found


async def acts_of_platform(o: Office) -> list[str]:
    platform = await o.platform()
    found = await o.home.db.read(platform.id, rows, "SELECT * FROM audit WHERE tenant_id = :tenant ORDER BY number")
    return [row["act"] for row in found]


def home(o: Office) -> str:
    return f"/isps/{o.home.tenant.id}"


NEW = {
    "name": "Mtaa Net",
    "timezone": "Africa/Kampala",
    "language": "sw",
    "owner": "Achieng Odhiambo",
    "email": "achieng@mtaa.test",
}


async def test_an_isp_is_added_with_its_owner_and_a_link_that_is_shown_once(o: Office) -> None:
    who = await o.of("platform")
    answer = await who.post("/isps/new", 200, **NEW)
    link = re.search(r"/console/link/([^<\s]+)", answer.text)
    assert link is not None
    made = next(each for each in await o.home.db.read(None, tenancy.tenants) if each.name == "Mtaa Net")
    assert (made.timezone, made.language, made.kind) == ("Africa/Kampala", "sw", "isp")
    (owner,) = await o.home.db.read(made.id, staff.all_staff)
    assert (owner.name, owner.role, owner.state) == ("Achieng Odhiambo", "owner", "invited")
    assert "Mtaa Net" in await who.get("/isps")
    assert await acts_of_platform(o) == ["isp.add"]
    again = await who.post("/isps/new", 409, **NEW)
    assert "has an account already" in again.text
    assert len(await o.home.db.read(None, tenancy.tenants)) == 2, "no ISP without an owner is left behind"


async def test_many_isps_come_a_page_at_a_time(o: Office) -> None:
    who = await o.of("platform")
    for number in range(60):
        await o.home.db.write(None, tenancy.add_tenant, f"Net {number:02}", o.home.clock.now())
    await o.services.catalog.refresh()
    first = await who.get("/isps")
    assert first.count('href="/console/isps/') == 51  # and the way to a new one
    more = re.search(r"/console/isps\?after=(\d+)", first)
    assert more is not None
    rest = await who.get("/isps", after=more[1])
    assert "Net 59" in rest
    assert rest.count('href="/console/isps/') == 12
    await who.get("/isps", 400, after="x")


@pytest.mark.parametrize(
    "changes", [{"name": ""}, {"name": "x" * 61}, {"owner": ""}, {"email": "nobody"}, {"timezone": "Nowhere/Here"}]
)
async def test_a_bad_isp_is_refused_and_nothing_is_made(o: Office, changes: dict[str, str]) -> None:
    who = await o.of("platform")
    await who.post("/isps/new", 400, **{**NEW, **changes})
    assert len(await o.home.db.read(None, tenancy.tenants)) == 1
    assert await acts_of_platform(o) == []


async def test_off_ends_logins_at_once_and_leaves_a_line_in_both_logs(o: Office) -> None:
    owner, cashier, who = await o.of("owner"), await o.of("cashier"), await o.of("platform")
    assert "go offline at every router" in await who.get(f"{home(o)}/switch", to="off")
    await who.post(f"{home(o)}/switch", to="off", reason="has not paid")
    assert (await the_isp(o)).active is False
    for each in (owner, cashier):
        answer = await each.http.get("/console/account")
        assert answer.headers["location"].startswith("/console/login")
    (line,) = await o.acts()
    assert (line["act"], line["actor"].partition(":")[0]) == ("tenant.off", "platform")
    assert "has not paid" in line["payload"]
    assert await acts_of_platform(o) == ["isp.off"]
    await who.post(f"{home(o)}/switch", to="on", reason="has paid")
    assert (await the_isp(o)).state == "on"


async def test_while_off_an_owner_can_do_nothing_but_take_records_away(o: Office) -> None:
    who = await o.of("platform")
    await who.post(f"{home(o)}/switch", to="off", reason="x")
    owner = await o.of("owner")
    csrf = await owner.token()
    for screen in SCREENS:
        if screen.path == "/account/logout":
            continue
        data = {"csrf": csrf} if screen.method == "POST" else None
        answer = await owner.http.request(screen.method, f"/console{filled(screen.path)}", data=data)
        refused = REFUSED in answer.text
        assert refused != (screen.permission in roles.WHEN_OFF), (screen.method, screen.path)


async def test_closing_wants_the_name_and_says_when_records_may_go(o: Office) -> None:
    who = await o.of("platform")
    wrong = await who.post(f"{home(o)}/switch", 400, to="close", reason="gone", name="Kilimani")
    assert "not the ISP" in wrong.text
    assert (await the_isp(o)).active
    await who.post(f"{home(o)}/switch", to="close", reason="gone", name=o.home.tenant.name)
    found = await the_isp(o)
    assert found.state == "closed"
    assert found.erase_from is not None
    assert 89 * DAY < found.erase_from - o.home.clock.now() <= 90 * DAY
    await who.post(f"{home(o)}/switch", to="on", reason="back")
    assert ((await the_isp(o)).state, (await the_isp(o)).erase_from) == ("on", None)


async def test_an_old_login_is_asked_for_the_password_before_an_isp_is_switched(o: Office) -> None:
    who = await o.of("platform")
    o.home.clock.advance(11 * 60_000)
    await who.post(f"{home(o)}/switch", 403, to="off", reason="x")
    assert (await the_isp(o)).active


async def test_switching_what_is_so_already_changes_nothing_and_leaves_no_line(o: Office) -> None:
    who = await o.of("platform")
    for to, status in (("on", 409), ("off", 303), ("off", 409), ("close", 303), ("close", 409), ("off", 409)):
        await who.post(f"{home(o)}/switch", status, to=to, reason="x", name=o.home.tenant.name)
    assert [line["act"] for line in await o.acts()] == ["tenant.off", "tenant.close"]
    assert await acts_of_platform(o) == ["isp.off", "isp.close"]


async def test_from_the_day_of_erasing_on_nobody_opens_it_again(o: Office) -> None:
    who = await o.of("platform")
    await who.post(f"{home(o)}/switch", to="close", reason="gone", name=o.home.tenant.name)
    o.home.clock.advance(90 * DAY)
    later = await o.again(who)
    refused = await later.post(f"{home(o)}/switch", 409, to="on", reason="back")
    assert "cannot be opened again" in refused.text
    assert (await the_isp(o)).state == "closed"


async def test_a_long_reason_is_refused_in_its_form_and_nothing_typed_is_lost(o: Office) -> None:
    who, owner = await o.of("platform"), await o.of("owner")
    long = "because " * 40
    page = await who.post(f"{home(o)}/switch", 400, to="close", reason=long, name="Kilimani Wi-Fi")
    assert "at most 300 characters" in page.text
    assert 'value="Kilimani Wi-Fi"' in page.text
    assert "because because" in page.text
    page = await owner.post("/support/open", 400, hours="4", reason=long)
    assert "at most 300 characters" in page.text


async def test_an_owner_is_invited_while_none_can_log_in_and_never_after(o: Office) -> None:
    who = await o.of("platform")
    await who.post("/isps/new", 200, **NEW)
    made = next(each for each in await o.home.db.read(None, tenancy.tenants) if each.name == "Mtaa Net")
    assert "No owner of it can log in yet" in await who.get(f"/isps/{made.id}")
    assert "Invite them" in await who.get(f"/isps/{made.id}/owner")
    again = await who.post(f"/isps/{made.id}/owner", 200, owner="Achieng Odhiambo", email=NEW["email"])
    other = await who.post(f"/isps/{made.id}/owner", 200, owner="Atieno", email="atieno@mtaa.test")
    assert all("/console/link/" in each.text for each in (again, other))
    everybody = await o.home.db.read(made.id, staff.all_staff)
    assert [(each.name, each.state) for each in everybody] == [("Achieng Odhiambo", "invited"), ("Atieno", "invited")]
    await who.post(f"/isps/{made.id}/owner", 400, owner="", email="x@mtaa.test")

    await o.home.db.write(made.id, staff.set_password, everybody[0].id, "a hash", 0)
    refused = await who.post(f"/isps/{made.id}/owner", 409, owner="Eve", email="eve@platform.test")
    assert "they invite others themselves" in refused.text
    assert len(await o.home.db.read(made.id, staff.all_staff)) == 2
    assert await o.home.db.read(made.id, audit.verify_all, o.home.vault) is None


async def test_the_platform_itself_is_no_isp(o: Office) -> None:
    who = await o.of("platform")
    platform = await o.platform()
    await who.get(f"/isps/{platform.id}", 404)
    await who.post(f"/isps/{platform.id}/switch", 404, to="off", reason="x")
    assert [each.name for each in await o.home.db.read(None, tenancy.tenants)] == [o.home.tenant.name]


@pytest.mark.parametrize(("at_platform", "role"), [(True, "owner"), (True, "cashier"), (False, "platform")])
async def test_no_role_of_the_other_side_can_be_given(o: Office, at_platform: bool, role: str) -> None:
    where = (await o.platform()).id if at_platform else o.home.tenant.id
    with pytest.raises(Refused, match="staff-role"):
        await o.home.db.write(where, staff.invite, o.home.vault, 0, email="a@b.test", name="A", role=role)


# --- looking in ---


OWN = ("/alarms", "/settings/alarms")  # under these the platform has pages of its own


def pages() -> list[str]:
    """What is about an ISP; incidents the platform has of its own."""
    return [
        each.path
        for each in SCREENS
        if each.method == "GET" and not each.path.startswith(("/account", "/isps", "/staff", "/audit", "/incidents"))
    ]


async def opened(o: Office, hours: str = "1") -> Visitor:
    owner = await o.of("owner")
    await owner.post("/support/open", hours=hours, reason="a payment is missing")
    return owner


async def nothing_is_seen(o: Office, who: Visitor) -> None:
    for path in pages():
        answer = await who.http.get(f"/console{filled(path)}", follow_redirects=True)
        assert o.home.tenant.name not in answer.text or "/console/isps" in str(answer.url), path
        if not path.startswith(OWN):
            assert REFUSED in answer.text or "/console/isps" in str(answer.url), path


async def test_without_a_window_nothing_of_an_isp_is_reachable(o: Office) -> None:
    who = await o.of("platform")
    await who.post(f"{home(o)}/look", 403)
    await nothing_is_seen(o, who)


async def test_a_login_that_claims_to_look_in_sees_nothing_without_a_window(o: Office) -> None:
    """The guard is the window itself, asked at each request; not that somebody went in."""
    who = await o.of("platform")
    platform = await o.platform()
    found = await o.home.db.read(platform.id, rows, "SELECT id FROM logins WHERE tenant_id = :tenant")
    from portal.staff.logins import store as logins

    await o.home.db.write(platform.id, logins.look_at, found[0]["id"], o.home.tenant.id)
    await nothing_is_seen(o, who)


async def test_with_a_window_they_look_and_change_nothing_and_each_page_is_written_down(o: Office) -> None:
    owner, who = await opened(o), await o.of("platform")
    await who.post(f"{home(o)}/look")
    assert "You look into" in await who.get("/online")
    await who.get("/online")
    await who.get("/payments")
    csrf = await who.token()
    for screen in SCREENS:
        if screen.method == "POST" and not screen.path.startswith(("/account", "/isps", "/guests")):
            answer = await who.http.post(f"/console{filled(screen.path)}", data={"csrf": csrf})
            assert answer.status_code == 403, screen.path
    for path in ("/staff", "/audit", "/export", "/settings/mpesa"):
        answer = await who.http.get(f"/console{path}")
        assert answer.status_code in (403, 404), path
    looks = [each["subject"] for each in await o.acts() if each["act"] == windows.LOOKED]
    assert looks == ["page:/online", "page:/payments"], "once a minute for each page"
    page = await owner.get("/support")
    assert "/payments" in page
    assert "Amina Platform" in page
    assert o.home.tenant.name not in await who.get("/account"), "one's own account stays one's own"


async def test_shutting_the_window_acts_on_the_very_next_request(o: Office) -> None:
    owner, who = await opened(o), await o.of("platform")
    await who.post(f"{home(o)}/look")
    await who.get("/online")
    await owner.post("/support/close")
    await nothing_is_seen(o, who)


async def test_a_window_ends_by_the_clock_and_another_one_does_not_let_them_back_by_itself(o: Office) -> None:
    _, who = await opened(o), await o.of("platform")
    await who.post(f"{home(o)}/look")
    for _ in range(4):
        o.home.clock.advance(HOUR // 4)
        await who.http.get("/console/account")
    await nothing_is_seen(o, who)
    await opened(o)
    await nothing_is_seen(o, who)


async def test_another_window_wants_another_entering(o: Office) -> None:
    owner, who = await opened(o), await o.of("platform")
    await who.post(f"{home(o)}/look")
    await owner.post("/support/close")
    await owner.post("/support/open", hours="4", reason="another matter")
    await nothing_is_seen(o, who)


async def test_after_entering_the_first_page_is_the_isps(o: Office) -> None:
    await opened(o)
    who = await o.of("platform")
    await who.post(f"{home(o)}/look")
    assert "Takings today" in await who.get("/")


async def test_what_is_closed_is_not_merely_switched_off(o: Office) -> None:
    who = await o.of("platform")
    await who.post(f"{home(o)}/switch", to="close", reason="gone", name=o.home.tenant.name)
    await who.post(f"{home(o)}/switch", 409, to="off", reason="x")
    assert (await the_isp(o)).state == "closed"


async def test_whoever_leaves_is_out(o: Office) -> None:
    _, who = await opened(o), await o.of("platform")
    await who.post(f"{home(o)}/look")
    await who.post("/isps/leave")
    await nothing_is_seen(o, who)


async def test_nobody_else_goes_in_by_that_door(o: Office) -> None:
    await opened(o)
    for role in ("owner", "manager", "auditor"):
        who = await o.of(role)
        await who.post(f"{home(o)}/look", 403)
    cashier = await o.of("cashier")
    await cashier.post("/support/open", 403, hours="1", reason="x")
