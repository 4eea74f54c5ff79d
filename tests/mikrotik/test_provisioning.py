"""The set-up script, run by the sandbox router's console."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from portal.errors import Misconfigured, RouterError
from portal.mikrotik.hotspot import Hotspot
from portal.mikrotik.inspection import inspect
from portal.mikrotik.provisioning import script
from portal.mikrotik.rows import ActiveRow
from portal.mikrotik.values import Rate
from sandbox.routeros.device import SandboxRouter
from sandbox.routeros.rsc import RscError, import_rsc
from tests.mikrotik.ready import (
    OPTIONS,
    empty_router,
    expected_of,
    options_for,
    ready_router,
    set_up,
    wired,
)
from tests.sandbox.routeros import IP, MAC

VERSIONS = ("7.23.4", "7.14.3", "6.49.21")


def state(router: SandboxRouter) -> dict[str, Any]:
    """Every table but the log, and every file."""
    shown = {
        path: [dict(table.view(row)) for row in table.rows.values()]
        for path, table in router.tables.items()
        if path not in ("/log", "/file", "/system/clock", "/system/resource")
    }
    return {**shown, "files": dict(router.files)}


def refusal(router: SandboxRouter, **changes: Any) -> str:
    with pytest.raises(RscError) as stopped:
        set_up(router, options_for(router.version_text, **changes))
    return str(stopped.value)


def foreign_hotspot(interface: str = "ether2") -> SandboxRouter:
    """A router whose owner has set up a hotspot before."""
    router = empty_router()
    tables = router.tables
    tables["/ip/address"].add({"address": "192.168.7.1/24", "interface": interface})
    profile = {"name": "old", "hotspot-address": "192.168.7.1", "dns-name": "wifi.duka.co.ke"}
    tables["/ip/hotspot/profile"].add({**profile, "login-by": "http-chap,cookie"})
    tables["/ip/hotspot"].add({"name": "shop", "interface": interface, "profile": "old"})
    tables["/ip/hotspot/user"].add({"name": "cousin", "password": "pw"})
    router.files["hotspot/login.html"] = b"<h1>Old</h1>"
    return router


# -- twice ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_second_import_changes_nothing_and_the_check_is_green(version: str) -> None:
    router = empty_router(version)
    first = set_up(router)
    before = state(router)
    second = set_up(router)

    assert "bando: everything is in place" in first
    assert "bando: everything is in place" in second
    assert state(router) == before
    async with wired(router) as wire:
        findings = await inspect(wire, expected_of(router, files={}))
    assert [each.code for each in findings if each.severity == "fault"] in ([], ["version"])


@pytest.mark.parametrize("version", VERSIONS)
def test_every_row_that_the_script_made_carries_our_mark(version: str) -> None:
    untouched, router = empty_router(version), empty_router(version)
    set_up(router)
    before, after = state(untouched), state(router)

    for path in [path for path in after if path not in ("files", "/interface")]:
        for row in after[path]:
            if row in before[path] or ".id" not in row or path in ("/ip/service", "/ipv6/nd"):
                continue
            assert row.get("name") in ("bando", "WAN") or row.get("comment", "").startswith("bando"), (path, row)


def test_a_later_import_brings_back_what_was_taken_away() -> None:
    router = ready_router()
    before = {path: len(table.rows) for path, table in router.tables.items() if path != "/log"}
    for path in ("/ip/hotspot/walled-garden/ip", "/ip/firewall/nat", "/ip/hotspot"):
        for ident in list(router.tables[path].rows):
            router.tables[path].remove(ident)
    del router.files["bando/login.html"]
    set_up(router)

    assert {path: len(table.rows) for path, table in router.tables.items() if path != "/log"} == before


def test_a_later_import_writes_a_new_password() -> None:
    router = ready_router()
    set_up(router, replace(OPTIONS, api_password="another-long-password"))

    assert router.tables["/user"].row("bando")["password"] == "another-long-password"


def test_a_router_whose_clock_says_1970_is_set_up_all_the_same() -> None:
    router = empty_router()
    router.faults.clock_1970 = True

    assert "bando: everything is in place" in set_up(router)


def test_boards_with_a_flash_folder_keep_the_pages_there() -> None:
    router = empty_router()
    router.files["flash"] = b""
    set_up(router)

    assert "flash/bando/login.html" in router.files
    assert router.tables["/ip/hotspot/profile"].row("bando")["html-directory"] == "flash/bando"


def test_a_page_that_was_tampered_with_on_the_way_stops_the_import() -> None:
    with pytest.raises(RscError, match=r"the page login\.html could not be written"):
        import_rsc(empty_router("6.49.21"), script(options_for("6")), fetch=lambda url: b"<h1>Pay me</h1>")


# -- what it makes --------------------------------------------------------------------------------


def test_the_api_user_may_do_what_it_needs_and_comes_from_one_place() -> None:
    router = ready_router()
    granted = [word for word in router.tables["/user/group"].row("bando")["policy"].split(",") if word[0] != "!"]
    user = router.tables["/user"].row("bando")

    assert sorted(granted) == ["api", "read", "test", "write"]
    assert (user["group"], user["address"]) == ("bando", OPTIONS.management)


def test_a_group_that_was_too_wide_is_narrowed() -> None:
    router = empty_router()
    router.tables["/user/group"].add({"name": "bando", "policy": "api,read,write,ssh,sensitive"})
    set_up(router)
    policy = router.tables["/user/group"].row("bando")["policy"].split(",")

    assert "!ssh" in policy
    assert "!sensitive" in policy


def test_the_portals_way_in_stands_before_a_drop_that_was_there() -> None:
    router = empty_router()
    table = router.tables["/ip/firewall/filter"]
    table.add({"chain": "input", "action": "drop", "in-interface": "ether1"})
    set_up(router)
    rules = [row for row in table.rows.values() if row["chain"] == "input"]

    assert rules[0]["comment"] == "bando: the portal may use the API"
    assert rules[1]["in-interface"] == "ether1"


def test_option_114_comes_only_with_a_certificate() -> None:
    router = empty_router()
    router.tables["/certificate"].add({"name": "wifi", "common-name": "wifi.duka.co.ke", "trusted": "yes"})
    set_up(router, replace(OPTIONS, dns_name="wifi.duka.co.ke", certificate="wifi"))
    (option,) = router.tables["/ip/dhcp-server/option"].rows.values()

    assert ready_router().tables["/ip/dhcp-server/option"].rows == {}
    assert (option["code"], option["value"], option["force"]) == ("114", "'https://wifi.duka.co.ke/api'", "true")
    assert router.tables["/ip/hotspot/profile"].row("bando")["ssl-certificate"] == "wifi"


def test_names_with_quotes_and_dollars_arrive_as_they_are() -> None:
    assert ready_router().tables["/system/identity"].row("")["name"] == OPTIONS.site


def test_version_6_without_ipv6_is_set_up_too() -> None:
    router = empty_router("6.49.21")
    for path in [path for path in router.tables if path.startswith("/ipv6")]:
        del router.tables[path]

    assert "bando: everything is in place" in set_up(router)


def test_before_paying_only_the_portal_is_open() -> None:
    router = ready_router()

    assert router.garden_ip_allows("portal.example.co.ke", None, 443)
    assert not router.garden_ip_allows("example.org", None, 443)
    assert not router.garden_host_allows("captive.apple.com", 80, "/")


def test_the_fingerprint_to_pin_is_printed() -> None:
    output = set_up(empty_router())
    (line,) = [each for each in output if each.startswith("bando: certificate fingerprint ")]

    assert len(line.rsplit(" ", 1)[1]) == 64


async def test_a_phone_is_let_in_by_the_api_user() -> None:
    router = ready_router()
    router.host_seen(MAC, IP)
    assert not router.is_authorized(MAC, IP)
    async with wired(router) as wire:
        hotspot = Hotspot(wire)
        await hotspot.add_profile(name="bando-wall-2M-5M", rate=Rate(up=2_000_000, down=5_000_000))
        await hotspot.add_user(
            name="bando-1", password="pw", mac=MAC, profile="bando-wall-2M-5M", comment="bando:x:1", limit_uptime_s=60
        )
        await hotspot.login(ip=IP, mac=MAC, user="bando-1", password="pw")
        (row,) = await hotspot.active()

    assert isinstance(row, ActiveRow)
    assert router.is_authorized(MAC, IP)


async def test_another_password_is_refused() -> None:
    with pytest.raises(RouterError):
        async with wired(ready_router(), password="sandbox"):
            pass


# -- refusals -------------------------------------------------------------------------------------


def test_a_hotspot_that_is_there_is_left_alone_without_adopt() -> None:
    router = foreign_hotspot()
    before = state(router)

    assert "has a hotspot already" in refusal(router)
    assert "--adopt" in refusal(router)
    assert state(router) == before


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"interface": "ether9"}, "there is no interface ether9 on this router"),
        ({"interface": "br7", "bridge": True}, "there is no bridge br7 on this router"),
        ({"interface": "ether3"}, "ether3 belongs to a bridge"),
        ({"interface": "ether4"}, "ether4 has a DHCP server already"),
        ({"interface": "lan"}, "lan is a bridge; choose a bridge (bando router script: --bridge)"),
        ({"adopt": True}, "there is no hotspot on ether2 to adopt"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_changes(changes: dict[str, Any], sentence: str) -> None:
    router = empty_router()
    router.tables["/interface/bridge"].add({"name": "lan"})
    router.tables["/interface/bridge/port"].add({"bridge": "lan", "interface": "ether3"})
    router.tables["/ip/dhcp-server"].add({"name": "defconf", "interface": "ether4"})
    before = state(router)

    assert sentence in refusal(router, **changes)
    assert state(router) == before


def test_a_script_for_another_version_is_refused() -> None:
    with pytest.raises(RscError, match="this script is for RouterOS 6"):
        set_up(empty_router(), options_for("6"))


def test_device_mode_is_named_before_anything_changes() -> None:
    router = empty_router()
    router.faults.device_mode_hotspot = False

    assert "device-mode forbids the hotspot" in refusal(router)


def test_a_missing_package_of_version_6_is_named() -> None:
    router = empty_router("6.49.21")
    router.faults.hotspot_package = False
    packages = router.tables["/system/package"]
    packages.remove(packages.find(name="hotspot")[0][".id"], dynamic=True)

    assert "the hotspot package is missing" in refusal(router)


@pytest.mark.parametrize(
    "changes",
    [
        {"interface": " "},
        {"interface": "ether2,ether3", "adopt": True},
        {"portal_url": "http://portal.example.co.ke"},
        {"router_public": ""},
        {"network": "10.5.50.0/30"},
        {"network": "fd00::/64"},
        {"management": "portal.example.co.ke"},
        {"management": "0.0.0.0/0"},
        {"api_password": "short"},
        {"dns_name": "portal.example.co.ke"},
        {"dns_name": "wifi.local"},
        {"certificate": "wifi"},
        {"site": "two\nlines"},
    ],
)
def test_options_that_cannot_work_are_refused_with_a_sentence(changes: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured, match=r"\w+"):
        replace(OPTIONS, **changes)


def test_the_password_does_not_show_in_a_repr() -> None:
    assert OPTIONS.api_password not in repr(OPTIONS)


# -- several ports, bridges, adoption -------------------------------------------------------------


def test_several_ports_share_one_bridge() -> None:
    router = empty_router()
    set_up(router, replace(OPTIONS, interface="ether2, ether3"))

    assert [row["interface"] for row in router.tables["/interface/bridge/port"].rows.values()] == ["ether2", "ether3"]


def test_a_bridge_that_is_there_is_used() -> None:
    router = empty_router()
    router.tables["/interface/bridge"].add({"name": "lan"})
    set_up(router, replace(OPTIONS, interface="lan", bridge=True))

    assert router.tables["/ip/hotspot"].row("bando")["interface"] == "lan"
    assert not router.tables["/interface/bridge"].find(name="bando")


async def test_an_adopted_hotspot_keeps_its_server_users_and_old_profile() -> None:
    router = foreign_hotspot()
    adopt = replace(OPTIONS, adopt=True)
    old = dict(router.tables["/ip/hotspot/profile"].row("old"))
    output = set_up(router, adopt)
    before = state(router)
    set_up(router, adopt)
    server = router.tables["/ip/hotspot"].row("shop")
    profile = router.tables["/ip/hotspot/profile"].row("bando")

    assert state(router) == before
    assert "bando: the old profile was old" in output
    assert "bando: hotspot host wifi.duka.co.ke 192.168.7.1" in output
    assert (server["interface"], server["profile"]) == ("ether2", "bando")
    assert (profile["hotspot-address"], profile["dns-name"]) == ("192.168.7.1", "wifi.duka.co.ke")
    assert dict(router.tables["/ip/hotspot/profile"].row("old")) == old
    assert router.tables["/ip/hotspot/user"].find(name="cousin")
    assert not router.tables["/ip/dhcp-server"].rows
    assert router.files["hotspot/login.html"] == b"<h1>Old</h1>"
    async with wired(router) as wire:
        findings = await inspect(wire, expected_of(router, hotspot_host="wifi.duka.co.ke"))
    assert [each.code for each in findings] == ["api-open"]


def test_the_page_of_a_payment_provider_is_reached_before_paying() -> None:
    plain, with_page = script(OPTIONS), script(replace(OPTIONS, payment_hosts=("checkout.pay.test",)))

    assert "checkout.pay.test" not in plain
    assert "dst-host=checkout.pay.test action=accept" in with_page
