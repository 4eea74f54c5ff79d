"""What a reader finds in another system, in Bando's terms; every reader gives the same. Pure.

What cannot be taken is found too, with a word of `wording.WHY` that says why: nothing is dropped in silence.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from portal.access.plans import Kind
from portal.clock import Moment

MOST_PLANS = 300
MOST_VOUCHERS = 5_000  # of unused codes in one import: the writer of the database is held for as long as they take
MOST_RUNNING = 2_000
MOST_LEFT = 20_000

What = Literal["plan", "voucher", "running"]


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a plan gives: time by the clock or online, data, speed as the client sees it, devices."""

    kind: Kind
    span_ms: int
    window_ms: int | None = None
    data_bytes: int | None = None
    rate_up: int | None = None
    rate_down: int | None = None
    devices: int = 1
    locked: bool = False  # a code stays with the device that used it first


@dataclass(frozen=True, kw_only=True)
class FoundPlan:
    """A plan; `key` names it in the other system, for ever. `notes` are words of `wording.CHANGED`."""

    key: str
    name: str
    price_minor: int
    terms: Terms
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FoundVoucher:
    """A code that nobody has used."""

    code: str
    plan: str  # the key of its plan


@dataclass(frozen=True, kw_only=True)
class FoundRun:
    """Somebody with time left; `name` as the other system calls them, `code` if they know one, `mac` if it is known."""

    key: str  # by which they are known if they are found again
    name: str
    plan: str
    code: str = ""
    mac: str = ""
    until: Moment | None = None  # the end by the clock
    span_left_ms: int | None = None  # of online time
    data_left: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Left:
    """What stays where it is, and why."""

    what: What
    name: str
    why: str


@dataclass(kw_only=True)
class Found:
    """Everything that was found; `source` is the same each time the same system is read."""

    source: str
    title: str
    plans: list[FoundPlan] = field(default_factory=list)
    vouchers: list[FoundVoucher] = field(default_factory=list)
    running: list[FoundRun] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)

    def leave(self, what: What, name: str, why: str) -> None:
        """This one is not taken."""
        if len(self.left) < MOST_LEFT:
            self.left.append(Left(what=what, name=name[:60], why=why))

    @property
    def empty(self) -> bool:
        return not (self.plans or self.vouchers or self.running or self.left)

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), separators=(",", ":")).encode()


def from_json(text: bytes) -> Found:
    """The reverse of `Found.to_json`."""
    whole = json.loads(text)
    return Found(
        source=whole["source"],
        title=whole["title"],
        plans=_each(whole["plans"], _plan),
        vouchers=_each(whole["vouchers"], lambda each: FoundVoucher(**each)),
        running=_each(whole["running"], lambda each: FoundRun(**{**each, "notes": tuple(each["notes"])})),
        left=_each(whole["left"], lambda each: Left(**each)),
    )


def _plan(each: dict[str, Any]) -> FoundPlan:
    return FoundPlan(**{**each, "terms": Terms(**each["terms"]), "notes": tuple(each["notes"])})


def _each(found: list[Any], make: Callable[[dict[str, Any]], Any]) -> list[Any]:
    return [make(each) for each in found]
