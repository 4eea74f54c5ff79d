"""A voucher door without vouchers: what the limits let through, over the real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portal.clock import Moment
from portal.db import Database, open_database
from portal.seal import Vault
from portal.units import Unit
from portal.vouchers import guesses
from portal.vouchers.guesses import Guesser
from tests.support import Seed, seed

NOW: Moment = 1_800_000_000_000


def mac_of(number: int) -> str:
    return f"02:00:{number >> 24 & 255:02X}:{number >> 16 & 255:02X}:{number >> 8 & 255:02X}:{number & 255:02X}"


def address_of(number: int) -> str:
    return f"41.{90 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def attempt(who: Guesser, good: bool, now: Moment) -> Unit[int]:
    """A code is shown: -1 when it was looked at, else how long to wait. As a redemption does, in one transaction."""
    wait = yield from guesses.admit(who, now)
    if wait:
        return wait
    if not good:
        yield from guesses.count(who, now)
    return -1


def attempt_openly(vault: Vault, source: str, good: bool, now: Moment) -> Unit[int]:
    """The same for a phone that no router has named."""
    wait = yield from guesses.admit_open(vault, source, now)
    if wait:
        return wait
    if not good:
        yield from guesses.count_open(vault, source, now)
    return -1


@dataclass(kw_only=True)
class Door:
    """The door of one tenant; router ids are what they are, nothing but the line for staff looks them up."""

    made: Seed
    now: Moment = NOW

    @property
    def db(self) -> Database:
        return self.made.db

    def who(self, mac: int | str = 1, source: int | str = 1, *, router: int = 1, seen: bool = True) -> Guesser:
        mac = mac_of(mac) if isinstance(mac, int) else mac
        source = address_of(source) if isinstance(source, int) else source
        return guesses.guesser(self.made.vault, self.made.tenant.id, mac, router, source, seen)

    async def wait(self, who: Guesser) -> int:
        """How long this guesser would have to wait now."""
        found: int = await self.made.read(guesses.admit, who, self.now)
        return found

    async def attempt(self, who: Guesser, *, good: bool = False) -> bool:
        """Whether the code was looked at."""
        found: int = await self.made.write(attempt, who, good, self.now)
        return found < 0

    async def open_attempt(self, source: int | str = 1, *, good: bool = False) -> bool:
        source = address_of(source) if isinstance(source, int) else source
        found: int = await self.db.write(None, attempt_openly, self.made.vault, source, good, self.now)
        return found < 0

    async def fail(self, who: Guesser, times: int = 1) -> None:
        """So many wrong codes, all of which were looked at."""
        for _ in range(times):
            assert await self.attempt(who)

    async def restart(self) -> None:
        """Another process on the same records."""
        await self.db.aclose()
        self.made.db = open_database(self.db.place)


@asynccontextmanager
async def a_door(folder: Path, **changes: Any) -> AsyncIterator[Door]:
    door = Door(made=await seed(folder, **changes))
    try:
        yield door
    finally:
        await door.db.aclose()
