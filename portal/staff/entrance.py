"""The transactions of logging in, of being logged in, and of the links that set a password."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from portal.clock import Moment
from portal.errors import Refused
from portal.seal import Vault, new_token, token_hash
from portal.staff import roles, second, store, throttle
from portal.staff.logins import age
from portal.staff.logins import store as logins
from portal.staff.logins.store import Failure, Login
from portal.staff.roles import SECOND_FACTOR
from portal.staff.store import Account, Staff
from portal.staff.throttle import LIMITS_SECOND, Admitted, Knock
from portal.tenancy import store as tenancy
from portal.units import Unit

RECENT = 20


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """Where a try to log in comes from."""

    knock: Knock
    tries: tuple[int, ...]
    address: str = field(repr=False)
    browser: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Present:
    """Somebody who is logged in, as of this moment. The key is for what belongs to this login alone, as form tokens."""

    tenant_id: int
    staff: Staff
    login: Login
    login_token_key: bytes = field(repr=False)

    @property
    def must_set_up(self) -> bool:
        """Whether they may do nothing before they have set up their second factor."""
        return self.staff.role in SECOND_FACTOR and not self.staff.has_second


@dataclass(frozen=True, kw_only=True)
class Link:
    """An invitation, or the reset of a password, that is still good."""

    kind: Literal["invitation", "reset"]
    staff: Staff
    tenant_id: int
    email: str = field(repr=False)


def wrong() -> Refused:
    """The one answer to whatever is wrong."""
    return Refused("login-wrong", status=403)


# --- log in ---


def at_the_door(who: Knock, index: bytes, now: Moment) -> Unit[tuple[Admitted | Refused, int]]:
    """Whether this try may be made, and at which tenant; 0 is nobody's."""
    admitted = yield from throttle.admit(who, now)
    return admitted, (yield from store.owner_of(index)) or 0


def turn_away(visitor: Visitor, staff_id: int, why: str, now: Moment) -> Unit[None]:
    """The try was a failure. For nobody (0) the same statements are run, and the same commit waits for the disk."""
    yield from logins.move_tries(visitor.tries, now)
    yield from logins.add_failure(staff_id, why, now, visitor.address, visitor.browser)


def let_in(vault: Vault, seen: Account, given: str, visitor: Visitor, now: Moment) -> Unit[tuple[Staff, str] | Refused]:
    """After the right password: the second factor, and the login with its token.

    A refusal is given, not raised: its counts stay written.
    """
    account = yield from store.account(seen.staff.id)
    if account is None or account.staff.state != "active" or account.password_hash != seen.password_hash:
        yield from turn_away(visitor, seen.staff.id, "state", now)
        return wrong()
    if account.staff.has_second:
        refused = yield from _second(vault, account, given, visitor, now)
        if refused is not None:
            return refused
    yield from throttle.welcome(visitor.knock, visitor.tries, now)
    if not roles.may(account.staff.role, "export") and not (yield from tenancy.is_on()):
        return Refused("login-tenant-off", status=403)  # only its records may still be taken away
    return account.staff, (yield from _begin(account.staff, visitor, now))


def _second(vault: Vault, account: Account, given: str, visitor: Visitor, now: Moment) -> Unit[Refused | None]:
    if not given.strip():
        yield from logins.drop_tries(visitor.tries)
        return Refused("login-second", status=403)
    guess = Admitted(tries=())
    if not (yield from throttle.is_known(visitor.knock, now)):
        admitted = yield from throttle.admit_one(LIMITS_SECOND, visitor.knock.account, now)
        if isinstance(admitted, Refused):
            yield from logins.drop_tries(visitor.tries)
            return admitted
        guess = admitted
    if (yield from second.accept(vault, account, given, now)):
        yield from logins.drop_tries(guess.tries)
        return None
    yield from turn_away(visitor, account.staff.id, "second", now)
    return wrong()


def _begin(staff: Staff, visitor: Visitor, now: Moment) -> Unit[str]:
    token = new_token((yield from store.public_of_tenant()), size=store.TOKEN_BYTES)
    yield from logins.insert_login(
        staff_id=staff.id,
        token_hash=token_hash(token),
        begun_at=now,
        seen_at=now,
        proven_at=now,
        address=visitor.address,
        browser=visitor.browser,
    )
    return token


# --- be logged in ---


def present(hashed: bytes) -> Unit[tuple[Login, Staff] | None]:
    """The login with this token and whose it is, both as they are now."""
    login = yield from logins.login_by_token(hashed)
    staff = None if login is None else (yield from store.one_staff(login.staff_id))
    return None if login is None or staff is None else (login, staff)


def note(login: Login, now: Moment) -> Unit[None]:
    """Write down that a login was used, or that it has ended by itself."""
    then = age.as_of(login, now)
    if then.ended_at is not None:
        yield from logins.end_login(login.staff_id, login.id, then.ended_at, then.end_reason or "idle")
    else:
        yield from logins.see_login(login.id, now)


def recent(staff_id: int, now: Moment) -> Unit[tuple[list[Login], list[Login], list[Failure]]]:
    """Open logins, those that ended last, and the last failures."""
    all_open = [age.as_of(each, now) for each in (yield from logins.open_logins(staff_id))]
    ended = yield from logins.ended_logins(staff_id, RECENT)
    ended = sorted(
        [*(each for each in all_open if each.ended_at is not None), *ended],
        key=lambda each: (each.ended_at or 0, each.id),
        reverse=True,
    )
    failures = yield from logins.failures(staff_id, RECENT)
    return [each for each in all_open if each.ended_at is None], ended[:RECENT], failures


def set_second(vault: Vault, who: Present, secret: str, step: int, codes: list[str], now: Moment) -> Unit[None]:
    """From now on this is their second factor; whoever is logged in elsewhere is out."""
    account = yield from store.account(who.staff.id)
    if account is None or account.staff.has_second != who.staff.has_second:  # somebody was quicker
        raise Refused("login-prove", status=403)
    yield from second.keep(vault, account, secret, step, codes, now)
    yield from logins.end_logins(who.staff.id, now, but=who.login.id)


# --- passwords ---


def replace_password(who: Present, old: str, new: str, now: Moment) -> Unit[None]:
    """Another password: links and all other logins end. Raises `Refused` when it was changed meanwhile."""
    if not (yield from store.replace_hash(who.staff.id, old, new)):
        raise wrong()
    yield from store.change_staff(who.staff.id, now)
    yield from store.void_links(who.staff.id, now)
    yield from logins.end_logins(who.staff.id, now, "password", but=who.login.id)


def look_at_link(vault: Vault, tenant_id: int, token: str, now: Moment) -> Unit[Link | None]:
    row = yield from store.open_link(token, now)
    staff = None if row is None else (yield from store.one_staff(row["staff_id"]))
    if row is None or staff is None or staff.state == "off":
        return None
    return Link(kind=row["kind"], staff=staff, tenant_id=tenant_id, email=staff.email(vault))


def spend_link(vault: Vault, tenant_id: int, token: str, hashed: str, now: Moment) -> Unit[Link]:
    """Set the password for which a link is good; the link is used up. The second factor stays. Raises `Refused`."""
    link = yield from look_at_link(vault, tenant_id, token, now)
    if link is None:  # somebody was quicker
        raise Refused("link-over", status=410)
    yield from store.set_password(link.staff.id, hashed, now)
    return link
