"""How many devices stand, for a keeper that looks at all of its router's in each poll."""

from __future__ import annotations

from collections.abc import Sequence

from portal.access import admission, passes
from portal.access.admission import Standing, online_by
from portal.access.allowance import allowance
from portal.access.many import store as many
from portal.access.passes import Pass
from portal.access.store import Device, Presence
from portal.clock import Moment
from portal.units import Unit


def standings(device_ids: Sequence[int], now: Moment, router_id: int | None = None) -> Unit[list[Standing]]:
    """`standing` of each of these devices, in their order, with few statements for all who share nothing."""
    devices = {each.id: each for each in (yield from many.devices_with(device_ids))}
    queues = yield from many.queues_of(device_ids)
    seen = yield from many.presences_of(device_ids)
    users = yield from many.users_of([one.id for queue in queues.values() for one in queue])
    found: list[Standing] = []
    for device_id in device_ids:
        queue = queues.get(device_id, [])
        stands: Standing | None = None
        if device_id in devices and queue and all(users.get(one.id) == [device_id] for one in queue):
            stands = _alone(devices[device_id], queue, seen.get(device_id, []), now, router_id)
        if stands is None:
            stands = yield from admission.standing(device_id, now, router_id)
        found += [] if stands is None else [stands]
    return found


def _alone(
    device: Device, queue: Sequence[Pass], seen: Sequence[Presence], now: Moment, router_id: int | None
) -> Standing | None:
    """How a device stands whose passes nobody else uses; None when they are over, and it may use another's."""
    sights = [(each, 0) for each in seen]
    stepped = passes.advance(queue, lambda one: online_by(one, sights, now), now)
    own = [one for one in stepped if one.state != "ended"]
    if not own:
        return None
    return Standing(
        device=device,
        queue=own,
        shared=False,
        allowance=allowance(own, now, hold=device.hold, router_id=router_id),
        places=seen,
    )
