"""An accounting packet goes into the books: one unit, in which all of it is written or nothing.

What the keepers write down from their readings is written here from reports: sessions and hours, where the device is,
and its use, charged to its passes. Then time may act, as after a reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from portal.access import admission, store
from portal.access.charge import charge, queue_for
from portal.access.many.batch import Batch
from portal.access.passes import Pass
from portal.access.places import store as places
from portal.access.record import IDLE_MS, why
from portal.access.store import Presence
from portal.clock import SECOND, Moment
from portal.errors import BandoError
from portal.radius.metering import store as metering
from portal.radius.metering.merge import Known, News, known_of, merged
from portal.radius.metering.report import Report
from portal.radius.metering.store import Found
from portal.radius.names import Named
from portal.seal import Vault
from portal.sessions import store as sessions
from portal.sessions.fold import Stretch, hour_of
from portal.sessions.meter import SLACK_MS, Reading, pace_between
from portal.units import Unit, for_several, later

Came = Literal["new", "again", "stranger"]
TRIES = 20  # so many sessions of one device do not begin within one second


class Moved(BandoError):
    """Another packet of the same session came in between; this one is to be taken again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a packet came from, and what has to be known to take it."""

    router_id: int
    vault: Vault
    patience_ms: int  # for how long after a packet a session is held to go on


class Packet(NamedTuple):
    """An accounting packet, and when it came."""

    place: Place
    report: Report
    named: Named | None
    now: Moment


@dataclass(kw_only=True, slots=True)
class _Told:
    """A packet of a known device, and what it brings, as far as it has been looked at."""

    place: Place
    report: Report
    named: Named | None
    device_id: int
    known: Known | None
    news: News
    now: Moment

    @property
    def let_in_at(self) -> Moment:
        """By which the device's sessions are in order."""
        if self.named is not None:
            return self.named.let_in_at
        known_at = None if self.known is None else self.known.let_in_at
        return self.news.started_at if known_at is None else known_at

    @property
    def pass_id(self) -> int | None:
        """The pass that let the device in."""
        if self.named is not None:
            return self.named.pass_id
        return None if self.known is None else self.known.pass_id


def take(place: Place, report: Report, named: Named | None, now: Moment) -> Unit[Came]:
    """Take a Start, an Interim-Update or a Stop into the books.

    stranger: nobody knows its device, or not any more; nothing of it is written down. again: it brings nothing new.
    """
    found = yield from metering.found(place.router_id, report.acct_id, report.mac)
    return (yield from _taken(Packet(place, report, named, now), found, set()))


@for_several(take)
def take_several(calls: Sequence[tuple[Any, ...]]) -> Unit[list[Came]]:
    """The same for several packets, one after another; what they name is looked up at once (PostgreSQL alone)."""
    packets = [Packet(*each) for each in calls]
    found = yield from metering.found_for_several(
        [(each.place.router_id, each.report.acct_id, each.report.mac) for each in packets]
    )
    came: list[Came] = []
    changed: set[int] = set()
    for packet, known in zip(packets, found, strict=True):
        if known is not None and known.device_id in changed:  # by a packet before this one
            known = yield from metering.found(packet.place.router_id, packet.report.acct_id, packet.report.mac)
        came.append((yield from _taken(packet, known, changed)))
    return came


def _taken(packet: Packet, found: Found | None, changed: set[int]) -> Unit[Came]:
    """Take a packet about this device; the devices of which it changes anything come into `changed`."""
    place, report, named, now = packet
    let_in_at = None if named is None else named.let_in_at
    if found is None or (named is not None and named.device_id != found.device_id):
        return "stranger"
    known = known_of(found.sessions, report, let_in_at, now)
    news = merged(known, report, now)
    if news is None:
        return "again"
    told = _Told(
        place=place, report=report, named=named, device_id=found.device_id, known=known, news=news, now=now
    )  # fmt: skip
    batch = _batch(place.router_id, found)
    yield from _write(told, batch)
    changed |= batch.owners
    return "new"


def _batch(router_id: int, found: Found) -> Batch:
    """How the device stands; passes that somebody else may use are read when they are wanted."""
    alone = all(one.max_devices == 1 for one in found.queue)
    queues = {found.device_id: list(found.queue)} if alone else {}
    return Batch(router_id=router_id, places={found.device_id: list(found.places)}, queues=queues)


