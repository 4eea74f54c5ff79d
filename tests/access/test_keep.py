"""What is wanted of a device is kept only as long as it would come out the same again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from portal.access.admission import FRESH_MS, Standing
from portal.access.allowance import Hold, allowance
from portal.access.many.keep import PART, keep_of
from portal.access.passes import Pass
from portal.access.store import Device, Presence
from portal.clock import HOUR, MINUTE
from portal.sessions.meter import Reading

NOW, HERE, ELSEWHERE, MB = 1_800_000_000_000, 1, 2, 1_000_000

RUNNING = Pass(
    id=1, device_id=1, plan_name="x", kind="wall", span_ms=HOUR, window_ms=None, data_bytes=None, rate_up=None,
    rate_down=None, max_devices=1, sites=None, state="running", position=1, bought_at=NOW - MINUTE,
    not_before=NOW - MINUTE, use_by=NOW + HOUR, started_at=NOW - MINUTE, ends_at=NOW + 59 * MINUTE,
)  # fmt: skip
USED = replace(RUNNING, kind="used", ends_at=None, used_ms=20 * MINUTE)


def online(router_id: int = HERE) -> Presence:
    return Presence(
        router_id=router_id, device_id=1, seen_at=NOW, online_since=NOW - MINUTE, reading=Reading(read_at=NOW)
    )


def standing(*queue: Pass, places: tuple[Presence, ...] | None = None, hold: Hold | None = None) -> Standing:
    hold = hold or Hold()
    device = Device(id=1, mac="02:00:00:00:00:01", person_id=None, hold=hold, last_router_id=HERE, last_seen_at=NOW)
    allowed = allowance(queue, NOW, hold=hold, router_id=HERE)
    seen = (online(),) if places is None else places
    return Standing(device=device, queue=queue, shared=False, allowance=allowed, places=seen)


def test_a_pass_by_the_clock_is_kept_until_shortly_before_its_end() -> None:
    keep = keep_of(standing(RUNNING), HERE, NOW)
    assert keep is not None
    assert (keep.until, keep.bytes) == (NOW + 59 * MINUTE - FRESH_MS, None)
    assert RUNNING.ends_at is not None
    last = replace(RUNNING, ends_at=NOW + FRESH_MS - 1)
    near = keep_of(standing(last), HERE, NOW)
    assert near is not None
    assert near.until < NOW, "its end is near: each poll looks at it"


def test_a_twentieth_of_what_is_left_is_kept_for() -> None:
    data = keep_of(standing(replace(RUNNING, data_bytes=100 * MB, used_bytes=60 * MB)), HERE, NOW)
    assert data is not None
    assert data.bytes == 40 * MB // PART
    used = keep_of(standing(USED), HERE, NOW)
    assert used is not None
    assert used.until == NOW + 40 * MINUTE // PART


@pytest.mark.parametrize(
    "queue",
    [
        (),
        (replace(RUNNING, state="waiting", started_at=None, ends_at=None),),
        (replace(RUNNING, state="paused"),),
        (replace(RUNNING, max_devices=2, data_bytes=MB),),
        (replace(USED, max_devices=2),),
        (RUNNING, replace(RUNNING, id=2, state="queued", position=2, max_devices=2, data_bytes=MB)),
        (replace(RUNNING, sites=(ELSEWHERE,)),),
    ],
)
def test_what_may_change_by_itself_is_not_kept(queue: tuple[Pass, ...]) -> None:
    assert keep_of(standing(*queue), HERE, NOW) is None


def test_a_device_with_an_amount_is_kept_only_where_it_is_online_and_nowhere_else() -> None:
    both, left = (online(), online(ELSEWHERE)), (online(), replace(online(ELSEWHERE), online_since=None))
    for one in (USED, replace(RUNNING, data_bytes=MB)):
        assert keep_of(standing(one, places=both), HERE, NOW) is None
        assert keep_of(standing(RUNNING, replace(one, id=2, state="queued"), places=both), HERE, NOW) is None
        assert keep_of(standing(one, places=left), HERE, NOW) is not None
    assert keep_of(standing(RUNNING, places=both), HERE, NOW) is not None, "time goes by wherever it is"
    assert keep_of(standing(RUNNING, places=(online(ELSEWHERE),)), HERE, NOW) is None
    assert keep_of(standing(RUNNING, places=()), HERE, NOW) is None


def test_a_held_or_blocked_device_is_not_kept() -> None:
    assert keep_of(standing(RUNNING, hold=Hold(blocked=True)), HERE, NOW) is None
    assert keep_of(standing(RUNNING, hold=Hold(by="guest")), HERE, NOW) is None


def test_several_devices_by_the_clock_alone_do_not_concern_each_other() -> None:
    assert keep_of(standing(replace(RUNNING, max_devices=3)), HERE, NOW) is not None
