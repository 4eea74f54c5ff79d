"""What the keepers report, and what they ask for: readings in, wanted devices out.

`record` meters the use since the last reading, starts the clock of a pass with the first active row seen for
it, and lets time act. `wanted` says for each device at a router what it may do there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from portal.access import admission, store
from portal.access.allowance import Allowance
from portal.access.charge import charge, queue_for
from portal.access.many import store as many
from portal.access.many.batch import Batch, read_batch
from portal.access.many.keep import Keep, keep_of
from portal.access.many.standings import standings
from portal.access.passes import Pass
from portal.access.places import store as places
from portal.clock import MINUTE, Moment
from portal.sessions import store as sessions
from portal.sessions.fold import Cause, Stretch, hour_of, stretches, to_write
from portal.sessions.meter import (
    NO_USE,
    PACE_MS,
    SLACK_MS,
    Pace,
    Reading,
    pace_between,
    same_session,
    untorn,
)
from portal.units import Unit

# A used-time pass pauses when its device was silent for so long, and this silence is not charged (design 3b).
IDLE_MS = 5 * MINUTE
LATE_MS = MINUTE  # a reading that much older than the last one came late; if it is older still, the clock was put back
STILL_HERE_MS = MINUTE  # an unchanged, idle device is written down again this often, not with every poll


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """A device's counters as its keeper read them just now."""

    device_id: int
    reading: Reading
    here: bool = True  # in the router's host table, online or not
    silent_since: Moment | None = None  # since when it had sent nothing when it was last read
    pass_id: int | None = None  # the pass that its row at the router stands for
    address: str | None = None  # its IPv4 address there, when it is there


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a router should do for a device: admit it as the allowance says, or keep it off."""

    device_id: int
    mac: str
    allowance: Allowance | None
    blocked: bool = False
    keep: Keep | None = None  # for how long this stays so, if nobody is woken for it


class Known(NamedTuple):
    """Whose rows at a router are to be looked for."""

    device_id: int
    mac: str


def record(router_id: int, sightings: Iterable[Sighting], now: Moment) -> Unit[None]:
    """Take a keeper's readings into the books."""
    seen = list(sightings)
    batch = yield from read_batch(router_id, [each.device_id for each in seen])
    gone = yield from _gone(batch, seen)
    for each in seen:
        if each.device_id in gone:
            continue
        last = batch.last(each.device_id)
        if last is None and not each.here:
            continue
        if last is not None and last.reading is not None and _says_nothing(last, last.reading, each):
            continue
        yield from _record_one(batch, last, each, now)
    for (hour, plan_name), (guests, use) in batch.hours.items():
        yield from sessions.add_to_hour(hour, router_id, plan_name, guests, use)
    for device_id in sorted(batch.owners):
        if not batch.stands(device_id, now):
            yield from admission.refresh(device_id, now)


def _gone(batch: Batch, seen: Sequence[Sighting]) -> Unit[set[int]]:
    """Devices that were erased between the reading and its recording; only those have been nowhere, so few are read."""
    nowhere = sorted({each.device_id for each in seen if not batch.places.get(each.device_id)})
    return set((yield from many.gone(nowhere))) if nowhere else set()


def polled(router_id: int, calm: Sequence[int], sightings: Iterable[Sighting], now: Moment) -> Unit[None]:
    """Take the first readings of a poll into the books; the calm are only still there."""
    yield from places.still_here(router_id, calm, now)
    yield from record(router_id, sightings, now)


