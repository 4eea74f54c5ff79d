"""Tables and the archive of all of them, made while they are read: nothing of them is ever whole in memory or on disk.

A chunk is read, opened and written as lines in a reader's thread; between two chunks nothing is held open.
"""

from __future__ import annotations

import asyncio
import os
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo

from portal.clock import Moment, as_datetime
from portal.db import Database
from portal.export import records, store
from portal.export.records import KINDS, Kind, Reading
from portal.export.store import AT_ONCE, STATEMENTS, After
from portal.people import store as people
from portal.seal import Vault
from portal.spreadsheet import MARK, lines
from portal.tenancy.store import Tenant
from portal.units import Row, Unit


@dataclass(frozen=True, kw_only=True)
class Source:
    """Whose records, and as of when."""

    db: Database
    vault: Vault
    tenant: Tenant
    now: Moment

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.tenant.timezone)

    @property
    def day(self) -> str:
        return as_datetime(self.now).astimezone(self.zone).date().isoformat()


async def table(source: Source, kind: Kind) -> AsyncIterator[bytes]:
    """The table of one class, with its head."""
    yield (MARK + lines([kind.head])).encode()
    after: After | None = None
    while True:
        text, after = await source.db.read(source.tenant.id, _lines, source, kind, after)
        if text:
            yield text
        if after is None:
            return


def _lines(source: Source, kind: Kind, after: After | None) -> Unit[tuple[bytes, After | None]]:
    """The next rows as lines, and where they ended; None when there are no more."""
    found = yield from store.chunk(kind.name, after)
    phones = (yield from _phones(source.vault, {row["person_id"] for row in found})) if kind is records.PAYMENTS else {}
    reading = Reading(zone=source.zone, vault=source.vault, now=source.now, phones=phones)
    text = lines(kind.cells(row, reading) for row in found).encode()
    return text, _end(kind, found[-1]) if len(found) == AT_ONCE else None


def _end(kind: Kind, row: Row) -> After:
    return STATEMENTS[kind.name].after(row)


def _phones(vault: Vault, ids: set[int]) -> Unit[dict[int, str]]:
    """Whole numbers of these people, as they are written in the country."""
    found: dict[int, str] = {}
    for each in ids:
        person = yield from people.person(vault, each)
        if person and person.phone:
            found[each] = person.phone.spoken
    return found


@dataclass
class _Sink:
    """What an archive is written to, in order and never sought in; it is emptied again and again."""

    held: bytearray = field(default_factory=bytearray)

    def write(self, data: bytes) -> int:
        self.held += data
        return len(data)

    def flush(self) -> None:
        """Nothing waits elsewhere."""

    def close(self) -> None:
        """Nor is anything to be given back."""

    def taken(self) -> bytes:
        """What was written since the last time."""
        data = bytes(self.held)
        self.held.clear()
        return data


async def archive(source: Source) -> AsyncIterator[bytes]:
    """All tables and what explains them, as one ZIP."""
    sink = _Sink()
    whole = zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED)
    whole.writestr(_entry(source, "README.txt"), readme(source))
    for kind in KINDS.values():
        with whole.open(_entry(source, f"{kind.name}.csv"), "w", force_zip64=True) as file:
            async for part in table(source, kind):
                await asyncio.to_thread(file.write, part)
                yield sink.taken()
    whole.close()
    yield sink.taken()


async def into(source: Source, folder: Path) -> None:
    """All tables as files of this folder, for nobody but their owner. Raises `OSError`, also when one is there."""
    with _private(folder / "README.txt") as file:
        file.write(readme(source))
    for kind in KINDS.values():
        with _private(folder / f"{kind.name}.csv") as file:
            async for part in table(source, kind):
                file.write(part)


def _private(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def readme(source: Source) -> bytes:
    """What explains the tables."""
    at = as_datetime(source.now).astimezone(source.zone).isoformat(timespec="seconds")
    return (MARK + records.explained(source.tenant.name, source.tenant.timezone, at)).encode()


def _entry(source: Source, name: str) -> zipfile.ZipInfo:
    local = as_datetime(source.now).astimezone(source.zone)
    entry = zipfile.ZipInfo(name, local.timetuple()[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o600 << 16  # whoever unpacks it keeps it to themselves
    return entry
