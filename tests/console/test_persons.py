"""What is known of a guest is shown to whoever may see it, goes along as a file, and is erased for good."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest

from portal.console.desk import PROOF_MS
from portal.people import store as people
from portal.privacy.retention import service as retention
from portal.units import Row, Unit, rows
from tests.console import guests, samples_rights
from tests.console.office import Office, Visitor

PASSWORD = "nane mbuzi katika shamba"


async def a_guest(o: Office) -> tuple[int, int]:
    """Somebody who paid for a device and was online: the device and the person."""
    device = await guests.device(o.home)
    await guests.paid(o.home, device)
    await guests.goes_online(o.home, device, for_s=60, size=9000)
    person = await o.home.write(people.person_for, o.home.vault, o.home.tenant.id, guests.PHONE, o.home.clock.now())
    return device, int(person)


async def table(o: Office, name: str) -> list[Row]:
    return list(await o.home.read(rows, f"SELECT * FROM {name} WHERE tenant_id = :tenant ORDER BY id"))


async def test_the_page_says_how_much_and_shows_nothing_of_it(o: Office) -> None:
    device, person = await a_guest(o)
    for path in (f"/guests/device/{device}/data", f"/guests/person/{person}/data"):
        page = await (await o.of("owner")).get(path)
        assert "What is known of 0712 345 678" in page
        assert "Sessions: when you were online" in page
        assert guests.RECEIPT not in page
    assert "07xx xxx 678" in await (await o.of("auditor")).get(f"/guests/device/{device}/data")


async def test_it_is_read_on_a_page_and_that_is_an_act(o: Office) -> None:
    device, person = await a_guest(o)
    page = (await (await o.of("owner")).post(f"/guests/device/{device}/data", 200, form="page")).text
    for said in (guests.mac(1), "254712345678", guests.RECEIPT, "How long it is kept", "odpc.go.ke"):
        assert said in page
    last = (await o.acts())[-1]
    assert (last["act"], last["subject"]) == ("person.read", f"person:{person}")
    assert "254712345678" not in str(last["payload"])


async def test_it_goes_along_as_json_and_as_tables_with_the_same_rows(o: Office) -> None:
    device, _ = await a_guest(o)
    who = await o.of("manager")
    told = json.loads((await who.post(f"/guests/device/{device}/data", 200, form="json")).content)
    packed = (await who.post(f"/guests/device/{device}/data", 200, form="csv")).content

    assert told["format"] == "bando-dossier-1"
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        lines = {name: len(archive.read(name).decode().splitlines()) - 1 for name in archive.namelist()}
    assert lines.pop("audit.csv") == 1  # that it went along as JSON
    assert lines == {f"{each['name']}.csv": len(each["rows"]) for each in told["tables"]}
    assert {"persons", "devices", "payments", "receipts", "sessions"} <= {each["name"] for each in told["tables"]}


@pytest.mark.parametrize("form", ["exe", "../json"])
async def test_an_unknown_form_is_refused(o: Office, form: str) -> None:
    device, _ = await a_guest(o)
    await (await o.of("owner")).post(f"/guests/device/{device}/data", 400, form=form)


@pytest.mark.parametrize("role", ["cashier", "auditor", "support"])
async def test_who_may_not_erase_sees_no_button_and_is_refused(o: Office, role: str) -> None:
    device, _ = await a_guest(o)
    who = await o.of(role)
    assert "/erase" not in await who.get(f"/guests/device/{device}/data")
    await who.get(f"/guests/device/{device}/erase", 403)
    await who.post(f"/guests/device/{device}/erase", 403, reason="because")
    assert (await table(o, "persons"))[0]["phone_index"] is not None


async def test_both_want_the_password_again(o: Office) -> None:
    device, _ = await a_guest(o)
    who = await o.of("owner")
    o.home.clock.advance(PROOF_MS + 1)
    forms: dict[str, dict[str, Any]] = {"data": {"form": "json"}, "erase": {"reason": "because"}}
    for path, fields in forms.items():
        page = (await who.post(f"/guests/device/{device}/{path}", 403, **fields)).text
        assert "password" in page
    assert (await table(o, "persons"))[0]["phone_index"] is not None


async def erased(o: Office, who: Visitor, path: str, **more: Any) -> None:
    page = await who.get(f"{path}/erase")
    assert "This cannot be undone" in page
    await who.post(f"{path}/erase", reason="they asked", **more)


async def test_they_are_erased_and_the_page_is_gone(o: Office) -> None:
    device, person = await a_guest(o)
    before = await table(o, "transfers")
    who = await o.of("manager")
    await erased(o, who, f"/guests/device/{device}")

    assert (await table(o, "persons"))[0]["phone_index"] is None
    assert (await table(o, "devices"))[0]["mac"] == f"gone-{device}"
    assert (await table(o, "sessions"), await table(o, "presence")) == ([], [])
    assert await table(o, "transfers") == before
    for path in (f"/guests/device/{device}/data", f"/guests/person/{person}/data", f"/guests/device/{device}/erase"):
        await who.get(path, 404)
    last = (await o.acts())[-1]
    assert (last["act"], last["subject"]) == ("person.erase", f"person:{person}")
    assert "Amina Manager" in str(last["payload"])
    assert await o.verified()


async def test_a_child_is_erased_by_an_act_of_its_own(o: Office) -> None:
    _, person = await a_guest(o)
    await erased(o, await o.of("owner"), f"/guests/person/{person}", minor="1")
    assert (await o.acts())[-1]["act"] == "person.erase-minor"


async def test_without_a_reason_the_form_comes_back_as_it_was(o: Office) -> None:
    _, person = await a_guest(o)
    page = (await (await o.of("owner")).post(f"/guests/person/{person}/erase", 400, reason=" ", minor="1")).text
    assert "Say why" in page
    assert 'value="1" checked' in page


async def test_beside_a_hold_it_says_why_not_and_what_to_do(o: Office) -> None:
    _, person = await a_guest(o)
    given = (["person"], "Order 12 of 2026", None, "command", o.home.clock.now())
    await o.home.write(retention.hold, o.home.vault, *given)
    who = await o.of("owner")
    page = await who.get(f"/guests/person/{person}/erase")
    assert "Restrict the use of their data instead" in page
    assert "Erase them" not in page
    await who.post(f"/guests/person/{person}/erase", 409, reason="they asked")
    assert (await table(o, "persons"))[0]["phone_index"] is not None


async def test_a_request_leads_there_and_has_the_erasing_in_its_evidence(o: Office) -> None:
    request = await samples_rights.filed(o.home, "erase")
    person = (await table(o, "rights_requests"))[0]["person_id"]
    await o.home.write(_fails)
    who = await o.of("owner")
    assert f"/console/guests/person/{person}/erase" in await who.get(f"/requests/{request}")
    await erased(o, who, f"/guests/person/{person}")

    page = await who.get(f"/requests/{request}")
    assert "They were erased" in page
    assert "all of it" not in page  # their words are gone, too
    await who.post(f"/requests/{request}/answer", reason="Erased, and told so at the counter")


def _fails() -> Unit[None]:
    yield from rows("UPDATE payments SET state = 'failed' WHERE tenant_id = :tenant RETURNING id")


@pytest.mark.parametrize("number", ["0", "999", "-1", "x", "1e3", "9" * 40])
async def test_a_number_of_nobody_opens_nothing(o: Office, number: str) -> None:
    who = await o.of("owner")
    for path in (f"/guests/device/{number}/data", f"/guests/person/{number}/erase"):
        await who.get(path, 404)
