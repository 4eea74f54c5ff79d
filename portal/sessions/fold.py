"""Two readings in, what they say about sessions out. Pure.

A session is known by its router, its device and its beginning as it was first seen: session numbers begin anew with
each reboot of a router, and its clock may be of 1970, but how long a row has been active it always tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from portal.clock import HOUR, Moment
from portal.sessions.meter import NO_USE, Reading, Use, counted, ended_between, parts_between, same_session

# Why a session ended: its pass came to an end (by time or data, or somebody ended it), nothing was heard of the device,
# the router lost it, or it went.
Cause = Literal["time", "data", "use-by", "void", "refund", "erased", "silence", "router", "left"]


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """What was learnt about one session: what it used, until when it was seen, and whether it is over."""

    started_at: Moment
    seen_at: Moment
    use: Use  # since the last reading
    total: Use  # from its beginning on
    ended_at: Moment | None = None
    lost: bool = False  # the router forgot it


def stretches(last: Reading | None, since: Moment | None, this: Reading, this_since: Moment | None) -> list[Stretch]:
    """The session that was seen last and that which is seen now; `since`: when each began, None while off."""
    over, runs = parts_between(last, this)
    found: list[Stretch] = []
    if last is not None and since is not None and not same_session(last, this):
        ended_at = ended_between(last, since, this)
        seen_at = max(since, last.read_at if ended_at is None else ended_at)  # a clock may have been put back
        lost = ended_at is None
        whole = counted(last) + over
        found.append(Stretch(started_at=since, seen_at=seen_at, use=over, total=whole, ended_at=seen_at, lost=lost))
    elif last is not None and over != NO_USE:
        # It came and went between two readings: it ended before the running one began.
        ended_at = this.read_at if this_since is None else min(this.read_at, this_since)
        begun = min(max(last.read_at, ended_at - over.ms), ended_at - 1)  # two sessions never begin at one moment
        found.append(Stretch(started_at=begun, seen_at=ended_at, use=over, total=over, ended_at=ended_at))
    if this_since is not None:
        found.append(Stretch(started_at=this_since, seen_at=this.read_at, use=runs, total=counted(this)))
    return found


WRITTEN_EVERY_S = 300


def to_write(part: Stretch, last: Reading | None, this: Reading) -> bool:
    """Whether a session is to be written down now: when it begins and ends, and in between each five minutes.

    Until then its last reading stands with the device's presence; writing both with each poll is twice the work.
    """
    if part.ended_at is not None or last is None or not same_session(last, this):
        return True
    return (last.active_uptime_s or 0) // WRITTEN_EVERY_S != (this.active_uptime_s or 0) // WRITTEN_EVERY_S


def hour_of(at: Moment) -> Moment:
    """When the hour of a moment began."""
    return at - at % HOUR
