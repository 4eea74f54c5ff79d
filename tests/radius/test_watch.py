"""Who may not be online any more is disconnected at once, changed limits are told, and nothing is believed before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from portal.access import admission, store
from portal.clock import HOUR, MINUTE, SECOND
from portal.mikrotik.addresses import AddressRefused, Policy
from portal.radius.accounting import PATIENCE_MS
from portal.radius.metering.report import Report
from portal.radius.metering.take import Place, take
from portal.radius.names import Named
from portal.radius.terms import terms_of
from portal.radius.watching import wire
from portal.radius.watching.watch import ALL_EVERY_MS, Watch
from portal.sessions.meter import NO_USE, Use
from portal.tenancy import store as tenancy
from portal.units import Sql, one, update
from sandbox.radius.packet import Code
from tests.radius.router import Ear, ear
from tests.radius.stage import MAC, OTHER, SECRET, Stage, stage


class Site:
    """A RADIUS router that can be reached, and who is online there."""

    def __init__(self, made: Stage, hears: Ear, watch: Watch) -> None:
        self.made, self.ear, self.watch = made, hears, watch
        self.counted = 0

    async def login(self, mac: str = MAC, **plan: Any) -> int:
        """A device with a new pass logs in; gives its id."""
        sold = await self.made.plan_of(**plan) if plan else None
        await self.made.grant(mac, sold)
        device = await self.made.read(store.device_by_mac, mac)
        assert device is not None
        await self.report("start", device.id, mac)
        return int(device.id)

    async def report(self, kind: Any, device_id: int, mac: str = MAC, total: Use = NO_USE, acct_id: str = "81") -> None:
        now = self.made.clock.now()
        stands = await self.made.read(admission.standing, device_id, now, self.made.router_id)
        if kind == "start":
            self.named = Named(device_id, stands.allowance.pass_id, now, terms_of(stands.allowance, now))
        report = Report(
            kind=kind, acct_id=acct_id, mac=mac, name=mac, address="10.5.50.7", total=total, delay_s=0, cause=""
        )
        place = Place(router_id=self.made.router_id, vault=self.made.bando.vouchers._vault, patience_ms=PATIENCE_MS)
        await self.made.write(take, place, report, self.named, now)

    async def look(self) -> None:
        await self.watch.look()
        await self.watch.settle()

    async def session(self) -> Any:
        def unit() -> Any:
            return (yield from one("SELECT * FROM sessions WHERE tenant_id = :tenant ORDER BY id DESC LIMIT 1"))

        return await self.made.read(unit)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with stage(tmp_path, with_radius=False) as made, ear(SECRET) as hears:
        await made.write(update, "routers", made.router_id, coa_port=hears.port)
        await made.write(_bump, made.tenant.id)
        await made.bando.catalog.refresh()
        await made.bando.supervisor.stop()  # the test looks when it wants to
        yield Site(made, hears, made.bando.radius_watch)


def _bump(tenant_id: int) -> Any:
    return (yield from tenancy.bump(tenant_id))


async def test_while_all_agree_nothing_is_sent(site: Site) -> None:
    await site.login()
    for _ in range(3):
        await site.look()
        site.made.clock.advance(ALL_EVERY_MS + SECOND)
    assert site.ear.heard == []


async def test_a_pass_that_ends_is_disconnected_at_once(site: Site) -> None:
    await site.login()
    await site.look()
    await site.made.write(admission.end_pass, 1, "void", site.made.clock.now())
    await site.look()
    (asked,) = site.ear.heard
    assert asked.code is Code.DISCONNECT_REQUEST
    assert asked.text("Acct-Session-Id") == "81"
    assert asked.text("User-Name") == MAC
    assert asked.text("Framed-IP-Address") == "10.5.50.7"
    assert (await site.session())["ended_at"] is None  # its Stop says that it is over
    await site.look()
    assert len(site.ear.heard) == 1  # and is waited for


@pytest.mark.parametrize("act", ["kick", "block", "move"])
async def test_whoever_is_kept_off_is_disconnected(site: Site, act: str) -> None:
    device_id = await site.login()
    await site.look()
    now = site.made.clock.now()
    if act == "kick":
        await site.made.write(admission.hold, device_id, "staff", now + HOUR, now)
    elif act == "block":
        await site.made.write(admission.block, device_id, True, now)
    else:
        other = await site.made.write(store.touch_device, OTHER, None, now)
        await site.made.write(admission.move, device_id, other.id, now)
    await site.look()
    assert [each.code for each in site.ear.heard] == [Code.DISCONNECT_REQUEST]


async def test_a_session_that_the_router_does_not_know_is_over(site: Site) -> None:
    site.ear.answers = "gone"
    device_id = await site.login()
    await site.look()
    await site.made.write(admission.block, device_id, True, site.made.clock.now())
    await site.look()
    stands = await site.session()
    assert stands["ended_at"] == stands["seen_at"]
    assert (await site.made.read(store.presence_at, site.made.router_id, device_id)).online_since is None


async def test_a_silent_router_is_asked_three_times_and_then_left_alone(site: Site) -> None:
    site.ear.answers = "nothing"
    site.made.clock.run_at(50)
    device_id = await site.login()
    await site.look()
    await site.made.write(admission.block, device_id, True, site.made.clock.now())
    await site.look()
    assert len(site.ear.heard) == wire.TRIES
    await site.look()
    assert len(site.ear.heard) == wire.TRIES
    site.ear.answers = "yes"
    site.made.clock.advance(MINUTE)
    await site.look()
    assert len(site.ear.heard) == wire.TRIES + 1


async def test_an_answer_with_another_secret_is_none(site: Site) -> None:
    site.ear.answer_secret = "a secret of somebody else"
    site.made.clock.run_at(50)
    device_id = await site.login()
    await site.look()
    await site.made.write(admission.block, device_id, True, site.made.clock.now())
    await site.look()
    assert len(site.ear.heard) == wire.TRIES
    assert (await site.session())["ended_at"] is None


async def test_a_changed_end_is_told_and_then_known(site: Site) -> None:
    await site.login()
    await site.look()
    site.made.clock.advance(10 * MINUTE)
    await site.made.grant()  # a second hour behind the first
    await site.look()
    (asked,) = site.ear.heard
    assert asked.code is Code.COA_REQUEST
    assert asked.number("Session-Timeout") in (7200, 7201)  # from the beginning of the session on
    site.made.clock.advance(ALL_EVERY_MS)
    await site.look()
    assert len(site.ear.heard) == 1


async def test_a_router_that_takes_no_changes_is_disconnected(site: Site) -> None:
    site.ear.to_changes = "no"
    await site.login()
    await site.look()
    await site.made.grant()
    await site.look()
    assert [each.code for each in site.ear.heard] == [Code.COA_REQUEST, Code.DISCONNECT_REQUEST]


async def test_used_up_bytes_end_it(site: Site) -> None:
    device_id = await site.login(data_bytes=1000)
    await site.look()
    site.made.clock.advance(MINUTE)
    await site.report("interim", device_id, total=Use(ms=60_000, bytes_up=400, bytes_down=700))
    await site.look()
    assert [each.code for each in site.ear.heard] == [Code.DISCONNECT_REQUEST]


async def test_an_erased_device_is_disconnected_though_no_book_knows_it(site: Site) -> None:
    await site.login()
    await site.look()

    def erase() -> Any:
        yield Sql("DELETE FROM sessions WHERE tenant_id = :tenant", {})
        yield Sql("DELETE FROM presence WHERE tenant_id = :tenant", {})

    await site.made.write(erase)
    site.made.clock.advance(ALL_EVERY_MS)
    await site.look()
    assert [each.code for each in site.ear.heard] == [Code.DISCONNECT_REQUEST]


async def test_a_session_that_ended_by_itself_is_not_disconnected(site: Site) -> None:
    device_id = await site.login()
    await site.look()
    site.made.clock.advance(MINUTE)
    await site.report("stop", device_id, total=Use(ms=60_000, bytes_up=1, bytes_down=1))
    site.made.clock.advance(ALL_EVERY_MS)
    await site.look()
    assert site.ear.heard == []


async def test_a_router_that_cannot_be_reached_is_asked_nothing(site: Site) -> None:
    device_id = await site.login()
    await site.made.write(update, "routers", site.made.router_id, coa_port=None)
    await site.made.write(_bump, site.made.tenant.id)
    await site.made.bando.catalog.refresh()
    await site.look()
    await site.made.write(admission.block, device_id, True, site.made.clock.now())
    await site.look()
    assert site.ear.heard == []


async def test_silence_ends_a_session_but_not_after_a_time_in_which_nobody_listened(site: Site) -> None:
    await site.login()
    site.made.clock.advance(PATIENCE_MS + MINUTE)
    await site.look()  # it has only begun to listen
    assert (await site.session())["ended_at"] is None
    for _ in range(PATIENCE_MS // MINUTE + 2):
        await site.look()
        site.made.clock.advance(MINUTE)
    stands = await site.session()
    assert (stands["ended_at"], stands["end_cause"]) == (stands["seen_at"], "silence")


async def test_what_is_online_is_seen(site: Site) -> None:
    await site.login()
    router = (await site.made.read(tenancy.routers))[0]
    assert await site.watch.sees(router, MAC)
    assert not await site.watch.sees(router, OTHER)


async def test_no_packet_goes_where_no_router_may_be(site: Site) -> None:
    asked = wire.request(SECRET, {"Acct-Session-Id": "81"}, None)
    with pytest.raises(AddressRefused):
        await wire.ask("127.0.0.1", site.ear.port, asked, policy=Policy(), clock=site.made.clock)
    assert site.ear.heard == []
    assert site.ear.unsigned == 0
