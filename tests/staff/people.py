"""An ISP with staff, for tests: their accounts, their phones, and their browsers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyotp
from argon2 import PasswordHasher

from portal.clock import SECOND
from portal.errors import Refused
from portal.seal import Vault
from portal.staff import second, store
from portal.staff.passwords import HASHER
from portal.staff.room import Entered, Present, StaffRoom
from portal.staff.store import Staff
from portal.units import Unit, value
from tests.support import Seed

PASSWORD = "correct horse battery"
HASHED = HASHER.hash(PASSWORD.encode())  # once: a hash takes its time on purpose
OLD = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD.encode())
EMAIL = "Wanjiku@kilimani.test"
OFFICE, ELSEWHERE = "197.248.10.7", "41.90.1.2"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def hire(
    vault: Vault, now: int, email: str = EMAIL, role: str = "owner", hashed: str = HASHED, totp: bool = True
) -> Unit[Staff]:
    """Somebody whose account is in use."""
    made, _ = yield from store.invite(vault, now, email=email, name="Wanjiku Kamau", role=role)
    yield from store.set_password(made.id, hashed, now)
    if totp:
        account = yield from store.account(made.id)
        assert account is not None
        yield from second.keep(vault, account, SECRET, 0, [], now)
    return (yield from store.must_know(made.id))


@dataclass(kw_only=True)
class Office:
    """The staff of an ISP; `owner` has a second factor."""

    s: Seed
    room: StaffRoom
    owner: Staff

    @property
    def code(self) -> str:
        """What the owner's app shows."""
        return self.code_at(0)

    def code_at(self, steps: int) -> str:
        return pyotp.TOTP(SECRET).generate_otp(self.s.clock.now() // (30 * SECOND) + steps)

    async def hire(self, email: str, role: str, **fields: Any) -> Staff:
        made: Staff = await self.s.write(hire, self.s.vault, self.s.clock.now(), email, role, **fields)
        return made

    async def log_in(
        self, email: str = EMAIL, password: str = PASSWORD, code: str | None = None, address: str = OFFICE
    ) -> Entered:
        given = self.code if code is None else code
        return await self.room.log_in(email, password, given, address=address, browser="Firefox")

    async def refused(self, *args: Any, **kwargs: Any) -> Refused:
        """What a login that must fail is told."""
        try:
            await self.log_in(*args, **kwargs)
        except Refused as refused:
            return refused
        raise AssertionError("logged in")

    async def present(self, token: str) -> Present:
        found = await self.room.enter(token)
        assert found is not None
        return found

    async def inside(self, **kwargs: Any) -> Present:
        """A new login, as the console has it."""
        return await self.present((await self.log_in(**kwargs)).token)

    async def wait(self, span_ms: float) -> None:
        self.s.clock.advance(span_ms)

    async def tries(self, bucket: str) -> int:
        text = f"SELECT COUNT(*) FROM login_tries WHERE bucket = '{bucket}'"
        return int(await self.s.db.read(None, value, text))


@contextmanager
def a_room(s: Seed) -> Iterator[StaffRoom]:
    """A staff room, as after a start of the service."""
    room = StaffRoom(s.db, s.vault, s.clock)
    try:
        yield room
    finally:
        room.close()
