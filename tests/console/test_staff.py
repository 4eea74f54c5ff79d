"""Staff pages: who may change whom, what each change does at once, and the password that is asked for again."""

from __future__ import annotations

import json
import re

import httpx
import pytest

from portal.clock import MINUTE
from portal.console.screens import Screen
from portal.console.staff_list import SCREENS, store
from portal.errors import Refused
from portal.staff import store as staff
from portal.tenancy import store as tenancy
from portal.units import update
from tests.console.office import Office, Visitor
from tests.console.plans_of_queries import plans, scans
from tests.raw import changed

PASSWORD = "kitabu-cheusi-41"


async def test_the_list_says_role_state_two_steps_and_last_login(o: Office, owner: Visitor) -> None:
    await o.of("cashier", second=False)
    page = await owner.get("/staff")

    assert page.count('data-name="Name"') == 2
    assert "Amina Cashier" in page
    assert re.search(r"cashier\d+@isp\.test", page)
    assert 'pill warn">off' in page
    assert "just now" in page


async def test_an_invitation_is_shown_once_and_opens_the_account(o: Office, owner: Visitor) -> None:
    answer = await owner.post("/staff/invite", 200, name=" Wanjiru  Mwangi", email="wanjiru@isp.test", role="cashier")
    link = re.search(r"/console/link/[0-9a-f.]+", answer.text)
    assert link is not None
    assert answer.headers["cache-control"] == "no-store"
    assert link[0] not in await owner.get("/staff")
    async with httpx.AsyncClient(base_url=o.url, trust_env=False, timeout=60) as http:
        done = await http.post(link[0], data={"password": PASSWORD, "again": PASSWORD})
        assert done.status_code == 303
    act, taken = await o.acts()
    assert (act["act"], taken["act"]) == ("staff.invite", "link.use")
    assert json.loads(act["payload"])["after"] == {"name": "Wanjiru Mwangi", "role": "cashier"}
    assert "Wanjiru Mwangi" in await owner.get("/audit")
    assert link[0].rpartition("/")[2] not in act["payload"] + taken["payload"]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"name": "A", "email": "nobody", "role": "cashier"}, 400),
        ({"name": "", "email": "a@isp.test", "role": "cashier"}, 400),
        ({"name": "A", "email": "a@isp.test", "role": "god"}, 400),
        ({"name": "A", "email": "a@isp.test"}, 400),
        ({"name": "x" * 5000, "email": "a@isp.test", "role": "cashier"}, 400),
        ({"name": "A", "email": "a@isp.test\r\nBcc: b@x.test", "role": "cashier"}, 400),
    ],
)
async def test_a_wrong_invitation_comes_back_filled_in(
    o: Office, owner: Visitor, fields: dict[str, str], status: int
) -> None:
    answer = await owner.post("/staff/invite", status, **fields)

    assert "fault" in answer.text
    assert await o.acts() == []
    assert len(await o.home.read(store.members)) == 1


async def test_a_role_acts_at_once_and_leaves_one_act(o: Office, owner: Visitor) -> None:
    cashier = await o.of("cashier")
    await owner.post(f"/staff/{cashier.staff_id}/role", role="support", reason="moved to the office")

    assert (await cashier.http.get("/console/account")).status_code == 303, "logged out"
    (act,) = await o.acts()
    payload = json.loads(act["payload"])
    assert (payload["before"]["role"], payload["after"]["role"]) == ("cashier", "support")
    assert payload["after"]["reason"] == "moved to the office"


async def test_each_change_leaves_one_act(o: Office, owner: Visitor) -> None:
    cashier = await o.of("cashier")
    path = f"/staff/{cashier.staff_id}"
    await owner.post(f"{path}/role", role="support")
    await owner.post(f"{path}/second")
    await owner.post(f"{path}/reset", 200)
    await owner.post(f"{path}/state", to="off")
    await owner.post(f"{path}/state", to="on")
    acts = ["staff.role", "staff.second-off", "staff.reset", "staff.off", "staff.on"]

    assert [each["act"] for each in await o.acts()] == acts
    assert len({each["subject"] for each in await o.acts()}) == 1
    assert await o.verified()


async def test_what_changes_nothing_leaves_no_act(o: Office, owner: Visitor) -> None:
    cashier = await o.of("cashier", second=False)
    path = f"/staff/{cashier.staff_id}"
    await owner.post(f"{path}/role", role="cashier")
    await owner.post(f"{path}/second")
    await owner.post(f"{path}/state", to="on")

    assert await o.acts() == []
    assert (await cashier.http.get("/console/account")).status_code == 200


async def test_whoever_is_switched_off_is_out(o: Office, owner: Visitor) -> None:
    cashier = await o.of("cashier")
    await owner.post(f"/staff/{cashier.staff_id}/state", to="off")

    assert (await cashier.http.get("/console/account")).status_code == 303
    assert "switched off" in await owner.get("/staff")


async def test_an_invitation_that_was_lost_is_made_again(o: Office, owner: Visitor) -> None:
    first = await owner.post("/staff/invite", 200, name="Wanjiru", email="w@isp.test", role="cashier")
    made = next(each.staff for each in await o.home.read(store.members) if each.staff.state == "invited")
    again = await owner.post(f"/staff/{made.id}/reset", 200)
    links = [re.findall(r"/console/link/[0-9a-f.]+", each.text)[0] for each in (first, again)]

    async with httpx.AsyncClient(base_url=o.url, trust_env=False, timeout=60) as http:
        assert [(await http.get(each)).status_code for each in links][1] == 200
        assert (await http.get(links[0])).status_code in (404, 410)


