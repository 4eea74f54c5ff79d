"""Faults planted in a router that was set up: each gives exactly its finding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from portal.findings import Finding, healthy
from portal.mikrotik.inspection import inspect, judge, router_time
from portal.mikrotik.picture import Expected, Picture
from sandbox.routeros.device import SandboxRouter
from tests.mikrotik.ready import NEW, OPTIONS, empty_router, expected_of, ready_router, set_up, wired

Plant = Callable[[SandboxRouter], Any]

GARDEN, GARDEN_IP = "/ip/hotspot/walled-garden", "/ip/hotspot/walled-garden/ip"


async def found(router: SandboxRouter, expected: Expected | None = None) -> list[Finding]:
    async with wired(router) as wire:
        return await inspect(wire, expected or expected_of(router))


def change(menu: str, key: str, **props: str) -> Plant:
    """Set properties of the row with this name (or comment)."""

    def plant(router: SandboxRouter) -> None:
        table = router.tables[menu]
        row = next(row for row in table.rows.values() if key in (row.get("name"), row.get("comment"), ""))
        table.set(row.get(".id", ""), {name.replace("_", "-"): value for name, value in props.items()})

    return plant


def add(menu: str, **props: str) -> Plant:
    return lambda router: router.tables[menu].add({name.replace("_", "-"): value for name, value in props.items()})


def drop(menu: str, key: str) -> Plant:
    def plant(router: SandboxRouter) -> None:
        table = router.tables[menu]
        for row in [row for row in table.rows.values() if key in (row.get("name"), row.get("comment"))]:
            table.remove(row[".id"])

    return plant


def all_of(*plants: Plant) -> Plant:
    return lambda router: [plant(router) for plant in plants]


def switch(name: str, value: Any) -> Plant:
    return lambda router: setattr(router.faults, name, value)


def file(name: str, body: bytes | None) -> Plant:
    def plant(router: SandboxRouter) -> None:
        if body is None:
            del router.files[f"bando/{name}"]
        else:
            router.files[f"bando/{name}"] = body

    return plant


def resource(**props: str) -> Plant:
    def plant(router: SandboxRouter) -> None:
        table = router.tables["/system/resource"]
        before = table.live
        assert before is not None
        table.live = lambda row: {**before(row), **{name.replace("_", "-"): value for name, value in props.items()}}

    return plant


def fasttrack_first(router: SandboxRouter) -> None:
    table = router.tables["/ip/firewall/filter"]
    first = next(iter(table.rows))
    table.add({"chain": "forward", "action": "fasttrack-connection", "place-before": first})


def crowd(router: SandboxRouter) -> None:
    for number in range(18):
        router.tables["/user/active"].add({"name": f"u{number}", "via": "api"}, dynamic=True)


def ipv6_on(router: SandboxRouter) -> None:
    table = router.tables["/ipv6/nd"]
    for row in table.find(interface="bando"):
        table.set(row[".id"], {"ra-lifetime": "30m"})


PLANTED: dict[str, Plant] = {
    "hotspot-package": switch("hotspot_package", False),
    "device-mode": switch("device_mode_hotspot", False),
    "no-server": drop("/ip/hotspot", "bando"),
    "server-disabled": change("/ip/hotspot", "bando", disabled="yes"),
    "clock-1970": switch("clock_1970", True),
    "no-ntp": change("/system/ntp/client", "", enabled="no"),
    "low-memory": resource(free_memory="3000000"),
    "low-storage": resource(free_hdd_space="40000"),
    "api-open": change("/ip/service", "api", disabled="no"),
    "api-anonymous": change("/ip/service", "api-ssl", certificate="none"),
    "max-sessions": crowd,
    "group-wide": change("/user/group", "bando", policy="ssh,sensitive"),
    "group-narrow": change("/user/group", "bando", policy="!write"),
    "login-by": change("/ip/hotspot/profile", "bando", login_by="http-chap,mac-cookie"),
    "mac-cookie": change("/ip/hotspot/profile", "bando", login_by="http-pap"),
    "dns-name": change("/ip/hotspot/profile", "bando", dns_name=OPTIONS.portal_host),
    "dns-local": change("/ip/hotspot/profile", "bando", dns_name="wifi.local"),
    "hotspot-host": change("/ip/hotspot/profile", "bando", dns_name="login.other.co.ke"),
    "pages": file("login.html", b"<h1>Welcome</h1>"),
    "pages-old": file("api.json", None),
    "keepalive": add("/ip/hotspot/user/profile", name="bando-wall-2M-5M"),
    "garden": drop(GARDEN_IP, "bando: portal"),
    "garden-open": add(GARDEN_IP, action="accept"),
    "garden-probe": add(GARDEN, dst_host="*.gstatic.com"),
    "dhcp-dns": change("/ip/dhcp-server/network", "bando: guests", dns_server="8.8.8.8"),
    "dns-closed": change("/ip/dns", "", allow_remote_requests="no"),
    "address-pool": change("/ip/hotspot", "bando", address_pool="bando"),
    "fasttrack": fasttrack_first,
    "ipv6": all_of(drop("/ipv6/firewall/filter", "bando: hotspots are IPv4 only"), ipv6_on),
}


async def test_a_router_that_was_just_set_up_has_no_findings() -> None:
    assert await found(ready_router()) == []


@pytest.mark.parametrize("code", PLANTED)
async def test_a_planted_fault_gives_exactly_its_finding(code: str) -> None:
    router = ready_router()
    PLANTED[code](router)

    findings = await found(router)

    assert [each.code for each in findings] == [code]
    assert findings[0].sentence.endswith(".")
    assert findings[0].sentence.count(". ") == 0
    assert findings[0].remedy


async def test_a_package_that_is_missing_is_named_with_one_trap_too() -> None:
    router = ready_router()
    router.faults.hotspot_package = router.faults.double_trap = False

    assert [each.code for each in await found(router)] == ["hotspot-package"]


@pytest.mark.parametrize(
    "version, codes",
    [
        ("6.49.21", []),
        ("6.49.10", ["version"]),
        ("7.18.1", ["version"]),
        ("7.20.8", ["version-advisory"]),
        ("7.23.4", []),
        ("7.24.1", ["version-advisory"]),
        ("7.24.2", []),
    ],
)
async def test_versions_with_known_holes_are_named(version: str, codes: list[str]) -> None:
    assert [each.code for each in await found(ready_router(version))] == codes


async def test_a_clock_that_is_ten_minutes_off_is_named() -> None:
    router = ready_router()
    expected = expected_of(router, now=router.clock.now() + 600_000)

    (finding,) = await found(router, expected)

    assert finding.code == "clock-off"
    assert "10 minutes" in finding.sentence


async def test_four_minutes_are_no_fault() -> None:
    router = ready_router()

    assert await found(router, expected_of(router, now=router.clock.now() - 240_000)) == []


async def test_a_line_of_the_host_garden_alone_is_explained() -> None:
    router = ready_router()
    PLANTED["garden"](router)

    (finding,) = await found(router)

    assert "plain http only" in finding.sentence


async def test_a_fixed_address_of_the_portal_in_the_garden_is_enough() -> None:
    router = ready_router()
    PLANTED["garden"](router)
    router.tables[GARDEN_IP].add({"dst-address": "203.0.113.0/24"})

    assert await found(router, expected_of(router, portal_addresses=frozenset({"203.0.113.7"}))) == []


async def test_fasttrack_that_was_there_before_the_script_spares_guests() -> None:
    router = empty_router()
    rule = {"chain": "forward", "action": "fasttrack-connection", "connection-state": "established,related"}
    router.tables["/ip/firewall/filter"].add(rule)
    set_up(router)

    assert await found(router) == []


async def test_an_account_that_may_not_read_is_named() -> None:
    router = ready_router()
    change("/user/group", "bando", policy="!read")(router)

    assert (await found(router))[0].code == "no-read"


async def test_warnings_do_not_make_a_router_unhealthy() -> None:
    assert healthy(await found(ready_router("7.20.8")))
    assert not healthy(await found(ready_router("7.18.1")))


@pytest.mark.parametrize(
    "clock, text",
    [
        ({"date": "2026-01-31", "time": "13:00:00", "gmt-offset": "+03:00"}, "2026-01-31 10:00"),
        ({"date": "jan/31/2026", "time": "13:00:00", "gmt-offset": "+00:00"}, "2026-01-31 13:00"),
        ({"date": "jan/31/2026", "time": "13:00:00", "gmt-offset": "10800"}, "2026-01-31 10:00"),
        ({"date": "2026-01-31", "time": "13:00:00", "gmt-offset": "-04:30"}, "2026-01-31 17:30"),
    ],
)
def test_the_routers_clock_is_read_in_all_its_spellings(clock: dict[str, str], text: str) -> None:
    told = router_time(clock)

    assert told is not None
    assert f"{told:%Y-%m-%d %H:%M}" == text


def test_a_clock_that_cannot_be_read_is_passed_over() -> None:
    assert router_time({"date": "soon", "time": "later"}) is None


def test_a_router_that_answers_nothing_at_all_is_no_crash() -> None:
    expected = expected_of(empty_router(NEW))

    assert [each.code for each in judge(Picture(menus={}), expected)] == ["hotspot-package", "no-ntp"]
