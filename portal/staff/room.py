"""The staff room, put together: what the console calls.

Logging in is three steps: a transaction that counts the try and says where the account is, the hash in a thread of
its own, and a transaction that looks at everything again, takes the second factor and opens the login.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

import structlog

from portal.clock import HOUR, MINUTE, Clock, Moment
from portal.db import Database
from portal.errors import Refused
from portal.loops import Every, Loop
from portal.seal import Vault, token_hash
from portal.staff import entrance, passwords, second, store, throttle
from portal.staff.entrance import Link, Present, Visitor, wrong
from portal.staff.logins import age
from portal.staff.logins import store as logins
from portal.staff.passwords import Checked, Passwords
from portal.staff.second import Setup
from portal.staff.store import Account, Failure, Login, Staff
from portal.staff.throttle import LIMITS_PROOF, Admitted

__all__ = ["Entered", "Link", "Present", "Setup", "StaffRoom"]

T = TypeVar("T")
Write = Callable[..., Awaitable[Any]]  # runs a unit with what follows it; the caller's also writes down who did it
log = structlog.get_logger("bando.staff")

MAX_BROWSER, MAX_ADDRESS, MAX_TOKEN = 200, 64, 200
PROVEN_MS = 10 * MINUTE  # for so long a password that was given again counts


@dataclass(frozen=True, kw_only=True)
class Entered:
    """A new login; the token is for the browser alone."""

    token: str = field(repr=False)
    tenant_id: int
    staff: Staff


class StaffRoom:
    """Logins, passwords and second factors.

    Raises `Refused`: login-wrong, login-second, login-slow (with `wait_s`), login-prove, link-over, second-wrong,
    and of a new password: password-short, password-long, password-own, password-common.
    """

    def __init__(self, db: Database, vault: Vault, clock: Clock) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self.passwords = Passwords()
        self._tenants: dict[str, int] = {}
        self.loops: tuple[Loop, ...] = (Every("login tries", HOUR, self._forget, clock),)

    def close(self) -> None:
        self.passwords.close()

    async def _forget(self) -> int:
        await self._db.write(None, throttle.forget, self._clock.now())
        return 0

    # --- log in and out ---

    async def log_in(self, email: str, password: str, second: str, *, address: str, browser: str) -> Entered:
        """A new login. Unknown address, wrong password and wrong code are one answer, after the same time."""
        who, index = throttle.knock(self._vault, email, address), store.email_index(self._vault, email)
        admitted, tenant_id = await self._db.write(None, entrance.at_the_door, who, index, self._clock.now())
        if isinstance(admitted, Refused):
            log.warning("login slowed")
            raise admitted
        visitor = Visitor(knock=who, tries=admitted.tries, address=address[:MAX_ADDRESS], browser=browser[:MAX_BROWSER])
        account = await self._db.read(tenant_id, store.account_by_email, index)
        checked = await self._check(account, password, admitted)
        now = self._clock.now()
        if account is None or not checked.right or account.staff.state != "active":
            why = "state" if checked.right else "password"
            staff_id = account.staff.id if account else 0
            await self._db.write(tenant_id, entrance.turn_away, visitor, staff_id, why, now)
            raise self._failed(account, wrong(), why)
        entered = await self._let_in(tenant_id, account, second, visitor, now)
        await self._renew(tenant_id, account, checked)
        return entered

    async def _check(self, account: Account | None, password: str, admitted: Admitted) -> Checked:
        known = account.password_hash if account else None
        try:
            return await self.passwords.check(known, password, ahead=admitted.known)
        except Refused:  # too many wait: nothing was looked at
            await self._db.write(None, logins.drop_tries, admitted.tries)
            raise

    async def _let_in(self, tenant_id: int, account: Account, given: str, visitor: Visitor, now: Moment) -> Entered:
        found = await self._db.write(tenant_id, entrance.let_in, self._vault, account, given, visitor, now)
        if isinstance(found, Refused):
            known = found.key in ("login-second", "login-tenant-off")
            raise found if known else self._failed(account, found, "second")
        staff, token = found
        log.info("login", staff=staff.public)
        return Entered(token=token, tenant_id=tenant_id, staff=staff)

    def _failed(self, account: Account | None, refused: Refused, why: str) -> Refused:
        log.warning("login failed", staff=account.staff.public if account else None, why=why)
        return refused

    async def _renew(self, tenant_id: int, account: Account, checked: Checked) -> None:
        """A hash with the parameters of an earlier time gets those of today, now that the password is known."""
        if checked.renewed and account.password_hash:
            await self._db.write(
                tenant_id, store.replace_hash, account.staff.id, account.password_hash, checked.renewed
            )

    async def enter(self, token: str, *, alone: bool = False) -> Present | None:
        """Who this is, or None: no such login, ended, left alone for 30 minutes, older than 12 hours, switched off.

        `alone`: nobody asks, a page renews itself; that keeps no login open.
        """
        tenant_id = await self._tenant_of(token)
        found = None if tenant_id is None else await self._db.read_here(tenant_id, entrance.present, token_hash(token))
        if tenant_id is None or found is None:
            return None
        (login, staff), now = found, self._clock.now()
        ended = age.as_of(login, now).ended_at is not None
        if login.ended_at is None and (ended or (not alone and now >= login.seen_at + age.SEEN_EVERY_MS)):
            await self._db.write(tenant_id, entrance.note, login, now)
            login = login if ended else replace(login, seen_at=now)
        if ended or staff.state != "active":
            return None
        key = self._vault.index(tenant_id, "login key", token)
        return Present(tenant_id=tenant_id, staff=staff, login=login, login_token_key=key)

    async def _tenant_of(self, token: str) -> int | None:
        """Whose token this is, by its beginning; names of tenants never change."""
        public = token.partition(".")[0]
        if len(token) > MAX_TOKEN or not token.isascii():
            return None
        if public not in self._tenants:
            found = await self._db.read_here(None, store.tenant_of, public)
            if found is None:
                return None
            self._tenants[public] = found
        return self._tenants[public]

    async def log_out(self, present: Present) -> None:
        await self._db.write(
            present.tenant_id, logins.end_login, present.staff.id, present.login.id, self._clock.now(), "out"
        )

    def _write(self, tenant_id: int, write: Write | None) -> Write:
        return write or partial(self._db.write, tenant_id)

    async def end_login(self, tenant_id: int, staff_id: int, login_id: int, *, write: Write | None = None) -> bool:
        """End one login of this person; False when it is no open login of theirs."""
        done = await self._write(tenant_id, write)(logins.end_login, staff_id, login_id, self._clock.now())
        return bool(done)

    async def end_logins(
        self, tenant_id: int, staff_id: int, *, but: int | None = None, write: Write | None = None
    ) -> int:
        """End all logins of this person but one; how many were open."""
        return int(await self._write(tenant_id, write)(logins.end_logins, staff_id, self._clock.now(), but=but))

    async def logins_of(self, tenant_id: int, staff_id: int) -> tuple[list[Login], list[Login], list[Failure]]:
        """Open logins, the last 20 that ended, and the last 20 failures."""
        return await self._db.read(tenant_id, entrance.recent, staff_id, self._clock.now())

    # --- one's own password ---

    async def prove(self, present: Present, password: str) -> None:
        """The password is given again, before something that matters."""
        await self._proof(present, password)
        await self._db.write(present.tenant_id, logins.prove_login, present.login.id, self._clock.now())

    def proven(self, present: Present) -> bool:
        """Whether the password was given lately."""
        return self._clock.now() < present.login.proven_at + PROVEN_MS

    async def _proof(self, present: Present, password: str) -> str:
        """The hash that `password` fits; whoever has found an open browser cannot guess it there."""
        subject = self._vault.index(0, "login proof", f"{present.staff.public}|{present.login.id}")
        admitted = await self._db.write(None, throttle.admit_one, LIMITS_PROOF, subject, self._clock.now())
        if isinstance(admitted, Refused):
            raise admitted
        account = await self._db.read(present.tenant_id, store.account, present.staff.id)
        checked = await self._check(account, password, replace(admitted, known=True))
        if account is None or account.password_hash is None or not checked.right:
            raise wrong()
        await self._db.write(None, logins.drop_tries, admitted.tries)
        return account.password_hash

    async def change_password(self, present: Present, old: str, new: str, *, write: Write | None = None) -> None:
        """Another password; this login goes on, all others end."""
        passwords.must_be_good(new, present.staff.email(self._vault), present.staff.name)
        known = await self._proof(present, old)
        hashed = await self.passwords.hash(new)
        keep = self._write(present.tenant_id, write)
        await keep(entrance.replace_password, present, known, hashed, self._clock.now())

    # --- one's own second factor ---

    async def set_up_second(self, present: Present, secret: str = "", *, issuer: str = "Bando") -> Setup:
        """A secret for the app, the one that a form gives back or a fresh one; `confirm_second` keeps it."""
        return second.setup(present.staff.email(self._vault), issuer, secret)

    async def confirm_second(
        self, present: Present, uri_secret: str, code: str, *, write: Write | None = None
    ) -> list[str]:
        """Keep the secret, once its app has shown a right code; the recovery codes, which are never shown again.

        Only soon after the password was given: else whoever finds an open browser puts their own app in its place.
        """
        if not self.proven(present):
            raise Refused("login-prove", status=403)
        secret, now = second.secret_in(uri_secret), self._clock.now()
        step = second.step_of(secret, code, now) if secret else None
        if secret is None or step is None:
            raise Refused("second-wrong", status=403)
        codes = second.new_codes()
        keep = self._write(present.tenant_id, write)
        await keep(entrance.set_second, self._vault, present, secret, step, codes, now)
        return codes

    # --- links ---

    async def take_link(self, token: str) -> Link | None:
        """What a link is good for; None when it is over."""
        tenant_id = await self._tenant_of(token)
        if tenant_id is None:
            return None
        return await self._db.read(tenant_id, entrance.look_at_link, self._vault, tenant_id, token, self._clock.now())

    async def use_link(self, token: str, password: str, *, write: Write | None = None) -> Link:
        """Set the password; the link is used up, and all logins of the account end."""
        link = await self.take_link(token)
        if link is None:
            raise Refused("link-over", status=410)
        passwords.must_be_good(password, link.email, link.staff.name)
        hashed = await self.passwords.hash(password)
        keep = self._write(link.tenant_id, write)
        await keep(entrance.spend_link, self._vault, link.tenant_id, token, hashed, self._clock.now())
        return link