@pytest.mark.parametrize("what", ["role", "state", "reset", "second"])
async def test_nobody_changes_their_own_account_here(o: Office, owner: Visitor, what: str) -> None:
    await owner.post(f"/staff/{owner.staff_id}/{what}", 409, role="cashier", to="off")

    assert await o.acts() == []


async def test_there_is_always_an_owner(o: Office, owner: Visitor) -> None:
    """Whoever asks is an owner and cannot change themselves; and the room counts again, in the transaction."""
    other = await o.of("owner")
    await owner.post(f"/staff/{other.staff_id}/state", to="off")
    with pytest.raises(Refused, match="last-owner"):
        await o.home.write(staff.set_role, owner.staff_id, "cashier", o.home.clock.now())

    assert (await o.home.read(staff.must_know, owner.staff_id)).role == "owner"


@pytest.mark.parametrize("to", ["", "maybe", "ON", "off "])
async def test_a_hostile_switch_is_refused(o: Office, owner: Visitor, to: str) -> None:
    cashier = await o.of("cashier")
    await owner.post(f"/staff/{cashier.staff_id}/state", 400, **({"to": to} if to else {}))

    assert await o.acts() == []


async def test_another_isps_staff_are_not_there(o: Office, owner: Visitor) -> None:
    cashier = await o.of("cashier")
    other = await o.home.db.write(None, tenancy.add_tenant, "Other", o.home.clock.now())
    changed(o.home.db.place, "UPDATE staff SET tenant_id = ? WHERE id = ?", (other.id, cashier.staff_id))
    path = f"/staff/{cashier.staff_id}"

    await owner.get(path, 404)
    for what in ("role", "state", "reset", "second"):
        await owner.post(f"{path}/{what}", 404, role="support", to="off")
    await owner.get("/staff/x", 400)
    assert await o.acts() == []


@pytest.mark.parametrize("role", ["manager", "cashier", "support", "auditor"])
@pytest.mark.parametrize("screen", [each for each in SCREENS if each.method == "POST"], ids=lambda each: each.path)
async def test_only_owners_change_staff(o: Office, role: str, screen: Screen) -> None:
    other, who = await o.of("cashier"), await o.of(role)
    await who.post(screen.path.replace("{id}", str(other.staff_id)), 403, role="owner", to="off")

    assert await o.acts() == []


async def test_an_old_login_is_asked_for_the_password_before_anything_changes(o: Office, owner: Visitor) -> None:
    cashier = await o.of("cashier")
    hashed = await o.services.staff.passwords.hash(PASSWORD)
    await o.home.write(update, "staff", owner.staff_id, password_hash=hashed.encode())
    o.home.clock.advance(11 * MINUTE)
    path = f"/staff/{cashier.staff_id}"
    assert f"/console/account/prove?next=/console{path}" in await owner.get(path)
    refused = await owner.post(f"{path}/role", 403, role="support")
    assert "nothing that you typed is lost" in refused.text
    assert '<input type="hidden" name="role" value="support">' in refused.text
    wrong = await owner.post(f"{path}/role", 403, role="support", proof="another one")
    assert "That is not your password" in wrong.text
    assert '<input type="hidden" name="role" value="support">' in wrong.text
    assert "another one" not in wrong.text
    assert await o.acts() == []
    await owner.post(f"{path}/role", role="support", proof=PASSWORD)
    assert len(await o.acts()) == 1
    await owner.post(f"{path}/role", role="cashier")  # it holds for ten minutes
    assert len(await o.acts()) == 2


async def test_the_password_is_given_on_its_own_page_and_leads_back(o: Office, owner: Visitor) -> None:
    cashier = await o.of("cashier")
    hashed = await o.services.staff.passwords.hash(PASSWORD)
    await o.home.write(update, "staff", owner.staff_id, password_hash=hashed.encode())
    o.home.clock.advance(11 * MINUTE)
    path = f"/staff/{cashier.staff_id}"

    wrong = await owner.post("/account/prove", 403, password="another one", next=f"/console{path}")
    assert "That is not your password" in wrong.text
    right = await owner.post("/account/prove", password=PASSWORD, next=f"/console{path}")
    assert right.headers["location"] == f"/console{path}?said=proven"
    await owner.post(f"{path}/role", role="support")
    assert len(await o.acts()) == 1


@pytest.mark.parametrize(
    "back", ["https://evil.test", "//evil.test/", "/console//evil.test", "javascript:alert(1)", ""]
)
async def test_giving_the_password_leads_nowhere_else(owner: Visitor, back: str) -> None:
    answer = await owner.http.get("/console/account/prove", params={"next": back})

    assert answer.headers["location"] == "/console/"


async def test_a_name_cannot_break_out_of_the_page(o: Office, owner: Visitor) -> None:
    answer = await owner.post("/staff/invite", 200, name="<img src=x>", email="x@isp.test", role="cashier")

    assert "<img src=x>" not in answer.text + await owner.get("/staff") + await owner.get("/audit")


async def test_the_list_goes_by_the_index_of_logins(o: Office) -> None:
    found = plans(o.home, store.members())

    assert scans(found, ("logins",)) == []
