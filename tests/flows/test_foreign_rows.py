"""Rows that are not ours stay as they are, and ours are mended whatever hands did to them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portal.access import admission
from portal.clock import HOUR, MINUTE
from tests.flows.site import ADDRESS, BINDINGS, MAC, USERS, Site, a_site, address_of, mac_of


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with a_site(tmp_path) as made:
        table = made.router.tables[USERS]
        table.add({"name": "office", "password": "x", "comment": "bando without its colon", "limit-uptime": "1h"})
        table.add({"name": "bando-12x", "password": "x", "limit-bytes-total": "5"})
        table.add({"name": "other", "password": "x", "comment": "bando:another0:7", "mac-address": mac_of(77)})
        made.router.tables[BINDINGS].add({"mac-address": mac_of(70), "type": "bypassed", "comment": "printer"})
        made.guard_foreign()
        yield made


def foreign_login(site: Site, name: str, mac: str, address: str) -> None:
    """Somebody logs in on the router's own page with a user that is not ours."""
    site.macs[mac] = address
    site.router.host_seen(mac, address)
    site.router.login(ip=address, user=name, password="x", by="http-pap")
    site.guard_foreign()


# --- foreign users ---


async def test_foreign_users_and_sessions_stay_through_everything(site: Site) -> None:
    foreign_login(site, "office", mac_of(50), address_of(50))
    devices = await site.guests(3)
    await site.agrees()
    head = (await site.standing(devices[0])).head
    assert head is not None
    await site.seed.write(admission.end_pass, head.id, "void", site.clock.now())
    await site.seed.write(admission.block, devices[1].id, True, site.clock.now())
    await site.until(lambda: len(site.users()) == 1)
    await site.agrees()
    assert site.online(mac_of(50))


async def test_a_device_that_is_in_as_somebody_elses_user_is_left_in_peace(site: Site) -> None:
    foreign_login(site, "office", MAC, ADDRESS)
    device = await site.arrive()
    one = await site.grant(device)
    await site.agrees()
    assert (await site.stored(one)).state == "waiting", "its own pass waits"

    site.router.logout(ADDRESS, "user request")
    site.guard_foreign()
    await site.agrees()
    assert (await site.stored(one)).state == "running"


async def test_a_foreign_user_with_our_name_is_a_line_for_staff(site: Site) -> None:
    device = await site.arrive()
    site.router.tables[USERS].add({"name": f"bando-{device.id}", "password": "x", "comment": "mine"})
    site.guard_foreign()
    one = await site.grant(device)
    await site.agrees()
    assert await site.lines() == ["foreign-user"]
    assert (await site.stored(one)).state == "waiting"

    site.router.tables[USERS].remove(f"bando-{device.id}")
    site.guard_foreign()
    await site.agrees()
    assert site.online()
    assert await site.lines() == []


async def test_a_foreign_session_under_our_name_starts_no_pass_and_is_not_metered(site: Site) -> None:
    device = await site.arrive()
    name = f"bando-{device.id}"
    site.router.tables[USERS].add({"name": name, "password": "x"})
    foreign_login(site, name, mac_of(60), address_of(60))
    one = await site.grant(device)
    await site.later(10 * MINUTE)
    await site.agrees()
    assert (await site.stored(one)).state == "waiting"
    assert (await site.standing(device)).online is None


async def test_a_row_of_another_installation_is_foreign(site: Site) -> None:
    device = await site.arrive()
    site.router.tables[USERS].add({"name": f"bando-{device.id}", "password": "x", "comment": "bando:deadbeef:1"})
    site.guard_foreign()
    await site.grant(device)
    await site.agrees()
    assert await site.lines() == ["foreign-user"]


async def test_a_foreign_bypass_is_left_alone(site: Site) -> None:
    device = await site.arrive(mac_of(70), address_of(70))
    one = await site.grant(device)
    await site.agrees()
    assert (await site.stored(one)).state == "waiting", "it needs no login, so its time does not run"


# --- hand edits of our rows ---

EDITS: dict[str, dict[str, str]] = {
    "limit removed": {"limit_uptime": "0s"},
    "limit raised": {"limit_uptime": "30d"},
    "limit lowered": {"limit_uptime": "25m"},
    "bytes limited": {"limit_bytes_total": "1000000"},
    "other MAC": {"mac_address": "02:00:00:00:00:99"},
    "any MAC": {"mac_address": "00:00:00:00:00:00"},
    "disabled": {"disabled": "yes"},
    "other profile": {"profile": "default"},
    "other pass": {"comment": "99999"},
}


@pytest.mark.parametrize("reach", [False, True], ids=["session keeps its limit", "limit reaches session"])
@pytest.mark.parametrize("edit", EDITS)
async def test_an_edited_row_is_mended(site: Site, edit: str, reach: bool) -> None:
    site.router.faults.limits_reach_running_session = reach
    device = await site.guest()
    await site.later(20 * MINUTE)
    site.appear()
    await site.polled()
    changes = dict(EDITS[edit])
    if "comment" in changes:
        changes["comment"] = f"{site.mark}{changes['comment']}"
    site.edit(device, **changes)
    await site.agrees()
    assert site.online()


