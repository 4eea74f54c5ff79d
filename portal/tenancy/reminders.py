"""Tells staff in time that a paper of their ISP ends, or all its records: a line for each, closed by a later date."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from zoneinfo import ZoneInfo

from portal.clock import HOUR, Clock, Moment, as_datetime
from portal.db import Database
from portal.loops import Every
from portal.tenancy import papers, store
from portal.tenancy.papers import Paper
from portal.tenancy.store import Tenant
from portal.units import Unit

KIND, ERASED = "paper-ends", "records-erased"


def remind(tenant: Tenant, now: Moment) -> Unit[int]:
    """Open the line that is due for each paper, and close those of reminders before it; how many are due.

    What was said of a date that stands there no more is forgotten: so a date that is put back is reminded of anew.
    """
    today = as_datetime(now).astimezone(ZoneInfo(tenant.timezone)).date()
    due = 0
    if tenant.erase_from is None:  # it was opened again
        yield from store.forget_lines(ERASED, f"{papers.ERASING}:", f"{papers.ERASING}:none:")
    for paper in papers.ends(tenant, today):
        kind, subject = ERASED if paper.kind == papers.ERASING else KIND, _subject(paper)
        yield from store.forget_lines(kind, f"{paper.kind}:", f"{paper.kind}:{paper.until or 'none'}:")
        for old in (yield from store.open_subjects(kind, f"{paper.kind}:")):
            if old != subject:
                yield from store.settle_line(kind, old, now)
        if subject is not None:
            due += 1
            yield from store.open_exception(kind, subject, _sentence(paper), now)
    return due


def _subject(paper: Paper) -> str | None:
    stage = papers.stage(paper)
    return None if stage is None else f"{paper.kind}:{paper.until}:{stage}"


def _sentence(paper: Paper) -> str:
    """It stands there for weeks: so it names the day, and does not count the days until then."""
    assert isinstance(paper.until, date)
    if paper.kind == papers.ERASING:
        return (
            f"The ISP is closed, and its records are erased on {paper.until.day} {paper.until:%b %Y}. Take them away."
        )
    number = f" {paper.number}" if paper.number else ""
    return f"{paper.title}{number}: its last day is {paper.until.day} {paper.until:%b %Y}. Renew it in time."


class Reminders:
    """Looks every hour; `tenants` gives those that are kept in memory."""

    def __init__(self, db: Database, clock: Clock, tenants: Callable[[], list[Tenant]]) -> None:
        self._db = db
        self._clock = clock
        self._tenants = tenants
        self.loop = Every("reminders", HOUR, self.run_once, clock)

    async def run_once(self) -> int:
        done = 0
        for tenant in self._tenants():
            if tenant.active or (tenant.closed_at is not None and tenant.erased_at is None):
                done += await self._db.write(tenant.id, remind, tenant, self._clock.now())
        return done
