"""One accounting packet and what is known of its session in, what is new out. Pure.

Packets come twice, late, in any order, or never. Their counters count from the beginning of the session, so the larger
one of two is right, and what a session has gained is never added twice (RFC 5080, errata 4623).

Which session is it? A router names its sessions anew after a reboot, so one name may stand for several. When the
device was let in (`let_in_at`, from the Class) tells them apart for certain. Without a Class only the beginning tells:
a packet tells it too late at worst, by what it does not know of its way, and a later session of that name begins after
the last sign of life of the earlier one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from portal.clock import MINUTE, Moment
from portal.radius.metering.report import Report
from portal.sessions.meter import NO_USE, Use

ON_ITS_WAY_MS = MINUTE  # a packet that is sent again and again is given up earlier


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What the books say of a session."""

    id: int
    device_id: int
    pass_id: int | None
    started_at: Moment
    seen_at: Moment
    ended_at: Moment | None
    let_in_at: Moment | None
    total: Use


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """What a packet brings."""

    started_at: Moment
    seen_at: Moment  # the last sign of life
    ended_at: Moment | None
    total: Use
    gained: Use
    over: bool  # this packet ends it, by the router's word


def known_of(found: Iterable[Known], report: Report, let_in_at: Moment | None, now: Moment) -> Known | None:
    """The session that a packet speaks of, among those of its name and device; None when it is a new one."""
    if let_in_at is not None:
        return next((each for each in found if each.let_in_at == let_in_at), None)
    began = report.began(now)
    near = [each for each in found if -ON_ITS_WAY_MS <= began - each.started_at <= _slack(each)]
    return min(near, key=lambda each: abs(began - each.started_at), default=None)


def _slack(each: Known) -> int:
    """By how much later a packet may put its beginning, and still speak of this session."""
    return max(ON_ITS_WAY_MS, each.total.ms // 2)


def merged(known: Known | None, report: Report, now: Moment) -> News | None:
    """What a packet brings; None when nothing is new."""
    if known is None:
        return _first(report, now)
    total = most(known.total, report.total)
    if total == known.total and not (report.kind == "stop" and known.ended_at is None):
        return None
    seen_at = max(known.seen_at, _seen_at(known.started_at, report, now))
    over = report.kind == "stop"
    # Whoever was taken for gone and has been online for longer since then, is not gone. A packet from before the end,
    # that comes after it, knows of no longer time.
    goes_on = not over and (known.ended_at is None or report.total.ms > known.total.ms)
    return News(
        started_at=known.started_at,
        seen_at=seen_at,
        ended_at=None if goes_on else _end(known.started_at, seen_at, total),
        total=total,
        gained=total.beyond(known.total),
        over=over,
    )


def _first(report: Report, now: Moment) -> News:
    began, seen_at, over = report.began(now), report.at(now), report.kind == "stop"
    return News(
        started_at=began,
        seen_at=seen_at,
        ended_at=_end(began, seen_at, report.total) if over else None,
        total=report.total,
        gained=report.total.beyond(NO_USE),
        over=over,
    )


def _seen_at(started_at: Moment, report: Report, now: Moment) -> Moment:
    """The packet may have been on its way for longer than it knows, but a session's length it knows to the second."""
    return min(report.at(now), started_at + report.total.ms) if report.total.ms else report.at(now)


def _end(started_at: Moment, seen_at: Moment, total: Use) -> Moment:
    return started_at + total.ms if total.ms else seen_at


def most(one: Use, other: Use) -> Use:
    """The larger one of each counter."""
    return one + other.beyond(one)
