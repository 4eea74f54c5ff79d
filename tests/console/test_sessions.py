"""The page of a guest tells each stretch online: where, how long, how much, and why it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from portal.access import admission, record
from portal.access.record import Sighting
from portal.clock import HOUR, MINUTE, SECOND
from portal.sessions.meter import Reading
from tests.console import guests
from tests.console.office import Office
from tests.support import Seed

MB = 1_000_000


def at(device_id: int) -> str:
    return f"/guests/device/{device_id}"


async def read(s: Seed, device_id: int, silent_s: int | None = None, **counters: int) -> None:
    """What the keeper of the router reads now."""
    now = s.clock.now()
    reading = Reading(read_at=now, **counters)
    silent = None if silent_s is None else now - silent_s * SECOND
    await s.write(
        record.record, s.router_id, [Sighting(device_id=device_id, reading=reading, silent_since=silent)], now
    )


async def online(s: Seed, plan: Mapping[str, Any]) -> int:
    device_id = await guests.device(s)
    await guests.given(s, device_id, replace(s.plan, **plan))
    await read(s, device_id)
    s.clock.advance(10 * SECOND)
    await read(s, device_id, active_uptime_s=10)
    s.clock.advance(35 * MINUTE)
    await read(s, device_id, active_uptime_s=35 * 60 + 10, active_bytes_in=4 * MB, active_bytes_out=120 * MB)
    return device_id


WALL: Mapping[str, Any] = {"span_ms": 6 * HOUR}
ENDS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, int]]] = {
    "it left, or logged out": (WALL, {}),
    "nothing was heard of the device": ({**WALL, "kind": "used"}, {"silent_s": 300}),
    "its time was used up": ({"span_ms": 36 * MINUTE}, {}),
    "its data was used up": ({**WALL, "data_bytes": 124 * MB}, {}),
}


async def test_a_session_that_runs_says_what_it_has_used(o: Office) -> None:
    device_id = await online(o.home, WALL)
    page = await (await o.of("support")).get(at(device_id))
    assert "Online at Site 1" in page
    assert "120\u00a0MB down, 4\u00a0MB up so far." in page
    assert "Was online" not in page


@pytest.mark.parametrize("why", ENDS)
async def test_a_session_that_ended_says_why(o: Office, why: str) -> None:
    s, (plan, how) = o.home, ENDS[why]
    device_id = await online(s, plan)
    s.clock.advance(50 * SECOND)
    whole = {"user_uptime_s": 36 * 60, "user_bytes_in": 4 * MB, "user_bytes_out": 120 * MB}
    await read(s, device_id, **how, **whole)
    page = await (await o.of("support")).get(at(device_id))
    assert "Was online at Site 1 for 36\u00a0minutes" in page
    assert f"120\u00a0MB down, 4\u00a0MB up; {why}" in page


async def test_a_router_that_restarts_is_named_as_the_cause(o: Office) -> None:
    s = o.home
    device_id = await online(s, WALL)
    s.clock.advance(MINUTE)
    await read(s, device_id)
    assert "the router lost it, by a restart" in await (await o.of("support")).get(at(device_id))


async def test_staff_who_end_the_pass_are_named_as_the_cause(o: Office) -> None:
    s = o.home
    device_id = await online(s, WALL)
    (one,) = (await s.read(admission.standing, device_id, s.clock.now())).queue
    await s.write(admission.end_pass, one.id, "void", s.clock.now())
    s.clock.advance(2 * SECOND)
    whole = {"user_uptime_s": 35 * 60 + 12, "user_bytes_in": 4 * MB, "user_bytes_out": 120 * MB}
    await read(s, device_id, **whole)
    assert "4\u00a0MB up; staff ended it." in await (await o.of("support")).get(at(device_id))
