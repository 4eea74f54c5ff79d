"""The pages of routers that ask RADIUS: added, shown, changed, and their secret kept."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from portal.clock import MINUTE
from portal.console.dashboard.screens import router_state
from portal.console.guests.state import silent
from portal.tenancy import store as tenancy
from portal.watch.looking import expected
from sandbox.routeros.rsc import import_rsc
from tests.console.office import Office, office
from tests.console.test_routers import GOOD, SCRIPT, URL, added, at_home, fetch_for, routers_of, the_new_one

ASKS = {"way": "radius", "host": "10.9.0.7", "coa_port": "3799"}


@pytest.fixture
async def o(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path, BANDO_PUBLIC_URL=URL) as made:
        yield made
        assert await made.verified()


async def test_the_whole_road_of_a_router_that_asks(o: Office) -> None:
    who, device = await o.of("owner"), at_home(o)
    made = await added(o, who, **ASKS)
    path = f"/routers/{made.id}"
    assert (made.mode, made.radius_source, made.coa_port, made.trusted) == ("radius", "10.9.0.7", 3799, True)
    secret = made.radius_secret(o.home.vault)
    assert len(secret) >= 32

    page = await who.get(f"{path}/script")
    shown = SCRIPT.search(page)
    assert shown is not None
    assert "the RADIUS secret of the router" in page
    said = import_rsc(device, html.unescape(shown[1]), fetch=fetch_for(made))
    assert "bando: everything is in place" in said
    (server,) = device.tables["/radius"].rows.values()
    assert (server["address"], server["src-address"], server["secret"]) == ("10.9.0.1", "10.9.0.7", secret)

    assert "Waiting for its first question" in await who.get(f"{path}/meet")
    assert "has not asked yet" in await who.get(path)
    await o.home.write(tenancy.note_contact, made.id, o.home.clock.now())
    assert "The router asks." in await who.get(f"{path}/meet")
    for page in (await who.get(path), await who.get("/routers")):
        assert "asks RADIUS" in page
        assert secret not in page
    o.home.clock.advance(16 * MINUTE)
    assert "nothing heard since" in await who.get(path)
    acts = await o.acts()
    assert [each["act"] for each in acts] == ["router.add", "router.script"]
    assert secret not in str([dict(each) for each in acts])


async def test_its_page_shows_nothing_that_only_a_called_router_has(o: Office) -> None:
    who = await o.of("owner")
    made = await added(o, who, **{**ASKS, "coa_port": ""})
    page = await who.get(f"/routers/{made.id}")
    assert "Last packet heard" in page
    assert "when time ends" in page
    for word in ("Answers in", "Last comparison", "Walled garden", "Its certificate", "New password"):
        assert word not in page


MISTAKES = [
    ("host", "radius.example.com", "IPv4 address that its RADIUS packets come from"),
    ("host", "8.8.8.8", ""),
    ("management", "10.9.0.0/24", "one IPv4 address of FreeRADIUS"),
    ("coa_port", "0", "port from 1 to 65535"),
    ("coa_port", "many", "port from 1 to 65535"),
]


@pytest.mark.parametrize(("field", "text", "says"), MISTAKES)
async def test_a_mistake_stands_beside_its_field(o: Office, field: str, text: str, says: str) -> None:
    who = await o.of("owner")
    answer = await who.post("/routers/new", 400, **{**GOOD, **ASKS, field: text})
    assert says in answer.text
    assert re.search(rf'<input id="{field}"[^>]*aria-invalid="true"', answer.text)
    assert len(await routers_of(o)) == 1


async def test_two_routers_cannot_come_from_one_address(o: Office) -> None:
    who = await o.of("owner")
    await added(o, who, **ASKS)
    again = {**GOOD, **ASKS, "name": "Plaza", "key": "f" * 32}
    assert "Each router needs its own" in (await who.post("/routers/new", 409, **again)).text
    assert len(await routers_of(o)) == 2


async def test_a_router_changes_how_it_works_and_keeps_its_secret(o: Office) -> None:
    who = await o.of("owner")
    made = await added(o, who)
    await who.post(f"/routers/{made.id}/change", 303, **{**GOOD, **ASKS})
    first = await the_new_one(o)
    assert first.mode == "radius"
    await who.post(f"/routers/{made.id}/change", 303, **{**GOOD, **ASKS, "host": "10.9.0.8"})
    moved = await the_new_one(o)
    assert moved.radius_source == "10.9.0.8"
    assert moved.radius_secret(o.home.vault) == first.radius_secret(o.home.vault)
    answer = await who.post(f"/routers/{made.id}/password", reason="somebody left")
    assert answer.headers["location"].startswith(f"/console/routers/{made.id}/script")
    assert (await the_new_one(o)).radius_secret(o.home.vault) != first.radius_secret(o.home.vault)
    await who.post(f"/routers/{made.id}/change", 303, **GOOD)
    back = await the_new_one(o)
    assert (back.mode, back.radius_source, back.radius_secret(o.home.vault)) == ("api", None, "")


async def test_silence_of_a_router_that_asks_is_no_trouble(o: Office) -> None:
    who = await o.of("owner")
    made = await added(o, who, **ASKS)
    await o.home.write(tenancy.note_contact, made.id, o.home.clock.now())
    o.home.clock.advance(40 * MINUTE)
    now = (await o.home.read(tenancy.router, made.id)) or made
    assert not silent(now, o.home.clock.now())
    assert silent(replace(now, mode="api"), o.home.clock.now())
    assert router_state(now, o.home.clock.now()) == ("quiet", "")
    assert router_state(replace(now, mode="api"), o.home.clock.now()) == ("silent", "bad")
    assert not expected(now)
    assert expected(replace(now, mode="api"))


async def test_nobody_looks_at_a_router_that_cannot_be_called(o: Office) -> None:
    who = await o.of("owner")
    made = await added(o, who, **ASKS)
    answer = await who.http.get(f"/console/routers/{made.id}/look")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/console/routers/{made.id}")
