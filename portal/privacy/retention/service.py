"""What a purge is made of: the terms of an ISP, a preview, and a batch. Units; each reads the terms anew.

So a hold that is placed while a purge runs stops it with the next batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from portal.audit import store as audit
from portal.clock import HOUR, Moment
from portal.errors import Refused
from portal.privacy.retention import store
from portal.privacy.retention.periods import PERIODS, chosen, days_of, limit
from portal.privacy.retention.rules import HOLDABLE, RULES, Rule
from portal.seal import Vault
from portal.tenancy.store import Tenant
from portal.units import Signal, Unit

LONGEST = 300  # of a reason
BROKEN_MS = 2 * HOUR  # a run that has no end by then broke off
WAKE = "retention"  # told when there is something to be cleared
RAN, CLEARED = "retention.run", "retention.clear"


@dataclass(frozen=True, kw_only=True)
class Purge:
    """One run: of what is too old, or of the whole log of sessions up to now."""

    run_id: int
    tenant: Tenant
    began: Moment
    clear: bool = False

    @property
    def rules(self) -> Sequence[Rule]:
        return [rule for rule in RULES if rule.keep == "session"] if self.clear else RULES


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How long each class is kept by an ISP now, and what is held."""

    own: Mapping[str, int]
    holds: Sequence[store.Hold]
    timezone: str

    def days(self, keep: str) -> int:
        return days_of(keep, self.own)

    def held(self, keep: str) -> bool:
        return any(keep in each.classes for each in self.holds)

    def before(self, rule: Rule, began: Moment) -> Moment:
        """What is older than this ends by this rule, in a run that began then."""
        return limit(self.days(rule.keep), began, self.timezone)


def terms(tenant: Tenant, now: Moment) -> Unit[Terms]:
    """The terms of this ISP."""
    own = yield from store.own_days()
    holds = yield from store.standing(now)
    return Terms(own=own, holds=holds, timezone=tenant.timezone)


def preview(tenant: Tenant, now: Moment) -> Unit[dict[str, int]]:
    """How many rows a run would take now, by rule; changes nothing."""
    known = yield from terms(tenant, now)
    counts: dict[str, int] = {}
    for rule in RULES:
        counts[rule.name] = 0 if known.held(rule.keep) else (yield from store.count(rule, known.before(rule, now)))
    return counts


def preview_of(tenant: Tenant, keep: str, days: int, now: Moment) -> Unit[int]:
    """How many rows a run would take of this class now, if it were kept for so many days; changes nothing."""
    known = yield from terms(tenant, now)
    before, found = limit(days, now, tenant.timezone), 0
    for rule in RULES:
        if rule.keep == keep and not known.held(keep):
            found += yield from store.count(rule, before)
    return found


def search(purge: Purge, rule: Rule, now: Moment, many: int, after: int = 0) -> Unit[list[int]]:
    """Rows that this rule would take: the oldest, or those after this one where no index knows the oldest."""
    before = yield from _before(purge, rule, now)
    return [] if before is None else (yield from store.find(rule, before, many, after))


def _before(purge: Purge, rule: Rule, now: Moment) -> Unit[Moment | None]:
    """What is older than this goes in this run; None while a hold stands, which counts from now."""
    known = yield from terms(purge.tenant, now)
    if known.held(rule.keep):
        return None
    return purge.began if purge.clear else known.before(rule, purge.began)


def batch(vault: Vault, purge: Purge, rule: Rule, ids: Sequence[int], now: Moment) -> Unit[int]:
    """Take those of these rows that are still due, and count them in the journal; gives how many."""
    before = yield from _before(purge, rule, now)
    if before is None:
        return 0
    taken = yield from store.take(vault, rule, ids, before, now)
    if taken:
        yield from store.took(purge.run_id, rule, before, taken, purge.began, now)
    return taken


def finish(vault: Vault, purge: Purge, by: str, now: Moment) -> Unit[dict[str, int]]:
    """End a run, with one line in the log of acts when it took anything; gives what it took by rule."""
    taken = yield from store.taken_by(purge.run_id)
    if (yield from store.end(purge.run_id, now)) and taken:
        yield from _say(vault, by, RAN, f"purge:{purge.run_id}", {"after": taken}, now)
    return taken


def broke_off(now: Moment) -> Unit[Moment | None]:
    """Since when a run has no end, and nobody made up for it."""
    return (yield from store.broke_off(now - BROKEN_MS))


def begin(tenant: Tenant, by: str, now: Moment) -> Unit[Purge]:
    """Begin a run of what is too old."""
    return Purge(run_id=(yield from store.begin("daily", by, now)), tenant=tenant, began=now)