def _record_one(batch: Batch, last: store.Presence | None, seen: Sighting, now: Moment) -> Unit[None]:
    seen = replace(seen, reading=untorn(None if last is None else last.reading, seen.reading))
    router_id, device_id, this = batch.router_id, seen.device_id, seen.reading
    before, then = (None, None) if last is None else (last.reading, last.online_since)
    since = _online_since(last, this)
    parts = stretches(before, then, this, since)
    until = _end_of(then, parts)
    silence = _last_silence(until, seen)
    use = sum((part.use for part in parts), start=NO_USE)
    queue = yield from queue_for(batch, device_id)
    queue = yield from _given_first(queue, seen)
    charged = yield from charge(batch, device_id, queue, replace(use, ms=use.ms - silence), now)
    batch.owners |= charged.owners
    if due := [part for part in parts if to_write(part, before, this)]:
        yield from _write(batch, seen, due, charged.first, silence)
    if last is not None and until is not None:
        # What came to its end meanwhile, and what followed it, did so while the device was online.
        sure = max(last.seen_at, until - SLACK_MS)  # the router's limit is rounded up: not a start of the next pass
        yield from store.save_presence(router_id, device_id, this, then, sure)
        for owner in sorted(charged.owners):
            yield from admission.refresh(owner, sure)
            batch.forget(owner)
    yield from _save(batch, last, seen, since)
    if (since is None) != (then is None):
        # What it may do elsewhere is another thing now, and the keepers there keep it for a while.
        yield from store.wake(batch.online_elsewhere(device_id), device_id)


def _save(batch: Batch, last: store.Presence | None, seen: Sighting, since: Moment | None) -> Unit[None]:
    """Write down how a device stands at the router now."""
    router_id, device_id, this = batch.router_id, seen.device_id, seen.reading
    seen_at = this.read_at if seen.here or last is None else last.seen_at
    pace, address = _pace(last, this), None if last is None else last.address
    yield from store.save_presence(router_id, device_id, this, since, seen_at, pace)
    if _moved(last, seen):
        address = seen.address
        yield from places.set_address(router_id, device_id, address or "")
    batch.saved(
        store.Presence(
            router_id=router_id,
            device_id=device_id,
            seen_at=seen_at,
            online_since=since,
            reading=this,
            address=address,
            pace=pace,
        )
    )


def _given_first(queue: list[Pass], seen: Sighting) -> Unit[list[Pass]]:
    """Use belongs to the pass that let the device in, though it was set aside, moved or taken away since."""
    if seen.pass_id is None or (queue and queue[0].id == seen.pass_id):
        return queue
    given = yield from store.get_pass(seen.pass_id)
    if given is None or given.state == "ended" or not (yield from store.has_used(given.id, seen.device_id)):
        return queue
    return [given, *(each for each in queue if each.id != given.id)]


def _end_of(then: Moment | None, parts: Sequence[Stretch]) -> Moment | None:
    """When the session that was seen last ended, if it did and the user's counters tell."""
    ends = (part.ended_at for part in parts if part.started_at == then and not part.lost)
    return next(ends, None)


def _write(batch: Batch, seen: Sighting, parts: Sequence[Stretch], first: Pass | None, silence: int) -> Unit[None]:
    """Write down these sessions, and what they have grown by in the hour; their guest counts once in it."""
    router_id, hour, gained = batch.router_id, hour_of(seen.reading.read_at), NO_USE
    known = yield from sessions.was_online(router_id, seen.device_id, hour)
    for part in parts:
        cause: str | None = None
        if part.ended_at is not None:
            of_pass = yield from sessions.end_of_pass(router_id, seen.device_id, part.started_at)
            cause = why(part, first, silence) or of_pass or "left"
        pass_id = None if first is None else first.id
        gained += yield from sessions.keep(router_id, seen.device_id, part, pass_id, cause, seen.address)
    batch.count(hour, first.plan_name if first else "", int(not known), gained)


def why(part: Stretch, first: Pass | None, silence: int) -> Cause | None:
    """Why a session ended, as far as its counters and its pass (as it stands after that use) tell."""
    assert part.ended_at is not None
    if part.lost:
        return "router"
    if silence:
        return "silence"
    if first is None:
        return None
    if first.bytes_left == 0:
        return "data"
    done = first.ends_at is not None and first.ends_at <= part.ended_at + SLACK_MS
    return "time" if done or (first.kind == "used" and not first.span_left_ms) else None


