"""The keys of ISPs as one process knows them: looked up once, and then kept in memory.

Only what is committed is kept: a key that a unit has made and that was then undone would seal values that nobody could
open. Inside of a unit such a key is found by the unit itself, which made it or comes after it in the same transaction.

Which key is the newest is asked again after a second, so a process seals under a replaced key for no longer than that.
A key's name that is not known yet is looked up once. So a rotation by another process needs no restart here.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from portal.clock import Clock, Moment
from portal.db import Database
from portal.errors import Misconfigured
from portal.keys import store
from portal.keys.store import Known
from portal.seal import NAME, Key, NotOurs, Vault, Wrapping, new_key
from portal.units import Unit, drive, running

T = TypeVar("T")

FRESH_S = 1.0  # how long it may go unnoticed that another process made a newer key
ROOT = "root_keys|1|wrapped"  # the place of the root


class WrongKey(Misconfigured):
    """BANDO_SECRET_KEY is not the key of this database."""

    def __init__(self) -> None:
        super().__init__(
            "BANDO_SECRET_KEY is not the key that this database was sealed with; put the old key back,"
            " or correct BANDO_DATABASE."
        )


def place_of(tenant: int, name: bytes) -> str:
    """Where a wrapped key belongs."""
    return f"sealing_keys|{tenant}|{name.hex()}"


@dataclass
class _Newest:
    key: Key
    asked_at: float


class Ring:
    """Finds and makes the keys of ISPs. Without a database of its own it knows what a unit sees, and keeps nothing."""

    def __init__(self, master: bytes, root: bytes | None, now: Callable[[], Moment], db: Database | None) -> None:
        self._wrapping = Wrapping(master)
        self._root = root  # as it is wrapped
        self._now = now
        self._db = db
        self.vault = Vault(root_of(self._wrapping, root, master), self)
        self._newest: dict[int, _Newest] = {}
        self._named: dict[tuple[int, bytes], Key] = {}

    def newest(self, tenant: int | None) -> Key | None:
        """The key that seals; made if the ISP has none. None outside of units of an ISP."""
        whose = _whose(tenant)
        if whose is None:
            return None
        kept = self._newest.get(whose)
        if kept is not None and time.monotonic() - kept.asked_at < FRESH_S:
            return kept.key
        return self._committed(whose) or self._found_or_made(whose)

    def named(self, name: bytes, tenant: int | None) -> Key | None:
        """The key of this name; None when this ISP has none that is called so, or it was destroyed."""
        whose = _whose(tenant)
        if whose is None:
            return None
        return self._named.get((whose, name)) or self._look_up(whose, name)

    def forget(self) -> None:
        """Look everything up again."""
        self._newest.clear()
        self._named.clear()

    def _committed(self, tenant: int) -> Key | None:
        asked_at = time.monotonic()
        found = self._beside(tenant, store.newest) if self._db else None
        if found is None:
            return None
        key = self._named.get((tenant, found.name)) or self._keep(tenant, found)
        self._newest[tenant] = _Newest(key, asked_at)
        return key

    def _found_or_made(self, tenant: int) -> Key | None:
        """Through the unit that runs, whose transaction may have made it; else by a transaction of its own."""
        unit = running()
        if unit is not None:
            return self._opened(tenant, drive(self._make(tenant), tenant, unit.execute))
        if self._db is None:
            return None
        with self._db.at_once(tenant, write=True) as run:  # nobody's look-up waits for its turn to write
            drive(self._make(tenant), tenant, run)
        return self._committed(tenant)

    def _make(self, tenant: int) -> Unit[Known]:
        found = yield from store.newest()
        return found or (yield from self.make(tenant))

    def make(self, tenant: int) -> Unit[Known]:
        """A further key of this ISP, in a unit of its own ISP; raises `Misconfigured` after an exchange of master."""
        if (yield from store.root()) != self._root:
            raise Misconfigured("The master key was exchanged while this ran; start it again with the new one.")
        name, key = os.urandom(NAME), os.urandom(32)
        yield from store.add(name, self._wrapping.wrap(key, place_of(tenant, name)), self._now())
        made = yield from store.newest()
        assert made is not None
        return made

    def _look_up(self, tenant: int, name: bytes) -> Key | None:
        found = self._beside(tenant, store.named, name) if self._db else None
        if found is not None:
            return self._keep(tenant, found)
        unit = running()
        found = None if unit is None else drive(store.named(name), tenant, unit.execute)
        return None if found is None else self._opened(tenant, found)

    def _keep(self, tenant: int, found: Known) -> Key:
        key = self._named[tenant, found.name] = self._opened(tenant, found)
        return key

    def _opened(self, tenant: int, found: Known) -> Key:
        assert found.wrapped is not None
        return new_key(found.name, self._wrapping.unwrap(found.wrapped, place_of(tenant, found.name)))

    def _beside(self, tenant: int | None, unit: Callable[..., Unit[T]], *args: Any) -> T:
        assert self._db is not None
        with self._db.beside() as run:
            return drive(unit(*args), tenant, run)


def _whose(tenant: int | None) -> int | None:
    """The ISP of the unit that runs, else the one that was named."""
    unit = running()
    return tenant if unit is None or unit.tenant is None else unit.tenant


def ring_of(master: bytes, db: Database, clock: Clock) -> Ring:
    """The keys of a database; raises `WrongKey`."""
    with db.beside() as run:
        wrapped = drive(store.root(), None, run)
    return Ring(master, wrapped, clock.now, db)


def vault_of(master: bytes, db: Database, clock: Clock) -> Vault:
    """The vault of a database; raises `WrongKey`."""
    return ring_of(master, db, clock).vault


def vault_for_units(master: bytes, wrapped: bytes | None) -> Vault:
    """A vault that opens in units alone, for a copy or a snapshot with this root; raises `WrongKey`."""
    return Ring(master, wrapped, lambda: 0, None).vault


def root_of(wrapping: Wrapping, wrapped: bytes | None, master: bytes) -> bytes:
    """What hashes come from: the master key, until it was exchanged once. Raises `WrongKey`."""
    if wrapped is None:
        return master
    try:
        return wrapping.unwrap(wrapped, ROOT)
    except NotOurs:
        raise WrongKey from None
