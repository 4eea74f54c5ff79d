"""Redeeming: a code in, a pass out; once, however many phones show it at the same moment.

Each function is a unit. What is refused is returned, not raised, where a failed guess must be written down in
the same transaction: the writer is serial, so no number of tries at once gets past the limits.
"""

from __future__ import annotations

from dataclasses import dataclass

from portal.access import admission
from portal.access import store as access
from portal.access.allowance import good_at
from portal.access.passes import Pass, as_of
from portal.access.store import Cause, Device
from portal.clock import DAY, Moment
from portal.errors import Refused
from portal.units import ALONE, Unit
from portal.vouchers import guesses, posting, store
from portal.vouchers.guesses import Guesser
from portal.vouchers.imported import is_imported
from portal.vouchers.offers import Offer, OfferKind, Redeemed
from portal.vouchers.store import Batch, Taken, Voucher


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A guest shows a code at a router."""

    code: bytes  # its keyed hash
    mac: str
    router_id: int
    who: Guesser
    moves_a_day: int
    move: bool = False  # the guest has confirmed that another device may make room


@dataclass(frozen=True, kw_only=True)
class Found:
    """A voucher that may still be of use, with its frozen plan, and its pass once there is one."""

    voucher: Voucher
    batch: Batch
    made: Pass | None


def unknown() -> Refused:
    """One answer; made each time, since an exception that is raised again keeps what it went through before."""
    return Refused("voucher-unknown", status=404)


def redeem(ask: Ask, now: Moment) -> Unit[Redeemed | Refused]:
    """The pass that this code leads to; raises `Refused` when nothing may be changed, returns it after a guess.

    A code that was not used yet, or is none, concerns its own device and its source alone, so such units may run
    beside each other.
    """
    wait = yield from guesses.admit(ask.who, now)
    if wait:
        return slowed(wait)
    taken = yield from store.take(ask.code, ask.router_id, now)
    if taken is not None:
        return (yield from _connect(ask, taken, now))
    found = yield from find(ask.code, now)
    device = (yield from access.device_by_mac(ask.mac)) if found else None
    if found is None or found.made is None or found.made.state == "ended":
        return (yield from _refuse(ask, found, device, now))
    yield ALONE  # the pass has other devices, and what these do concerns it, too
    return (yield from _show_again(ask, found, found.made, device, now))


def slowed(wait_ms: int) -> Refused:
    """Too many tries; paying goes on."""
    return Refused("voucher-wait", status=429, wait_s=-(-wait_ms // 1000))


def find(code: bytes, now: Moment) -> Unit[Found | None]:
    """The voucher with this code, unless it is void or was never redeemed before its use-by.

    Another system's code opens nothing at all after it: a pass that goes on does so without it.
    """
    row = yield from store.with_batch(code)
    if row is None:
        return None
    voucher, batch = row
    over = voucher.use_by <= now and (voucher.state == "printed" or is_imported(batch.style))
    if voucher.state == "void" or over:
        return None
    made = None
    if voucher.state == "redeemed":
        made = yield from access.pass_by_cause(Cause(kind=store.CAUSE, ref=voucher.label))
    return Found(voucher=voucher, batch=batch, made=as_of(made, now) if made else None)


def _refuse(ask: Ask, found: Found | None, device: Device | None, now: Moment) -> Unit[Refused]:
    """One answer for all codes that are of no use; only the device that used it up is told so, and has not guessed."""
    if found and found.made and device and (yield from _uses(found.made, device)):
        return Refused("pass-ended", status=409)
    yield from guesses.count(ask.who, now, ask.code)
    return unknown()


def _uses(one: Pass, device: Device) -> Unit[bool]:
    return device.id in (yield from access.devices_of_pass(one.id))


def _connect(ask: Ask, taken: Taken, now: Moment) -> Unit[Redeemed]:
    """A voucher that was printed becomes a pass of this device; what is refused here gives it back."""
    plan = taken.plan
    if not _good_here(plan.sites, ask.router_id):
        raise Refused("voucher-elsewhere", status=409)
    yield from posting.redeemed(taken, ask.router_id, now)
    cause = Cause(kind=store.CAUSE, ref=taken.label)
    newcomer = yield from access.meet_device(ask.mac, ask.router_id, now)
    if newcomer is not None:
        pass_id = yield from admission.welcome(plan, newcomer, ask.router_id, cause, now)
        return Redeemed(pass_id=pass_id, how="connected")
    device = yield from access.touch_device(ask.mac, ask.router_id, now)
    if device.hold.blocked:
        raise Refused("voucher-stopped", status=403)
    made = yield from admission.grant(plan, device.id, cause, now)
    if device.hold.by is not None:
        yield from admission.tap(device.id, now)  # whoever disconnected wants to be online now
    return Redeemed(pass_id=made.id, how="connected")


def _good_here(sites: tuple[int, ...] | None, router_id: int) -> bool:
    return sites is None or router_id in sites


def _show_again(ask: Ask, found: Found, one: Pass, device: Device | None, now: Moment) -> Unit[Redeemed]:
    """The code of a living pass: its device resumes, a further one joins while there is room, else one makes room."""
    kind = yield from _kind(found, one, device)
    if kind == "yours" and device is not None:
        yield from admission.tap(device.id, now)
        return Redeemed(pass_id=one.id, how="resumed")
    if found.batch.plan.locked:
        raise Refused("voucher-locked", status=409)
    if not good_at(one, ask.router_id):
        raise Refused("voucher-elsewhere", status=409)
    if kind == "move" and not ask.move:
        raise Refused("voucher-move", status=409, moves=ask.moves_a_day)
    device = yield from access.touch_device(ask.mac, ask.router_id, now)
    if device.hold.blocked:
        raise Refused("voucher-stopped", status=403)
    if kind == "join":
        if (yield from store.left_since(one.id, now - DAY)) >= ask.moves_a_day:
            raise Refused("voucher-moves", status=429, moves=ask.moves_a_day)
        yield from admission.add_device(one.id, device.id, now)
        return Redeemed(pass_id=one.id, how="added")
    yield from _make_room(ask, found.voucher, one, device, now)
    return Redeemed(pass_id=one.id, how="moved")


def _kind(found: Found, one: Pass | None, device: Device | None) -> Unit[OfferKind]:
    """What this code would do for this device."""
    if one is None:
        return "new"
    users = yield from access.devices_of_pass(one.id)
    if device is not None and device.id in users:
        return "yours"
    return "join" if len(users) < one.max_devices else "move"


def _make_room(ask: Ask, voucher: Voucher, one: Pass, device: Device, now: Moment) -> Unit[None]:
    """The device that was not seen for longest goes, this one comes; at most so often a day."""
    if (yield from store.moves_since(voucher.id, now - DAY)) >= ask.moves_a_day:
        raise Refused("voucher-moves", status=429, moves=ask.moves_a_day)
    gone = yield from _longest_unseen(one)
    yield from store.add_move(voucher.id, gone, device.id, now)
    if gone == one.device_id:
        yield from admission.move(gone, device.id, now, only={one.id})
        return
    yield from admission.remove_device(one.id, gone, now)
    yield from admission.add_device(one.id, device.id, now)


def _longest_unseen(one: Pass) -> Unit[int]:
    seen: list[tuple[Moment, int]] = []
    for device_id in (yield from access.devices_of_pass(one.id)):
        places = yield from access.presence_of(device_id)
        device = yield from access.device(device_id)
        last = device.last_seen_at if device else 0
        seen.append((max([last, *(each.seen_at for each in places)]), device_id))
    return min(seen)[1]


# --- looking, which spends nothing ---


def look(ask: Ask, now: Moment) -> Unit[Offer | Refused]:
    """What a code is good for at this router and for this device."""
    wait = yield from guesses.admit(ask.who, now)
    if wait:
        return slowed(wait)
    found = yield from find(ask.code, now)
    device = (yield from access.device_by_mac(ask.mac)) if found else None
    if found is None or (found.made and found.made.state == "ended"):
        return (yield from _refuse(ask, found, device, now))
    if not _good_here(found.batch.plan.sites, ask.router_id):
        raise Refused("voucher-elsewhere", status=409)
    kind = yield from _kind(found, found.made, device)
    if kind not in ("new", "yours") and found.batch.plan.locked:
        raise Refused("voucher-locked", status=409)
    return offer(found, kind)


def look_openly(code: bytes, now: Moment) -> Unit[Offer | None]:
    """What a code is good for, for a guest whom no router has named; None when it is of no use."""
    found = yield from find(code, now)
    if found is None or (found.made and found.made.state == "ended"):
        return None
    return offer(found, (yield from _kind(found, found.made, None)))


def offer(found: Found, kind: OfferKind) -> Offer:
    """A voucher as a page shows it."""
    return Offer(plan=found.batch.plan, label=found.voucher.label, use_by=found.voucher.use_by, kind=kind)
