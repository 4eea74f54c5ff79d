"""An ISP that comes in: read, sealed anew, proved, all in one transaction. Either all of it is there, or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from portal import check
from portal.audit import chain
from portal.audit import store as audit
from portal.backup.copying import Say
from portal.backup.sealed import Unusable, read
from portal.clock import Moment
from portal.db import Execute, Place
from portal.db.failures import ENGINE_FAILS, of_the_machine
from portal.db.filling import Filling, filling
from portal.errors import Misconfigured
from portal.keys import store as keys
from portal.keys.ring import Ring, place_of, root_of
from portal.migrate import revision_of
from portal.moving import cells, pack, readable, store
from portal.moving.anew import Arrival
from portal.moving.cells import Line, as_kept, stored
from portal.moving.said import NOT_WHOLE, Said, head
from portal.moving.sealing import MOVE
from portal.moving.tables import ORDER
from portal.moving.values import none
from portal.seal import Key, Vault, Wrapping, new_key
from portal.staff.roles import of_kind
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant
from portal.units import Conflict, Unit, drive

LONGEST = 1 << 24  # bytes of a line: a logo is the longest


@dataclass(frozen=True, kw_only=True)
class Moved:
    """An ISP that has come in: rows of each table, cells that do not open, and what `bando check` would say."""

    tenant: Tenant
    rows: Mapping[str, int]
    shut: int
    breaches: list[str]
    log_was_broken: str | None


class Breached(Unusable):
    """All is as in the file, but an invariant does not hold in it."""

    def __init__(self, breaches: list[str]) -> None:
        super().__init__(f"The file is whole, but has {len(breaches)} breaches of invariants; see: --with-breaches.")
        self.breaches = breaches


def moved_in(
    file: Path, place: Place, master: bytes, passphrase: bytes, now: Moment, say: Say, *, breached: bool
) -> Moved:
    """The ISP of this file in this empty database; raises `Misconfigured`, and then nothing is changed there."""
    with file.open("rb") as opened:
        lines = _lines(read(opened, passphrase, MOVE))
        said = Said(head=head(cells.read(next(lines, b"")), revision_of(place)))
        with filling(place) as into:
            _must_be_empty(into.run)
            arrived = _arrived(_Coming(into=into, master=master, file=said, now=now, say=say), lines)
            if orphan := into.orphan():
                raise Unusable(f"What is in the file does not hang together: {orphan} refers to one that is not there.")
            if arrived.breaches and not breached:
                raise Breached(arrived.breaches)
    return arrived


def _arrived(coming: _Coming, lines: Iterator[bytes]) -> Moved:
    """Whoever made the file knows its passphrase, and may have written anything."""
    try:
        return coming.all(lines)
    except Conflict:
        raise Unusable("The file holds rows that cannot be together.") from None
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        raise none() from None
    except ENGINE_FAILS as failed:
        if of_the_machine(failed):  # a full disk is no fault of the file
            raise
        raise none() from None


def plain(file: Path, passphrase: bytes) -> Iterator[bytes]:
    """What is in the file, as lines; raises `Unusable`."""
    with file.open("rb") as opened:
        yield from read(opened, passphrase, MOVE)


def _lines(parts: Iterator[bytes]) -> Iterator[bytes]:
    held = b""
    for part in parts:
        whole, newline, rest = (held + part).rpartition(b"\n")
        held = rest
        if len(held) > LONGEST:
            raise Unusable("The file holds a line that is too long.")
        if newline:
            yield from whole.split(b"\n")
    if held:
        raise Unusable("The file ends in the midst of a line.")


def _must_be_empty(run: Execute) -> None:
    if not drive(store.is_empty(), None, run):
        raise Misconfigured(
            "This installation is not empty: an ISP, or whoever runs it, is here already. Nothing was changed;"
            " import into a new database (bando migrate), and add others afterwards."
        )


class _OneKey:
    """The one key of the ISP that comes in; it is not committed yet, so nobody else could find it."""

    def __init__(self, tenant: int, key: Key) -> None:
        self._tenant = tenant
        self._key = key

    def newest(self, _: int | None) -> Key | None:
        return self._key

    def named(self, name: bytes, _: int | None) -> Key | None:
        return self._key if name == self._key.name else None


@dataclass(kw_only=True)
class _Coming:
    """One ISP on its way in, in a transaction that somebody else ends."""

    into: Filling
    master: bytes = field(repr=False)
    file: Said
    now: Moment
    say: Say

    @property
    def run(self) -> Execute:
        return self.into.run

    @property
    def id(self) -> int:
        return int(self.file.head["tenant"])

    def all(self, lines: Iterator[bytes]) -> Moved:
        drive(store.begin_hashes(), None, self.run)
        arrival: Arrival | None = None
        for number, text in enumerate(lines):
            line = cells.read(text)
            if not isinstance(line, Line):
                self.file.line(line)
                continue
            self.file.row(line)
            readable.must_be(line.table, line.row)
            arrival = self._row(arrival, line)
            if number % store.PAGE == 0:
                self.say(f"importing {line.table}, row {number:,}", 0, 0)
        drive(store.end_hashes(), None, self.run)
        self.file.must_be_whole()
        if arrival is None:
            raise Unusable(NOT_WHOLE)
        return self._proved(arrival)

    def _row(self, arrival: Arrival | None, line: Line) -> Arrival:
        if line.row.get("tenant_id", self.id) != self.id or (arrival is None) != (line.table == "tenants"):
            raise Unusable("The file holds rows of another ISP.")
        arrival = arrival or self._first(line)
        if line.table == "staff" and line.row["role"] not in of_kind("isp"):
            raise Unusable("The file holds staff with a role that there is at no ISP.")
        if line.table != "tenants":
            drive(_put(arrival, line), self.id, self.run)
        return arrival

    def _first(self, line: Line) -> Arrival:
        """The ISP itself, and its key."""
        if line.row["kind"] != "isp" or line.row["id"] != self.id:
            raise Unusable("The file holds something else than the ISP that it names.")
        if line.row["erased_at"] is not None:
            raise Unusable("The file holds an ISP that was erased.")
        drive(store.add("tenants", as_kept(line)), self.id, self.run)
        tenant = drive(tenancy.tenant(self.id), None, self.run)
        assert tenant is not None
        wrapped, wrapping = drive(keys.root(), None, self.run), Wrapping(self.master)
        ring = Ring(self.master, wrapped, lambda: self.now, None)
        made = drive(ring.make(self.id), self.id, self.run)
        key = new_key(made.name, wrapping.unwrap(made.wrapped or b"", place_of(self.id, made.name)))
        return Arrival(vault=Vault(root_of(wrapping, wrapped, self.master), _OneKey(self.id, key)), tenant=tenant)

    def _proved(self, arrival: Arrival) -> Moved:
        """All rows are there and say the same, and so do the books; then the log of acts goes on."""
        vault, tenant = arrival.vault, arrival.tenant
        for number, table in enumerate(ORDER):
            self.say("comparing", number, len(ORDER))
            if pack.counted(self.run, vault, tenant.id, table) != self.file.tables[table]:
                raise Unusable(f"What came in of {table} is not what the file says.")
        if pack.balances(self.run, tenant) != self.file.end["balances"]:
            raise Unusable("The books do not say what they said where the file was made.")
        self.into.go_on(ORDER)
        drive(self._go_on(arrival), tenant.id, self.run)
        self.say("looking at the invariants", 0, 0)
        return Moved(
            tenant=tenant,
            rows={table: said["rows"] for table, said in self.file.tables.items()},
            shut=self.file.end["shut"],
            breaches=check.whole(self.run, vault, self.file.head["moment"]),
            log_was_broken=self.file.end["acts"]["broken"],
        )

    def _go_on(self, arrival: Arrival) -> Unit[None]:
        """The first act here says how the log ended there."""
        if arrival.head.number:
            yield from store.add_head(arrival.head.number, chain.seal(arrival.vault, self.id, arrival.head))
        yield from audit.append(
            arrival.vault,
            actor="command",
            act="tenant.import",
            subject=f"tenant:{arrival.tenant.public}",
            payload={"made": self.file.head["moment"], "log there": self.file.end["acts"]},
            now=self.now,
            money=True,
        )


def _put(arrival: Arrival, line: Line) -> Unit[None]:
    row = stored(arrival.vault, line)
    row.update((yield from arrival.hashes(line)))
    yield from store.add(line.table, row)
    yield from arrival.beside(line, row)
