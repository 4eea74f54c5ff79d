"""The pages of routers: the whole road of a new one against the sandbox's RouterOS, and what may go wrong on it."""

from __future__ import annotations

import asyncio
import html
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from portal.clock import MINUTE
from portal.console.routers import form
from portal.console.routers.state import clock_words
from portal.mikrotik.difference import Difference, Errand
from portal.mikrotik.keepers import Keepers
from portal.mikrotik.provisioning import files
from portal.tenancy import store as tenancy
from portal.tenancy.store import Router
from sandbox.net import listen
from sandbox.routeros.api import serve_api
from sandbox.routeros.device import SandboxRouter
from sandbox.routeros.rsc import import_rsc
from sandbox.routeros.tls import certificate_tls
from sandbox.world import free_port
from tests.console.office import Office, Visitor, office
from tests.mikrotik.ready import certificate, empty_router

URL = "https://wifi.example.co.ke"
PIN = re.compile(r'name="fingerprint" value="([0-9a-f]{64})"')
KEY = re.compile(r'name="key" value="([0-9a-f]{32})"')
PIN_OF_ANOTHER = "cd" * 32
SCRIPT = re.compile(r'<pre class="script"[^>]*>(.*?)</pre>', re.DOTALL)

GOOD = {
    "key": "0123456789abcdef0123456789abcdef",
    "name": "Kilimani Mall",
    "host": "10.9.0.2",
    "port": "",
    "way": "tls",
    "management": "10.9.0.1",
    "kind": "ports",
    "interface": "ether2",
    "wan": "ether1",
    "network": "10.5.50.0/24",
    "version": "7",
    "hotspot_host": "login.wifi",
    "certificate": "",
    "addresses": "",
}


@pytest.fixture
async def o(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path, BANDO_PUBLIC_URL=URL) as made:
        yield made
        assert await made.verified()


@asynccontextmanager
async def kept(o: Office) -> AsyncIterator[Keepers]:
    """The same console with keepers that run."""
    home = o.home
    keepers = Keepers(
        db=home.db, clock=home.clock, vault=home.vault, settings=o.services.settings, catalog=o.services.catalog
    )
    object.__setattr__(o.services, "keepers", keepers)
    try:
        yield keepers
    finally:
        await keepers.stop()


@asynccontextmanager
async def powered(router: SandboxRouter, port: int) -> AsyncIterator[None]:
    """The router's api-ssl, as it is after the import."""
    server = await serve_api(router, port=port, tls=certificate_tls(*certificate()))
    try:
        yield
    finally:
        await server.aclose()


async def until(seen: Callable[[], Awaitable[bool]], keepers: Keepers) -> None:
    for _ in range(3000):
        await keepers.look()
        if await seen():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen")


async def routers_of(o: Office) -> list[Router]:
    found: list[Router] = await o.home.read(tenancy.routers)
    return found


async def the_new_one(o: Office) -> Router:
    return (await routers_of(o))[-1]


async def added(o: Office, who: Visitor, **changes: str) -> Router:
    await who.post("/routers/new", 303, **{**GOOD, **changes})
    return await the_new_one(o)


def fetch_for(router: Router) -> Callable[[str], bytes]:
    return lambda url: files(URL, router.public)[url.rsplit("/", 1)[1]]


def at_home(o: Office) -> SandboxRouter:
    """An empty router, whose clock is right."""
    router = empty_router()
    router.clock = o.home.clock
    return router


