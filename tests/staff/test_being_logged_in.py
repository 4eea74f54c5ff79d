"""A login lasts 30 idle minutes and 12 hours at most, and ends at once when something about it changes."""

from __future__ import annotations

import pyotp
import pytest

from portal.clock import HOUR, MINUTE, SECOND
from portal.errors import Refused
from portal.seal import new_token
from portal.staff import store
from portal.staff.room import Present
from portal.tenancy import store as tenancy
from portal.units import one
from tests.staff.people import ELSEWHERE, EMAIL, PASSWORD, Office

NEW = "another horse battery"


async def test_a_login_that_is_left_alone_ends_after_thirty_minutes(office: Office) -> None:
    token = (await office.log_in()).token
    office.s.clock.advance(29 * MINUTE)
    assert await office.room.enter(token)
    office.s.clock.advance(29 * MINUTE)
    assert await office.room.enter(token)
    office.s.clock.advance(30 * MINUTE)

    assert await office.room.enter(token) is None
    office.s.clock.advance(-30 * MINUTE)
    assert await office.room.enter(token) is None  # ended is ended


async def test_a_login_ends_after_twelve_hours_however_it_is_used(office: Office) -> None:
    token = (await office.log_in()).token
    for _ in range(12 * 3 - 1):
        office.s.clock.advance(20 * MINUTE)
        assert await office.room.enter(token)
    office.s.clock.advance(20 * MINUTE)

    assert await office.room.enter(token) is None
    _, ended, _ = await office.room.logins_of(office.s.tenant.id, office.owner.id)
    assert [each.end_reason for each in ended] == ["age"]
    assert 12 * HOUR <= (ended[0].ended_at or 0) - ended[0].begun_at <= 12 * HOUR + SECOND


async def test_a_login_is_written_to_once_a_minute_at_most(office: Office) -> None:
    token = (await office.log_in()).token
    begun = (await office.present(token)).login.seen_at
    office.s.clock.advance(50 * SECOND)
    assert (await office.present(token)).login.seen_at == begun
    office.s.clock.advance(20 * SECOND)
    assert (await office.present(token)).login.seen_at >= begun + 70 * SECOND

    kept = await office.s.read(one, "SELECT seen_at FROM logins WHERE tenant_id = :tenant")
    assert kept["seen_at"] >= begun + 70 * SECOND


async def test_a_login_that_ended_by_itself_is_shown_as_ended_before_anybody_comes_back(office: Office) -> None:
    await office.log_in()
    office.s.clock.advance(HOUR)

    still, ended, _ = await office.room.logins_of(office.s.tenant.id, office.owner.id)

    assert (still, [each.end_reason for each in ended]) == ([], ["idle"])


async def test_logging_out_ends_this_login_and_no_other(office: Office) -> None:
    first, second = await twice(office)
    await office.room.log_out(await office.present(first))

    assert await office.room.enter(first) is None
    assert await office.room.enter(second)


async def twice(office: Office) -> tuple[str, str]:
    """Two logins of the owner."""
    first = (await office.log_in()).token
    office.s.clock.advance(MINUTE)
    return first, (await office.log_in(address=ELSEWHERE)).token


async def test_one_login_and_all_others_can_be_ended(office: Office) -> None:
    first, second = await twice(office)
    tenant, login = office.s.tenant.id, (await office.present(first)).login
    own = (await office.present(second)).login

    assert await office.room.end_logins(tenant, office.owner.id, but=own.id) == 1
    assert await office.room.enter(first) is None
    assert await office.room.end_login(tenant, office.owner.id, login.id) is False  # it has ended
    assert await office.room.end_login(tenant, office.owner.id, own.id)
    assert await office.room.enter(second) is None

    still, ended, _ = await office.room.logins_of(tenant, office.owner.id)
    assert (still, [each.id for each in ended]) == ([], [own.id, login.id])


async def test_nobody_ends_a_login_of_somebody_else_by_its_number(office: Office) -> None:
    other = await office.hire("otieno@kilimani.test", "cashier", totp=False)
    present = await office.inside()

    assert await office.room.end_login(office.s.tenant.id, other.id, present.login.id) is False


@pytest.mark.parametrize("token", ["", ".", "x.y", "öäü.12", "a" * 10_000, "1234." + "0" * 64])
async def test_what_is_no_token_enters_nowhere(office: Office, token: str) -> None:
    assert await office.room.enter(token) is None
    assert await office.room.take_link(token) is None


async def test_a_token_of_the_right_isp_that_nobody_was_given_enters_nowhere(office: Office) -> None:
    assert await office.room.enter(new_token(office.s.tenant.public, size=32)) is None


async def test_switching_off_acts_at_once(office: Office) -> None:
    cashier = await office.hire("otieno@kilimani.test", "cashier", totp=False)
    token = (await office.log_in("otieno@kilimani.test")).token

    await office.s.write(store.set_state, cashier.id, False, office.s.clock.now())

    assert await office.room.enter(token) is None
    assert (await office.refused("otieno@kilimani.test")).key == "login-wrong"
    await office.s.write(store.set_state, cashier.id, True, office.s.clock.now())
    assert await office.room.enter(token) is None  # it is switched on, and its logins stay ended
    assert await office.log_in("otieno@kilimani.test")


