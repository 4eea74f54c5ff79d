"""The papers an ISP must have, and how long they are good for. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from portal.clock import as_datetime
from portal.tenancy.store import Tenant

REMIND_DAYS = (60, 30, 7, 0)  # days before the end on which staff are told; a renewal takes weeks


@dataclass(frozen=True, kw_only=True)
class Paper:
    """A registration or a licence. `until` is its last day; None is unknown or for good."""

    kind: str  # protection | licence
    title: str
    number: str
    until: date | None
    days_left: int | None

    @property
    def over(self) -> bool:
        return self.days_left is not None and self.days_left < 0

    @property
    def soon(self) -> bool:
        return self.days_left is not None and 0 <= self.days_left <= REMIND_DAYS[0]


ERASING = "erasing"
TITLES = {
    "protection": "Registration as a data controller",
    "licence": "Licence of the Communications Authority",
}


def ends(tenant: Tenant, today: date) -> list[Paper]:
    """Its papers; of a closed ISP the day on which its records are erased, and that alone."""
    if tenant.erase_from is None:
        return papers(tenant, today)
    day = as_datetime(tenant.erase_from).astimezone(ZoneInfo(tenant.timezone)).date()
    title = "Erasing of all records"
    return [Paper(kind=ERASING, title=title, number="", until=day, days_left=(day - today).days)]


def papers(tenant: Tenant, today: date) -> list[Paper]:
    """Both, whether they are there or not."""
    return [
        _paper("protection", tenant.protection_number, tenant.protection_until, today),
        _paper("licence", tenant.licence_number, tenant.licence_until, today),
    ]


def _paper(kind: str, number: str, until: str | None, today: date) -> Paper:
    last = date.fromisoformat(until) if until else None
    left = (last - today).days if last else None
    return Paper(kind=kind, title=TITLES[kind], number=number, until=last, days_left=left)


def stage(paper: Paper) -> int | None:
    """Which reminder is due: 60, 30, 7 or 0 days; None when none is."""
    if paper.days_left is None:
        return None
    due = [days for days in REMIND_DAYS if paper.days_left <= days]
    return min(due) if due else None