async def test_the_whole_road_of_a_new_router(o: Office) -> None:
    who, port, device = await o.of("owner"), free_port(), at_home(o)
    page = await who.get("/routers/new")
    key = KEY.search(page)
    assert key is not None
    local = {"host": "127.0.0.1", "port": str(port), "management": "127.0.0.1", "key": key[1]}
    answer = await who.post("/routers/new", 303, **{**GOOD, **local})
    made = await the_new_one(o)
    path = f"/routers/{made.id}"
    assert answer.headers["location"] == f"/console{path}/script"

    shown = SCRIPT.search(await who.get(f"{path}/script"))
    assert shown is not None
    text = html.unescape(shown[1])
    assert made.password(o.home.vault) in text
    assert (await who.http.get(f"/console{path}/script/file")).text == text
    assert "Waiting for the router" in await who.get(f"{path}/meet")

    said = import_rsc(device, text, fetch=fetch_for(made))
    assert "bando: everything is in place" in said
    async with powered(device, port), kept(o) as keepers:
        o.home.clock.advance(3_000)
        page = await who.get(f"{path}/meet")
        offered = PIN.search(page)
        assert offered is not None
        assert "letter by letter" in page
        assert "hx-get" not in page.split('id="meet"')[1], "nothing moves while somebody compares"
        await who.post(f"{path}/pin", fingerprint=offered[1])

        async def met() -> bool:
            return "The router is there." in await who.get(f"{path}/meet")

        await until(met, keepers)
        page = await who.get(f"{path}/look")
        assert 'class="matter fault"' not in page, page
        assert "7.23.4" in page
        page = await who.get(path)
        assert "well" in page
        assert "agreed" in page
        assert re.search(r"\d+ ms", page)
    assert [each["act"] for each in await o.acts()] == ["router.add", "router.script", "router.file", "router.pin"]
    assert made.password(o.home.vault) not in json.dumps([str(each["payload"]) for each in await o.acts()])


async def test_a_form_that_is_sent_twice_adds_one_router(o: Office) -> None:
    who = await o.of("manager")
    made = await added(o, who)
    again = await who.post("/routers/new", 303, **GOOD)
    assert again.headers["location"] == f"/console/routers/{made.id}?said=router-there"
    assert len(await routers_of(o)) == 2
    view = o.services.catalog.tenant(o.home.tenant.id)
    assert view is not None
    assert made.id in view.routers, "guests' pages and keepers follow at once"


MISTAKES = [
    ("name", "", "name has 1 to 60"),
    ("name", "x" * 61, "name has 1 to 60"),
    ("name", "a\u202eb", "name has 1 to 60"),
    ("name", "site 1", "has this name already"),
    ("host", "", "Write an IP address"),
    ("host", "10.9.0.2 ; ls", "Write an IP address"),
    ("host", "router", "Write an IP address"),
    ("host", "169.254.169.254", "No router can be there"),
    ("host", "8.8.8.8", "BANDO_ROUTER_NETWORKS"),
    ("port", "x", "The API is at 8729"),
    ("port", "22", "The API is at 8729"),
    ("port", "70000", "The API is at 8729"),
    ("port", "8728", "for tunnels only"),
    ("management", "", "from which Bando comes"),
    ("management", "0.0.0.0/0", "from which Bando comes"),
    ("management", "10.9.0.1/24", "from which Bando comes"),
    ("management", "::1", "from which Bando comes"),
    ("network", "10.9.0.0/24", "guests could reach the API"),
    ("interface", "", "on which interface"),
    ("interface", "ether2,,ether3", "on which interface"),
    ("interface", "e" * 61, "on which interface"),
    ("interface", "ether2," * 43 + "ether3", "on which interface"),
    ("network", "10.5.50.1/24", "begins at its first address"),
    ("network", "10.0.0.0/8", "begins at its first address"),
    ("network", "10.5.50.0/30", "begins at its first address"),
    ("network", "٤.5.50.0/24", "begins at its first address"),
    ("wan", "", "leads to the internet"),
    ("hotspot_host", "wifi.example.co.ke", "other than the portal"),
    ("hotspot_host", "duka.local", "end in .local"),
    ("hotspot_host", "a b.c", "Write a host name"),
    ("hotspot_host", "1.2.3.4", "Write a host name"),
    ("certificate", 'x"; /system reset', "at most 60 plain characters"),
    ("addresses", "1.2.3", "fixed IPv4 addresses"),
    ("addresses", "1.2.3.4 " * 9, "fixed IPv4 addresses"),
    ("version", "8", "not complete"),
    ("kind", "all", "not complete"),
    ("way", "pigeon", "not complete"),
    ("key", "0", "not complete"),
]


