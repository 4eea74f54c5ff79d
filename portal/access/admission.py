"""The one door: every pass is made, moved, held and ended here, inside the caller's transaction.

Each function is a unit (design 5). Whatever changes a pass ends with `refresh`, which lets time act on the
queue of the device and wakes the keepers of the routers that know it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from portal.access import passes, store
from portal.access.allowance import Allowance, allowance, good_at
from portal.access.passes import LIVE, OFF, Online, Pass, Reason
from portal.access.plans import Plan
from portal.access.store import Cause, Device, Presence
from portal.clock import Moment
from portal.errors import Refused
from portal.units import Unit, later

FRESH_MS = store.PRESENT_MS


@dataclass(frozen=True, kw_only=True)
class Standing:
    """All that a page or a keeper wants to know about a device."""

    device: Device
    queue: Sequence[Pass]  # its own passes, head first; a shared pass stands alone
    shared: bool
    allowance: Allowance | None
    places: Sequence[Presence] = ()  # where it was ever seen, the latest first

    @property
    def head(self) -> Pass | None:
        return self.queue[0] if self.queue else None

    @property
    def online(self) -> Presence | None:
        return next((each for each in self.places if each.online_since is not None), None)

    @property
    def seen(self) -> Presence | None:
        """Where it was last seen, online or not."""
        return self.places[0] if self.places else None


def grant(plan: Plan, device_id: int, cause: Cause, now: Moment, person_id: int | None = None) -> Unit[Pass]:
    """A pass for this cause: a new one, or the one the cause has made before (I2)."""
    queue = yield from store.queue_of(device_id)
    last = queue[-1].position if queue else 0
    users: Users = {0: [device_id]}
    before = [*queue, passes.bought(plan, device_id, last + 1, now)]
    after = yield from _advanced(before, now, users)
    new = next(each for each in after if not each.id)
    pass_id = yield from store.insert_pass(new, plan, person_id, cause)
    if pass_id is None:
        return (yield from _made_before(cause))
    made = replace(new, id=pass_id)
    yield from store.add_pass_device(pass_id, device_id, now)
    yield from _save(queue, [each for each in after if each.id])
    yield from wake_all(device_id, [*queue, made], {**users, pass_id: [device_id]})
    return made


def _made_before(cause: Cause) -> Unit[Pass]:
    found = yield from store.pass_by_cause(cause)
    assert found is not None
    return found


def welcome(plan: Plan, device_id: int, router_id: int, cause: Cause, now: Moment) -> Unit[int]:
    """`grant` to a device that became known at this router in this very transaction; gives the pass's id.

    It has no queue, and was seen nowhere yet: its pass is the head of its queue and waits for it.
    """
    new = passes.bought(plan, device_id, 1, now, state="waiting")
    pass_id = yield from store.insert_pass(new, plan, None, cause)
    if pass_id is None:
        return (yield from _made_before(cause)).id
    yield from later(store.add_pass_device(pass_id, device_id, now))
    yield from later(store.wake([router_id], device_id))
    return pass_id


def carry_on(one: Pass, now: Moment) -> Unit[None]:
    """A pass that ran in another system before: its clock goes on from now, its device online or not."""
    if one.state != "waiting":
        return
    if one.kind == "wall":
        begun = replace(one, state="running", started_at=now, ends_at=now + one.span_left_ms)
    else:
        window_end = None if one.window_ms is None else now + one.window_ms
        begun = replace(one, state="paused", started_at=now, ends_at=window_end)
    yield from store.save_pass(one, begun)
    yield from refresh(one.device_id, now, wake=True)


def refresh(device_id: int, now: Moment, *, wake: bool = False) -> Unit[bool]:
    """Let time act on a device's queue; wakes the keepers when something changed or `wake` says so."""
    queue = yield from store.queue_of(device_id)
    users: Users = {}
    changed = yield from _save(queue, (yield from _advanced(queue, now, users)))
    if changed or wake:
        yield from wake_all(device_id, queue, users)
    return changed


def _save(before: Sequence[Pass], after: Sequence[Pass]) -> Unit[bool]:
    """Write what time has changed; whether anything has."""
    changed = False
    by_id = {each.id: each for each in before}
    for each in after:
        changed = (yield from store.save_pass(by_id[each.id], each)) or changed
    return changed


Users = dict[int, list[int]]  # the devices of a pass, as far as they were read already


def _users(one: Pass, users: Users) -> Unit[list[int]]:
    if one.id not in users:
        users[one.id] = yield from store.devices_of_pass(one.id)
    return users[one.id]


