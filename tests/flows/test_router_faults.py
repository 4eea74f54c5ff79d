"""What a router can do to us, and what must hold afterwards (I8): everything agrees within one poll."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest

from portal.access import admission
from portal.clock import HOUR, MINUTE, SECOND, TravelClock
from portal.mikrotik.wire import fingerprint_of
from sandbox.ca import Authority
from sandbox.net import LOOPBACK
from sandbox.routeros.api import serve_api
from sandbox.routeros.device import Faults, SandboxRouter
from tests.flows.site import ADDRESS, MAC, USERS, Site, a_site, address_of, kept, mac_of
from tests.support import add_router as a_router_row

PATIENCE_S = 0.5


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with a_site(tmp_path, patience_s=PATIENCE_S) as made:
        made.router.tables[USERS].add({"name": "staff", "password": "x", "comment": "our own people"})
        made.guard_foreign()
        yield made


def cut(site: Site) -> None:
    """Every connection to the router breaks."""
    site.server.drop_all()


async def in_trouble(site: Site, word: str) -> None:
    async def told() -> bool:
        return await site.trouble() == word

    await site.until(told)


# --- the router is away ---


async def test_a_router_that_is_down_while_the_guest_pays_loses_the_guest_no_time(site: Site) -> None:
    device = await site.arrive()
    site.router.powered = False
    await in_trouble(site, "unreachable")
    one = await site.grant(device)
    await site.later(3 * HOUR)
    assert (await site.stored(one)).state == "waiting"

    site.router.powered = True
    site.appear()
    await site.agrees()

    allowed = (await site.standing(device)).allowance
    assert allowed is not None
    assert allowed.seconds > 3600 - 15
    assert await site.trouble() is None


async def test_a_wall_clock_pass_goes_on_while_its_router_is_away(site: Site) -> None:
    device = await site.guest()
    site.router.powered = False
    await in_trouble(site, "unreachable")
    await site.later(50 * MINUTE)
    site.router.powered = True
    site.appear()
    await site.agrees()
    allowed = (await site.standing(device)).allowance
    assert allowed is not None
    assert 550 < allowed.seconds <= 600


@pytest.mark.parametrize("with_rst", [False, True])
async def test_an_answer_cut_anywhere_is_read_again(site: Site, with_rst: bool) -> None:
    await site.guest(1)
    site.router.faults.cut_with_rst = with_rst
    for number, place in enumerate((0, 1, 17, 60, 211, 480), start=2):
        device = await site.arrive(mac_of(number), address_of(number))
        site.router.faults.cut_after_bytes = place
        await site.grant(device)
        await site.until(lambda: site.router.faults.cut_after_bytes is None)
        await site.polled()
    await site.agrees()
    assert len(site.users()) == 7


async def test_a_half_open_router_is_noticed_and_slows_no_other(tmp_path: Path) -> None:
    patience_s = 5.0  # of the one that says nothing; the other one may be slow on a busy machine
    async with a_site(tmp_path, patience_s=patience_s) as site, second(site) as other:
        await site.guest(1)
        site.router.faults.half_open = True
        site.keeper.poll()
        began = time.monotonic()
        device = await other.arrive(mac_of(9), address_of(9))
        await other.grant(device)
        await other.until_running(device)
        assert time.monotonic() - began < patience_s, "the other router waited for this one"
        await other.polled()
        await in_trouble(site, "unreachable")

        site.router.faults.half_open = False
        await site.agrees()
        await other.agree()


async def test_a_router_that_resets_new_connections_is_tried_again(site: Site) -> None:
    await site.guest()
    site.router.faults.refuse = "rst"
    cut(site)
    await in_trouble(site, "unreachable")
    site.router.faults.refuse = ""
    await site.agrees()


@pytest.mark.parametrize("answer", ["close", "fatal", "silence"])
async def test_a_router_full_of_api_sessions_is_tried_again(
    site: Site, answer: Literal["close", "fatal", "silence"]
) -> None:
    device = await site.arrive()
    site.router.faults.max_sessions_answer = answer
    service = site.router.tables["/ip/service"]
    full = service.row("api").get("max-sessions", "20")
    service.set("api", {"max-sessions": "0"})
    cut(site)
    await in_trouble(site, "unreachable")
    await site.grant(device)

    service.set("api", {"max-sessions": full})
    await site.agrees()
    assert site.online()


async def test_a_changed_api_password_is_named_and_changed_back_it_heals(site: Site) -> None:
    device = await site.arrive()
    account = site.router.tables["/user"]
    account.set("bando", {"password": "something else"})
    cut(site)
    await in_trouble(site, "password")
    await site.grant(device)

    account.set("bando", {"password": "sandbox"})
    await site.agrees()
    assert site.online()
    assert await site.trouble() is None


async def test_another_certificate_is_refused_and_named(tmp_path: Path) -> None:
    true, false = Authority(tmp_path / "true"), Authority(tmp_path / "false")
    probe = await serve_api(SandboxRouter(TravelClock()), tls=true.server_context("router.test"))
    pin = await fingerprint_of("127.0.0.1", probe.port, policy=LOOPBACK)
    await probe.aclose()
    async with a_site(tmp_path, tls=true.server_context("router.test"), fingerprint=pin, tunnel=False) as site:
        device = await site.arrive()
        await site.server.aclose()
        server = await serve_api(site.router, port=site.server.port, tls=false.server_context("router.test"))
        await in_trouble(site, "certificate")
        await site.grant(device)
        assert not server.connections, "the password was not sent"
        await server.aclose()

        site.server = await serve_api(site.router, port=site.server.port, tls=true.server_context("router.test"))
        await site.agrees()
        assert site.online()
        await site.server.aclose()


async def test_a_fatal_word_in_the_middle_is_a_lost_connection_and_no_more(site: Site) -> None:
    device = await site.arrive()
    site.router.faults.fatal_next = "not enough memory"
    await site.grant(device)
    await site.agrees()
    assert site.online()


@pytest.mark.parametrize("command", ["/ip/hotspot/user/print", "/ip/hotspot/active/login", "/ip/hotspot/user/add"])
async def test_a_command_without_an_answer_costs_one_connection(site: Site, command: str) -> None:
    device = await site.arrive()
    site.router.faults.stall_command = command
    await site.grant(device)
    await site.until(lambda: site.router.faults.stall_command is None)
    await in_trouble(site, "unreachable")
    await site.agrees()
    assert site.online()


async def test_a_late_answer_is_not_charged_twice(site: Site) -> None:
    """A router may stall for seconds (facts/mikrotik.md 1.6); its readings are then older than they look."""
    plan = await site.seed.plan_of(kind="used", span_ms=HOUR)
    device = await site.guest(1, plan)
    head = (await site.standing(device)).head
    assert head is not None
    for _ in range(3):
        site.router.host_seen(MAC, ADDRESS)
        await site.later(2 * MINUTE)
        await site.polled()
    before = (await site.stored(head)).used_ms

    site.router.faults.stall_command, site.router.faults.stall_ms = "/ip/hotspot/active/print", 200
    site.keeper.poll()
    await site.until(lambda: site.router.faults.stall_command is None)
    site.clock.advance(8 * SECOND)  # while the answer is on its way
    await site.polled()

    used = (await site.stored(head)).used_ms - before
    assert used <= 22 * SECOND
    await site.agrees()


# --- reboots ---


@pytest.mark.parametrize("cookies", [True, False])
@pytest.mark.parametrize("saves_every_s", [None, 60])
async def test_a_reboot_with_new_ids_is_healed(site: Site, cookies: bool, saves_every_s: int | None) -> None:
    """facts/mikrotik.md 3.4: hosts and sessions are gone, uptime is lost, mac-cookies may bring devices back."""
    site.router.faults.cookies_survive_reboot = cookies
    site.router.faults.save_uptime_every_s = saves_every_s
    devices = await site.guests(4)
    ids = {row[".id"] for row in site.users()}
    await site.later(20 * MINUTE + 30 * SECOND)
    await site.polled()

    site.router.reboot()
    for number in range(1, 4):
        site.appear(mac_of(number))
    assert {row[".id"] for row in site.users()} != ids
    await site.agrees()

    assert all(site.online(mac_of(number)) for number in range(1, 4))
    assert not site.online(mac_of(4)), "it is not back yet"
    for device in devices[:3]:
        allowed = (await site.standing(device)).allowance
        assert allowed is not None
        assert abs(allowed.seconds - (39 * 60)) < 60, "the clock went on, and no faster"
    site.appear(mac_of(4))
    await site.agrees()


async def test_a_device_back_by_cookie_with_an_old_limit_gets_the_right_one(site: Site) -> None:
    device = await site.guest()
    await site.later(50 * MINUTE)
    await site.polled()
    site.router.reboot()
    site.appear()
    assert site.online(), "the cookie let it in"
    left = site.left_s()
    assert left is not None
    assert left > 3000, "with the old limit: the router forgot the use (negative control)"

    await site.agrees()
    allowed = (await site.standing(device)).allowance
    assert allowed is not None
    assert allowed.seconds < 600


async def test_a_router_that_was_reset_is_filled_again(site: Site) -> None:
    await site.guests(3)
    site.router.tables[USERS].clear()
    site.router.reboot()
    site.guard_foreign()
    for number in (1, 2, 3):
        site.appear(mac_of(number))
    await site.agrees()


# --- slow and odd routers ---


async def test_a_router_that_falls_off_its_knee_still_agrees(site: Site) -> None:
    site.router.faults.knee_after, site.router.faults.knee_ms = 20, 10
    devices = [await site.arrive(mac_of(n), address_of(n)) for n in range(1, 21)]
    for device in devices:
        await site.grant(device)
    for device in devices:
        await site.until_running(device)
    await site.agrees()


async def test_a_new_payer_does_not_wait_for_the_end_of_a_long_poll(site: Site) -> None:
    devices = [await site.arrive(mac_of(n), address_of(n)) for n in range(1, 41)]
    await site.stop_keeper()
    for device in devices:
        await site.grant(device)
    payer = await site.arrive(mac_of(99), address_of(99))
    site.router.faults.service_ms = 20
    site.patience_s = 10
    await site.start_keeper()
    await site.until(lambda: len(site.users()) > 2)

    await site.grant(payer)
    await site.until(lambda: site.online(mac_of(99)))

    assert sum(site.online(mac_of(n)) for n in range(1, 41)) < 40, "the others were still waiting"
    site.router.faults.service_ms = 0
    for device in devices:
        await site.until_running(device)
    await site.agrees()


async def test_a_router_of_1970_is_no_different(site: Site) -> None:
    site.router.faults.clock_1970 = True
    await site.guest()
    site.router.reboot()
    site.appear()
    await site.agrees()


async def test_an_old_router_that_returns_no_ids_is_no_different(site: Site) -> None:
    site.router.faults.add_without_ret = True
    await site.guest()
    await site.agrees()


@pytest.mark.parametrize("reach", [False, True])
@pytest.mark.parametrize("while_active", ["ok", "trap", "replaces"])
async def test_an_extended_pass_reaches_the_running_session(
    tmp_path: Path, reach: bool, while_active: Literal["ok", "trap", "replaces"]
) -> None:
    """Whether a changed limit reaches a running session is not settled (facts/mikrotik.md 11): both ways."""
    faults = Faults(limits_reach_running_session=reach, login_while_active=while_active)
    async with a_site(tmp_path, faults=faults) as site:
        device = await site.guest()
        await site.later(10 * MINUTE)
        await site.polled()
        site.appear()
        await site.grant(device)  # an hour more of the same kind
        await site.until(lambda: (site.left_s() or 0) > 6000)
        await site.agrees()


async def test_names_of_devices_in_no_known_script_are_no_obstacle(site: Site) -> None:
    """Old host names and comments hold bytes that are not UTF-8 (facts/mikrotik.md 10)."""
    odd = b"caf\xe9 \xff\xfe".decode("utf-8", "surrogateescape")
    site.router.faults.host_comments[MAC] = odd
    site.router.tables[USERS].add({"name": "guest house", "password": "x", "comment": odd})
    site.guard_foreign()
    await site.guest()
    await site.agrees()


async def test_a_translated_address_is_logged_in_by_the_translation(site: Site) -> None:
    """One-to-one NAT: the host's address and to-address differ (facts/mikrotik.md 3.3)."""
    device = await site.arrive(MAC, "192.168.88.20", to_address="10.5.50.77")
    await site.grant(device)
    await site.until_running(device)
    await site.agrees()