@pytest.mark.parametrize(("field", "text", "says"), MISTAKES)
async def test_a_mistake_stands_beside_its_field_and_nothing_typed_is_lost(
    o: Office, field: str, text: str, says: str
) -> None:
    who = await o.of("owner")
    typed = {**GOOD, "name": "<i>'Duka'", "interface": "ether7", field: text}
    answer = await who.http.post("/console/routers/new", data={"csrf": await who.token(), **typed})
    assert answer.status_code in (400, 409)
    assert says in answer.text
    if field != "name":
        assert "&lt;i&gt;&#39;Duka&#39;" in answer.text
    if field != "interface":
        assert 'value="ether7"' in answer.text
    if field in form.BESIDE.values():
        assert re.search(rf'<input id="{field}"[^>]*aria-invalid="true"', answer.text)
    assert (len(await routers_of(o)), await o.acts()) == (1, [])


async def test_several_ports_are_for_a_new_network_only(o: Office) -> None:
    who = await o.of("owner")
    for kind in ("bridge", "adopt"):
        answer = await who.post("/routers/new", 400, **{**GOOD, "kind": kind, "interface": "ether2,ether3"})
        assert "Name one interface here" in answer.text
    made = await added(o, who, interface="ether2, ether3")
    assert form.answers_of(made)["interface"] == "ether2,ether3"


async def test_a_tunnel_is_spoken_plain_and_pins_nothing(o: Office) -> None:
    who, device = await o.of("owner"), at_home(o)
    made = await added(o, who, way="tunnel")
    assert (made.port, made.tunnel, made.trusted) == (8728, True, True)
    shown = SCRIPT.search(await who.get(f"/routers/{made.id}/script"))
    assert shown is not None
    said = import_rsc(device, html.unescape(shown[1]), fetch=fetch_for(made))
    assert "bando: everything is in place" in said
    service = next(row for row in device.tables["/ip/service"].rows.values() if row["name"] == "api")
    assert (service.get("disabled", "no"), service["address"]) in (("no", "10.9.0.1"), ("false", "10.9.0.1"))
    assert not [line for line in said if "fingerprint" in line]
    assert "Bando connects" in await who.get(f"/routers/{made.id}/meet")


async def test_the_script_asks_for_the_password_again_and_leaves_a_line_each_time(o: Office) -> None:
    who = await o.of("owner")
    made = await added(o, who)
    o.home.clock.advance(11 * MINUTE)
    answer = await who.http.get(f"/console/routers/{made.id}/script")
    assert answer.headers["location"] == f"/console/account/prove?next=%2Fconsole%2Frouters%2F{made.id}%2Fscript"
    answer = await who.http.get(f"/console/routers/{made.id}/script/file")
    assert answer.status_code == 303
    await who.post(f"/routers/{made.id}/password", 403, reason="because")
    assert [each["act"] for each in await o.acts()] == ["router.add"]


async def test_an_address_or_certificate_is_changed_only_with_ones_own_password(o: Office) -> None:
    """Either could have the API's password sent to a stranger's machine."""
    who = await o.of("owner")
    made = await added(o, who, host="127.0.0.1", port=str(free_port()))
    o.home.clock.advance(11 * MINUTE)
    stolen = {**GOOD, "host": "10.9.0.66", "way": "tunnel"}
    answer = await who.post(f"/routers/{made.id}/change", 403, **stolen)
    assert "password once more" in answer.text
    assert 'value="10.9.0.66"' in answer.text, "nothing typed is lost"
    assert "password once more" in (await who.post(f"/routers/{made.id}/pin", 403, fingerprint=PIN_OF_ANOTHER)).text
    assert (await who.http.get(f"/console/routers/{made.id}/change")).status_code == 303
    assert 'name="fingerprint"' not in await who.get(f"/routers/{made.id}/meet")
    assert await the_new_one(o) == made
    assert [each["act"] for each in await o.acts()] == ["router.add"]


async def test_the_script_is_kept_by_no_browser(o: Office) -> None:
    who = await o.of("owner")
    made = await added(o, who)
    for path in ("script", "script/file"):
        answer = await who.http.get(f"/console/routers/{made.id}/{path}")
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.headers["content-disposition"] == 'attachment; filename="bando.rsc"'


async def test_a_router_of_the_command_line_is_asked_what_its_script_has_to_know(o: Office) -> None:
    who = await o.of("owner")
    path = f"/routers/{o.home.router_id}"
    assert "the script needs both" in await who.get(f"{path}/script", 409)
    await who.post(f"{path}/change", 303, **{**GOOD, "name": "Site 1"})
    assert "too short" in await who.get(f"{path}/script", 409)
    await who.post(f"{path}/password", reason="for the script")
    assert "/import file-name=bando.rsc" in await who.get(f"{path}/script")


