"""Invitations and resets work once, never round the second factor; an ISP keeps its last owner."""

from __future__ import annotations

import asyncio
import io
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from portal.clock import DAY, HOUR, MINUTE
from portal.errors import Refused
from portal.place import Place
from portal.staff import store
from portal.staff.passwords import must_be_good
from portal.staff.store import Staff
from portal.tenancy import store as tenancy
from portal.units import rows
from tests.raw import opened
from tests.staff.people import EMAIL, PASSWORD, SECRET, Office

NEW = "another horse battery"
OTIENO = "otieno@kilimani.test"


async def invited(office: Office, email: str = OTIENO, role: str = "cashier") -> tuple[Staff, str]:
    """Somebody who has not taken up the invitation, and its token."""
    found: tuple[Staff, str] = await office.s.write(
        store.invite, office.s.vault, office.s.clock.now(), email=email, name="Otieno", role=role
    )
    return found


async def refusal(office: Office, token: str, password: str = NEW) -> str:
    try:
        await office.room.use_link(token, password)
    except Refused as refused:
        return refused.key
    return "set"


async def test_an_invitation_makes_the_account_usable_once(office: Office) -> None:
    made, token = await invited(office)
    assert (await office.refused(OTIENO)).key == "login-wrong"
    link = await office.room.take_link(token)
    assert link is not None
    assert (link.kind, link.staff.name, link.tenant_id) == ("invitation", "Otieno", office.s.tenant.id)

    assert await refusal(office, token) == "set"

    assert await office.room.take_link(token) is None
    assert await refusal(office, token) == "link-over"
    assert (await office.log_in(OTIENO, NEW)).staff.id == made.id


async def test_two_who_use_a_link_at_once_do_not_both_set_a_password(office: Office) -> None:
    _, token = await invited(office)

    told = await asyncio.gather(*(refusal(office, token, f"{NEW} {n}") for n in range(3)))

    assert sorted(told) == ["link-over", "link-over", "set"]


@pytest.mark.parametrize("kind", ["invitation", "reset"])
async def test_a_link_expires(office: Office, kind: str) -> None:
    if kind == "invitation":
        (_, token), good_ms = await invited(office), 72 * HOUR
    else:
        token, good_ms = await office.s.write(store.reset_link, office.owner.id, office.s.clock.now()), DAY
    office.s.clock.advance(good_ms - MINUTE)
    assert await office.room.take_link(token)
    office.s.clock.advance(MINUTE)

    assert await office.room.take_link(token) is None
    assert await refusal(office, token) == "link-over"


async def test_a_later_link_takes_the_place_of_an_earlier_one(office: Office) -> None:
    made, first = await invited(office)
    second = await office.s.write(store.invite_again, made.id, office.s.clock.now())

    assert (await refusal(office, first), await refusal(office, second)) == ("link-over", "set")


async def test_a_reset_ends_logins_and_the_password_and_not_the_second_factor(office: Office) -> None:
    token = (await office.log_in()).token
    link = await office.s.write(store.reset_link, office.owner.id, office.s.clock.now())
    assert await office.room.enter(token) is None
    assert (await office.refused()).key == "login-wrong"

    assert await refusal(office, link) == "set"

    office.s.clock.advance(MINUTE)
    assert (await office.refused(password=NEW, code="")).key == "login-second"
    assert await office.log_in(password=NEW)


async def test_a_link_of_an_account_that_was_switched_off_is_over(office: Office) -> None:
    made, token = await invited(office)
    await office.s.write(store.set_state, made.id, False, office.s.clock.now())
    assert await refusal(office, token) == "link-over"

    back = await office.s.write(store.set_state, made.id, True, office.s.clock.now())
    assert back.state == "invited"
    assert await refusal(office, token) == "link-over"


async def test_a_weak_password_does_not_use_the_link_up(office: Office) -> None:
    _, token = await invited(office)

    assert await refusal(office, token, "short") == "password-short"
    assert await refusal(office, token) == "set"


@pytest.mark.parametrize(
    ("password", "told"),
    [
        ("seven77", "password-short"),
        ("x1y2z3" * 22, "password-long"),
        ("Otieno@kilimani.TEST", "password-own"),
        ("OtienoOdhiambo", "password-own"),
        ("otieno odhiambo 1987", "password-own"),
        ("Password123!", "password-common"),
        ("Safaricom2024", "password-common"),
        ("12345678", "password-common"),
        ("aaaaaaaaaaaa", "password-common"),
    ],
)
def test_a_password_that_is_soon_guessed_is_refused(password: str, told: str) -> None:
    with pytest.raises(Refused, match=told):
        must_be_good(password, OTIENO, "Otieno Odhiambo")


