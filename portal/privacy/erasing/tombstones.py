"""Forgetting again: the list of tombstones as a file, and what a restored database does with it.

A backup has the people who were erased since. So the list is kept beside the database and beside each backup, is
written anew with each erasing, and a restore goes through all lists that it finds, before anybody is served. A line
names an ISP by its public id, a keyed hash, and when; nobody's number or MAC can be read from it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from portal.clock import Moment
from portal.errors import Misconfigured
from portal.privacy.erasing import marks, service, store
from portal.privacy.erasing.service import Wish
from portal.privacy.erasing.subject import Subject, by_person
from portal.privacy.erasing.traces import finding
from portal.privacy.erasing.traces.finding import Names
from portal.seal import Vault
from portal.tenancy.store import Tenant
from portal.units import Row, Unit

BY = "restore"
HEAD = "bando erased 1"


@dataclass(frozen=True, kw_only=True, order=True)
class Tombstone:
    """Somebody of this ISP was erased then; `mark` is hex."""

    isp: str
    kind: str
    mark: str
    at: Moment


def beside(database: Path) -> Path:
    """Where the list of a database lies."""
    return Path(f"{database}.erased")


def read(path: Path) -> list[Tombstone]:
    """The list in a file; raises `Misconfigured` when it is none."""
    try:
        lines = path.read_text().splitlines()
        if not lines or lines[0] != HEAD:
            raise ValueError
        return [Tombstone(**json.loads(line)) for line in lines[1:]]
    except (ValueError, TypeError, IsADirectoryError):
        raise Misconfigured(f"{path} is no list of people who were erased, or a damaged one.") from None


def write(path: Path, stones: Iterable[Tombstone]) -> None:
    """The list, with what the file has already; it is there whole, or as it was."""
    merged = {*stones, *(read(path) if path.exists() else ())}
    text = "\n".join([HEAD, *(json.dumps(asdict(each)) for each in sorted(merged))]) + "\n"
    new = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)


def of_tenant(tenant: Tenant, rows: Iterable[Row]) -> list[Tombstone]:
    """The rows of an ISP, as the list has them."""
    return [
        Tombstone(isp=tenant.public, kind=row["kind"], mark=bytes(row["mark"]).hex(), at=row["erased_at"])
        for row in rows
    ]


# --- in a database that was restored ---


def again(vault: Vault, tenant: int, stones: Sequence[Tombstone], now: Moment) -> Unit[int]:
    """Erase whoever came before their tombstone; gives how many. Whoever came after it is somebody new, and stays."""
    erased = {(each.kind, bytes.fromhex(each.mark)): each.at for each in sorted(stones, key=lambda each: each.at)}
    if not erased:
        return 0
    came_before = [*(yield from _persons(vault, tenant, erased)), *(yield from _devices(vault, tenant, erased))]
    wish = Wish(reason="restored", by=BY)
    ways: dict[str, re.Pattern[str]] = {}
    for subject in came_before:
        said = yield from finding.names(subject)
        ways |= said.ways
        yield from service.forget(vault, subject, said, wish, now)
    if ways:  # in the words of others, for all of them at once
        said = Names(ways)
        yield from finding.blot_out(vault, said, (yield from finding.everywhere(vault, said)))
    for (kind, mark), at in erased.items():
        yield from store.bury(kind, mark, at)
    return len(came_before)


Erased = Mapping[tuple[str, bytes], Moment]


def _persons(vault: Vault, tenant: int, erased: Erased) -> Unit[list[Subject]]:
    found: list[Subject] = []
    for row in (yield from store.living_persons()):
        at = erased.get((marks.PHONE, marks.of_phone(vault, tenant, bytes(row["phone_index"]))))
        if at is not None and row["created_at"] <= at:
            found.append(_without_devices((yield from by_person(vault, tenant, row["id"]))))
    return found


def _devices(vault: Vault, tenant: int, erased: Erased) -> Unit[list[Subject]]:
    found: list[Subject] = []
    for row in (yield from store.living_devices()):
        at = erased.get((marks.MAC, marks.of_mac(vault, tenant, row["mac"])))
        if at is not None and row["created_at"] <= at:
            found.append(Subject(tenant=tenant, devices=(row["id"],)))
    return found


def _without_devices(subject: Subject) -> Subject:
    """Each of their devices has a tombstone of its own, if it went with them."""
    return Subject(**{**subject.__dict__, "devices": (), "others": ()})
