"""The meter: two readings of a router's counters in, use between them out. Pure.

A hotspot user's counters exclude the running session and grow when it ends; an active row counts from 0. A
reboot loses the running session's part, a row made anew starts at 0. So the use since the last reading is
what the same session gained, or, when it is another session, all of that one and the rest of the one before.
"""

from __future__ import annotations

from dataclasses import dataclass

from portal.clock import SECOND, Moment

SLACK_MS = 5 * SECOND  # uptimes are whole seconds and the link adds its own delay


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A device's counters at one router: of its user row, and of its active row if it is online."""

    read_at: Moment
    user_uptime_s: int = 0
    user_bytes_in: int = 0
    user_bytes_out: int = 0
    active_uptime_s: int | None = None
    active_bytes_in: int = 0
    active_bytes_out: int = 0

    @property
    def online_since(self) -> Moment | None:
        """When the running session began."""
        return None if self.active_uptime_s is None else self.read_at - self.active_uptime_s * SECOND


@dataclass(frozen=True, kw_only=True)
class Use:
    """What was used between two readings."""

    ms: int
    bytes_up: int
    bytes_down: int


PACE_MS = 5 * SECOND  # readings nearer to each other say little about how fast somebody is


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast a device was between two readings, in bit/s."""

    up: int
    down: int


def pace_between(last: Reading, this: Reading) -> Pace | None:
    """How fast it was since `last`; None when that was another session, or just now."""
    apart = this.read_at - last.read_at
    if apart < PACE_MS or not same_session(last, this):
        return None
    return Pace(
        up=max(0, this.active_bytes_in - last.active_bytes_in) * 8 * SECOND // apart,
        down=max(0, this.active_bytes_out - last.active_bytes_out) * 8 * SECOND // apart,
    )


def same_session(last: Reading, this: Reading) -> bool:
    """Whether both readings saw the same session.

    A later session begins after the last reading, so a beginning nearer to that of the last session is that
    one again, seen through an answer that was late (routers stall for many seconds).
    """
    if last.active_uptime_s is None or this.active_uptime_s is None or this.active_uptime_s < last.active_uptime_s:
        return False
    then, now = last.online_since, this.online_since
    assert then is not None
    assert now is not None
    return now - then <= max(SLACK_MS, last.active_uptime_s * SECOND // 2)


def use_between(last: Reading | None, this: Reading) -> Use:
    """The use since `last` (None: nothing was known of the device at this router)."""
    if last is None:
        last = Reading(
            read_at=this.read_at,
            user_uptime_s=this.user_uptime_s,
            user_bytes_in=this.user_bytes_in,
            user_bytes_out=this.user_bytes_out,
        )
    same = same_session(last, this)

    def part(user: int, user_before: int, active: int, active_before: int) -> int:
        if same:
            return max(0, active - active_before)
        return active + max(0, user - user_before - active_before)

    return Use(
        ms=part(this.user_uptime_s, last.user_uptime_s, this.active_uptime_s or 0, last.active_uptime_s or 0) * SECOND,
        bytes_up=part(this.user_bytes_in, last.user_bytes_in, this.active_bytes_in, last.active_bytes_in),
        bytes_down=part(this.user_bytes_out, last.user_bytes_out, this.active_bytes_out, last.active_bytes_out),
    )
