"""Use goes to passes: to the one that let the device in, and what that cannot hold to those behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from portal.access import store
from portal.access.many.batch import Batch
from portal.access.passes import Pass
from portal.clock import Moment
from portal.sessions.meter import Use
from portal.units import Unit, later


class Charged(NamedTuple):
    """What came of it."""

    owners: set[int]  # devices whose queues may change by it
    first: Pass | None  # the pass that it was charged to, as it stands now


def queue_for(batch: Batch, device_id: int) -> Unit[list[Pass]]:
    """The passes that a device goes by: its own, or else one that it shares."""
    queue = yield from batch.queue_of(device_id)
    return queue or (yield from store.shared_with(device_id))[:1]


def charge(batch: Batch, device_id: int, queue: Sequence[Pass], use: Use, now: Moment) -> Unit[Charged]:
    """Charge a device's use to these passes, in their order."""
    if not queue:
        return Charged({device_id}, None)
    charged = yield from _spread(queue, device_id, use, now)
    batch.charged(device_id, charged)
    return Charged({device_id, *(one.device_id for one in queue)}, charged[0])


def _spread(queue: Sequence[Pass], device_id: int, use: Use, now: Moment) -> Unit[list[Pass]]:
    """Use goes to the head; what it cannot hold goes to the passes behind it (R4: one login covers both)."""
    ms, size = use.ms, use.bytes_up + use.bytes_down
    yield from later(store.add_use(queue[0].id, device_id, use, now))
    charged: list[Pass] = []
    for n, one in enumerate(queue):
        last = n == len(queue) - 1
        part_ms = (ms if last else min(ms, one.span_left_ms)) if one.kind == "used" else 0
        part = size if last or one.bytes_left is None else min(size, one.bytes_left)
        after = replace(one, used_ms=max(0, one.used_ms + part_ms), used_bytes=one.used_bytes + part)
        yield from later(store.save_pass(one, after))
        charged.append(after)
        ms, size = ms - part_ms, size - part
        if (ms <= 0 and size <= 0) or (one.kind == "wall" and size <= 0):
            break
    return charged
