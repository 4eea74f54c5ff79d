"""Guess limits: each bucket at its number, apart from the others; sliding, lasting, exact for any number at once."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from portal.clock import DAY, HOUR, MINUTE, SECOND, Moment
from portal.payments import limits as receipts
from portal.tenancy import store as tenancy
from portal.units import value
from portal.vouchers import guesses
from portal.vouchers.guesses import Guesser
from portal.vouchers.guesses.limits import CLAIMED, OPEN, SEEN, Limits, origin
from tests.hand import on_disk
from tests.vouchers.guessing import Door, a_door, address_of, attempt

FAR = 1_000_000  # numbers of phones and addresses that nobody else uses


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with a_door(tmp_path) as made:
        yield made


# --- each bucket ---


async def test_a_device_that_is_there_has_five_wrong_codes_an_hour(door: Door) -> None:
    await door.fail(door.who(), 5)

    assert not await door.attempt(door.who())
    assert not await door.attempt(door.who(), good=True)
    assert not await door.attempt(door.who(source=2, router=2)), "wherever it goes"


async def test_its_neighbours_behind_the_same_address_do_not_feel_it(door: Door) -> None:
    await door.fail(door.who(), 5)

    assert await door.attempt(door.who(2), good=True)
    assert await door.attempt(door.who(3, seen=False), good=True)


async def test_a_device_that_is_only_claimed_has_five_too(door: Door) -> None:
    await door.fail(door.who(seen=False), 5)

    assert not await door.attempt(door.who(source=2, seen=False))
    assert await door.attempt(door.who(2, seen=False))


async def test_invented_devices_share_the_sixty_of_their_address(door: Door) -> None:
    for n in range(60):
        await door.fail(door.who(n, seen=False))

    assert not await door.attempt(door.who(FAR, seen=False))
    assert await door.attempt(door.who(FAR, source=2, seen=False))
    assert await door.attempt(door.who(FAR)), "the router sees it, so it is not invented"


async def test_a_crowd_that_the_router_sees_is_not_bound_by_its_common_address(door: Door) -> None:
    for n in range(100):
        await door.fail(door.who(n))

    assert await door.attempt(door.who(FAR))


async def test_above_the_soft_limit_of_a_router_only_a_clean_record_is_served(door: Door) -> None:
    await door.fail(door.who(FAR))
    await door.fail(door.who(FAR + 1, router=2))
    for n in range(118):
        await door.fail(door.who(n))
    assert await door.attempt(door.who(FAR), good=True), "119 is below it"
    await door.fail(door.who(200))

    assert not await door.attempt(door.who(FAR), good=True)
    assert await door.attempt(door.who(FAR + 2), good=True)
    assert await door.attempt(door.who(FAR + 1, router=2), good=True), "another router is not slowed"


async def test_above_the_soft_limit_of_a_router_claims_need_a_clean_address(door: Door) -> None:
    await door.fail(door.who(FAR, source=FAR, seen=False))
    for n in range(119):
        await door.fail(door.who(n, source=n % 50, seen=False))

    assert not await door.attempt(door.who(FAR + 1, source=FAR, seen=False), good=True), "its address has failed"
    assert not await door.attempt(door.who(FAR, source=FAR + 1, seen=False), good=True), "it has failed itself"
    assert await door.attempt(door.who(FAR + 1, source=FAR + 1, seen=False), good=True)
    assert await door.attempt(door.who(5, source=5), good=True), "what is claimed does not touch who is seen"


@pytest.mark.parametrize(("seen", "soft"), [(True, 600), (False, 300)])
async def test_above_the_soft_limit_of_the_tenant_only_a_clean_record_is_served(
    door: Door, seen: bool, soft: int
) -> None:
    await door.fail(door.who(FAR, FAR, seen=seen))
    for n in range(soft - 1):
        assert await door.attempt(door.who(FAR, FAR, router=99, seen=seen), good=True)
        await door.fail(door.who(n, n, router=n // 90, seen=seen))

    assert not await door.attempt(door.who(FAR, FAR, router=99, seen=seen), good=True)
    assert await door.attempt(door.who(FAR + 1, FAR + 1, router=99, seen=seen), good=True)
    assert await door.attempt(door.who(FAR, FAR, router=99, seen=not seen), good=True)


async def test_no_router_evaluates_more_than_its_hard_limit_and_the_next_one_goes_on(door: Door) -> None:
    done = [await door.attempt(door.who(n)) for n in range(510)]

    assert done == [True] * 500 + [False] * 10
    assert await door.attempt(door.who(FAR, router=2), good=True)
    assert await door.attempt(door.who(FAR, seen=False), good=True)


@pytest.mark.parametrize(("seen", "hard"), [(True, 1_800), (False, 1_400)])
async def test_no_tenant_evaluates_more_than_its_hard_limit(door: Door, seen: bool, hard: int) -> None:
    done = [await door.attempt(door.who(n, n, router=n % 10, seen=seen)) for n in range(hard + 5)]

    assert done == [True] * hard + [False] * 5
    assert not await door.attempt(door.who(FAR, FAR, router=FAR, seen=seen), good=True)
    assert await door.attempt(door.who(FAR, FAR, router=FAR, seen=not seen), good=True), "the other kind has its own"


async def test_the_open_door_counts_sources_and_the_installation(door: Door) -> None:
    assert [await door.open_attempt(1) for _ in range(21)] == [True] * 20 + [False]
    for n in range(80):
        assert await door.open_attempt(2 + n // 20)

    assert not await door.open_attempt(6) or not await door.open_attempt(6), "one wrong code above the soft limit"
    assert await door.open_attempt(7, good=True)
    done = [await door.open_attempt(10 + n) for n in range(320)]
    assert sum(done) == 400 - 101
    assert not await door.open_attempt(FAR, good=True)
    assert await door.attempt(door.who()), "whom a router has named goes in by the other door"


async def test_the_cap_that_the_odds_rely_on_is_the_sum_of_the_hard_limits(door: Door) -> None:
    assert guesses.TENANT_AN_HOUR == 3_600
    assert CLAIMED.hard["tenant"] + OPEN.hard["installation"] <= guesses.TENANT_AN_HOUR / 2


# --- time ---


async def test_the_window_slides_and_the_wait_that_was_told_is_exact(door: Door) -> None:
    for _ in range(5):
        await door.fail(door.who())
        door.now += 7 * MINUTE
    wait = await door.wait(door.who())
    assert wait == HOUR - 35 * MINUTE

    door.now += wait - 1
    assert not await door.attempt(door.who())
    door.now += 1
    assert await door.attempt(door.who())
    assert await door.wait(door.who()) == 7 * MINUTE


async def test_whoever_is_slowed_by_others_waits_for_them_or_until_the_own_failure_is_old(door: Door) -> None:
    await door.fail(door.who(FAR))
    door.now += 10 * MINUTE
    for n in range(119):
        await door.fail(door.who(n))

    assert await door.wait(door.who(FAR)) == 50 * MINUTE
    assert await door.wait(door.who(5)) == 50 * MINUTE, "by then one of the 120 is old"
    door.now += 50 * MINUTE
    assert await door.wait(door.who(5)) == 0


async def test_a_claim_is_told_to_wait_a_minute_at_most_since_then_the_router_may_see_it(door: Door) -> None:
    for n in range(60):
        await door.fail(door.who(n, seen=False))

    assert await door.wait(door.who(FAR, seen=False)) == MINUTE


async def test_a_restart_forgets_nothing(door: Door) -> None:
    await door.fail(door.who(), 5)
    for _ in range(20):
        assert await door.open_attempt()

    await door.restart()

    assert not await door.attempt(door.who())
    assert not await door.open_attempt()
    door.now += HOUR
    assert await door.attempt(door.who())
    assert await door.open_attempt()


# --- what does not count ---


async def test_right_codes_cost_nothing(door: Door) -> None:
    for _ in range(200):
        assert await door.attempt(door.who(seen=False), good=True)
    assert await door.made.read(value, "SELECT COUNT(*) FROM guesses WHERE tenant_id = :tenant") == 0


async def test_the_same_code_again_is_no_further_guess(door: Door) -> None:
    for n in range(4):
        for _ in range(10):
            await door.made.write(guesses.count, door.who(), door.now, b"code %d" % n)
            await door.db.write(None, guesses.count_open, door.made.vault, "41.90.1.2", door.now, b"code %d" % n)
    assert await door.wait(door.who()) == 0
    assert await door.db.read(None, value, "SELECT COUNT(*) FROM open_guesses WHERE bucket = 'source'") == 4

    await door.made.write(guesses.count, door.who(2), door.now, b"code 1")
    await door.made.write(guesses.count, door.who(), door.now, b"code 5")
    assert await door.wait(door.who()) == HOUR
    door.now += HOUR
    await door.made.write(guesses.count, door.who(), door.now, b"code 1")
    tenant = "SELECT COUNT(*) FROM guesses WHERE tenant_id = :tenant AND bucket = 'tenant'"
    assert await door.made.read(value, tenant) == 4 + 1 + 1 + 1


async def test_receipts_and_vouchers_are_two_doors(door: Door) -> None:
    subjects = receipts.guess_subjects(door.made.vault, door.made.tenant.id, "02:00:00:00:00:01", 1, address_of(1))
    for _ in range(5):
        await door.made.write(receipts.reserve_guess, "receipt", subjects, door.now)

    await door.fail(door.who(), 5)


async def test_another_tenant_is_not_touched(door: Door) -> None:
    other = await door.db.write(None, tenancy.add_tenant, "Other Wi-Fi", door.now, support_phone="0700 000 001")
    for n in range(500):
        await door.fail(door.who(n))

    who = guesses.guesser(door.made.vault, other.id, "02:00:00:00:00:01", 1, address_of(1), True)
    assert await door.db.write(other.id, attempt, who, False, door.now) == -1


async def test_the_database_holds_neither_mac_nor_address(door: Door) -> None:
    await door.fail(door.who(7, 9, seen=False))
    await door.open_attempt(9)

    await door.db.aclose()
    held = on_disk(door.db.place)
    assert b"02:00:00:00:00:07" not in held
    assert address_of(9).encode() not in held


# --- many at once ---


async def test_of_two_hundred_at_once_five_are_looked_at(door: Door) -> None:
    done = await asyncio.gather(*(door.attempt(door.who()) for _ in range(200)))

    assert Counter(done) == {True: 5, False: 195}


async def test_looking_first_and_counting_later_would_let_more_through(door: Door) -> None:
    """The negative control: the same limits, but not in one transaction."""

    async def loose() -> bool:
        if await door.wait(door.who()):
            return False
        await door.made.write(guesses.count, door.who(), door.now)
        return True

    assert sum(await asyncio.gather(*(loose() for _ in range(200)))) > 5


@pytest.mark.parametrize("bucket", ["device", "source", "tenant"])
async def test_each_bucket_is_needed(door: Door, bucket: str) -> None:
    """Negative controls: whoever has a new subject for each guess is not held by that bucket."""

    async def looked_at(number: int, *, loose: bool) -> int:
        done = 0
        for n in range(number):
            mac, source = (1, n) if bucket == "device" else (n, 1) if bucket == "source" else (n, n)
            who = door.who(mac, source, router=n % 20, seen=False)
            done += await door.attempt(strange(who, bucket) if loose else who)
        return done

    limit = {**CLAIMED.own, **CLAIMED.hard}[bucket]
    assert await looked_at(limit + 10, loose=False) == limit
    door.now += DAY
    assert await looked_at(limit + 10, loose=True) == limit + 10


def strange(who: Guesser, bucket: str) -> Guesser:
    """As if one bucket were not there."""
    one = secrets.token_bytes(32)
    if bucket == "device":
        return replace(who, device=one)
    return replace(who, source=one) if bucket == "source" else replace(who, tenant=one)


# --- against a model ---


@dataclass
class Model:
    """The rules once more, by counting lists."""

    made: list[tuple[Moment, str, str, bool]] = field(default_factory=list)

    def admits(self, now: Moment, mac: str, source: str, router: int, seen: bool) -> bool:
        mine = [each for each in self.made if each[0] > now - HOUR and each[3] == seen]
        of_mac = sum(each[1] == mac for each in mine)
        of_source = 0 if seen else sum(each[2].split("|")[0] == source for each in mine)
        of_router = sum(each[2].split("|")[1] == str(router) for each in mine)
        if of_mac >= 5 or of_source >= 60 or len(mine) >= (1800 if seen else 1400) or (seen and of_router >= 500):
            return False
        busy = of_router >= 120 or len(mine) >= (600 if seen else 300)
        return not busy or (of_mac == 0 and of_source == 0)

    def count(self, now: Moment, mac: str, source: str, router: int, seen: bool) -> None:
        self.made.append((now, mac, f"{source}|{router}", seen))


@pytest.mark.parametrize("start", [1, 2, 3])
async def test_the_limits_agree_with_counting_by_hand(door: Door, start: int) -> None:
    chance, model, said = random.Random(start), Model(), Counter[bool]()
    for _ in range(1_500):
        door.now += chance.choice([0, 0, SECOND, 10 * SECOND] if start < 3 else [0, 0, 1, SECOND])
        seen, router = chance.random() < 0.5, chance.choice([1, 1, 1, 2])
        mac, source = chance.randrange(400), chance.randrange(12) if chance.random() < 0.7 else chance.randrange(400)
        who, key = door.who(mac, source, router=router, seen=seen), (str(mac), str(source), router, seen)
        expected, good = model.admits(door.now, *key), chance.random() < 0.1

        assert await door.attempt(who, good=good) == expected
        said[expected] += 1
        if expected and not good:
            model.count(door.now, *key)
    assert min(said[True], said[False]) > 50


@pytest.mark.parametrize("limits", [SEEN, CLAIMED, OPEN])
def test_a_hard_limit_is_never_reached_before_the_soft_one(limits: Limits) -> None:
    """So that it need be asked for only then."""
    assert all(limits.hard[bucket] > limits.soft[bucket] for bucket in limits.hard)


# --- staff ---


async def lines(door: Door) -> list[tuple[str, str]]:
    return [(line["kind"], line["subject"]) for line in await door.made.read(tenancy.exceptions)]


async def test_twenty_wrong_codes_in_a_minute_at_one_router_are_a_line_for_staff(door: Door) -> None:
    for n in range(19):
        await door.fail(door.who(n, seen=n % 2 == 0))
        await door.fail(door.who(n, n, router=2 + n, seen=False))
    assert await lines(door) == []

    await door.fail(door.who(20))

    assert await lines(door) == [("voucher-guesses", "router:1")]


async def test_twenty_in_more_than_a_minute_are_none(door: Door) -> None:
    for n in range(60):
        await door.fail(door.who(n))
        door.now += MINUTE // 18

    assert await lines(door) == []


async def test_a_line_that_was_closed_is_opened_by_the_next_burst(door: Door) -> None:
    for n in range(20):
        await door.fail(door.who(n))
    line = (await door.made.read(tenancy.exceptions))[0]
    await door.made.write(tenancy.close_exception, line["id"], door.now)
    assert await lines(door) == []

    door.now += HOUR
    for n in range(20):
        await door.fail(door.who(n))

    assert await lines(door) == [("voucher-guesses", "router:1")]


# --- sources and forgetting ---


def test_a_source_is_an_address_or_what_one_customer_has_of_ipv6() -> None:
    assert origin("41.90.1.2") == "41.90.1.2"
    assert origin("::ffff:41.90.1.2") == "41.90.1.2"
    assert origin("2c0f:fe38:2400:10ff::1") == origin("2c0f:fe38:2400:1012:9:9:9:9") != origin("2c0f:fe38:2400:1100::1")
    assert origin("unix") == "unix"


async def test_the_whole_of_a_customers_ipv6_shares_its_sixty(door: Door) -> None:
    done = [await door.attempt(door.who(n, f"2c0f:fe38:2400:10{n:02x}::{n:x}", seen=False)) for n in range(70)]

    assert sum(done) == 60


async def test_what_is_older_than_a_day_is_forgotten_at_the_open_door(door: Door) -> None:
    await door.open_attempt()
    door.now += DAY
    await door.open_attempt(2)

    await door.db.write(None, guesses.forget_open, door.now - DAY + 1)

    assert await door.db.read(None, value, "SELECT COUNT(*) FROM open_guesses WHERE bucket = 'source'") == 1


async def test_a_guesser_says_nothing_of_who_it_is(door: Door) -> None:
    said = repr(door.who("02:00:00:00:00:01", "41.90.1.2", seen=False))

    assert "02:00" not in said
    assert "41.90" not in said