def begin_clearing(vault: Vault, tenant: Tenant, reason: str, by: str, now: Moment) -> Unit[Purge]:
    """Begin to clear the log of sessions, with a line in the log of acts. Raises `Refused`."""
    why = reason_of(reason)
    run_id = yield from clear(tenant, by, now)
    yield from _say(vault, by, CLEARED, f"purge:{run_id}", {"after": {"reason": why}}, now)
    return Purge(run_id=run_id, tenant=tenant, began=now, clear=True)


def clear(tenant: Tenant, by: str, now: Moment) -> Unit[int]:
    """Have the whole log of sessions cleared, whatever its age; gives the run. Raises `Refused`.

    Whose pass has not ended keeps what is known of it: it is needed to meter what they bought. The service is told and
    does it in small steps; one that breaks off goes on by itself. Whoever calls this writes the line of it.
    """
    if (yield from terms(tenant, now)).held("session"):
        raise Refused("held", status=409)
    if (yield from store.clearings()):
        raise Refused("clearing", status=409)
    run_id = yield from store.begin("clear", by, now)
    yield Signal(WAKE, run_id)
    return run_id


def clearings(tenant: Tenant) -> Unit[list[tuple[Purge, str]]]:
    """What was asked to be cleared and is not yet, and by whom."""
    return [
        (Purge(run_id=row["id"], tenant=tenant, began=row["began_at"], clear=True), row["began_by"])
        for row in (yield from store.clearings())
    ]


def preview_clearing(tenant: Tenant, now: Moment) -> Unit[dict[str, int]]:
    """How many rows clearing the log of sessions would take now, by rule; changes nothing."""
    purge, counts = Purge(run_id=0, tenant=tenant, began=now, clear=True), {}
    for rule in purge.rules:
        counts[rule.name] = yield from store.count(rule, now)
    return counts


def _say(vault: Vault, by: str, act: str, subject: str, payload: Mapping[str, object], now: Moment) -> Unit[None]:
    yield from audit.append(vault, actor=by, act=act, subject=subject, payload=payload, now=now)


def reason_of(text: str) -> str:
    """Why, in one line that is not too long; raises `Refused`."""
    plain = text.strip()
    if not plain or len(plain) > LONGEST or not plain.isprintable():
        raise Refused("needs-reason")
    return plain


def set_days(keep: str, days: int, by: str, now: Moment) -> Unit[int]:
    """Keep a class for so many days from now on; gives how many it was. Raises `OutOfBounds` with the reason.

    Whoever calls this writes the line of it into the log of acts.
    """
    if keep not in PERIODS:
        raise Refused("not-found", status=404)
    chosen(keep, days)
    was = days_of(keep, (yield from store.own_days()))
    yield from store.set_days(keep, days, by, now)
    return was


def choose(vault: Vault, keep: str, days: int, by: str, now: Moment) -> Unit[int]:
    """The same, with its line."""
    was = yield from set_days(keep, days, by, now)
    payload = {"before": {"days": was}, "after": {"days": days}}
    yield from _say(vault, by, "retention.days", f"class:{keep}", payload, now)
    return was


def place(classes: Sequence[str], reason: str, until: Moment | None, by: str, now: Moment) -> Unit[int]:
    """Purge nothing of these classes until then, or until it is lifted. Raises `Refused`.

    Whoever calls this writes the line of it into the log of acts.
    """
    if not classes or not set(classes) <= set(HOLDABLE) or (until is not None and until <= now):
        raise Refused("hold-needs")
    return (yield from store.place(_in_order(classes), reason_of(reason), by, until, now))


def _in_order(classes: Sequence[str]) -> list[str]:
    return [each for each in HOLDABLE if each in classes]


def hold(vault: Vault, classes: Sequence[str], reason: str, until: Moment | None, by: str, now: Moment) -> Unit[int]:
    """The same, with its line."""
    hold_id = yield from place(classes, reason, until, by, now)
    payload = {"after": {"classes": " ".join(_in_order(classes)), "reason": reason_of(reason)}}
    yield from _say(vault, by, "hold.place", f"hold:{hold_id}", payload, now)
    return hold_id


def lift(hold_id: int, by: str, now: Moment) -> Unit[None]:
    """Lift a hold; what is due by then goes in the next run. Raises `Refused`. The caller writes the line of it."""
    if not (yield from store.lift(hold_id, by, now)):
        raise Refused("not-found", status=404)


def release(vault: Vault, hold_id: int, by: str, now: Moment) -> Unit[None]:
    """The same, with its line."""
    yield from lift(hold_id, by, now)
    yield from _say(vault, by, "hold.lift", f"hold:{hold_id}", {}, now)
