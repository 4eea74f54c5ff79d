"""Everything of a file into an empty database of a server, in one transaction: all of it, and equal, or nothing.

What was written is read back and compared before it counts: rows, a digest of each table, the sums of money, time and
data as each engine counts them, and the invariants.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portal import check
from portal.changeover import store
from portal.changeover.tables import ALL, Taken
from portal.clock import Moment
from portal.db import Execute, at_once
from portal.db.failures import ENGINE_FAILS, of_the_machine
from portal.db.filling import ServerFilling, filling_server
from portal.errors import Misconfigured
from portal.keys import store as keys
from portal.keys.ring import vault_for_units
from portal.place import Server
from portal.units import drive

Say = Callable[[str, int, int], None]  # what is done, how much of it, of how much


class Unequal(Misconfigured):
    """What is in the server is not what was in the file."""


class Breached(Misconfigured):
    """All is equal, but an invariant does not hold in it."""

    def __init__(self, breaches: list[str]) -> None:
        super().__init__(f"All is equal, but there are {len(breaches)} breaches of invariants; see: --with-breaches.")
        self.breaches = breaches


@dataclass(frozen=True, kw_only=True)
class Copied:
    """How many rows each table has now, and what `bando check` says."""

    rows: Mapping[str, int]
    breaches: list[str]


def copied(source: Path, target: Server, master: bytes, now: Moment, say: Say, *, breached: bool = False) -> Copied:
    """The file, which nobody serves, in this server, as a role that sees all ISPs; raises `Misconfigured`."""
    with at_once(source) as read:
        try:
            with filling_server(target) as into:
                return _Copying(read=read, into=into, say=say).all(master, now, breached=breached)
        except ENGINE_FAILS as failed:
            if of_the_machine(failed):
                raise
            raise Misconfigured(
                f"{target} did not take what was in the file: {failed}. Nothing was changed."
            ) from failed


@dataclass(kw_only=True)
class _Copying:
    read: Execute
    into: ServerFilling
    say: Say

    def all(self, master: bytes, now: Moment, *, breached: bool) -> Copied:
        store.hold(self.into.run)
        if filled := store.first_filled(self.into.run):
            raise Misconfigured(
                f"The table {filled} on the server is not empty; copy into a new database (bando migrate)."
            )
        before = {each.name: store.sums(self.read, each) for each in ALL}
        digests = self._fill({name: sums["row_count"] for name, sums in before.items()})
        if orphan := self.into.orphan():
            raise Unequal(f"What was copied does not hang together: {orphan} refers to one that is not there.")
        self.into.go_on(each.name for each in ALL if each.numbered)
        self._compare(before, digests)
        self.say("looking at the invariants", 0, 0)
        vault = vault_for_units(master, drive(keys.root(), None, self.into.run))
        breaches = check.whole(self.into.run, vault, now)
        if breaches and not breached:
            raise Breached(breaches)
        return Copied(rows={name: sums["row_count"] for name, sums in before.items()}, breaches=breaches)

    def _fill(self, rows: Mapping[str, int]) -> dict[str, str]:
        """The digest of each table as it was read."""
        done, whole = 0, sum(rows.values())
        digests: dict[str, str] = {}
        for table in ALL:
            digest = hashlib.sha256()
            for page in store.pages(self.read, table):
                records = [_kept(table, row) for row in page]
                take(digest, records)
                self.into.copy(table.name, table.columns, records)
                done += len(records)
                self.say("copying", done, whole)
            digests[table.name] = digest.hexdigest()
        return digests

    def _compare(self, before: Mapping[str, Mapping[str, int]], digests: Mapping[str, str]) -> None:
        for number, table in enumerate(ALL):
            self.say("comparing", number, len(ALL))
            after = store.sums(self.into.run, table)
            for name, value in before[table.name].items():
                if after[name] != value:
                    raise Unequal(f"{table.name}: {name} is {after[name]} on the server and {value} in the file.")
            if digest_of(self.into.run, table) != digests[table.name]:
                raise Unequal(f"{table.name}: the rows on the server are not those in the file.")


def _kept(table: Taken, row: Mapping[str, Any]) -> Any:
    values = table.as_kept(row)
    if odd := table.odd(values):
        where = f"{table.name} {row[table.key]}" if table.numbered else table.name
        raise Misconfigured(f"{where}: {odd} holds a value that PostgreSQL cannot keep. Nothing was changed.")
    return values


def take(digest: Any, records: list[Any]) -> None:
    """Each value with its kind: 1, True and "1" are not the same."""
    for each in records:
        digest.update(repr(each).encode("utf-8", "surrogatepass"))


def digest_of(run: Execute, table: Taken) -> str:
    """SHA-256 of all rows in the order of their keys; the same on both engines."""
    digest = hashlib.sha256()
    for page in store.pages(run, table):
        take(digest, [table.as_kept(row) for row in page])
    return digest.hexdigest()
