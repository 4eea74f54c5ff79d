"""What staff do for a guest or against one: units, each for one act of the audit log."""

from __future__ import annotations

from portal.access import admission
from portal.access import store as access
from portal.access.passes import Pass
from portal.access.store import Device
from portal.clock import DAY, MINUTE, Moment
from portal.console.compensation.giving import Gift, bought_as, give
from portal.console.guests import store
from portal.errors import Refused
from portal.units import Unit

KICK_MS = 15 * MINUTE
MOST_MS = 31 * DAY  # of one gift


def must_know(device_id: int) -> Unit[Device]:
    """This device of this ISP."""
    found = yield from access.device(device_id)
    if found is None:
        raise Refused("not-found", status=404)
    return found


# --- stopping ---


def kick(device_id: int, until: Moment, now: Moment) -> Unit[None]:
    """Keep a device off until then."""
    yield from must_know(device_id)
    yield from admission.hold(device_id, "staff", until, now)


def let_in(device_id: int, now: Moment) -> Unit[None]:
    """A kick ends before its time."""
    yield from must_know(device_id)
    yield from access.set_hold(device_id, None, None, now)
    yield from admission.refresh(device_id, now, wake=True)


def block(device_id: int, blocked: bool, now: Moment) -> Unit[None]:
    """Block a device at every router, or let it in again."""
    yield from must_know(device_id)
    yield from admission.block(device_id, blocked, now)


def end_pass(device_id: int, pass_id: int, now: Moment) -> Unit[Pass]:
    """Take a pass of this device away."""
    one = yield from own_pass(device_id, pass_id)
    if one.state == "ended":
        raise Refused("pass-ended", status=409)
    return (yield from admission.end_pass(pass_id, "void", now))


def own_pass(device_id: int, pass_id: int) -> Unit[Pass]:
    """A pass that is this device's own."""
    one = yield from access.get_pass(pass_id)
    if one is None or one.device_id != device_id:
        raise Refused("not-found", status=404)
    return one


# --- helping ---


def connect(device_id: int, now: Moment) -> Unit[None]:
    """Ask for the device to be let in, as if its guest had tapped."""
    device = yield from must_know(device_id)
    if device.hold.blocked or (device.hold.by == "staff" and device.hold.holds(now)):
        raise Refused("device-stopped", status=409)
    stands = yield from admission.standing(device_id, now)
    if stands is None or stands.head is None:
        raise Refused("nothing-to-connect", status=409)
    yield from admission.tap(device_id, now)


def extend(device_id: int, gift: Gift, now: Moment) -> Unit[Pass]:
    """A free pass behind those that are there, with the rate and data of the last of them.

    Of the same kind and rate, so that the router lets it follow without a new login. It belongs to the device whose
    pass it lengthens, and whoever shares that pass shares it.
    """
    if (yield from access.pass_by_cause(gift.cause)) is not None:
        raise Refused("given-already", status=409)
    yield from must_know(device_id)
    yield from admission.refresh(device_id, now)
    base = yield from _last_pass(device_id)
    if base is None:
        raise Refused("nothing-to-extend", status=409)
    return (yield from give(base, (yield from bought_as(base.id)), gift, now))


def _last_pass(device_id: int) -> Unit[Pass | None]:
    """The last in the device's queue, else one that it shares, else the last that ended."""
    own = yield from access.queue_of(device_id)
    live = own[-1:] or (yield from access.shared_with(device_id))[:1]
    return live[0] if live else (yield from access.last_ended(device_id))


def move(device_id: int, mac: str, now: Moment) -> Unit[int]:
    """All passes of a device go to the device with this MAC, known or not; gives its id."""
    old = yield from must_know(device_id)
    known = yield from access.device_by_mac(mac)
    new = known or (yield from access.touch_device(mac, old.last_router_id, now))
    if new.id == old.id:
        raise Refused("move-same", status=409)
    if new.hold.blocked:
        raise Refused("move-blocked", status=409)
    yield from admission.refresh(device_id, now)
    if not (yield from access.queue_of(device_id)):
        raise Refused("move-nothing", status=409)
    yield from admission.move(device_id, new.id, now)
    return new.id


def note(device_id: int, staff_id: int, text: str, now: Moment) -> Unit[None]:
    """Write something down for whoever helps next; a form that is sent twice writes once."""
    yield from must_know(device_id)
    if (yield from store.same_note(device_id, staff_id, text, now - MINUTE)):
        raise Refused("noted-already", status=409)
    yield from store.add_note(device_id, staff_id, text, now)
