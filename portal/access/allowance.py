"""What one device may do now: the one truth that feeds router, status page and captive API alike. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from portal.access.passes import Pass
from portal.access.plans import Kind
from portal.clock import Moment


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """What one device may do: until when by the clock, how many seconds and bytes, at what rate.

    None stands for no limit; a waiting pass has no `until` yet. `seconds` and `bytes` cover the running pass
    and the queued ones that go on under the same login (R4: the router enforces alone).
    """

    pass_id: int
    kind: Kind
    until: Moment | None
    seconds: int
    bytes: int | None
    rate_up: int | None
    rate_down: int | None


@dataclass(frozen=True, kw_only=True)
class Hold:
    """Why a device is kept off although a pass would admit it."""

    by: str | None = None
    until: Moment | None = None
    blocked: bool = False
    at: Moment | None = None  # since when

    def holds(self, now: Moment) -> bool:
        return self.blocked or (self.by is not None and (self.until is None or now < self.until))


FREE = Hold()


def allowance(
    queue: Sequence[Pass], now: Moment, *, hold: Hold = FREE, router_id: int | None = None, sharers: int = 1
) -> Allowance | None:
    """What the device with this queue (head first, as `passes.advance` gives it) may do at `now`.

    `sharers` is how many devices of the head are online: a cap and a time budget are divided among them, so
    that together they stay within it while the portal is away.
    """
    live = [each for each in queue if each.state != "ended"]
    if not live or hold.holds(now):
        return None
    head = live[0]
    if head.state not in ("waiting", "running") or not good_at(head, router_id):
        return None
    covered = [head, *_goes_on(head, live[1:])]
    seconds = _seconds(covered, now) // (sharers if head.kind == "used" else 1)
    capped = [each.bytes_left for each in covered if each.bytes_left is not None]
    if seconds <= 0 or (capped and sum(capped) <= 0):
        return None
    return Allowance(
        pass_id=head.id,
        kind=head.kind,
        until=_until(covered),
        seconds=seconds,
        bytes=max(1, sum(capped) // sharers) if capped else None,
        rate_up=head.rate_up,
        rate_down=head.rate_down,
    )


def good_at(one: Pass, router_id: int | None) -> bool:
    """Whether the pass is good at this router."""
    return one.sites is None or router_id is None or router_id in one.sites


def _goes_on(head: Pass, behind: Sequence[Pass]) -> list[Pass]:
    """The queued passes that need no new login after the head: same kind, rate and sites, both capped or not."""
    found: list[Pass] = []
    for each in behind:
        same = (each.kind, each.rate_up, each.rate_down, each.sites, each.data_bytes is None)
        if same != (head.kind, head.rate_up, head.rate_down, head.sites, head.data_bytes is None):
            break
        found.append(each)
    return found


def _seconds(covered: Sequence[Pass], now: Moment) -> int:
    """Whole seconds, rounded up: a written 0 would mean unlimited (design 3b)."""
    head = covered[0]
    rest_ms = sum(each.span_left_ms for each in covered[1:])
    if head.kind == "wall":
        # Never more than was bought, even when the clock has jumped back.
        head_ms = head.span_left_ms if head.ends_at is None else min(head.span_left_ms, head.ends_at - now)
    else:
        head_ms = head.span_left_ms
        if head.ends_at is not None:
            head_ms = min(head_ms, head.ends_at - now)
    return -(-max(0, head_ms + rest_ms) // 1000) if head_ms > 0 else 0


def _until(covered: Sequence[Pass]) -> Moment | None:
    head = covered[0]
    if head.ends_at is None:
        return None
    if head.kind == "used":
        return head.ends_at
    return head.ends_at + sum(each.span_left_ms for each in covered[1:])
