"""Who is meant, by the device or the person of an address, and what the pages say of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from portal.clock import Moment
from portal.console.desk import Desk
from portal.errors import Refused
from portal.phone import Phone
from portal.privacy.dossier import compose
from portal.privacy.dossier.compose import Dossier
from portal.privacy.erasing import service, subject
from portal.privacy.erasing.subject import Subject
from portal.privacy.erasing.traces import store as traces
from portal.privacy.retention.rules import BY_NAME
from portal.seal import Vault
from portal.tenancy.store import Tenant
from portal.units import Unit


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Whom an address names: a device, or a person."""

    device: int | None
    person: int | None

    @property
    def path(self) -> str:
        who, number = ("device", self.device) if self.person is None else ("person", self.person)
        return f"/console/guests/{who}/{number}"


@dataclass(frozen=True, kw_only=True)
class Page:
    """Who is meant, what is known, and what erasing them would take."""

    subject: Subject
    macs: Sequence[str]
    others: Sequence[str]  # MACs of devices for which other people paid, too
    dossier: Dossier
    takes: Sequence[tuple[str, int]]
    in_the_way: str  # a refusal, or nothing

    def shown(self, whole: bool) -> str:
        """How they are called on a page."""
        phone: Phone | None = self.subject.phone
        if phone is not None:
            return phone.spoken if whole else phone.masked
        return ", ".join(self.macs) if self.subject.person is None else "a number that is not known"


def whose(vault: Vault, tenant: Tenant, asked: Asked) -> Unit[Subject]:
    """Who is meant; raises `Refused("not-found")`."""
    if asked.person is not None:
        return (yield from subject.by_person(vault, tenant.id, asked.person))
    return (yield from subject.by_device(vault, tenant.id, asked.device or 0))


def page(vault: Vault, tenant: Tenant, asked: Asked, now: Moment) -> Unit[Page]:
    """All that the pages show."""
    found = yield from whose(vault, tenant, asked)
    takes = yield from service.preview(found)
    return Page(
        subject=found,
        macs=(yield from _macs(found.devices)),
        others=(yield from _macs(found.others)),
        dossier=(yield from compose.dossier(vault, tenant, found, now)),
        takes=[(BY_NAME[name].title, many) for name, many in takes.items()],
        in_the_way=(yield from _in_the_way(found, now)),
    )


def _macs(devices: Sequence[int]) -> Unit[list[str]]:
    return (yield from traces.macs(devices)) if devices else []


def _in_the_way(found: Subject, now: Moment) -> Unit[str]:
    try:
        yield from service.stands_in_the_way(found, now)
    except Refused as refused:
        return refused.key
    return ""


async def look(desk: Desk, asked: Asked) -> Page:
    return await desk.read(page, desk.services.vault, desk.view.tenant, asked, desk.now)