async def test_without_https_there_is_no_script(tmp_path: Path) -> None:
    async with office(tmp_path) as plain:
        who = await plain.of("owner")
        made = await added(plain, who)
        assert "BANDO_PUBLIC_URL" in await who.get(f"/routers/{made.id}/script", 409)


async def test_a_typed_fingerprint_is_read_strictly(o: Office) -> None:
    who = await o.of("owner")
    made = await added(o, who, host="127.0.0.1", port=str(free_port()))
    for bad in ("", "abc", "g" * 64, "0" * 63, "0" * 65, "<script>"):
        answer = await who.post(f"/routers/{made.id}/pin", 400, fingerprint=bad)
        assert "64 digits" in answer.text
    await who.post(f"/routers/{made.id}/pin", fingerprint=":".join(["AB"] * 32))
    assert (await the_new_one(o)).fingerprint == "ab" * 32


async def test_another_certificate_is_told_and_has_to_be_accepted_again(o: Office) -> None:
    who, port, device = await o.of("owner"), free_port(), at_home(o)
    made = await added(o, who, host="127.0.0.1", port=str(port))
    await who.post(f"/routers/{made.id}/pin", fingerprint="ab" * 32)
    async with powered(device, port), kept(o) as keepers:

        async def told() -> bool:
            return "Another certificate answers now" in await who.get(f"/routers/{made.id}/meet")

        await until(told, keepers)
        assert "another certificate answers" in await who.get("/routers")
        page = await who.get(f"/routers/{made.id}/meet")
        assert "abab abab" in page
        offered = PIN.search(page)
        assert offered is not None
        assert offered[1] != "ab" * 32
        await who.post(f"/routers/{made.id}/pin", fingerprint=offered[1])
        [act] = [each for each in await o.acts() if each["act"] == "router.pin"][1:]
        assert json.loads(act["payload"])["before"] == {"fingerprint": "ab" * 32}


async def test_changes_are_written_down_with_what_was_before(o: Office) -> None:
    who = await o.of("manager")
    made = await added(o, who)
    await who.post(f"/routers/{made.id}/pin", fingerprint="ab" * 32)
    moved = await who.post(f"/routers/{made.id}/change", 303, **{**GOOD, "host": "10.9.0.3", "name": "Mall"})
    assert moved.headers["location"].endswith("?said=router-saved")
    again = await who.post(
        f"/routers/{made.id}/change", 303, **{**GOOD, "host": "10.9.0.3", "name": "Mall", "wan": "lte1"}
    )
    assert again.headers["location"].endswith("?said=router-again")
    now = await the_new_one(o)
    assert (now.host, now.name, now.fingerprint) == ("10.9.0.3", "Mall", "ab" * 32), "the pin stays with the router"
    first, second = [json.loads(each["payload"]) for each in await o.acts() if each["act"] == "router.change"]
    assert (first["before"], first["after"]) == (
        {"name": "Kilimani Mall", "host": "10.9.0.2"},
        {"name": "Mall", "host": "10.9.0.3"},
    )
    assert second["after"] == {"wan": "lte1"}
    refused = await who.post(f"/routers/{made.id}/change", 400, **{**GOOD, "host": "127.1"})
    assert "Write an IP address" in refused.text
    assert (await the_new_one(o)).host == "10.9.0.3"


async def test_a_new_password_makes_a_new_script(o: Office) -> None:
    who = await o.of("owner")
    made = await added(o, who)
    assert "Say why" in (await who.post(f"/routers/{made.id}/password", 400, reason=" ")).text
    answer = await who.post(f"/routers/{made.id}/password", reason="somebody left")
    assert answer.headers["location"].startswith(f"/console/routers/{made.id}/script")
    now = await the_new_one(o)
    old, new = (each.password(o.home.vault) for each in (made, now))
    assert old != new
    assert new in html.unescape(await who.get(f"/routers/{made.id}/script"))
    assert new not in str([dict(each) for each in await o.acts()])


