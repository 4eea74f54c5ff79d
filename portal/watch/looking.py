"""One look at an ISP: what the rules have to know is read in one snapshot, cheap things first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from portal import spans
from portal.access.catalog import TenantView
from portal.clock import DAY, HOUR, Moment
from portal.tenancy import papers
from portal.tenancy import store as tenancy
from portal.units import Unit
from portal.watch import outages, rules, silence, store
from portal.watch.alarm import Alarm
from portal.watch.outages import Contact, Routers
from portal.watch.rules import Balance, Callbacks, Deadline, Expiring, Failing
from portal.watch.silence import LEAST_MS, LONGEST_MS, SETTLE_MS, WEEK_MS, WEEKS, Begun, Finished
from portal.watch.store import Kept

SILENT = frozenset({"silence-begun", "silence-paid"})


def _no_balances() -> Unit[Sequence[Balance]]:
    yield from ()
    return ()


def _none_expiring() -> Unit[Sequence[Expiring]]:
    yield from ()
    return ()


def _no_deadlines(_: str, __: Moment) -> Unit[Sequence[Deadline]]:
    yield from ()
    return ()


def _none_broke_off(_: Moment) -> Unit[Moment | None]:
    yield from ()
    return None


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What other rooms know of an ISP, each as a unit: the balances of its accounts, credentials that expire, what the
    law wants done by a day of an ISP or the platform (``isp``, ``platform``), and a purge that broke off."""

    balances: Callable[[], Unit[Sequence[Balance]]] = _no_balances
    expiring: Callable[[], Unit[Sequence[Expiring]]] = _none_expiring
    deadlines: Callable[[str, Moment], Unit[Sequence[Deadline]]] = _no_deadlines
    broke_off: Callable[[Moment], Unit[Moment | None]] = _none_broke_off


@dataclass(kw_only=True)
class Look:
    """What was found, and the kinds of which nothing could be said."""

    view: TenantView
    now: Moment
    watched_since: Moment
    found: list[Alarm] = field(default_factory=list)
    blind: set[str] = field(default_factory=set)
    kept: Sequence[Kept] = ()
    overdue: Counter[str] = field(default_factory=Counter)  # what the law wanted done by now, by kind

    @property
    def zone(self) -> str:
        return self.view.tenant.timezone

    def add(self, alarm: Alarm | None) -> None:
        if alarm is not None:
            self.found.append(alarm)

    @property
    def quiet(self) -> bool:
        """Whether there is nothing to be written down."""
        return not self.found and not self.kept


def look(view: TenantView, now: Moment, watched_since: Moment, sources: Sources) -> Unit[Look]:
    """Everything there is to see. The platform sells nothing and has no guests: it has its deadlines alone."""
    seen = Look(view=view, now=now, watched_since=watched_since)
    seen.kept = yield from store.unclosed()
    if view.tenant.kind == "isp":
        yield from _of_isp(seen, sources)
    for each in (yield from sources.deadlines(view.tenant.kind, now)):
        seen.overdue[each.kind] += each.stage(now) == "over"
        seen.add(rules.deadline(each, now, seen.zone))
    return seen


def _of_isp(seen: Look, sources: Sources) -> Unit[None]:
    now = seen.now
    yield from _routers(seen)
    yield from _silence(seen)
    yield from _ends(seen)
    yield from _callbacks(seen)
    seen.add(rules.odd_reports((yield from store.odd_reports(now - DAY)), now))
    seen.add(rules.guess_burst((yield from store.guesses(now - rules.GUESS_MS)), now))
    for balance in (yield from sources.balances()):
        seen.add(rules.balance_full(balance, now))
    seen.add(rules.broke_off((yield from sources.broke_off(now)), now, seen.zone))
    yield from _expiring(seen, sources)


def _routers(seen: Look) -> Unit[None]:
    opened = [each for each in seen.kept if each.opened_at is not None]
    routers = yield from tenancy.routers()
    seen.found += outages.routers_down(
        Routers(
            now=seen.now,
            zone=seen.zone,
            watched_since=seen.watched_since,
            contacts=[
                Contact(id=each.id, name=each.name, at=each.last_contact_at) for each in routers if expected(each)
            ],
            alone=frozenset(each.subject for each in opened if each.kind == "router-down"),
            together_since=next((each.since for each in opened if each.kind == "routers-down"), None),
        )
    )


