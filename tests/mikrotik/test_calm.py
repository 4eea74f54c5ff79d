"""Which changes end a device's calm: all but that its own session has gone on and counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from portal.access.many.keep import Keep
from portal.access.record import Wanted
from portal.clock import HOUR, SECOND, Moment
from portal.mikrotik.calm import AT_LEAST_MS, SPREAD_MS, Calm
from portal.mikrotik.difference import SLACK_S, Found, binding_comment
from portal.mikrotik.hotspot import ActiveRow, BindingRow, CookieRow, HostRow, UserRow

OURS, MAC, OTHER, NOW, GONE_S = "a1b2c3d4", "02:00:00:00:00:01", "02:00:00:00:00:02", 1_800_000_000_000, 30
WANTED = Wanted(device_id=1, mac=MAC, allowance=None, keep=Keep(until=NOW + HOUR, bytes=1000))
USER = UserRow(id="*1", name="bando-1", mac=MAC, profile="p", comment=f"bando:{OURS}:7", limit_uptime_s=3600)
ACTIVE = ActiveRow(
    id="*2", user="bando-1", mac=MAC, address="10.5.50.2", uptime_s=60, session_time_left_s=3540, bytes_in=5,
    bytes_out=9, login_by="mac",
)  # fmt: skip
HOST = HostRow(id="*3", mac=MAC, address="10.5.50.2")
COOKIE = CookieRow(id="*4", user="bando-1", mac=MAC, mac_cookie=True)
FOUND = Found(users=[USER], active=[ACTIVE], hosts=[HOST], cookies=[COOKIE])


def calm(found: Found = FOUND, wanted: Wanted = WANTED) -> Calm:
    made = Calm(OURS)
    made.learn([wanted], found, NOW, unless=())
    return made


def later(gone_s: int = GONE_S, more: int = 100, **changes: Any) -> ActiveRow:
    """The session as it stands after a while."""
    row = replace(
        ACTIVE, uptime_s=ACTIVE.uptime_s + gone_s, session_time_left_s=3540 - gone_s, bytes_in=ACTIVE.bytes_in + more
    )
    return replace(row, **changes)


def after(found: Found, gone_s: int = GONE_S) -> tuple[set[int], Moment]:
    now = NOW + gone_s * SECOND
    return calm().of(found, now), now


def test_a_session_that_only_counts_is_calm_and_its_rows_need_not_be_looked_at() -> None:
    made = calm()
    found = replace(FOUND, active=[later(), replace(ACTIVE, id="*9", user="peter", mac=OTHER)])
    assert made.of(found, NOW + GONE_S * SECOND) == {1}
    rest = made.rest(found)
    assert (rest.users, rest.hosts, rest.cookies) == ([], [], [])
    assert [row.user for row in rest.active] == ["peter"]


CHANGES: dict[str, Callable[[], Found]] = {
    "gone": lambda: replace(FOUND, active=[]),
    "another session": lambda: replace(FOUND, active=[later(id="*7")]),
    "another address": lambda: replace(FOUND, active=[later(address="10.5.50.3")]),
    "another way in": lambda: replace(FOUND, active=[later(login_by="cookie")]),
    "a limit of data": lambda: replace(FOUND, active=[later(limit_bytes=500)]),
    "counters began anew": lambda: replace(FOUND, active=[later(bytes_in=1)]),
    "began again with the same number": lambda: replace(FOUND, active=[later(uptime_s=10)]),
    "much data": lambda: replace(FOUND, active=[later(more=1001)]),
    "a longer end": lambda: replace(FOUND, active=[later(session_time_left_s=3540 - GONE_S + SLACK_S + 1)]),
    "no end": lambda: replace(FOUND, active=[later(session_time_left_s=None)]),
    "twice": lambda: replace(FOUND, active=[later(), later(id="*8", mac=OTHER)]),
    "somebody else on its MAC": lambda: replace(FOUND, active=[later(), later(id="*8", user="peter")]),
    "no user": lambda: replace(FOUND, active=[later()], users=[]),
    "a changed user": lambda: replace(FOUND, active=[later()], users=[replace(USER, limit_uptime_s=9)]),
    "a disabled user": lambda: replace(FOUND, active=[later()], users=[replace(USER, disabled=True)]),
    "a foreign user": lambda: replace(FOUND, active=[later()], users=[replace(USER, comment="front desk")]),
    "another host row": lambda: replace(FOUND, active=[later()], hosts=[HOST, replace(HOST, id="*5")]),
    "no cookie": lambda: replace(FOUND, active=[later()], cookies=[]),
    "a binding of its MAC": lambda: replace(FOUND, active=[later()], bindings=[BindingRow(id="*6", mac=MAC)]),
    "a binding with our mark": lambda: replace(
        FOUND, active=[later()], bindings=[BindingRow(id="*6", mac=OTHER, comment=binding_comment(OURS, 1))]
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_other_change_ends_its_calm(change: str) -> None:
    made = calm()
    found = CHANGES[change]()
    assert made.of(found, NOW + GONE_S * SECOND) == set()
    assert made.rest(found) == found, "it is looked at like any other"


def test_it_is_looked_at_after_about_two_minutes_not_all_at_once_and_never_later_than_told() -> None:
    ends = set()
    for device_id in range(1, 200):
        wanted, user = replace(WANTED, device_id=device_id), replace(USER, name=f"bando-{device_id}")
        made = calm(replace(FOUND, users=[user], active=[replace(ACTIVE, user=user.name)], cookies=[]), wanted)
        [kept] = made._kept.values()
        ends.add(kept.until)
        assert AT_LEAST_MS <= kept.until - NOW < AT_LEAST_MS + SPREAD_MS
    assert len(ends) > 100
    soon = replace(WANTED, keep=Keep(until=NOW + 20 * SECOND, bytes=None))
    made = calm(wanted=soon)
    assert made.of(replace(FOUND, active=[later(19)]), NOW + 19 * SECOND) == {1}
    assert made.of(replace(FOUND, active=[later(20)]), NOW + 20 * SECOND) == set()


def test_a_clock_that_was_put_back_ends_every_calm() -> None:
    assert calm().of(replace(FOUND, active=[later(0)]), NOW - HOUR) == set()


def test_what_was_read_of_it_is_written_down_before_another_session_and_only_then() -> None:
    made = calm()
    made.of(replace(FOUND, active=[later()]), NOW + GONE_S * SECOND)
    made.forget(1)
    [late] = made.all_late()
    assert (late.device_id, late.reading.active_bytes_in) == (1, ACTIVE.bytes_in + 100)
    goes_on = replace(late, reading=replace(late.reading, read_at=NOW + HOUR, active_uptime_s=60 + 3600))
    assert made.with_late([goes_on]) == [goes_on]
    another = replace(late, reading=replace(late.reading, read_at=NOW + HOUR, active_uptime_s=1, active_bytes_in=0))
    assert made.with_late([another]) == [late, another]
    made.written([another])
    assert made.all_late() == []


def test_nothing_is_kept_of_a_device_that_was_written_down_just_now() -> None:
    made = calm()
    made.forget_all()
    assert made.all_late() == []


def test_a_device_with_whom_something_was_the_matter_is_not_calm() -> None:
    made = Calm(OURS)
    made.learn([WANTED], FOUND, NOW, unless={1})
    made.learn([replace(WANTED, keep=None)], FOUND, NOW, unless=())
    made.learn([WANTED], replace(FOUND, users=[replace(USER, comment="x")]), NOW, unless=())
    made.learn([WANTED], replace(FOUND, active=[replace(ACTIVE, mac=OTHER)]), NOW, unless=())
    assert made.of(FOUND, NOW + SECOND) == set()