async def test_switching_off_closes_the_entry_and_kicks_nobody(o: Office) -> None:
    who = await o.of("owner")
    made = await added(o, who)
    path = f"/routers/{made.id}/switch"
    assert "Nobody is kicked" in await who.get(path)
    await who.post(path, 400, state="off", reason="")
    await who.post(path, 400, state="sideways", reason="x")
    await who.post(path, state="off", reason="the mall is closed")
    assert o.services.catalog.router_by_public(made.public) is None
    assert "switched off" in await who.get("/routers")
    assert "switched off here" in await who.get(f"/routers/{made.id}/meet")
    await who.post(path, state="on", reason="open again")
    assert o.services.catalog.router_by_public(made.public) is not None
    assert [each["act"] for each in await o.acts()] == ["router.add", "router.off", "router.on"]


async def test_a_held_removal_is_allowed_with_a_reason(o: Office) -> None:
    who, home = await o.of("owner"), o.home
    path = f"/routers/{home.router_id}"
    assert "Nothing is held back" in (await who.post(f"{path}/allow", 409, reason="why not")).text
    await home.write(tenancy.note_contact, home.router_id, home.clock.now())
    await home.write(tenancy.hold_back, home.router_id, 30, 40, home.clock.now())
    page = await who.get(path)
    assert "removal held" in page
    assert "would lose most of its guests" in page
    assert "Say why" in (await who.post(f"{path}/allow", 400, reason="")).text
    await who.post(f"{path}/allow", reason="the database was restored")
    [router] = await routers_of(o)
    assert router.mass_removal == "allowed"
    assert await home.read(tenancy.exceptions) == []


async def test_a_silent_router_does_not_hold_its_page(o: Office) -> None:
    """What answers takes the connection and says nothing."""
    who = await o.of("support")
    port = free_port()
    calls: list[int] = []

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.append(1)
        while await reader.read(1000):
            pass
        writer.close()

    server = await listen(say_nothing, port=port)
    try:
        await o.home.write(tenancy.pin, o.home.router_id, "ab" * 32)
        await o.home.write(_moved, o.home.router_id, port)
        await o.services.catalog.refresh()
        began = asyncio.get_running_loop().time()
        assert "Site 1" in await who.get(f"/routers/{o.home.router_id}")
        assert asyncio.get_running_loop().time() - began < 1
        who.http.timeout = 20
        pages = await asyncio.gather(*(who.http.get(f"/console/routers/{o.home.router_id}/look") for _ in range(3)))
        assert asyncio.get_running_loop().time() - began < 13
        assert all(each.status_code == 200 for each in pages)
        assert len(calls) == 1, "one look at a time"
    finally:
        await server.aclose()


def _moved(router_id: int, port: int) -> Any:
    from portal.units import update

    yield from update("routers", router_id, port=port, tunnel=False)


@pytest.mark.parametrize("role", ["support", "auditor"])
async def test_who_may_only_look_sees_no_way_to_change(o: Office, role: str) -> None:
    who = await o.of(role)
    for path in ("/routers", f"/routers/{o.home.router_id}"):
        page = await who.get(path)
        assert "Site 1" in page
        for way in ("new", *(f"{o.home.router_id}/{each}" for each in ("change", "script", "switch", "allow", "meet"))):
            assert f"/console/routers/{way}" not in page
    await who.get("/routers/new", 403)


async def test_an_empty_list_says_the_next_step(o: Office) -> None:
    await o.home.write(_nothing_left)
    page = await (await o.of("owner")).get("/routers")
    assert "No router yet" in page
    assert 'href="/console/routers/new"' in page


def _nothing_left() -> Any:
    from portal.units import Sql

    yield Sql("DELETE FROM routers WHERE tenant_id = :tenant", {})


def test_clocks_in_words() -> None:
    assert [clock_words(each) for each in (0, -2_000, 90_000, -600_000)] == [
        "right",
        "right",
        "90 s ahead",
        "10 min behind",
    ]


def test_what_a_comparison_had_to_change_is_counted_by_kind() -> None:
    put_off = Errand(device_id=1, remove_users=("*1",), remove_active=("*2", "*3"))
    let_in = Errand(device_id=2, login=("10.5.50.9", "02:00:00:00:00:01", "bando-2"))
    assert Difference(errands=(put_off, let_in)).counts == {"removed": 1, "let in": 1, "put off": 2}
    assert Difference().counts == {}