def expected(router: tenancy.Router) -> bool:
    """Whether it should be heard of all the time: one in RADIUS mode is rightly silent while no guest is there.

    Unless it calls us, which it does each minute.
    """
    return router.active and (router.mode == "api" or router.call_hash is not None)


def _silence(seen: Look) -> Unit[None]:
    """Only where it is silent there is more to be read. What is open is over with the next payment, and not before."""
    now, earliest = seen.now, seen.now - LONGEST_MS
    selling = silence.selling_since(seen.view.plans, earliest, now, seen.zone)
    if selling is None or not (yield from store.has_account()):
        seen.blind |= SILENT
        return
    begun = yield from store.last_begun((earliest, now))
    paid = yield from store.last_paid((earliest, now))
    seen.blind |= _unbroken(seen, "silence-begun", begun) | _unbroken(seen, "silence-paid", paid)
    yield from _begun(seen, max(selling, begun or earliest))
    yield from _finished(seen, max(selling, paid or earliest))


def _unbroken(seen: Look, kind: str, latest: Moment | None) -> set[str]:
    """The kind, when no payment has come since its alarm began: a night in between is no proof that all is well."""
    since = next((each.since for each in seen.kept if each.kind == kind), None)
    return {kind} if since is not None and (latest or 0) <= since else set()


def _begun(seen: Look, since: Moment) -> Unit[None]:
    if seen.now - since < LEAST_MS:
        return
    counts: list[int] = []
    for span in silence.windows(since, seen.now):
        counts += [(yield from store.begun_in(span))]
    gaps = yield from store.begun_in(_weeks(seen.now))
    seen.add(silence.nothing_begun(Begun(now=seen.now, zone=seen.zone, since=since, counts=counts, gaps=gaps)))


def _finished(seen: Look, since: Moment) -> Unit[None]:
    guests = yield from store.guests_who_began((since, seen.now - SETTLE_MS))
    if guests < silence.LEAST_GUESTS:
        return
    weeks = _weeks(since)
    begun, paid = (yield from store.begun_in(weeks)), (yield from store.paid_of(weeks))
    seen.add(
        silence.nothing_finished(
            Finished(now=seen.now, zone=seen.zone, since=since, guests=guests, begun=begun, paid=paid)
        )
    )


def _weeks(until: Moment) -> store.Span:
    return until - WEEKS * WEEK_MS, until


def _ends(seen: Look) -> Unit[None]:
    """How payments ended of late."""
    ended = yield from store.ended_in((seen.now - rules.FAILING_MS, seen.now))
    reasons: Counter[str] = Counter()
    for row in ended:
        if row["state"] == "failed":
            reasons[row["reason"] or ""] += row["guests"]
    paid = sum(row["guests"] for row in ended if row["state"] == "paid")
    if not ended:
        seen.blind.add("failing")
    seen.add(rules.failing(Failing(now=seen.now, reasons=reasons, paid=paid)))
    seen.add(rules.account_full(reasons["shop-limit"], seen.now))


def _callbacks(seen: Look) -> Unit[None]:
    """Of the last hour; where too few payments come in an hour to say anything, of the last day."""
    for span in (HOUR, DAY):
        since = seen.now - span
        told, asked = _by((yield from store.settled_by((since, seen.now))))
        if told + asked >= rules.LEAST_ASKED:
            yield from _reported(seen, since, told, asked)
            return
    seen.blind.add("callbacks")


def _reported(seen: Look, since: Moment, told: int, asked: int) -> Unit[None]:
    if asked < rules.LEAST_ASKED:
        return
    told_before, asked_before = _by((yield from store.settled_by((since - rules.USUAL_MS, since))))
    counts = {"told": told, "asked": asked, "told_before": told_before, "asked_before": asked_before}
    seen.add(rules.callbacks_missing(Callbacks(now=seen.now, since=since, **counts)))


def _by(counts: dict[str, int]) -> tuple[int, int]:
    return counts.get("stk", 0), counts.get("query", 0)


def _expiring(seen: Look, sources: Sources) -> Unit[None]:
    today = spans.today(seen.now, seen.zone)
    for paper in papers.papers(seen.view.tenant, today):
        seen.add(rules.paper_ends(paper, seen.now))
    for each in (yield from sources.expiring()):
        seen.add(rules.expires(each, seen.now, seen.zone))