def _last_silence(ended_at: Moment | None, this: Sighting) -> int:
    """The silence that ended a session, if that is what ended it."""
    if ended_at is None or this.silent_since is None:
        return 0
    return IDLE_MS if abs(ended_at - this.silent_since - IDLE_MS) <= SLACK_MS else 0


def _says_nothing(last: store.Presence, then: Reading, this: Sighting) -> bool:
    """Whether a reading came too late, or shows an idle device as it was."""
    now = this.reading
    if 0 < then.read_at - now.read_at <= LATE_MS:
        return True
    if _moved(last, this) or now.active_uptime_s is not None or then.active_uptime_s is not None:
        return False
    quiet = replace(then, read_at=now.read_at) == now
    return quiet and (not this.here or now.read_at - last.seen_at < STILL_HERE_MS)


def _moved(last: store.Presence | None, this: Sighting) -> bool:
    """Whether it has another address than it had."""
    return this.address is not None and (last is None or this.address != last.address)


def _pace(last: store.Presence | None, this: Reading) -> Pace | None:
    """How fast it was lately: what was known before stays when this reading came too soon to tell."""
    if last is None or last.reading is None or this.active_uptime_s is None:
        return None
    if this.read_at - last.reading.read_at < PACE_MS and same_session(last.reading, this):
        return last.pace
    return pace_between(last.reading, this)


def _online_since(last: store.Presence | None, this: Reading) -> Moment | None:
    """The start of the session; kept as first seen, because later readings round differently."""
    if last is not None and last.reading is not None and same_session(last.reading, this):
        return last.online_since
    then, since = None if last is None else last.online_since, this.online_since
    if then is None or since is None or not 0 <= then - since <= SLACK_MS:
        return since
    return then + 1  # whole seconds: both seem to begin at one moment


def known(router_id: int, calm: set[int], named: set[int], macs: Sequence[str]) -> Unit[list[Known]]:
    """Whom a poll looks at beside the calm: who is named at the router, was online there, is blocked or in sight."""
    ids = named | set((yield from places.online_at(router_id))) - calm
    ids |= {each.id for each in (yield from store.blocked_devices())}
    return [Known(*each) for each in (yield from many.known(sorted(ids), macs))]


def wanted(router_id: int, device_ids: Iterable[int], macs: Sequence[str], now: Moment) -> Unit[list[Wanted]]:
    """What these devices (by id, or by a MAC that was seen) may do at this router."""
    ids = set(device_ids)
    ids.update(each.id for each in (yield from store.devices_by_mac(macs)))
    return [
        Wanted(
            device_id=each.device.id,
            mac=each.device.mac,
            allowance=each.allowance,
            blocked=each.device.hold.blocked,
            keep=keep_of(each, router_id, now),
        )
        for each in (yield from standings(sorted(ids), now, router_id))
    ]


def anything_due(now: Moment) -> Unit[bool]:
    """Whether `let_time_act` has something to do; a read, so that an idle installation writes nothing."""
    return bool((yield from store.due_devices(now)))


def let_time_act(now: Moment) -> Unit[int]:
    """End what has come to its end by the clock, at any router; how many devices were looked at."""
    due = yield from store.due_devices(now)
    for device_id in due:
        yield from admission.refresh(device_id, now)
    return len(due)


def make_good(router_id: int, lost_ms: int, now: Moment) -> Unit[int]:
    """Make good an outage of a whole router: each running wall-clock pass there gets the lost time back."""
    done = 0
    for seen in (yield from places.present_lately(router_id, now - lost_ms)):
        queue = yield from store.queue_of(seen)
        for one in queue[:1]:
            if one.kind == "wall" and one.state == "running" and one.ends_at is not None:
                later = replace(one, span_ms=one.span_ms + lost_ms, ends_at=one.ends_at + lost_ms)
                yield from store.save_pass(one, later)
                yield from admission.wake_all(seen, queue)
                done += 1
    return done
