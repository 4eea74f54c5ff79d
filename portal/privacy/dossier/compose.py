"""The dossier of a person: each table with their rows, opened and in words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from portal.clock import Moment, as_datetime
from portal.columns import metadata
from portal.privacy.dossier import store, wording
from portal.privacy.erasing.subject import Subject
from portal.privacy.retention import service as retention
from portal.privacy.retention.periods import PERIODS
from portal.seal import NotOurs, Vault
from portal.tenancy.store import Tenant
from portal.units import Row, Unit

FORMAT = "bando-dossier-1"


@dataclass(frozen=True, kw_only=True)
class Field:
    """A column, with what it is for."""

    name: str
    title: str
    purpose: str


@dataclass(frozen=True, kw_only=True)
class Part:
    """One table: what is known there."""

    name: str
    title: str
    fields: Sequence[Field]
    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Dossier:
    """Everything on somebody, as of a moment."""

    isp: str
    contact: str
    made_at: str
    phone: str
    parts: Sequence[Part]
    kept: Sequence[tuple[str, int, str]]  # class, days, counted from

    @property
    def rows(self) -> int:
        return sum(len(each.rows) for each in self.parts)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What is needed to put a row into words."""

    vault: Vault
    subject: Subject
    zone: ZoneInfo
    sites: Mapping[int, str]
    plans: Mapping[int, str]

    def moment(self, at: Moment) -> str:
        return as_datetime(at).astimezone(self.zone).isoformat(timespec="seconds")


def dossier(vault: Vault, tenant: Tenant, subject: Subject, now: Moment) -> Unit[Dossier]:
    """Everything on them."""
    reading = Reading(
        vault=vault,
        subject=subject,
        zone=ZoneInfo(tenant.timezone),
        sites=(yield from store.site_names()),
        plans=(yield from store.plan_names()),
    )
    parts: list[Part] = []
    for table in wording.TITLES:
        found = yield from _rows(subject, table)
        parts += [_part(reading, table, found)] if found else []
    terms = yield from retention.terms(tenant, now)
    return Dossier(
        isp=tenant.name,
        contact=tenant.privacy_contact,
        made_at=reading.moment(now),
        phone=subject.phone.spoken if subject.phone else "",
        parts=parts,
        kept=[(each.title, terms.days(each.keep), each.counted) for each in PERIODS.values()],
    )


def _rows(subject: Subject, table: str) -> Unit[list[Row]]:
    """Each of them once, though it may be theirs in two ways."""
    found: dict[int, Row] = {}
    for device in subject.devices:
        found |= {row["id"]: row for row in (yield from store.read("device", table, {"device": device}))}
    if subject.person is not None:
        found |= {row["id"]: row for row in (yield from store.read("person", table, subject.of_person))}
    return [found[each] for each in sorted(found)]


def _part(reading: Reading, table: str, rows: Sequence[Row]) -> Part:
    columns = [each for each in metadata.tables[table].columns if _told(table, each)]
    return Part(
        name=table,
        title=wording.TITLES[table],
        fields=[_field(each) for each in columns],
        rows=[{each.name: _cell(reading, table, each.name, row) for each in columns} for row in rows],
    )


def _told(table: str, column: Any) -> bool:
    """Secrets are the installation's own; links to staff and accounts are somebody else's."""
    if column.info["data"] == "personal" or (table, column.name) in wording.KEPT:
        return True
    if column.info["data"] == "secret" or column.name in wording.MACHINE:
        return False
    return not column.foreign_keys or column.name in ("router_id", "last_router_id", "plan_id", "device_id")


def _field(column: Any) -> Field:
    return Field(name=column.name, title=wording.name_of(column.name), purpose=column.info.get("purpose", ""))


def _cell(reading: Reading, table: str, name: str, row: Row) -> object:
    value = row[name]
    if value is None:
        return None
    if name in ("router_id", "last_router_id"):
        return reading.sites.get(value, "")
    if name == "plan_id":
        return reading.plans.get(value, "")
    if name.endswith("_at") or name in wording.MOMENTS:
        return reading.moment(value)
    if name == "phone_sealed":
        return reading.subject.phone.digits if reading.subject.phone else None
    if name.endswith("_sealed"):
        return _opened(reading.vault, table, name, row)
    return _of_guest(value) if table == "audit" and name == "payload" else value


def _opened(vault: Vault, table: str, name: str, row: Row) -> str:
    """What is sealed there; a cell that was damaged is said to be there, and keeps nobody from the rest."""
    named = row["ref"] if table == "inbox" else row["public"]
    try:
        return vault.open(row[name], table=table, row=named, column=name).decode(errors="replace")
    except NotOurs:
        return wording.SHUT


def _of_guest(payload: str) -> str:
    """What was done, without the name and the address of whoever did it: those are theirs."""
    said = json.loads(payload)
    return json.dumps({name: said[name] for name in ("before", "after") if name in said}, ensure_ascii=False)