# --- two routers ---


def second(site: Site) -> AsyncSite:
    return AsyncSite(site)


class AsyncSite:
    """A second router of the same ISP, with its own keeper."""

    def __init__(self, first: Site) -> None:
        self.first = first

    async def __aenter__(self) -> Site:
        made = self.first.seed
        self.router = SandboxRouter(made.clock, name="site-2", seed=2)
        self.server = await serve_api(self.router)
        router_id = await made.write(
            a_router_row, made.vault, made.clock.now(), name="Site 2", port=self.server.port, password="sandbox"
        )
        self.kept = kept(made, router_id, self.router, self.server, self.first.installation, PATIENCE_S)
        site = await self.kept.__aenter__()
        site.causes = self.first.causes
        return site

    async def __aexit__(self, *error: object) -> None:
        await self.kept.__aexit__(None, None, None)
        await self.server.aclose()


async def test_a_device_that_roams_is_online_at_both_routers(site: Site) -> None:
    async with second(site) as other:
        device = await site.guest()
        await site.later(20 * MINUTE)
        await site.polled()

        await other.arrive()
        await other.until_running(device)
        await other.polled()
        await other.agrees()
        await site.agrees()

        allowed = (await other.standing(device)).allowance
        assert allowed is not None
        assert 2300 < allowed.seconds <= 2400, "one clock for both"
        await site.seed.write(admission.hold, device.id, "guest", None, site.clock.now())
        await site.until(lambda: not site.online() and not other.online())
        await site.agrees()
        await other.agrees()


async def test_a_pass_of_one_site_is_not_good_at_the_other(site: Site) -> None:
    async with second(site) as other:
        plan = await site.seed.plan_of(sites=(site.row.id,))
        await site.guest(1, plan)
        await other.arrive()
        await other.polled()
        assert not other.online()
        await other.agree()
        await site.agrees()


async def test_a_keeper_stops_at_once_although_its_router_says_nothing(site: Site) -> None:
    site.router.faults.half_open = True
    cut(site)
    async with asyncio.timeout(2 * PATIENCE_S + 1):
        await site.keeper.stop()
        await site.running
