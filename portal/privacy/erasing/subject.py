"""Who is meant: a person with the devices that are theirs alone, or a device of which no person is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from portal.clock import Moment
from portal.errors import Refused
from portal.payments.settle import payer_index
from portal.people import store as people
from portal.phone import Phone, parse
from portal.privacy.erasing import store
from portal.privacy.erasing.traces import store as traces
from portal.seal import NotOurs, Vault
from portal.units import Unit


@dataclass(frozen=True, kw_only=True)
class Former:
    """A number that was written down as somebody's until it was corrected."""

    phone: Phone = field(repr=False)
    until: Moment
    of_another: bool = False  # it belongs to somebody else here, whose words and money it names


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A person, or a device alone; `others` are devices for which other people paid, too."""

    tenant: int
    person: int | None = None
    phone: Phone | None = field(default=None, repr=False)
    phone_index: bytes | None = field(default=None, repr=False)
    payer: bytes | None = field(default=None, repr=False)
    devices: tuple[int, ...] = ()
    others: tuple[int, ...] = ()
    formers: tuple[Former, ...] = ()

    @property
    def phones(self) -> list[Phone]:
        """All numbers by which they may be named, and nobody else."""
        own = [] if self.phone is None else [self.phone]
        return [*own, *(each.phone for each in self.formers if not each.of_another)]

    @property
    def name(self) -> str:
        """As the log of acts names it."""
        return f"device:{self.devices[0]}" if self.person is None else f"person:{self.person}"

    @property
    def of_person(self) -> dict[str, Any]:
        """What the conditions of `whose.BY_PERSON` are about."""
        return {"person": self.person, "phone": self.phone_index, "payer": self.payer}


def by_person(vault: Vault, tenant: int, person_id: int) -> Unit[Subject]:
    """A person with their devices; raises `Refused` when there is no such one, or not any more."""
    known = yield from people.person(vault, person_id)
    if known is None or known.erased:
        raise Refused("not-found", status=404)
    devices, others = yield from store.devices_of(person_id)
    return Subject(
        tenant=tenant,
        person=person_id,
        phone=known.phone,
        phone_index=people.phone_index(vault, tenant, known.phone) if known.phone else None,
        payer=payer_index(vault, known.phone.digits) if known.phone else None,
        devices=tuple(devices),
        others=tuple(others),
        formers=tuple((yield from _former(vault, tenant, person_id))),
    )


def _former(vault: Vault, tenant: int, person_id: int) -> Unit[list[Former]]:
    """The numbers that were theirs until they were corrected, as far as the evidence of that is kept."""
    found: list[Former] = []
    for row in (yield from traces.corrections(person_id)):
        try:
            note = vault.open(row["said"], table="rights_steps", row=row["named"], column="note_sealed").decode()
            phone = parse(note.partition("→")[0])
        except (NotOurs, Refused):  # a damaged cell, or none that a correction has written
            continue
        other = yield from people.find(vault, tenant, phone)
        found.append(Former(phone=phone, until=row["at"], of_another=other not in (None, person_id)))
    return found


def by_phone(vault: Vault, tenant: int, phone: Phone) -> Unit[Subject]:
    """The person with this number; raises `Refused`."""
    found = yield from people.find(vault, tenant, phone)
    if found is None:
        raise Refused("not-found", status=404)
    return (yield from by_person(vault, tenant, found))


def by_device(vault: Vault, tenant: int, device_id: int) -> Unit[Subject]:
    """The person whose device this is; the device alone where nobody is known, or more than one; raises `Refused`."""
    if not (yield from store.is_there(device_id)):
        raise Refused("not-found", status=404)
    payers = yield from store.payers_of(device_id)
    if len(payers) == 1:
        return (yield from by_person(vault, tenant, payers[0]))
    return Subject(tenant=tenant, devices=(device_id,))