@pytest.mark.parametrize(
    "password", [PASSWORD, "nane mbuzi", "ñandú 北京 🐐🐐", "x1y2z3!?" * 16, "8314 5926 5358 9793"]
)
def test_any_other_password_is_taken(password: str) -> None:
    must_be_good(password, OTIENO, "Otieno Odhiambo")


async def test_the_last_owner_stays_owner_and_on(office: Office) -> None:
    now = office.s.clock.now()
    await invited(office, role="owner")  # who has not come yet cannot act
    for unit, change in ((store.set_state, False), (store.set_role, "manager")):
        with pytest.raises(Refused, match="last-owner") as refused:
            await office.s.write(unit, office.owner.id, change, now)
        assert refused.value.status == 409

    second = await office.hire("achieng@kilimani.test", "owner")
    await office.s.write(store.set_role, office.owner.id, "manager", now)
    with pytest.raises(Refused, match="last-owner"):
        await office.s.write(store.set_state, second.id, False, now)


async def test_an_owner_of_another_isp_is_no_other_owner(office: Office) -> None:
    s = office.s
    other = await s.db.write(None, tenancy.add_tenant, "Westlands Wi-Fi", s.clock.now())
    made, token = await s.db.write(
        other.id, store.invite, s.vault, s.clock.now(), email="x@westlands.test", name="X", role="owner"
    )
    assert token.startswith(f"{other.public}.")
    await s.db.write(other.id, store.set_password, made.id, "no hash", s.clock.now())

    with pytest.raises(Refused, match="last-owner"):
        await s.write(store.set_state, office.owner.id, False, s.clock.now())


async def test_an_address_is_one_account_s_in_all_isps(office: Office) -> None:
    s = office.s
    other = await s.db.write(None, tenancy.add_tenant, "Westlands Wi-Fi", s.clock.now())
    for tenant in (s.tenant.id, other.id):
        with pytest.raises(Refused, match="staff-email-taken"):
            await s.db.write(
                tenant, store.invite, s.vault, s.clock.now(), email=EMAIL.upper(), name="W", role="auditor"
            )
    assert await s.db.read(other.id, store.all_staff) == []


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"email": "kilimani.test"}, "staff-email"),
        ({"email": "a b@kilimani.test"}, "staff-email"),
        ({"email": "a@b@kilimani.test"}, "staff-email"),
        ({"email": "a@kilimani.test\nBcc: x"}, "staff-email"),
        ({"email": "a" * 250 + "@kilimani.test"}, "staff-email"),
        ({"name": " "}, "staff-name"),
        ({"name": "x" * 201}, "staff-name"),
        ({"name": "x\x00"}, "staff-name"),
        ({"role": "god"}, "staff-role"),
    ],
)
async def test_an_invitation_is_looked_at(office: Office, fields: dict[str, str], told: str) -> None:
    with pytest.raises(Refused, match=f"{told}$"):
        await office.s.write(
            store.invite,
            office.s.vault,
            office.s.clock.now(),
            **{"email": OTIENO, "name": "Otieno", "role": "cashier", **fields},
        )


async def test_a_second_factor_that_was_taken_away_is_asked_for_no_more(office: Office) -> None:
    token = (await office.log_in()).token
    await office.s.write(store.second_off, office.owner.id, office.s.clock.now())

    assert await office.room.enter(token) is None
    assert (await office.inside(code="")).must_set_up


def all_that_is_kept(place: Place) -> bytes:
    """The file and its log; of a server, each row of each table."""
    if isinstance(place, Path):
        return place.read_bytes() + place.with_name(f"{place.name}-wal").read_bytes()
    with opened(place) as made:
        rows = (row for name in made.tables for row in made.execute(f"SELECT * FROM {name}"))
        return b"\n".join(value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row)


async def test_nothing_secret_or_personal_is_in_a_text_a_log_or_plain_in_the_database(office: Office) -> None:
    out = io.StringIO()
    with redirect_stdout(out):
        entered = await office.log_in()
        await office.refused(password="wrong horse battery")
        _, token = await invited(office)
        link = await office.room.take_link(token)
        present = await office.present(entered.token)
        setup = await office.room.set_up_second(present)
        account = await office.s.read(store.account, office.owner.id)
        inside = await office.room.logins_of(office.s.tenant.id, office.owner.id)
    said = out.getvalue() + repr([entered, link, present, setup, account, inside])
    kept = all_that_is_kept(office.s.db.place)

    for word in (EMAIL, OTIENO, PASSWORD, SECRET, entered.token, token, setup.secret_text, "argon2", "197.248"):
        assert word.lower() not in said.lower(), word
    for word in (EMAIL, EMAIL.lower(), OTIENO, PASSWORD, SECRET, entered.token, token.partition(".")[2]):
        assert word.encode() not in kept, word
    assert "login failed" in said
    assert await office.s.read(rows, "SELECT id FROM logins WHERE tenant_id = :tenant")
