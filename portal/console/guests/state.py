"""How a device stands, in a word and in a sentence for staff. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from portal import words
from portal.access.admission import Standing
from portal.access.allowance import good_at
from portal.access.passes import Pass
from portal.access.store import Presence
from portal.clock import MINUTE, Moment
from portal.console.times import Calendar
from portal.tenancy.store import Router

Kind = Literal["", "good", "warn", "bad"]
SILENT_MS = 2 * MINUTE  # keepers write a contact down every half a minute, and look as often


@dataclass(frozen=True, kw_only=True)
class State:
    """What a pill says, and what stands beside it."""

    kind: Kind
    word: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Known:
    """What a sentence needs beside the device itself."""

    routers: Mapping[int, Router]
    calendar: Calendar
    stopped_by: str = ""  # who kicked or blocked it, if that is known
    asked: bool = False  # a payment prompt is open
    last: str = ""  # why its last pass ended

    @property
    def now(self) -> Moment:
        return self.calendar.now

    def site(self, router_id: int | None) -> str:
        return site_name(self.routers, router_id)


def site_name(routers: Mapping[int, Router], router_id: int | None) -> str:
    """The name of a site as guests see it."""
    router = routers.get(router_id) if router_id is not None else None
    return router.name if router else "an unknown site"


def silent(router: Router, now: Moment) -> bool:
    """Whether a router that should answer does not; one that asks RADIUS is not called at all."""
    if router.mode == "radius":
        return False
    return router.active and (router.last_contact_at is None or now - router.last_contact_at > SILENT_MS)


def left(one: Pass, now: Moment) -> int:
    """How much of a pass is left, in ms."""
    if one.kind == "wall" and one.ends_at is not None and one.state == "running":
        return max(0, one.ends_at - now)
    return one.span_left_ms


def state_of(stands: Standing, known: Known) -> State:
    """The first of these that is so."""
    return _stopped(stands, known) or _online(stands, known) or _offline(stands, known)


def _stopped(stands: Standing, known: Known) -> State | None:
    hold = stands.device.hold
    by = f" by {known.stopped_by}" if known.stopped_by else ""
    if hold.blocked:
        return State(kind="bad", word="blocked", text=f"Blocked{by}: no router lets it in, whatever it has paid.")
    if hold.by is None or not hold.holds(known.now):
        return None
    if hold.by == "guest":
        text = "The guest disconnected it. It comes back when the guest taps “Connect” on the Wi-Fi page."
        return State(kind="warn", word="disconnected", text=text)
    until = "until somebody lets it in" if hold.until is None else f"until {known.calendar.clock(hold.until)}"
    return State(kind="bad", word="kicked", text=f"Kept off by {known.stopped_by or 'staff'} {until}.")


def _online(stands: Standing, known: Known) -> State | None:
    seen = stands.online
    if seen is None or seen.online_since is None:
        return None
    site = known.site(seen.router_id)
    if not seen.fresh(known.now):
        if stands.head is None:
            return None  # the router has ended it by itself (R4)
        text = f"It was online at {site} when that router last answered, {known.calendar.ago(seen.seen_at)}."
        return State(kind="warn", word="not known", text=f"{text} Until it answers again nobody knows.")
    since = f"Online at {site} since {known.calendar.clock(seen.online_since)}"
    if stands.head is None:
        return State(kind="warn", word="online", text=f"{since}, without a pass; the router is about to end that.")
    return State(kind="good", word="online", text=f"{since}; {_time(stands, known)} left.")


def _time(stands: Standing, known: Known) -> str:
    if stands.allowance is not None:
        return words.span(stands.allowance.seconds * 1000, "en")
    return words.span(sum(left(each, known.now) for each in stands.queue), "en")


def _offline(stands: Standing, known: Known) -> State:
    head = stands.head
    if head is None:
        if known.asked:
            text = "M-Pesa was asked. Nothing is paid yet: the PIN is waited for, or the answer."
            return State(kind="warn", word="paying", text=text)
        return State(kind="", word="no pass", text=f"It has no pass now. {known.last}".strip())
    if head.state == "paused":
        text = f"Its time stands still while it is off; {_time(stands, known)} left. A tap on “Connect” goes on."
        return State(kind="warn", word="paused", text=text)
    why = _missing(head, stands.seen, stands.device.last_router_id, known)
    if head.state == "running" and head.ends_at is not None:
        text = f"Off, and its time goes on until {known.calendar.clock(head.ends_at)}: {why}"
        return State(kind="warn", word="offline", text=text)
    return State(kind="warn", word="waiting", text=f"Has a pass that has not begun: {why}")


def _missing(head: Pass, seen: Presence | None, last_router: int | None, known: Known) -> str:
    """What a device with a pass is waiting for."""
    where = seen.router_id if seen is not None else last_router
    if where is None:
        return "no router has seen the device yet. The guest should join the Wi-Fi."
    site, router = known.site(where), known.routers.get(where)
    if not good_at(head, where):
        return f"the pass is not good at {site}, where the device is."
    if router is not None and not router.active:
        return f"{site} is switched off."
    if router is not None and silent(router, known.now):
        return f"the router of {site} does not answer. The device goes online by itself once it does."
    if router is not None and router.mode == "radius":
        return f"{site} lets it in when the guest opens any page on its Wi-Fi, or joins it anew."
    if seen is None or not seen.fresh(known.now):
        when = f", last at {site} {known.calendar.ago(seen.seen_at)}" if seen else ""
        return f"no router sees the device now{when}. The guest should turn Wi-Fi on and join."
    return f"{site} sees the device and is letting it in; this takes some seconds."