async def test_another_role_acts_at_once_and_needs_a_new_login(office: Office) -> None:
    member = await office.hire("otieno@kilimani.test", "manager", totp=False)
    token = (await office.log_in("otieno@kilimani.test")).token

    await office.s.write(store.set_role, member.id, "cashier", office.s.clock.now())

    assert await office.room.enter(token) is None
    assert (await office.inside(email="otieno@kilimani.test")).staff.role == "cashier"


async def test_another_password_ends_the_other_logins_and_not_this_one(office: Office) -> None:
    first, second = await twice(office)
    await office.room.change_password(await office.present(second), PASSWORD, NEW)

    assert await office.room.enter(first) is None
    assert await office.room.enter(second)
    office.s.clock.advance(MINUTE)
    assert (await office.refused()).key == "login-wrong"
    assert await office.log_in(password=NEW)


async def test_the_old_password_is_asked_for_and_its_guesses_are_counted(office: Office) -> None:
    present = await office.inside()
    told = [await said(office, present, f"wrong horse {n}") for n in range(6)]

    assert told == ["login-wrong"] * 5 + ["login-slow"]
    assert await said(office, present, PASSWORD) == "login-slow"
    office.s.clock.advance(15 * MINUTE)
    assert await said(office, present, PASSWORD) == "changed"


async def said(office: Office, present: Present, old: str) -> str:
    try:
        await office.room.change_password(present, old, NEW)
    except Refused as refused:
        return refused.key
    return "changed"


async def test_a_password_that_is_given_again_is_fresh_for_ten_minutes(office: Office) -> None:
    token = (await office.log_in()).token
    office.s.clock.advance(11 * MINUTE)
    present = await office.present(token)
    assert not office.room.proven(present)
    with pytest.raises(Refused, match="login-wrong"):
        await office.room.prove(present, "wrong horse battery")
    assert not office.room.proven(await office.present(token))

    await office.room.prove(present, PASSWORD)

    assert office.room.proven(await office.present(token))


async def test_another_second_factor_needs_the_password_once_more(office: Office) -> None:
    first, token = await twice(office)
    office.s.clock.advance(11 * MINUTE)
    present = await office.present(token)
    setup = await office.room.set_up_second(present)
    app = pyotp.TOTP(setup.secret_text)

    def code() -> str:
        return app.generate_otp(office.s.clock.now() // (30 * SECOND))

    with pytest.raises(Refused, match="login-prove"):
        await office.room.confirm_second(present, setup.secret_text, code())
    await office.room.prove(present, PASSWORD)
    present = await office.present(token)
    with pytest.raises(Refused, match="second-wrong"):
        await office.room.confirm_second(present, setup.secret_text, "12345")
    await office.room.confirm_second(present, setup.secret_text, code())

    assert await office.room.enter(token)
    assert await office.room.enter(first) is None
    assert (await office.refused(code=office.code)).key == "login-wrong"  # of the app that is gone
    assert (await office.refused(code=code())).key == "login-wrong"  # it was used to set it up
    office.s.clock.advance(30 * SECOND)
    assert await office.log_in(code=code())


@pytest.mark.parametrize("secret", ["", "ABCD", "JBSWY3DPEHPK3PXP", "0" * 32, "ä" * 32])
async def test_a_secret_that_is_none_of_ours_is_not_kept(office: Office, secret: str) -> None:
    with pytest.raises(Refused, match="second-wrong"):
        await office.room.confirm_second(await office.inside(), secret, "123456")


async def test_a_form_that_comes_back_shows_the_same_secret(office: Office) -> None:
    present = await office.inside()
    shown = await office.room.set_up_second(present)
    again = await office.room.set_up_second(present, secret=shown.secret_text)

    assert again == shown
    assert await office.room.set_up_second(present) != shown
    assert shown.secret_uri.startswith("otpauth://totp/Bando:Wanjiku")


async def test_staff_of_another_isp_are_out_of_reach(office: Office) -> None:
    s = office.s
    entered = await office.log_in()
    login = (await office.present(entered.token)).login
    other = await s.db.write(None, tenancy.add_tenant, "Westlands Wi-Fi", s.clock.now())

    assert await s.db.read(other.id, store.account, office.owner.id) is None
    assert await s.db.read(other.id, store.account_by_email, store.email_index(s.vault, EMAIL)) is None
    assert await s.db.read(other.id, store.all_staff) == []
    for unit, *args in (
        (store.set_state, False),
        (store.set_role, "auditor"),
        (store.second_off,),
        (store.reset_link,),
    ):
        with pytest.raises(Refused, match="staff-unknown"):
            await s.db.write(other.id, unit, office.owner.id, *args, s.clock.now())
    assert await office.room.end_login(other.id, office.owner.id, login.id) is False
    assert await office.room.end_logins(other.id, office.owner.id) == 0
    assert await office.room.logins_of(other.id, office.owner.id) == ([], [], [])
    assert await office.room.enter(f"{other.public}.{entered.token.partition('.')[2]}") is None
    assert await office.room.enter(entered.token)
