"""What the page of retention shows: each class with its days, the holds, and the last runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from portal.clock import MINUTE, SECOND, Moment
from portal.privacy.retention import service, store
from portal.privacy.retention.periods import PERIODS, Period
from portal.privacy.retention.rules import BY_NAME
from portal.tenancy.store import Tenant
from portal.units import Row, Unit
from portal.watch import alarm

RUNS = 15  # the last ones that the page shows


@dataclass(frozen=True, kw_only=True)
class Class:
    """A class as it stands; `due` is what the next run would take, None when nobody counted."""

    period: Period
    days: int
    held: bool
    due: int | None


@dataclass(frozen=True, kw_only=True)
class Step:
    """What a run took by one rule."""

    title: str
    taken: int
    lasted: str


@dataclass(frozen=True, kw_only=True)
class Told:
    """A run of the journal."""

    run: store.Run
    steps: Sequence[Step]
    lasted: str
    broken: bool


@dataclass(frozen=True, kw_only=True)
class Page:
    """All of it."""

    classes: Sequence[Class]
    standing: Sequence[store.Hold]
    past: Sequence[store.Hold]
    runs: Sequence[Told]

    @property
    def clearing(self) -> bool:
        """Whether the log of sessions is being cleared, so that the page is worth a look again soon."""
        return any(each.run.kind == "clear" and each.run.ended_at is None for each in self.runs)

    @property
    def due(self) -> int:
        return sum(each.due or 0 for each in self.classes)


def page(tenant: Tenant, count: bool, now: Moment) -> Unit[Page]:
    """Everything, with what the next run would take when it is asked for."""
    known = yield from service.terms(tenant, now)
    counts = (yield from service.preview(tenant, now)) if count else None
    holds = yield from store.holds()
    found = yield from store.runs(RUNS)
    steps = yield from store.steps([each.id for each in found])
    return Page(
        classes=[
            Class(period=each, days=known.days(each.keep), held=known.held(each.keep), due=_due(each.keep, counts))
            for each in PERIODS.values()
        ],
        standing=[each for each in holds if each.stands(now)],
        past=[each for each in holds if not each.stands(now)][:RUNS],
        runs=[_told(each, [_step(row) for row in steps[each.id]], now) for each in found],
    )


def _due(keep: str, counts: Mapping[str, int] | None) -> int | None:
    return None if counts is None else sum(many for name, many in counts.items() if BY_NAME[name].keep == keep)


def _step(row: Row) -> Step:
    rule = BY_NAME.get(row["rule"])  # a later version may know it no longer
    title = rule.title if rule else row["rule"]
    return Step(title=title, taken=row["taken"], lasted=lasted(row["ended_at"] - row["began_at"]))


def _told(run: store.Run, steps: Sequence[Step], now: Moment) -> Told:
    open_ = run.ended_at is None
    return Told(
        run=run,
        steps=steps,
        lasted="" if run.ended_at is None else lasted(run.ended_at - run.began_at),
        broken=open_ and now - run.began_at > service.BROKEN_MS,
    )


def lasted(span_ms: int) -> str:
    """``3 s``, and from a minute on as alarms say it."""
    return f"{max(span_ms, 0) // SECOND} s" if span_ms < MINUTE else alarm.lasted(span_ms)