def _write(told: _Told, batch: Batch) -> Unit[None]:
    last = batch.last(told.device_id)
    told.news = yield from _among_others(told, last)
    first = yield from _charge(batch, told)
    yield from _hour(told, first)
    if told.known is None:
        started_at = yield from _begin(told, first, _cause(told, first))
        told.news = replace(told.news, started_at=started_at)
    yield from _presence(batch, last, told)
    if told.known is not None:
        yield from _go_on(told, told.known, _cause(told, first))
    for owner in sorted(batch.owners):
        if not batch.stands(owner, told.now):
            yield from admission.refresh(owner, told.now)


def _among_others(told: _Told, last: Presence | None) -> Unit[News]:
    """The news, when the device's other sessions here are looked at too: only the latest one can be running."""
    news = told.news
    known_here = told.known is not None and last is not None and last.online_since == told.known.started_at
    if news.ended_at is not None or last is None or known_here:
        return news
    if (yield from metering.later_one(told.place.router_id, told.device_id, told.let_in_at)):
        return replace(news, ended_at=news.seen_at)
    if last.online_since is not None:
        but = 0 if told.known is None else told.known.id
        yield from metering.end_earlier(told.place.router_id, told.device_id, told.let_in_at, but)
    return news


def _charge(batch: Batch, told: _Told) -> Unit[Pass | None]:
    """Charge what was gained; the pass that it was charged to, as it stands now."""
    queue = yield from queue_for(batch, told.device_id)
    queue = yield from _given_first(queue, told)
    gained, silence = told.news.gained, _silence(told)
    if silence:
        gained = replace(gained, ms=gained.ms - silence)
    charged = yield from charge(batch, told.device_id, queue, gained, told.now)
    batch.owners |= charged.owners
    return charged.first


def _silence(told: _Told) -> int:
    """The silence that ended a session is not charged, as with a keeper."""
    if told.report.kind == "stop" and told.report.cause in ("Idle-Timeout", "4"):
        return min(IDLE_MS, told.news.total.ms)
    return 0


def _given_first(queue: list[Pass], told: _Told) -> Unit[list[Pass]]:
    """Use belongs to the pass that let the device in, also what came after its end, up to the next report.

    Nobody can tell when in between it was used. From then on the session goes by the passes behind it, if there are
    any: one login covers them, too.
    """
    pass_id = told.pass_id
    if pass_id is None or (queue and queue[0].id == pass_id):
        return queue
    given = yield from store.get_pass(pass_id)
    if given is None or not (yield from _may_use(given, told)):
        return queue
    since = told.known.seen_at if told.known is not None else told.news.started_at
    if queue and given.ended_at is not None and given.ended_at <= since:
        return queue
    return [given, *(each for each in queue if each.id != given.id)]


def _may_use(given: Pass, told: _Told) -> Unit[bool]:
    """Whether the pass ever was this device's: a session that was begun under it says so, too."""
    if given.device_id == told.device_id or (told.known is not None and told.known.pass_id == given.id):
        return True
    return (yield from store.has_used(given.id, told.device_id))


def _hour(told: _Told, first: Pass | None) -> Unit[None]:
    """Write down what the session has grown by in the hour."""
    news, hour = told.news, hour_of(told.now)
    known_in_hour = told.known is not None and told.known.seen_at >= hour
    if not known_in_hour:
        known_in_hour = yield from sessions.was_online(told.place.router_id, told.device_id, hour)
    plan = first.plan_name if first else ""
    yield from later(sessions.add_to_hour(hour, told.place.router_id, plan, int(not known_in_hour), news.gained))


def _go_on(told: _Told, known: Known, cause: str | None) -> Unit[None]:
    """Write down what is new of a session; what could wait until now is carried out with it."""
    if not (yield from metering.go_on(known, told.news, cause, told.report.address or None)):
        raise Moved


def _begin(told: _Told, first: Pass | None, cause: str | None) -> Unit[Moment]:
    """A new session; of one that seems to begin with another one of its device, the beginning is a little later."""
    news, named, report = told.news, told.named, told.report
    columns: dict[str, Any] = {
        "router_id": told.place.router_id,
        "device_id": told.device_id,
        "pass_id": told.pass_id if told.pass_id is not None else first.id if first else None,
        "cause": cause,
        "ms": news.total.ms,
        "up": news.total.bytes_up,
        "down": news.total.bytes_down,
        "address": report.address or None,
        "acct_id": report.acct_id,
        "terms": named.terms.text if named else None,
    }
    for by in range(TRIES):
        started_at = news.started_at + by
        columns |= {
            "started_at": started_at,
            "seen_at": max(started_at, news.seen_at),
            "ended_at": None if news.ended_at is None else max(started_at, news.ended_at),
            "let_in_at": named.let_in_at if named else started_at,
            "login_sealed": _sealed(told, started_at) if news.ended_at is None else None,
        }
        if (yield from metering.begin(columns)):
            return started_at
    raise Moved


