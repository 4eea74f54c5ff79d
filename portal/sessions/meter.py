"""The meter: two readings of a router's counters in, use between them out. Pure.

A hotspot user's counters exclude the running session and grow when it ends; an active row counts from 0. A
reboot loses the running session's part, a row made anew starts at 0. So the use since the last reading is
what the same session gained, or, when it is another session, all of that one and the rest of the one before.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

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
    late_ms: int = field(default=0, compare=False)  # `read_at` is when the answer was here: it may be so much older

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

    def __add__(self, other: Use) -> Use:
        return Use(
            ms=self.ms + other.ms,
            bytes_up=self.bytes_up + other.bytes_up,
            bytes_down=self.bytes_down + other.bytes_down,
        )

    def beyond(self, other: Use) -> Use:
        """How much more this is. Counters only grow: one that fell was read too late, or began anew."""
        return Use(
            ms=max(0, self.ms - other.ms),
            bytes_up=max(0, self.bytes_up - other.bytes_up),
            bytes_down=max(0, self.bytes_down - other.bytes_down),
        )


NO_USE = Use(ms=0, bytes_up=0, bytes_down=0)
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
    one again, seen through an answer that was late (routers stall for many seconds, and so may a database before
    this was taken): a session counted twice is paid for twice, one that a reboot hid was used for seconds.
    """
    return _began_together(last, this) and not _was_added(last, this)


def _began_together(last: Reading, this: Reading) -> bool:
    """Whether the sessions of both readings seem to have begun at one moment."""
    if last.active_uptime_s is None or this.active_uptime_s is None or this.active_uptime_s < last.active_uptime_s:
        return False
    then, now = last.online_since, this.online_since
    assert then is not None
    assert now is not None
    return now - then - this.late_ms <= max(SLACK_MS, last.active_uptime_s * SECOND // 2)


def untorn(last: Reading | None, this: Reading) -> Reading:
    """This reading without a session that ended while it was read.

    A router prints its active rows first, then its users. Who leaves in between stands in both: as a session that
    runs, and in the user's counters, which have grown by all of it.
    """
    if last is None or this.active_uptime_s is None or not this.late_ms:
        return this
    grown = _grown(last, this)
    later_s = grown[0] - this.active_uptime_s
    fits = any(grown) and 0 <= later_s * SECOND <= this.late_ms + SECOND
    holds = grown[1] >= this.active_bytes_in and grown[2] >= this.active_bytes_out
    if not (fits and holds) or (last.active_uptime_s is not None and not _began_together(last, this)):
        return this
    return replace(this, active_uptime_s=None, active_bytes_in=0, active_bytes_out=0)


def _was_added(last: Reading, this: Reading) -> bool:
    """Whether the user's counters grew by the session that was seen last: then it is over, however short it was."""
    before = (last.active_uptime_s or 0, last.active_bytes_in, last.active_bytes_out)
    grown = _grown(last, this)
    return any(grown) and all(more >= part for more, part in zip(grown, before, strict=True))


def _grown(last: Reading, this: Reading) -> tuple[int, int, int]:
    """What the user's counters gained: seconds, bytes in and out."""
    return (
        this.user_uptime_s - last.user_uptime_s,
        this.user_bytes_in - last.user_bytes_in,
        this.user_bytes_out - last.user_bytes_out,
    )


def parts_between(last: Reading | None, this: Reading) -> tuple[Use, Use]:
    """The use since `last` of sessions that are over, and of the one that runs (None: nothing was known here).

    One of two sessions that ended between two readings cannot be told from the other: they count as one.
    """
    if last is None:
        last = replace(this, active_uptime_s=None, active_bytes_in=0, active_bytes_out=0)
    before, now = counted(last), counted(this)
    if same_session(last, this):
        return NO_USE, now.beyond(before)
    added = Use(
        ms=(this.user_uptime_s - last.user_uptime_s) * SECOND,
        bytes_up=this.user_bytes_in - last.user_bytes_in,
        bytes_down=this.user_bytes_out - last.user_bytes_out,
    )
    return added.beyond(before), now


def counted(this: Reading) -> Use:
    """What the running session has used so far."""
    return Use(ms=(this.active_uptime_s or 0) * SECOND, bytes_up=this.active_bytes_in, bytes_down=this.active_bytes_out)


def ended_between(last: Reading, since: Moment, this: Reading) -> Moment | None:
    """When the session that began at `since` ended, as the user's counters tell; None when they do not: a reboot."""
    length_s = this.user_uptime_s - last.user_uptime_s
    if length_s < (last.active_uptime_s or 0):
        return None
    return min(since + length_s * SECOND, this.read_at)
