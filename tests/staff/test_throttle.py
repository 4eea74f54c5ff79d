"""Tries to log in are limited, exactly and across restarts, and nobody can lock anybody else out."""

from __future__ import annotations

import asyncio

import pytest

from portal.clock import DAY, MINUTE
from portal.errors import Refused
from portal.staff import throttle
from portal.staff.logins import store as logins
from portal.staff.throttle import admit, admit_one, knock, origin
from tests.staff.people import ELSEWHERE, EMAIL, OFFICE, PASSWORD, Office, a_room


async def tried(office: Office, email: str, address: str) -> str:
    """What a try would be told before its password is looked at; it stays counted as a failure."""
    who = knock(office.s.vault, email, address)
    found = await office.s.db.write(None, admit, who, office.s.clock.now())
    return found.key if isinstance(found, Refused) else "admitted"


async def from_everywhere(office: Office, count: int) -> None:
    """Failures of the owner's account from as many sources."""
    for number in range(count):
        assert await tried(office, EMAIL, f"102.0.{number // 250}.{number % 250}") == "admitted"


async def test_the_sixth_try_from_one_source_waits_a_quarter_of_an_hour(office: Office) -> None:
    for _ in range(5):
        assert (await office.refused(password="wrong horse battery", address=ELSEWHERE)).key == "login-wrong"

    slowed = await office.refused(address=ELSEWHERE)  # the right password
    assert (slowed.key, slowed.status) == ("login-slow", 429)
    assert 890 <= int(str(slowed.values["wait_s"])) <= 900

    office.s.clock.advance(15 * MINUTE)
    assert await office.log_in(address=ELSEWHERE)


async def test_waiting_is_not_made_longer_by_trying(office: Office) -> None:
    for _ in range(50):
        await tried(office, EMAIL, ELSEWHERE)

    assert await office.tries("pair") == 5


async def test_a_source_has_thirty_tries_over_all_accounts(office: Office) -> None:
    told = [await tried(office, f"somebody{n}@kilimani.test", ELSEWHERE) for n in range(31)]

    assert told == ["admitted"] * 30 + ["login-slow"]


async def test_an_address_that_nobody_has_is_slowed_like_any_other(office: Office) -> None:
    known = [await tried(office, EMAIL, ELSEWHERE) for _ in range(7)]
    unknown = [await tried(office, "nobody@kilimani.test", "41.90.1.3") for _ in range(7)]

    assert known == unknown


async def test_a_stranger_cannot_lock_out_an_owner_who_has_logged_in_from_here(office: Office) -> None:
    await office.log_in(address=OFFICE)
    office.s.clock.advance(DAY)
    await from_everywhere(office, 100)

    assert await tried(office, EMAIL, "103.1.1.1") == "login-slow"  # the account's limit is reached
    assert await office.log_in(address=OFFICE)


async def test_without_that_exception_the_owner_would_be_locked_out(office: Office) -> None:
    """The negative control: the same, for an owner whose source is not known, or not any more."""
    await from_everywhere(office, 100)
    assert (await office.refused(address=OFFICE)).key == "login-slow"

    office.s.clock.advance(15 * MINUTE)
    await office.log_in(address=OFFICE)
    office.s.clock.advance(31 * DAY)
    await from_everywhere(office, 100)
    assert (await office.refused(address=OFFICE)).key == "login-slow"


async def test_nor_can_a_stranger_behind_the_same_address_who_tries_many_accounts(office: Office) -> None:
    await office.log_in(address=OFFICE)
    for number in range(35):
        await tried(office, f"somebody{number}@kilimani.test", OFFICE)

    assert await tried(office, "another@kilimani.test", OFFICE) == "login-slow"
    office.s.clock.advance(MINUTE)
    assert await office.log_in(address=OFFICE)


async def test_a_known_source_may_guess_no_more_than_any_other(office: Office) -> None:
    await office.log_in(address=OFFICE)

    assert [await tried(office, EMAIL, OFFICE) for _ in range(6)] == ["admitted"] * 5 + ["login-slow"]


async def test_limits_survive_a_restart(office: Office) -> None:
    for _ in range(5):
        await tried(office, EMAIL, ELSEWHERE)

    with a_room(office.s) as room:
        with pytest.raises(Refused) as slowed:
            await room.log_in(EMAIL, PASSWORD, office.code, address=ELSEWHERE, browser="")
        assert slowed.value.key == "login-slow"