@pytest.mark.parametrize("edit", EDITS)
async def test_an_edited_row_of_a_device_that_is_away_is_right_when_it_comes_back(site: Site, edit: str) -> None:
    device = await site.guest()
    site.router.host_gone(MAC)
    site.router.logout(ADDRESS, "user request")
    await site.polled()
    changes = dict(EDITS[edit])
    if "comment" in changes:
        changes["comment"] = f"{site.mark}{changes['comment']}"
    site.edit(device, **changes)
    site.appear()
    await site.agrees()
    assert site.online()


async def test_a_deleted_row_is_written_again(site: Site) -> None:
    device = await site.guest()
    await site.later(10 * MINUTE)
    site.appear()
    site.router.tables[USERS].remove(site.user(device)[".id"])
    await site.agrees()
    site.router.logout(ADDRESS, "user request")
    await site.agrees()
    allowed = (await site.standing(device)).allowance
    assert allowed is not None
    assert 2900 < allowed.seconds < 3000


async def test_a_renamed_row_is_removed_and_the_device_gets_its_own_again(site: Site) -> None:
    device = await site.guest()
    site.edit(device, name="peter")
    await site.agrees()
    assert [row["name"] for row in site.users()] == [f"bando-{device.id}"]


async def test_a_row_without_its_comment_is_not_ours_any_more(site: Site) -> None:
    """What does not carry our mark is not touched, so staff must decide; the row's own limit still ends it."""
    device = await site.guest()
    site.edit(device, comment="hello")
    site.guard_foreign()
    await site.agrees()
    assert site.online()
    assert await site.lines() == ["foreign-user"]
    await site.later(HOUR)
    assert not site.online(), "the router ends it at its limit"

    site.router.tables[USERS].remove(f"bando-{device.id}")
    site.guard_foreign()
    await site.agrees()


async def test_a_session_removed_by_hand_comes_back(site: Site) -> None:
    device = await site.guest()
    await site.later(5 * MINUTE)
    site.appear()
    site.router.logout(ADDRESS, "admin reset")
    await site.agrees()
    assert site.online()
    allowed = (await site.standing(device)).allowance
    assert allowed is not None
    assert allowed.seconds < 3600 - 290


async def test_somebody_resets_the_counters(site: Site) -> None:
    device = await site.guest()
    await site.later(20 * MINUTE)
    site.appear()
    site.router.logout(ADDRESS, "user request")
    await site.agrees()
    row = site.router.tables[USERS].row(site.user(device)[".id"])
    site.router.hotspot.reset_counters([row])
    await site.agrees()


# --- blocks ---


@pytest.mark.parametrize(
    "edit", [{"disabled": "yes"}, {"type": "bypassed"}, {"mac-address": "02:00:00:00:00:98"}, None]
)
async def test_an_edited_block_is_mended(site: Site, edit: dict[str, str] | None) -> None:
    device = await site.guest()
    await site.seed.write(admission.block, device.id, True, site.clock.now())
    await site.until(lambda: site.router.is_blocked(MAC) and site.keeper.idle)  # not in the midst of its errand
    table = site.router.tables[BINDINGS]
    ours = next(row for row in table.rows.values() if row.get("comment", "").startswith(site.mark))
    if edit is None:
        table.remove(ours[".id"])
    else:
        table.set(ours[".id"], edit)
    await site.agrees()
    assert site.router.is_blocked(MAC)

    await site.seed.write(admission.block, device.id, False, site.clock.now())
    site.appear()
    await site.until(site.online)
    await site.agrees()


async def test_a_blocked_device_that_is_woken_again_gets_no_second_binding(site: Site) -> None:
    device = await site.guest()
    await site.seed.write(admission.block, device.id, True, site.clock.now())
    await site.until(lambda: site.router.is_blocked(MAC) and site.keeper.idle)  # not in the midst of its errand
    for _ in range(3):
        await site.grant(device)
        await site.until(lambda: site.keeper.idle)
    await site.polled()
    ours = [row for row in site.table(BINDINGS) if row.get("comment", "").startswith(site.mark)]
    assert len(ours) == 1
    await site.agrees()


@pytest.mark.parametrize("menu", [USERS, BINDINGS])
async def test_a_comment_that_names_a_number_too_large_to_be_ours_is_no_obstacle(site: Site, menu: str) -> None:
    comment = f"bando:{site.installation}:{'block-' if menu == BINDINGS else ''}{'9' * 30}"
    rows = {USERS: {"name": "bando-77", "password": "x"}, BINDINGS: {"mac-address": "02:00:00:00:00:55"}}
    site.router.tables[menu].add({**rows[menu], "comment": comment})
    device = await site.arrive()
    await site.grant(device)
    await site.until(site.online)
    await site.polled()