def _sealed(told: _Told, started_at: Moment) -> bytes | None:
    """The name by which it logged in: a voucher's code may be one (R7). A Disconnect has to say it."""
    if not told.report.name:
        return None
    row = sealed_row(told.device_id, started_at, told.place.router_id)
    return told.place.vault.seal(told.report.name, table="sessions", row=row, column="login_sealed")


def sealed_row(device_id: int, started_at: Moment, router_id: int) -> str:
    """How the row of a session is called where something in it is sealed."""
    return f"{device_id}|{started_at}|{router_id}"


def _cause(told: _Told, first: Pass | None) -> str | None:
    """Why it ended, in the words of `sessions`; None while it goes on."""
    news = told.news
    if news.ended_at is None:
        return None
    part = Stretch(
        started_at=news.started_at,
        seen_at=news.seen_at,
        use=news.gained,
        total=news.total,
        ended_at=news.ended_at,
        lost=not news.over and told.report.kind != "stop",
    )
    told_why = why(part, first, _silence(told))
    if told_why is not None:
        return told_why
    of_pass = None if first is None else first.end_reason
    return of_pass or CAUSES.get(told.report.cause, "left")


# What a router says of an end, where that is more than that the device left (RFC 2866, 5.10).
CAUSES = {
    **{"Session-Timeout": "time", "5": "time"},
    **{"NAS-Reboot": "router", "11": "router", "NAS-Error": "router", "9": "router", "Lost-Carrier": "silence"},
    **{"2": "silence", "Lost-Service": "silence", "3": "silence"},
}


def _presence(batch: Batch, last: Presence | None, told: _Told) -> Unit[None]:
    """Write down where the device is; what came to its end meanwhile, did so while it was online."""
    news = told.news
    here = last is not None and last.online_since is not None
    if news.ended_at is not None and here and last is not None and last.online_since != news.started_at:
        return  # it is online by a later session
    online = _online(told, last)
    if news.ended_at is None:
        yield from _save(batch, last, online, told)
        return
    sure = max(news.started_at, news.ended_at - SLACK_MS)  # the router's limit is rounded up: not a start of the next
    yield from _let_time_act(batch, replace(online, seen_at=sure), told, sure)
    seen_at = news.ended_at if last is None else max(last.seen_at, news.ended_at)
    gone = Reading(read_at=seen_at)
    yield from _save(batch, last, replace(online, seen_at=seen_at, online_since=None, reading=gone, pace=None), told)


def _let_time_act(batch: Batch, online: Presence, told: _Told, sure: Moment) -> Unit[None]:
    """Let time act as it was while the device was still online, if it has anything to do."""
    batch.saved(online)
    owners = [each for each in sorted(batch.owners) if not batch.stands(each, sure)]
    if not owners:
        return
    yield from _save_presence(online)
    for owner in owners:
        yield from admission.refresh(owner, sure)
        batch.forget(owner)


def _online(told: _Told, last: Presence | None) -> Presence:
    """The device, online by this session."""
    news = told.news
    reading = Reading(
        read_at=news.seen_at,
        active_uptime_s=news.total.ms // SECOND,
        active_bytes_in=news.total.bytes_up,
        active_bytes_out=news.total.bytes_down,
    )
    same = last is not None and last.online_since == news.started_at and last.reading is not None
    pace = pace_between(last.reading, reading) if same and last and last.reading else None
    return Presence(
        router_id=told.place.router_id,
        device_id=told.device_id,
        seen_at=news.seen_at if last is None else max(last.seen_at, news.seen_at),
        online_since=news.started_at,
        reading=reading,
        address=told.report.address or (last.address if last else None),
        pace=pace,
        patience_ms=told.place.patience_ms,
    )


def _save(batch: Batch, last: Presence | None, now: Presence, told: _Told) -> Unit[None]:
    yield from later(_save_presence(now))
    if now.address and (last is None or last.address != now.address):
        yield from places.set_address(now.router_id, now.device_id, now.address)
    batch.saved(now)
    was_online = last is not None and last.online_since is not None
    if was_online != (now.online_since is not None):
        # What it may do elsewhere is another thing now.
        yield from store.wake(batch.online_elsewhere(now.device_id), now.device_id)


def _save_presence(now: Presence) -> Unit[None]:
    assert now.reading is not None
    yield from store.save_presence(
        now.router_id, now.device_id, now.reading, now.online_since, now.seen_at, now.pace, now.patience_ms
    )
