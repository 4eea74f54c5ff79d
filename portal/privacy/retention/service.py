"""What a purge is made of: the terms of an ISP, a preview, and a batch. Units; each reads the terms anew.

So a hold that is placed while a purge runs stops it with the next batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from portal.audit import store as audit
from portal.clock import Moment
from portal.errors import Refused
from portal.privacy.retention import store
from portal.privacy.retention.periods import PERIODS, chosen, days_of, limit
from portal.privacy.retention.rules import RULES, Rule
from portal.seal import Vault
from portal.tenancy.store import Tenant
from portal.units import Unit

RAN = "retention.run"


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How long each class is kept by an ISP now, and what is held."""

    own: Mapping[str, int]
    holds: Sequence[store.Hold]
    timezone: str
    now: Moment

    def days(self, keep: str) -> int:
        return days_of(keep, self.own)

    def held(self, keep: str) -> bool:
        return any(keep in each.classes for each in self.holds)

    def before(self, rule: Rule) -> Moment:
        """What is older than this ends by this rule."""
        return limit(self.days(rule.keep), self.now, self.timezone)


def terms(tenant: Tenant, now: Moment) -> Unit[Terms]:
    """The terms of this ISP."""
    own = yield from store.own_days()
    holds = yield from store.standing(now)
    return Terms(own=own, holds=holds, timezone=tenant.timezone, now=now)


def preview(tenant: Tenant, now: Moment) -> Unit[dict[str, int]]:
    """How many rows a run would take now, by rule; changes nothing."""
    known = yield from terms(tenant, now)
    counts: dict[str, int] = {}
    for rule in RULES:
        counts[rule.name] = 0 if known.held(rule.keep) else (yield from store.count(rule, known.before(rule)))
    return counts


def search(tenant: Tenant, rule: Rule, now: Moment, many: int, after: int = 0) -> Unit[list[int]]:
    """Rows that this rule would take: the oldest, or those after this one where no index knows the oldest."""
    known = yield from terms(tenant, now)
    return [] if known.held(rule.keep) else (yield from store.find(rule, known.before(rule), many, after))


def batch(
    vault: Vault, tenant: Tenant, run_id: int, rule: Rule, ids: Sequence[int], began: Moment, now: Moment
) -> Unit[int]:
    """Take those of these rows that are still due, and count them in the journal; gives how many.

    The days and limits are those of `began`, when the run did; a hold counts from `now`.
    """
    known = yield from terms(tenant, now)
    if known.held(rule.keep):
        return 0
    before = limit(known.days(rule.keep), began, tenant.timezone)
    taken = yield from store.take(vault, rule, ids, before, now)
    if taken:
        yield from store.took(run_id, rule, before, taken, began, now)
    return taken


def finish(vault: Vault, run_id: int, by: str, now: Moment) -> Unit[dict[str, int]]:
    """End a run, with one line in the log of acts when it took anything; gives what it took by rule."""
    taken = yield from store.taken_by(run_id)
    yield from store.end(run_id, now)
    if taken:
        yield from audit.append(vault, actor=by, act=RAN, subject=f"purge:{run_id}", payload={"after": taken}, now=now)
    return taken


def choose(vault: Vault, keep: str, days: int, by: str, now: Moment) -> Unit[int]:
    """Keep a class for so many days from now on; gives how many it was. Raises `OutOfBounds` with the reason."""
    if keep not in PERIODS:
        raise Refused("not-found", status=404)
    chosen(keep, days)
    was = days_of(keep, (yield from store.own_days()))
    yield from store.set_days(keep, days, by, now)
    payload = {"before": {"days": was}, "after": {"days": days}}
    yield from audit.append(vault, actor=by, act="retention.days", subject=f"class:{keep}", payload=payload, now=now)
    return was


def hold(vault: Vault, classes: Sequence[str], reason: str, until: Moment | None, by: str, now: Moment) -> Unit[int]:
    """Purge nothing of these classes until then, or until it is lifted. Raises `Refused`."""
    if not classes or not set(classes) <= set(PERIODS) or not reason.strip() or (until is not None and until <= now):
        raise Refused("hold-needs")
    named = [each for each in PERIODS if each in classes]
    hold_id = yield from store.place(named, reason.strip(), by, until, now)
    payload = {"after": {"classes": " ".join(named), "reason": reason.strip()}}
    yield from audit.append(vault, actor=by, act="hold.place", subject=f"hold:{hold_id}", payload=payload, now=now)
    return hold_id


def release(vault: Vault, hold_id: int, by: str, now: Moment) -> Unit[None]:
    """Lift a hold; what is due by then goes in the next run. Raises `Refused`."""
    if not (yield from store.lift(hold_id, by, now)):
        raise Refused("not-found", status=404)
    yield from audit.append(vault, actor=by, act="hold.lift", subject=f"hold:{hold_id}", payload={}, now=now)
