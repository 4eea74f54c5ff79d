"""Logging in: one answer to whatever is wrong, after the same work; each code works once."""

from __future__ import annotations

import asyncio

import pyotp
import pytest

from portal.clock import MINUTE, SECOND
from portal.errors import Refused
from portal.staff import second, store
from portal.staff.passwords import HASHER, NOBODY
from portal.units import rows
from tests.staff.people import EMAIL, OFFICE, OLD, PASSWORD, SECRET, Office


async def test_the_right_password_and_code_open_a_login(office: Office) -> None:
    entered = await office.log_in()
    present = await office.present(entered.token)

    assert entered.token.startswith(f"{office.s.tenant.public}.")
    assert len(entered.token.partition(".")[2]) == 64
    assert (present.staff.id, present.tenant_id) == (office.owner.id, office.s.tenant.id)
    assert not present.must_set_up
    assert len(present.login_token_key) == 32


async def test_an_address_is_the_same_in_capitals_and_with_spaces_around(office: Office) -> None:
    assert await office.log_in(f"  {EMAIL.upper()} ")


async def test_wrong_address_password_and_code_are_one_answer(office: Office) -> None:
    cashier = await office.hire("otieno@kilimani.test", "cashier", totp=False)
    await office.s.write(store.set_state, cashier.id, False, office.s.clock.now())

    answers = [
        await office.refused("nobody@kilimani.test"),
        await office.refused(password="wrong horse battery"),
        await office.refused(code="000000" if office.code != "000000" else "111111"),
        await office.refused("otieno@kilimani.test"),  # switched off, with the right password
    ]

    assert {(each.key, each.status, str(each), str(each.values)) for each in answers} == {
        ("login-wrong", 403, "login-wrong", "{}")
    }


async def test_an_unknown_address_costs_a_hash_and_as_many_writes(office: Office) -> None:
    before = office.room.passwords.hashed
    await office.refused("nobody@kilimani.test")
    unknown = office.room.passwords.hashed - before
    await office.refused(password="wrong horse battery")

    assert unknown == office.room.passwords.hashed - before - unknown == 1
    assert not HASHER.check_needs_rehash(NOBODY)  # and of the same parameters


async def test_an_empty_code_is_asked_for_only_after_the_right_password(office: Office) -> None:
    asked = await office.refused(code="")
    wrong = await office.refused(password="wrong horse battery", code="")

    assert (asked.key, asked.status) == ("login-second", 403)
    assert wrong.key == "login-wrong"


async def test_being_asked_for_the_code_is_no_failure(office: Office) -> None:
    for _ in range(7):
        assert (await office.refused(code="")).key == "login-second"

    assert await office.log_in()


async def test_a_code_works_once(office: Office) -> None:
    code = office.code
    await office.log_in(code=code)

    assert (await office.refused(code=code)).key == "login-wrong"


async def test_an_earlier_code_does_not_work_after_a_later_one(office: Office) -> None:
    earlier = office.code_at(-1)
    await office.log_in(code=office.code)

    assert (await office.refused(code=earlier)).key == "login-wrong"


@pytest.mark.parametrize(("steps", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_code_is_good_one_step_around(steps: int, good: bool) -> None:

    now = 1_700_000_000 * SECOND
    code = pyotp.TOTP(SECRET).generate_otp(now // (30 * SECOND) + steps)

    assert (second.step_of(SECRET, code, now) is not None) == good


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "12 34", "-12345", "1e5"])
def test_what_is_no_code_is_of_no_step(typed: str) -> None:
    assert second.step_of(SECRET, typed, 1_700_000_000 * SECOND) is None


async def test_two_who_come_with_one_code_at_once_do_not_both_get_in(office: Office) -> None:

    code = office.code
    found = await asyncio.gather(*(office.log_in(code=code) for _ in range(4)), return_exceptions=True)

    assert sum(not isinstance(each, BaseException) for each in found) == 1
    assert {each.key for each in found if isinstance(each, Refused)} == {"login-wrong"}


async def test_a_recovery_code_works_once_however_it_is_typed(office: Office) -> None:
    present = await office.inside()
    setup = await office.room.set_up_second(present)

    office.s.clock.advance(MINUTE)
    codes = await office.room.confirm_second(
        present, setup.secret_text, pyotp.TOTP(setup.secret_text).generate_otp(office.s.clock.now() // (30 * SECOND))
    )

    await office.log_in(code=codes[3].lower().replace("-", " "))
    assert (await office.refused(code=codes[3])).key == "login-wrong"
    assert await office.log_in(code=codes[4])
    assert await office.s.read(store.codes_left, office.owner.id) == 8
    assert (len(codes), len(set(codes)), {len(each) for each in codes}) == (10, 10, {19})


async def test_who_has_no_second_factor_needs_none_but_an_owner_must_set_one_up(office: Office) -> None:
    await office.hire("otieno@kilimani.test", "cashier", totp=False)
    await office.hire("achieng@kilimani.test", "manager", totp=False)

    assert not (await office.inside(email="otieno@kilimani.test", code="")).must_set_up
    assert (await office.inside(email="achieng@kilimani.test", code="")).must_set_up


async def test_a_hash_with_old_parameters_is_renewed_at_login(office: Office) -> None:
    made = await office.hire("otieno@kilimani.test", "cashier", totp=False, hashed=OLD)
    await office.refused("otieno@kilimani.test", "wrong horse battery")
    account = await office.s.read(store.account, made.id)
    assert account.password_hash == OLD

    await office.log_in("otieno@kilimani.test")

    account = await office.s.read(store.account, made.id)
    assert account.password_hash != OLD
    assert not HASHER.check_needs_rehash(account.password_hash)
    assert HASHER.verify(account.password_hash, PASSWORD)


async def test_a_failed_login_is_shown_to_its_owner(office: Office) -> None:
    await office.refused(password="wrong horse battery", address=OFFICE)
    await office.refused(code="0")
    await office.refused("nobody@kilimani.test")

    _, _, failures = await office.room.logins_of(office.s.tenant.id, office.owner.id)

    assert [(each.why, each.address, each.browser) for each in failures] == [
        ("second", OFFICE, "Firefox"),
        ("password", OFFICE, "Firefox"),
    ]
    assert len(await office.s.read(rows, "SELECT id FROM login_failures WHERE tenant_id = :tenant")) == 2


async def test_an_endless_password_is_wrong_and_costs_no_more(office: Office) -> None:
    assert (await office.refused(password=PASSWORD + "x" * 1_000_000)).key == "login-wrong"
    assert (await office.refused(password="\ud800" * 9)).key == "login-wrong"
