"""From a router of Mikhmon and from a PHPNuxBill: what comes over, and that the second time changes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from asyncpg import DataError

from portal.access import admission
from portal.access import store as access
from portal.access.plans import Plan
from portal.clock import DAY, HOUR, MINUTE
from portal.imports import mikhmon, router
from portal.imports.found import Found
from portal.imports.work import Choice
from portal.money import Money
from portal.settings import load
from portal.tenancy import store as tenancy
from portal.units import rows
from sandbox.routeros.api import serve_api
from sandbox.routeros.device import SandboxRouter
from sandbox.routeros.sessions import usage_of
from sandbox.world import free_port
from tests.imports import sources
from tests.imports.taking import ZONE, again, door, enter, everything, nuxbill, table, take, work
from tests.support import Seed, add_router

MOMENT = 20_000  # a test takes one


async def read_router(s: Seed, device: SandboxRouter) -> Found:
    """Through a real socket, with the connection that Bando has."""
    if len(await s.read(tenancy.routers)) == 1:
        fields = {"name": "Old site", "port": free_port(), "password": "sandbox"}
        await s.write(lambda: add_router(s.vault, s.clock.now(), **fields))
    one = (await s.read(tenancy.routers))[-1]
    server = await serve_api(device, port=one.port)
    try:
        settings = load({"BANDO_MODE": "sandbox", "BANDO_PUBLIC_URL": "http://127.0.0.1:1"})
        pages = await router.pages(one, settings, s.vault)
        return mikhmon.read(pages, f"mikhmon:{one.public}", "Mikhmon on Old site", ZONE, s.clock.now())
    finally:
        await server.aclose()


async def plan(s: Seed, name: str) -> Plan:
    plans: list[Plan] = await s.read(access.plan_list)
    return next(each for each in plans if each.name == name)


async def passes(s: Seed) -> dict[str, dict[str, Any]]:
    found = await s.read(
        lambda: rows(
            "SELECT d.mac AS mac, p.* FROM passes p JOIN devices d ON d.tenant_id = p.tenant_id AND d.id = p.device_id"
            " WHERE p.tenant_id = :tenant"
        )
    )
    return {row["mac"]: dict(row) for row in found}


def whys(lines: Any) -> dict[str, str]:
    return {each.name: each.why for each in lines}


async def test_a_router_of_mikhmon_comes_over_and_the_second_time_nothing_changes(s: Seed) -> None:
    device = sources.mikhmon(s.clock)
    before = sources.rows_of(device)
    found = await read_router(s, device)

    counts = await take(s, found)

    assert counts == {"plans": 2, "vouchers": 11, "running": 2}
    assert sources.rows_of(device) == before  # read, and nothing else
    after = await everything(s)
    second = await read_router(s, device)
    assert (await work(s, second)).empty
    assert await take(s, second) == {"plans": 0, "vouchers": 0, "running": 0}
    assert await everything(s) == after


async def test_profiles_become_plans_with_price_time_speed_and_devices(s: Seed) -> None:
    await take(s, await read_router(s, sources.mikhmon(s.clock)))

    day, hours = await plan(s, "1day"), await plan(s, "3hours")

    assert (day.price, day.kind, day.span_ms, day.rate_up, day.rate_down) == (
        Money(5_000),
        "wall",
        DAY,
        2 * 10**6,
        5 * 10**6,
    )
    assert (hours.price, hours.span_ms, hours.max_devices, hours.locked) == (Money(2_000), 3 * HOUR, 2, True)
    assert not day.on_sale  # staff look at it first
    assert not hours.on_sale


async def test_what_mikhmon_has_running_goes_on_for_just_as_long(s: Seed) -> None:
    await take(s, await read_router(s, sources.mikhmon(s.clock)))

    made = await passes(s)

    assert set(made) == {sources.LOCKED, sources.RECORDED}
    locked = made[sources.LOCKED]
    assert (locked["state"], locked["price_minor"]) == ("running", 0)
    assert abs(locked["ends_at"] - s.clock.now() - 5 * HOUR) < MOMENT
    assert locked["cause_kind"] == "voucher"  # their code came over as redeemed
    s.clock.advance(5 * HOUR + MINUTE)
    await s.write(admission.refresh, locked["device_id"], s.clock.now())
    assert (await passes(s))[sources.LOCKED]["state"] == "ended"


async def test_a_guest_whose_device_nobody_knows_comes_in_with_the_code(s: Seed) -> None:
    await take(s, await read_router(s, sources.mikhmon(s.clock)))

    done = await enter(s, await door(s), "r3m4x7q3", 1)

    one = await s.read(access.get_pass, done.pass_id)
    assert one.span_ms == 2 * HOUR
    s.clock.advance(2 * HOUR + MINUTE)


async def test_the_code_of_a_running_guest_moves_the_pass_like_any_other(s: Seed) -> None:
    await take(s, await read_router(s, sources.mikhmon(s.clock)))

    moved = await enter(s, await door(s), "r1m4x7q1", 7, move=True)

    assert moved.how == "moved"
    assert abs((await s.read(access.get_pass, moved.pass_id)).ends_at - s.clock.now() - 5 * HOUR) < MOMENT


async def test_what_is_left_on_the_router_says_why(s: Seed) -> None:
    made = await work(s, await read_router(s, sources.mikhmon(s.clock)))

    assert whys(made.left) == {
        "endless": "no-time",
        "JA**": "password",
        "47**": "easy",
        "OV******": "over",
        "GO******": "no-time",
    }


async def test_a_router_that_hides_passwords_gives_what_its_comments_say(s: Seed) -> None:
    device = sources.mikhmon(s.clock)
    group = sources._id(device, "/user/group", "bando")
    device.tables["/user/group"].set(group, {"policy": "!sensitive"})

    made = await work(s, await read_router(s, device))

    assert made.counts() == {"plans": 2, "vouchers": 9, "running": 2}
    why = whys(made.left)
    assert why["JA**"] == "password-unseen"
    assert why["R3******"] == "no-device"  # whether the name is all of the code is not known any more
    assert [each.name for each in made.passes] == ["r1m4x7q1"]


async def test_a_phpnuxbill_comes_over_and_the_second_time_nothing_changes(s: Seed) -> None:
    body = sources.dump(s.clock.now())

    counts = await take(s, nuxbill(s, body))

    assert counts == {"plans": 3, "vouchers": 3, "running": 1}
    after = await everything(s)
    assert (await work(s, nuxbill(s, body))).empty
    assert await take(s, nuxbill(s, body)) == {"plans": 0, "vouchers": 0, "running": 0}
    assert await everything(s) == after


async def test_plans_of_phpnuxbill_keep_their_terms(s: Seed) -> None:
    await take(s, nuxbill(s, sources.dump(s.clock.now())))

    day, data, online = await plan(s, "Siku moja"), await plan(s, "2 GB"), await plan(s, "5 online hours")

    assert (day.kind, day.span_ms, day.rate_up, day.rate_down) == ("wall", DAY, 2 * 10**6, 5 * 10**6)
    assert (data.kind, data.span_ms, data.data_bytes, data.max_devices) == ("wall", 30 * DAY, 2 * 10**9, 2)
    assert (online.kind, online.span_ms, online.window_ms, online.data_bytes) == ("used", 5 * HOUR, 7 * DAY, None)


async def test_what_is_left_of_a_phpnuxbill_says_why(s: Seed) -> None:
    made = await work(s, nuxbill(s, sources.dump(s.clock.now())))

    assert whys(made.left) == {
        "Home fibre": "not-hotspot",
        "NU**********": "no-plan",  # the last of two
        "NO****": "no-device",
        "07********": "over",
    }


async def test_customers_of_phpnuxbill_go_on_by_device_or_by_code(s: Seed) -> None:
    await take(s, nuxbill(s, sources.dump(s.clock.now())))

    made = (await passes(s))["02:AA:00:00:00:04"]
    done = await enter(s, await door(s), "nuxused12345", 1)

    assert (made["cause_kind"], made["state"]) == ("staff", "running")
    assert abs(made["ends_at"] - s.clock.now() - 6 * HOUR) < MOMENT
    assert "0712345678" not in made["cause_ref"]  # a phone number stands in no cause
    assert (await s.read(access.get_pass, done.pass_id)).span_ms == 6 * HOUR


async def test_two_systems_may_both_be_imported(s: Seed) -> None:
    await take(s, await read_router(s, sources.mikhmon(s.clock)))
    await take(s, nuxbill(s, sources.dump(s.clock.now())))
    await again(s)

    assert s.tenant.imported_lengths == "8 12"


async def test_codes_that_were_sold_elsewhere_are_worth_nothing_here_and_unsold_ones_their_price(s: Seed) -> None:
    cards = "plan,price,time,code\n1 day,50,1d,{}\n"
    await take(s, table(s, cards.format("paid1234")))
    await take(s, table(s, cards.format("sell1234")), Choice(unsold=True))

    found = await s.read(
        lambda: rows("SELECT style, note, price_minor FROM batches WHERE tenant_id = :tenant ORDER BY id")
    )

    assert [tuple(row.values()) for row in map(dict, found)] == [
        ("imported-mixed-8", "import a table", 0),
        ("imported-mixed-8", "import a table", 5_000),
    ]


async def test_an_import_that_fails_half_way_has_taken_nothing(s: Seed) -> None:
    """A price that no database holds, in the second of three plans: the whole of it is undone."""
    before = await everything(s)
    made = nuxbill(s, sources.dump(s.clock.now()))
    made.plans[1] = replace(made.plans[1], price_minor=2**70)

    with pytest.raises((OverflowError, DataError)):
        await take(s, made)

    assert await everything(s) == before


async def test_somebody_who_stands_there_twice_comes_over_once(s: Seed) -> None:
    line = f"1 day,50,1d,02:AA:00:00:00:09,{sources.new_date(s.clock.now() + 9 * HOUR)}\n"
    found = table(s, f"plan,price,time,device,ends\n{line}{line}Week,200,7d{line[line.index(',02') :]}")

    counts = await take(s, found)

    assert counts == {"plans": 2, "vouchers": 0, "running": 2}  # of two plans: the second waits for the first
    assert (await work(s, found)).empty


async def test_time_that_was_given_on_top_is_not_lost(s: Seed) -> None:
    """More is left than the plan has: somebody has bought it twice."""
    ends = sources.new_date(s.clock.now() + 3 * HOUR + 40 * HOUR)
    await take(s, table(s, f"plan,price,time,code,ends\n1 day,50,1d,ab12cd34,{ends}\n"))

    done = await enter(s, await door(s), "ab12cd34", 1)

    assert (await s.read(access.get_pass, done.pass_id)).span_ms == 40 * HOUR


async def test_a_router_that_went_on_meanwhile_brings_only_what_is_new(s: Seed) -> None:
    device = sources.mikhmon(s.clock)
    await take(s, await read_router(s, device))
    code = {"name": "n3w4x5y6", "password": "n3w4x5y6", "profile": "1day", "comment": "vc-600-", "limit-uptime": "5h"}
    sources.add(device, "/ip/hotspot/user", code)
    used = next(key for key, row in device.tables["/ip/hotspot/user"].rows.items() if row["name"] == sources.UNUSED[0])
    device.tables["/ip/hotspot/user"].set(used, {"comment": sources.new_date(s.clock.now() + 9 * HOUR)})

    counts = await take(s, await read_router(s, device))

    assert counts == {"plans": 1, "vouchers": 1, "running": 0}
    assert [each.name for each in await s.read(access.plan_list)] == ["1 hour", "1day", "3hours", "1day 5 hours"]


async def test_online_time_and_data_that_are_left_are_counted_on(s: Seed) -> None:
    """5 hours and 1 GB within a day, of which 2 hours and 400 MB are used."""
    device = sources.mikhmon(s.clock)
    user = {**sources._alike("u5m4x7q5"), "mac-address": "02:AA:00:00:00:05", "limit-uptime": "5h"}
    end = sources.new_date(s.clock.now() + 9 * HOUR)
    sources.add(device, "/ip/hotspot/user", {**user, "limit-bytes-total": "1000000000", "comment": end})
    row = next(each for each in device.tables["/ip/hotspot/user"].rows.values() if each["name"] == "u5m4x7q5")
    used = usage_of(row)
    used.uptime_ms = 2 * HOUR
    used.counters.add(100_000_000, 300_000_000)

    await take(s, await read_router(s, device))

    made = (await passes(s))["02:AA:00:00:00:05"]
    assert (made["kind"], made["state"], made["span_ms"], made["data_bytes"]) == ("used", "paused", 3 * HOUR, 6 * 10**8)
    assert abs(made["ends_at"] - s.clock.now() - 9 * HOUR) < MOMENT