def wake_all(device_id: int, queue: Sequence[Pass], users: Users | None = None) -> Unit[None]:
    """Wake the keepers of every device that uses these passes."""
    devices = {device_id}
    for each in queue:
        devices.update((yield from _users(each, {} if users is None else users)))
    for each_device in sorted(devices):
        yield from store.wake((yield from store.routers_of(each_device)), each_device)


def _advanced(queue: Sequence[Pass], now: Moment, users: Users | None = None) -> Unit[list[Pass]]:
    seen: dict[int, Online] = {}
    for each in queue:
        seen[each.id] = yield from _online(each, now, {} if users is None else users)
    return passes.advance(queue, lambda one: seen.get(one.id, OFF), now)


def _online(one: Pass, now: Moment, users: Users) -> Unit[Online]:
    """Since when a device of this pass is online, at a router where the pass is good.

    What a router said that is silent since counts only while no other router knows better: one that died with the
    device online would otherwise keep its next pass from ever starting elsewhere.
    """
    sights: list[tuple[Presence, Moment]] = []
    for device_id in (yield from _users(one, users)):
        not_before = yield from _in_use_since(one, device_id)
        if not_before is not None:
            sights += [(seen, not_before) for seen in (yield from store.presence_of(device_id))]
    return online_by(one, sights, now)


def online_by(one: Pass, sights: Iterable[tuple[Presence, Moment]], now: Moment) -> Online:
    """Online as these say: where a device is, and from when on that may be by this pass."""
    fresh: list[Moment] = []
    stale: list[Moment] = []
    for seen, not_before in sights:
        if seen.online_since is not None and good_at(one, seen.router_id):
            (fresh if seen.fresh(now) else stale).append(max(seen.online_since, not_before))
    if fresh:
        return Online(since=min(fresh))
    return Online(since=min(stale), fresh=False) if stale else OFF


def _in_use_since(one: Pass, device_id: int) -> Unit[Moment | None]:
    """From when on a device's being online may be by this pass; None while a further device goes by another one."""
    if device_id == one.device_id:
        return 0
    if (yield from store.queue_of(device_id)):
        return None
    shared = yield from store.shared_with(device_id)
    if shared and shared[0].id != one.id:
        return None
    return (yield from store.last_use_elsewhere(one.id, device_id))


def standing(device_id: int, now: Moment, router_id: int | None = None) -> Unit[Standing | None]:
    """How a device stands at `now`; changes nothing, so it may be ahead of the stored states."""
    found = yield from store.device(device_id)
    if found is None:
        return None
    own = [one for one in (yield from _advanced((yield from store.queue_of(device_id)), now)) if one.state != "ended"]
    queue, shared = own, False
    if not own:
        queue = (yield from _shared(device_id, now))[:1]
        shared = bool(queue)
    places = yield from store.presence_of(device_id)
    sharers = (yield from _sharers(queue[0], device_id)) if queue else 1
    return Standing(
        device=found,
        queue=queue,
        shared=shared,
        allowance=allowance(queue, now, hold=found.hold, router_id=router_id, sharers=sharers),
        places=places,
    )


def _shared(device_id: int, now: Moment) -> Unit[list[Pass]]:
    found: list[Pass] = []
    for one in (yield from store.shared_with(device_id)):
        stepped = yield from _advanced([one], now)
        found += [each for each in stepped if each.state in LIVE]
    return found


def _sharers(one: Pass, device_id: int) -> Unit[int]:
    """How many devices of the pass are online, this one counted in."""
    if one.max_devices == 1:
        return 1
    online = {device_id}
    for each in (yield from store.devices_of_pass(one.id)):
        if any(seen.online_since is not None for seen in (yield from store.presence_of(each))):
            online.add(each)
    return len(online)


# --- what guests and staff may do with passes ---


def tap(device_id: int, now: Moment) -> Unit[None]:
    """The guest asks to be connected: a hold of their own ends, a paused pass goes on."""
    found = yield from store.device(device_id)
    if found is None or found.hold.blocked or (found.hold.by == "staff" and found.hold.holds(now)):
        return
    if found.hold.by is not None:
        yield from store.set_hold(device_id, None, None, now)
    own = yield from store.queue_of(device_id)
    live = own or (yield from store.shared_with(device_id))
    for one in live[:1]:
        if one.state == "paused":
            yield from store.save_pass(one, replace(one, state="waiting"))
    yield from refresh(device_id, now, wake=True)


def wanted_since(device_id: int, asked_at: Moment, now: Moment) -> Unit[None]:
    """The guest asked at `asked_at` to be online: a disconnection from before that is over, a later one stays."""
    found = yield from store.device(device_id)
    if found is not None and found.hold.by == "guest" and (found.hold.at or 0) <= asked_at:
        yield from tap(device_id, now)


