"""What the keepers report, and what they ask for: readings in, wanted devices out.

`record` meters the use since the last reading, starts the clock of a pass with the first active row seen for
it, and lets time act. `wanted` says for each device at a router what it may do there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from portal.access import admission, store
from portal.access.allowance import Allowance
from portal.access.passes import Pass
from portal.access.places import store as places
from portal.clock import MINUTE, SECOND, Moment
from portal.sessions.meter import PACE_MS, SLACK_MS, Pace, Reading, Use, pace_between, same_session, use_between
from portal.units import Unit

# A used-time pass pauses when its device was silent for so long, and this silence is not charged (design 3b).
IDLE_MS = 5 * MINUTE
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


def record(router_id: int, sightings: Iterable[Sighting], now: Moment) -> Unit[None]:
    """Take a keeper's readings into the books."""
    owners: set[int] = set()
    for each in sightings:
        last = yield from store.presence_at(router_id, each.device_id)
        if last is None and not each.here:
            continue
        if last is not None and last.reading is not None and _nothing_new(last, each):
            continue
        before = None if last is None else last.reading
        use = use_between(before, each.reading)
        use = replace(use, ms=use.ms - _last_silence(last, each))
        charged = yield from _charge(each, use, now)
        owners.update(charged)
        until = _session_end(last, each)
        if last is not None and until is not None:
            # What came to its end meanwhile, and what followed it, did so while the device was online.
            sure = max(last.seen_at, until - SLACK_MS)  # the router's limit is rounded up: not a start of the next pass
            yield from store.save_presence(router_id, each.device_id, each.reading, last.online_since, sure)
            for device_id in sorted(charged):
                yield from admission.refresh(device_id, sure)
        since = _online_since(last, each.reading)
        seen_at = each.reading.read_at if each.here or last is None else last.seen_at
        yield from store.save_presence(
            router_id, each.device_id, each.reading, since, seen_at, _pace(last, each.reading)
        )
        if _moved(last, each):
            yield from places.set_address(router_id, each.device_id, each.address or "")
    for device_id in sorted(owners):
        yield from admission.refresh(device_id, now)


def _last_silence(last: store.Presence | None, this: Sighting) -> int:
    """The silence that ended a session, if that is what ended it."""
    ended_at = _session_end(last, this)
    if ended_at is None or this.silent_since is None:
        return 0
    return IDLE_MS if abs(ended_at - this.silent_since - IDLE_MS) <= SLACK_MS else 0


def _session_end(last: store.Presence | None, this: Sighting) -> Moment | None:
    """When the session that was seen last ended, if it did and the user's counters tell."""
    if last is None or last.reading is None or last.online_since is None or same_session(last.reading, this.reading):
        return None
    length_s = this.reading.user_uptime_s - last.reading.user_uptime_s
    if length_s < (last.reading.active_uptime_s or 0):
        return None  # a reboot lost it
    return min(last.online_since + length_s * SECOND, this.reading.read_at)


def _nothing_new(last: store.Presence, this: Sighting) -> bool:
    then, now = last.reading, this.reading
    if _moved(last, this):
        return False
    if then is None or now.active_uptime_s is not None or then.active_uptime_s is not None:
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
    return this.online_since


def _charge(seen: Sighting, use: Use, now: Moment) -> Unit[set[int]]:
    """Charge use to the device's passes; gives the devices whose queues may change by it."""
    device_id = seen.device_id
    queue = yield from store.queue_of(device_id)
    if not queue:
        queue = (yield from store.shared_with(device_id))[:1]
    queue = yield from _given_first(queue, seen)
    if not queue:
        return {device_id}
    yield from _spread(queue, device_id, use, now)
    return {device_id, *(one.device_id for one in queue)}


def _given_first(queue: list[Pass], seen: Sighting) -> Unit[list[Pass]]:
    """Use belongs to the pass that let the device in, though it was set aside, moved or taken away since."""
    if seen.pass_id is None or (queue and queue[0].id == seen.pass_id):
        return queue
    given = yield from store.get_pass(seen.pass_id)
    if given is None or given.state == "ended" or not (yield from store.has_used(given.id, seen.device_id)):
        return queue
    return [given, *(each for each in queue if each.id != given.id)]


def _spread(queue: Sequence[Pass], device_id: int, use: Use, now: Moment) -> Unit[None]:
    """Use goes to the head; what it cannot hold goes to the passes behind it (R4: one login covers both)."""
    ms, size = use.ms, use.bytes_up + use.bytes_down
    yield from store.add_use(queue[0].id, device_id, use, now)
    for n, one in enumerate(queue):
        last = n == len(queue) - 1
        part_ms = (ms if last else min(ms, one.span_left_ms)) if one.kind == "used" else 0
        part = size if last or one.bytes_left is None else min(size, one.bytes_left)
        used_ms = max(0, one.used_ms + part_ms)
        yield from store.save_pass(one, replace(one, used_ms=used_ms, used_bytes=one.used_bytes + part))
        ms, size = ms - part_ms, size - part
        if (ms <= 0 and size <= 0) or (one.kind == "wall" and size <= 0):
            return


def wanted(router_id: int, device_ids: Iterable[int], macs: Sequence[str], now: Moment) -> Unit[list[Wanted]]:
    """What these devices (by id, or by a MAC that was seen) may do at this router."""
    ids = set(device_ids)
    ids.update(each.id for each in (yield from store.devices_by_mac(macs)))
    found: list[Wanted] = []
    for device_id in sorted(ids):
        stands = yield from admission.standing(device_id, now, router_id)
        if stands is None:
            continue
        found.append(
            Wanted(
                device_id=device_id,
                mac=stands.device.mac,
                allowance=stands.allowance,
                blocked=stands.device.hold.blocked,
            )
        )
    return found


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
