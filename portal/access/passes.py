"""The life of a pass (design 3a). Pure: passes and what was seen in, passes out.

    queued ──► waiting ──► running ──► ended(time | data | use-by | void | refund | erased)
                  ▲           │ ▲
                  └─ tap ── paused      (used-time passes only: they pause while their device is off)

One queue belongs to one device. Its first pass that has not ended is the head; the others are queued. The
clock of a pass starts when a device of it is really online, never before it was bought; the next pass in the
queue starts at the very moment the one before it ends, if the device is online then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any, Literal

from portal.access.plans import Kind, Plan, read_sites
from portal.clock import Moment

State = Literal["queued", "waiting", "running", "paused", "ended"]
Reason = Literal["time", "data", "use-by", "void", "refund", "erased"]
LIVE: tuple[State, ...] = ("waiting", "running", "paused")


@dataclass(frozen=True, kw_only=True)
class Pass:
    """The right to be online; a copy of its plan and what became of it.

    `used_ms` is online time for used-time passes; for a wall-clock pass it is what had passed when the guest
    set it aside for another one. `ends_at` is the end by the clock: of a running wall-clock pass, or of the
    window of a used-time pass.
    """

    id: int
    device_id: int
    plan_name: str
    kind: Kind
    span_ms: int
    window_ms: int | None
    data_bytes: int | None
    rate_up: int | None
    rate_down: int | None
    max_devices: int
    sites: tuple[int, ...] | None
    state: State
    position: int
    bought_at: Moment
    not_before: Moment  # its clock never starts earlier: when it was bought, or when it came to the head
    use_by: Moment
    started_at: Moment | None = None
    ends_at: Moment | None = None
    used_ms: int = 0
    used_bytes: int = 0
    ended_at: Moment | None = None
    end_reason: Reason | None = None

    @property
    def span_left_ms(self) -> int:
        """What is left of the bought time, not counting the running stretch of a wall-clock pass."""
        return max(0, self.span_ms - self.used_ms)

    @property
    def bytes_left(self) -> int | None:
        return None if self.data_bytes is None else max(0, self.data_bytes - self.used_bytes)


FIELDS = tuple(Pass.__dataclass_fields__)
_of_row = itemgetter(*FIELDS)


def from_row(row: Mapping[str, Any]) -> Pass:
    """A pass from a row of `passes`."""
    fields = dict(zip(FIELDS, _of_row(row), strict=True))
    fields["sites"] = read_sites(fields["sites"])
    return Pass(**fields)


def bought(plan: Plan, device_id: int, position: int, now: Moment, state: State = "queued") -> Pass:
    """A pass of this plan as it is before it is stored: without an id."""
    return Pass(
        id=0,
        device_id=device_id,
        plan_name=plan.name,
        kind=plan.kind,
        span_ms=plan.span_ms,
        window_ms=plan.window_ms,
        data_bytes=plan.data_bytes,
        rate_up=plan.rate_up,
        rate_down=plan.rate_down,
        max_devices=plan.max_devices,
        sites=plan.sites,
        state=state,
        position=position,
        bought_at=now,
        not_before=now,
        use_by=now + plan.use_by_ms,
    )


@dataclass(frozen=True, kw_only=True)
class Online:
    """What is known of a pass's devices: since when one is online, or that none is, and whether it is fresh.

    Stale knowledge (the router does not answer) starts, pauses and ends nothing but by the clock.
    """

    since: Moment | None
    fresh: bool = True


OFF = Online(since=None)


def advance(queue: Iterable[Pass], online: Callable[[Pass], Online], now: Moment) -> list[Pass]:
    """The queue of a device as it stands at `now`; ended passes come first, then the head, then the rest."""
    out: list[Pass] = []
    free_at: Moment | None = None  # the moment at which the pass before this one ended
    head_found = False
    for each in sorted(queue, key=lambda p: (p.position, p.id)):
        if head_found:
            out.append(replace(each, state="queued"))
            continue
        stepped = _step(each, online(each), free_at, now)
        if stepped.state == "ended":
            free_at = max(free_at or 0, stepped.ended_at or now)
        else:
            head_found = True
        out.append(stepped)
    return out


def _step(one: Pass, seen: Online, free_at: Moment | None, now: Moment) -> Pass:
    if one.state == "queued":
        one = _to_head(one, free_at)
    if one.state == "waiting":
        one = _try_start(one, seen, free_at, now)
    elif one.state == "paused" and seen.since is not None and seen.fresh:
        one = replace(one, state="running")
    elif one.state == "running" and one.kind == "used" and seen.since is None and seen.fresh:
        one = replace(one, state="paused")
    return _try_end(one, now)


def _to_head(one: Pass, free_at: Moment | None) -> Pass:
    """Its use-by does not run while it waits behind another pass, so that nothing bought is lost."""
    begin = max(one.not_before, free_at or 0)
    return replace(one, state="waiting", not_before=begin, use_by=one.use_by + begin - one.not_before)


def _try_start(one: Pass, seen: Online, free_at: Moment | None, now: Moment) -> Pass:
    if seen.since is None or (not seen.fresh and one.started_at is None):
        return one
    start = max(seen.since, one.not_before, free_at or 0)
    if start > now or (one.started_at is None and start >= one.use_by):
        return one
    if one.kind == "wall":
        # A pass that was set aside starts again with what was left of it.
        return replace(one, state="running", started_at=start, ends_at=start + one.span_left_ms)
    first = one.started_at if one.started_at is not None else start
    window_end = None if one.window_ms is None else first + one.window_ms
    return replace(one, state="running", started_at=first, ends_at=window_end)


def _try_end(one: Pass, now: Moment) -> Pass:
    if one.bytes_left == 0:
        return end(one, "data", now)
    if one.span_left_ms == 0:  # also one that was set aside at its very end: nobody could go online to end it
        return end(one, "time", now)
    if one.ends_at is not None and now >= one.ends_at and one.state != "queued":
        return end(one, "time" if one.kind == "wall" else "use-by", one.ends_at)
    if one.state == "waiting" and one.started_at is None and now >= one.use_by:
        return end(one, "use-by", one.use_by)
    return one


def as_of(one: Pass, now: Moment) -> Pass:
    """The pass, ended if its end has come, though nobody has written that down yet."""
    return one if one.state in ("queued", "ended") else _try_end(one, now)


def end(one: Pass, reason: Reason, at: Moment) -> Pass:
    """The pass, ended."""
    return replace(one, state="ended", ended_at=at, end_reason=reason)


def revive(one: Pass, position: int, now: Moment) -> Pass:
    """An ended pass that goes on after all, behind the others of its device, with what was left when it ended."""
    assert one.ended_at is not None
    away = now - one.ended_at
    used = one.used_ms
    if one.kind == "wall" and one.ends_at is not None:
        used = one.span_ms - max(0, one.ends_at - one.ended_at)
    began = one.started_at
    if one.kind == "used" and began is not None:
        began += away  # the window in which its time is to be used moves along
    return replace(
        one,
        state="queued",
        position=position,
        used_ms=used,
        started_at=began,
        ends_at=None,
        not_before=max(one.not_before, now),
        use_by=one.use_by + away,
        ended_at=None,
        end_reason=None,
    )


def set_aside(one: Pass, now: Moment) -> Pass:
    """The pass steps back for another one; it keeps what is left of its time."""
    if one.kind == "wall" and one.state == "running" and one.ends_at is not None:
        left = max(0, one.ends_at - now)
        return replace(one, state="queued", used_ms=one.span_ms - left, ends_at=None, not_before=now)
    return _no_earlier(one, now) if one.state == "queued" else replace(one, state="queued", not_before=now)


def overtake(one: Pass, position: int, now: Moment) -> Pass:
    """The pass goes to the head; its clock starts now at the earliest."""
    return replace(_no_earlier(one, now), position=position)


def _no_earlier(one: Pass, now: Moment) -> Pass:
    """A queued pass that does not start before `now`; while it queued, its use-by did not run."""
    begin = max(one.not_before, now)
    return replace(one, not_before=begin, use_by=one.use_by + begin - one.not_before)
