"""Attacks on the voucher door: a thief in the café, a liar from afar, a botnet; and honest guests meanwhile."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portal.clock import HOUR, MINUTE, SECOND
from portal.vouchers.guesses.limits import CLAIMED, SEEN
from tests.vouchers.guessing import Door, a_door

CAFE, FAR = 77, 1_000_000


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with a_door(tmp_path) as made:
        yield made


async def test_a_thief_in_a_cafe_burns_its_own_five_while_fifty_guests_redeem(door: Door) -> None:
    thief, guests = door.who(0, CAFE), [door.who(n, CAFE) for n in range(1, 51)]

    done = await asyncio.gather(
        *(door.attempt(thief) for _ in range(500)), *(door.attempt(guest, good=True) for guest in guests)
    )

    assert sum(done[:500]) == 5
    assert all(done[500:])


async def test_a_thief_in_a_cafe_that_invents_devices_stops_at_its_address_and_the_seen_do_not_feel_it(
    door: Door,
) -> None:
    invented = [await door.attempt(door.who(FAR + n, CAFE, seen=False)) for n in range(500)]
    guests = [await door.attempt(door.who(n, CAFE), good=True) for n in range(50)]
    newcomer = door.who(60, CAFE, seen=False)

    assert sum(invented) == 60
    assert all(guests)
    assert 0 < await door.wait(newcomer) <= MINUTE, "its router names it with the next poll"
    assert await door.attempt(door.who(60, CAFE), good=True)


async def test_a_thief_with_many_real_devices_stops_at_the_router_and_other_sites_go_on(door: Door) -> None:
    looked_at = 0
    for device in range(600):
        for _ in range(10):
            looked_at += await door.attempt(door.who(FAR + device, CAFE))

    assert looked_at == SEEN.hard["router"]
    assert await door.attempt(door.who(1, 1, router=2), good=True)


async def test_a_liar_from_afar_with_a_new_device_for_each_guess_stops_at_the_address(door: Door) -> None:
    done = [await door.attempt(door.who(FAR + n, 1, router=n % 7, seen=False)) for n in range(1_000)]

    assert sum(done) == CLAIMED.own["source"]
    assert await door.attempt(door.who(1, 2, seen=False), good=True)


async def test_nothing_that_is_only_claimed_changes_anything_for_those_who_are_seen(door: Door) -> None:
    """Whatever comes from afar: a guest whom the router sees waits for nobody."""
    chance = random.Random(7)
    for n in range(2_500):
        claimed = door.who(n, chance.randrange(3_000), router=chance.choice([1, 2]), seen=False)
        await door.attempt(claimed)
        await door.open_attempt(chance.randrange(3_000))
    assert not await door.attempt(door.who(FAR, FAR, seen=False), good=True), "the claims have used up all of theirs"

    for n in range(50):
        await door.fail(door.who(n, CAFE, router=1 + n % 2), 2)
        assert await door.attempt(door.who(n, CAFE, router=1 + n % 2), good=True)


async def test_a_botnet_reaches_no_cap_and_honest_guests_redeem(door: Door) -> None:
    """20 000 guesses from a thousand addresses at ten routers, with guests between them, in a quarter of an hour."""
    chance, looked_at = random.Random(11), 0
    honest: list[bool] = []
    for n in range(20_000):
        bot = chance.randrange(1_000)
        looked_at += await door.attempt(door.who(FAR + n, bot, router=chance.randrange(10), seen=False))
        if n % 50 == 0:
            honest.append(await door.attempt(door.who(n, CAFE, router=chance.randrange(10)), good=True))
            honest.append(await door.attempt(door.who(n, FAR + n, router=chance.randrange(10), seen=False), good=True))
        door.now += 15 * MINUTE // 20_000

    assert looked_at <= CLAIMED.soft["tenant"] + 1_000 < CLAIMED.hard["tenant"]
    assert sum(honest) == len(honest)


async def test_in_no_hour_of_a_long_attack_more_is_looked_at_than_the_caps_say(door: Door) -> None:
    """Two and a half hours from a hundred thousand addresses; every window of an hour is looked at."""
    moments: list[int] = []
    for n in range(9_000):
        if await door.attempt(door.who(FAR + n, n, router=n % 5, seen=False)):
            moments.append(door.now)
        door.now += SECOND
    within = max(sum(1 for each in moments if first <= each < first + HOUR) for first in moments)

    assert within == CLAIMED.hard["tenant"]
    assert len(moments) > 2 * within
