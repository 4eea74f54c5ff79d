"""What stands of several devices whose readings at one router are written down together.

Read with a few statements for all of them, and followed as it is written. Only the queue of a device whose passes
nobody else uses is held: what another device of the same batch is charged could change it otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from portal.access import passes, store
from portal.access.admission import online_by
from portal.access.many import store as many
from portal.access.passes import Pass
from portal.access.store import Presence
from portal.clock import Moment
from portal.sessions.meter import NO_USE, Use
from portal.units import Unit


@dataclass
class Batch:
    """What the readings of several devices at one router find, and what they change beside their own rows."""

    router_id: int
    places: dict[int, list[Presence]]  # of each device, the latest first
    queues: dict[int, list[Pass]]  # of those whose passes nobody else uses
    owners: set[int] = field(default_factory=set)  # devices whose queues may change
    hours: dict[tuple[Moment, str], tuple[int, Use]] = field(default_factory=dict)  # guests and use, by hour and plan

    def last(self, device_id: int) -> Presence | None:
        """How a device was last seen here."""
        return next((each for each in self.places.get(device_id, ()) if each.router_id == self.router_id), None)

    def online_elsewhere(self, device_id: int) -> list[int]:
        """The other routers at which it is online as well."""
        found = self.places.get(device_id, ())
        return [each.router_id for each in found if each.router_id != self.router_id and each.online_since is not None]

    def queue_of(self, device_id: int) -> Unit[list[Pass]]:
        """The passes of a device that have not ended, in their order."""
        if device_id in self.queues:
            return self.queues[device_id]
        return (yield from store.queue_of(device_id))

    def charged(self, device_id: int, after: Iterable[Pass]) -> None:
        """A device's use was charged to these passes."""
        by_id = {each.id: each for each in after}
        for owner in {each.device_id for each in by_id.values()} - {device_id}:
            self.forget(owner)
        if device_id in self.queues:
            self.queues[device_id] = [by_id.get(each.id, each) for each in self.queues[device_id]]

    def saved(self, presence: Presence) -> None:
        """So it stands with this router now."""
        others = [each for each in self.places.get(presence.device_id, ()) if each.router_id != self.router_id]
        self.places[presence.device_id] = [presence, *others]

    def forget(self, device_id: int) -> None:
        """Its passes may have changed: they are to be read again."""
        self.queues.pop(device_id, None)

    def stands(self, device_id: int, now: Moment) -> bool:
        """Whether time has nothing to do to a device's queue."""
        queue = self.queues.get(device_id)
        if queue is None:
            return False
        sights = [(each, 0) for each in self.places.get(device_id, ())]
        after = passes.advance(queue, lambda one: online_by(one, sights, now), now)
        return {each.id: each for each in after} == {each.id: each for each in queue}

    def count(self, hour: Moment, plan_name: str, guests: int, use: Use) -> None:
        before = self.hours.get((hour, plan_name), (0, NO_USE))
        self.hours[hour, plan_name] = before[0] + guests, before[1] + use


def read_batch(router_id: int, device_ids: Sequence[int]) -> Unit[Batch]:
    """How these devices stand."""
    ids = sorted(set(device_ids))
    places = yield from many.presences_of(ids)
    queues = yield from many.queues_of(ids)
    shareable = [one.id for queue in queues.values() for one in queue if one.max_devices > 1]
    users = yield from many.users_of(shareable)
    alone = {
        each: queues.get(each, [])
        for each in ids
        if all(one.max_devices == 1 or users.get(one.id) == [each] for one in queues.get(each, ()))
    }
    return Batch(router_id=router_id, places=places, queues=alone)
