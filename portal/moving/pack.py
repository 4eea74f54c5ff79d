"""Everything of an ISP as lines, of one moment, while Bando serves; one page of rows at a time is in memory.

The first line says whose it is and of which schema, then come the rows, after each table how many it has and their
digest, and in the last line what the books and the log of acts said.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

from portal.audit import store as audit
from portal.backup.copying import Say
from portal.backup.sealed import sealed
from portal.books import ledger
from portal.books import store as books
from portal.clock import Moment
from portal.db import Execute, Place, at_once
from portal.errors import Misconfigured
from portal.migrate import revision_of
from portal.moving import store
from portal.moving.anew import payer
from portal.moving.cells import Line, is_shut, opened
from portal.moving.said import FORMAT
from portal.moving.sealing import MOVE
from portal.moving.tables import ORDER
from portal.seal import Vault
from portal.tenancy.store import Tenant
from portal.units import Unit, drive


def in_silence(_: str, __: int, ___: int) -> None:
    """Nobody watches the progress."""


@dataclass(kw_only=True)
class Counted:
    """What was read of a table."""

    rows: int = 0
    shut: int = 0  # cells that did not open
    digest: Any = field(default_factory=hashlib.sha256)

    def take(self, line: Line) -> None:
        self.rows += 1
        self.shut += sum(map(is_shut, line.row.values()))
        self.digest.update(line.equal().encode() + b"\n")

    @property
    def says(self) -> dict[str, Any]:
        return {"rows": self.rows, "digest": self.digest.hexdigest()}


def act(vault: Vault, actor: str, now: Moment) -> Unit[int]:
    """Written down before the first byte leaves; raises `ChainBroken`."""
    return audit.append(vault, actor=actor, act="export.move", subject="records", payload={}, now=now, money=True)


def packed(place: Place, vault: Vault, tenant: Tenant, passphrase: bytes, now: Moment, say: Say) -> Iterator[bytes]:
    """The bytes of the sealed file; raises `Misconfigured` for an ISP that was erased."""
    if tenant.erased_at is not None:
        raise Misconfigured(f"{tenant.name} was erased; only its books are left (bando tenant export).")
    return sealed(MOVE, passphrase, _snapshot(place, vault, tenant, now, say))


def spooled(parts: Iterator[bytes], folder: Path | None) -> BinaryIO:
    """The file on the disk, sealed and without a name, at its beginning: whoever takes it slowly holds no snapshot.

    `folder`: beside the database file; None: where the machine keeps what is not to stay.
    """
    held = cast("BinaryIO", tempfile.TemporaryFile(dir=folder))  # noqa: SIM115 whoever sends it closes it
    try:
        for each in parts:
            held.write(each)
    except BaseException:
        held.close()
        raise
    held.seek(0)
    return held


def _snapshot(place: Place, vault: Vault, tenant: Tenant, now: Moment, say: Say) -> Iterator[bytes]:
    with at_once(place) as run:  # one moment for all tables; nobody who writes waits for it
        yield from lines(run, vault, tenant, revision_of(place) or "", now, say)


def lines(run: Execute, vault: Vault, tenant: Tenant, schema: str, now: Moment, say: Say) -> Iterator[bytes]:
    """The file before it is sealed, in parts of many lines."""
    yield _said(bando=FORMAT, schema=schema, moment=now, tenant=tenant.id, public=tenant.public, name=tenant.name)
    whole = sum(drive(store.count(table), tenant.id, run) for table in ORDER)
    done = shut = 0
    for table in ORDER:
        counted = Counted()
        for page in pages(run, vault, tenant.id, table):
            for line in page:
                counted.take(line)
            done += len(page)
            say("packing", done, whole)
            yield "".join(line.text() for line in page).encode()
        shut += counted.shut
        yield _said(table=table, **counted.says)
    yield _said(end=True, shut=shut, **told(run, vault, tenant))


def _said(**fields: Any) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def pages(run: Execute, vault: Vault, tenant: int, table: str) -> Iterator[list[Line]]:
    """The rows of a table, as they travel."""
    own, after = vault.of(tenant), 0
    while found := drive(store.page(table, after), tenant, run):
        after = found[-1]["id"]
        yield [_line(own, table, row) for row in found]


def _line(vault: Vault, table: str, row: Any) -> Line:
    line = opened(vault, table, row)
    if table == "persons" and (known := payer(vault, line)):
        return replace(line, was={**line.was, "payer": {"hex": known.hex()}})
    return line


def counted(run: Execute, vault: Vault, tenant: int, table: str) -> dict[str, Any]:
    """How many rows a table has, and their digest."""
    found = Counted()
    for page in pages(run, vault, tenant, table):
        for line in page:
            found.take(line)
    return found.says


def balances(run: Execute, tenant: Tenant) -> dict[str, int]:
    """What stands on each account."""
    sums = drive(books.sums(0, books.EVER), tenant.id, run)
    return {str(account): minor for account, minor in ledger.balances(sums, tenant.currency).items()}


def told(run: Execute, vault: Vault, tenant: Tenant) -> dict[str, Any]:
    """What the books and the log of acts say: balances, the last act, and what is wrong with the log."""
    head = drive(audit.head(vault), tenant.id, run)
    broken = drive(audit.verify_all(vault), tenant.id, run)
    acts = {"number": head.number, "link": head.chain, "broken": str(broken) if broken else None}
    return {"balances": balances(run, tenant), "acts": acts}