async def test_a_thousand_tries_at_once_let_no_more_than_the_limit_through(office: Office) -> None:
    before = office.room.passwords.hashed
    found = await asyncio.gather(*(office.refused(password=f"wrong horse {n}", address=ELSEWHERE) for n in range(1000)))

    told = [each.key for each in found]
    assert (told.count("login-wrong"), told.count("login-slow")) == (5, 995)
    assert office.room.passwords.hashed - before == 5


async def test_counting_after_the_hash_would_let_them_all_through(office: Office) -> None:
    """The negative control: who looks first and counts later admits a crowd that comes at once."""
    who, now = knock(office.s.vault, EMAIL, ELSEWHERE), office.s.clock.now()

    async def careless() -> bool:
        fifth = await office.s.db.read(None, logins.nth_try, "pair", who.pair, throttle.LIMITS["pair"])
        await office.room.passwords.check(None, "wrong horse battery", ahead=True)
        await office.s.db.write(None, logins.add_tries, who.subjects, now)
        return fifth is None

    assert sum(await asyncio.gather(*(careless() for _ in range(12)))) > 5


async def test_guesses_of_a_code_have_a_limit_over_all_sources(office: Office) -> None:
    wrong = "000000" if office.code != "000000" else "111111"
    for number in range(5):
        assert (await office.refused(code=wrong, address=f"102.0.0.{number}")).key == "login-wrong"

    assert (await office.refused(code=office.code, address="102.0.0.9")).key == "login-slow"


async def test_whoever_guesses_codes_does_not_lock_the_owner_out(office: Office) -> None:
    await office.log_in(address=OFFICE)
    office.s.clock.advance(MINUTE)
    now = office.s.clock.now()
    for _ in range(5):
        account = knock(office.s.vault, EMAIL, ELSEWHERE).account
        await office.s.db.write(None, admit_one, throttle.LIMITS_SECOND, account, now)

    assert (await office.refused(address=ELSEWHERE)).key == "login-slow"
    assert await office.log_in(address=OFFICE)


async def test_a_right_login_leaves_no_tries_behind(office: Office) -> None:
    await office.refused(password="wrong horse battery")
    await office.log_in()

    assert (await office.tries("pair"), await office.tries("source"), await office.tries("second")) == (0, 1, 0)
    assert await office.tries("known") == 1


async def test_one_s_own_account_does_not_wash_a_source_clean(office: Office) -> None:
    await office.hire("otieno@kilimani.test", "cashier", totp=False)
    for number in range(29):
        await tried(office, f"somebody{number}@kilimani.test", ELSEWHERE)
    await office.log_in("otieno@kilimani.test", code="", address=ELSEWHERE)

    assert await tried(office, "x@kilimani.test", ELSEWHERE) == "admitted"
    assert await tried(office, "y@kilimani.test", ELSEWHERE) == "login-slow"


async def test_too_many_hashes_at_once_are_refused_and_not_counted(office: Office) -> None:
    found = await asyncio.gather(*(office.refused(f"n{n}@kilimani.test", address=f"102.0.0.{n}") for n in range(40)))

    told = [each.key for each in found]
    assert 16 <= told.count("login-wrong") < 40
    assert await office.tries("pair") == told.count("login-wrong")


async def test_old_tries_are_forgotten_and_known_sources_later(office: Office) -> None:
    await office.log_in()
    await tried(office, EMAIL, ELSEWHERE)

    office.s.clock.advance(2 * DAY)
    await office.room.loops[0].run_once()
    assert (await office.tries("pair"), await office.tries("known")) == (0, 1)

    office.s.clock.advance(30 * DAY)
    await office.room.loops[0].run_once()
    assert await office.tries("known") == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("197.248.10.7", "197.248.10.8", False),
        ("::ffff:197.248.10.7", "197.248.10.7", True),
        ("2c0f:fe38:2100:1ff::1", "2c0f:fe38:2100:100::9", True),
        ("2c0f:fe38:2100:1ff::1", "2c0f:fe38:2100:200::1", False),
        ("unknown", "unknown", True),
    ],
)
def test_a_source_is_an_address_or_a_customer_s_ipv6_network(one: str, other: str, same: bool) -> None:
    assert (origin(one) == origin(other)) == same