def hold(device_id: int, by: str, until: Moment | None, now: Moment) -> Unit[None]:
    """Keep a device off the routers although its pass would admit it (a disconnect or a kick)."""
    found = yield from store.device(device_id)
    if by == "guest" and found is not None and found.hold.by == "staff" and found.hold.holds(now):
        return  # what staff hold, no guest takes over and lets go
    yield from store.set_hold(device_id, by, until, now)
    yield from refresh(device_id, now, wake=True)


def block(device_id: int, blocked: bool, now: Moment) -> Unit[None]:
    """Block a device at every router of the tenant, or let it in again."""
    yield from store.set_block(device_id, now if blocked else None)
    yield from refresh(device_id, now, wake=True)


def end_pass(pass_id: int, reason: Reason, now: Moment) -> Unit[Pass]:
    """End a pass before its time (void, refund, erased)."""
    one = yield from _existing(pass_id)
    if one.state == "ended":
        return one
    ended = passes.end(one, reason, now)
    yield from store.save_pass(one, ended)
    if one.state != "queued":
        yield from store.no_earlier_than(one.device_id, now)
    yield from wake_all(one.device_id, [one])
    yield from refresh(one.device_id, now)
    return ended


def revive(pass_id: int, now: Moment) -> Unit[bool]:
    """Let a pass go on that was ended for a refund, which then failed; it keeps what was left of it."""
    one = yield from _existing(pass_id)
    if one.state != "ended" or one.end_reason != "refund":
        return False
    last = yield from store.last_position(one.device_id)
    yield from store.save_pass(one, passes.revive(one, last + 1, now))
    yield from refresh(one.device_id, now, wake=True)
    return True


def start_now(pass_id: int, now: Moment) -> Unit[None]:
    """Put a queued pass first; the one it overtakes keeps what is left of its time."""
    one = yield from _existing(pass_id)
    if one.state != "queued":
        return
    queue = yield from store.queue_of(one.device_id)
    for head in queue[:1]:
        yield from store.save_pass(head, passes.set_aside(head, now))
    first = min(each.position for each in queue) - 1
    yield from store.save_pass(one, passes.overtake(one, first, now))
    yield from refresh(one.device_id, now, wake=True)


def add_device(pass_id: int, device_id: int, now: Moment) -> Unit[None]:
    """Let a further device use a pass; the caller has seen proof (R3). Raises `Refused("devices-full")`."""
    one = yield from _existing(pass_id)
    if one.state == "ended":
        raise Refused("pass-ended")
    users = yield from store.devices_of_pass(pass_id)
    if device_id in users:
        return
    if len(users) >= one.max_devices:
        raise Refused("devices-full", devices=one.max_devices)
    yield from store.add_pass_device(pass_id, device_id, now)
    yield from refresh(one.device_id, now, wake=True)
    yield from store.wake((yield from store.routers_of(device_id)), device_id)


def remove_device(pass_id: int, device_id: int, now: Moment) -> Unit[None]:
    """Take a further device off a pass."""
    one = yield from _existing(pass_id)
    if device_id == one.device_id:
        raise Refused("device-owner")
    yield from store.remove_pass_device(pass_id, device_id)
    yield from store.wake((yield from store.routers_of(device_id)), device_id)
    yield from refresh(one.device_id, now, wake=True)


def move(from_device: int, to_device: int, now: Moment, only: Collection[int] | None = None) -> Unit[None]:
    """Move a guest to a new device: the queue goes along, the old device is off.

    `only` names the passes that were proven; what somebody else bought for the old device stays there.
    """
    if from_device == to_device:
        return
    whole = yield from store.queue_of(from_device)
    queue = [each for each in whole if only is None or each.id in only]
    taken = bool((yield from store.queue_of(to_device)))
    yield from wake_all(from_device, queue)
    position = yield from store.last_position(to_device)
    for n, one in enumerate(queue, start=1):
        kept = passes.set_aside(one, now) if taken or one.state == "queued" else one
        moved = replace(kept, device_id=to_device, position=position + n)
        yield from store.save_pass(one, moved)
        yield from store.remove_pass_device(one.id, from_device)
        yield from store.add_pass_device(one.id, to_device, now)
    if queue and len(queue) < len(whole):
        yield from store.no_earlier_than(from_device, now)
        yield from refresh(from_device, now, wake=True)
    yield from refresh(to_device, now, wake=True)


def _existing(pass_id: int) -> Unit[Pass]:
    one = yield from store.get_pass(pass_id)
    if one is None:
        raise Refused("no-pass", status=404)
    return one
