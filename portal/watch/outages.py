"""Routers that do not answer: one alarm for each outage, one for many at once, none for those dead for weeks. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from portal.clock import DAY, MINUTE, Moment
from portal.watch.alarm import Alarm, clock_of

DOWN_MS = 5 * MINUTE
DEAD_MS = 7 * DAY  # silent for longer when the watch begins: its owner knows
TOGETHER, TOGETHER_MS = 3, 15 * MINUTE  # so many that went within such a time went for one reason


@dataclass(frozen=True, kw_only=True)
class Contact:
    """A router that is switched on, and when it last answered; None is never."""

    id: int
    name: str
    at: Moment | None

    @property
    def subject(self) -> str:
        return f"router:{self.id}"


@dataclass(frozen=True, kw_only=True)
class Routers:
    """All of them. `watched_since`: nobody looked before then; `alone`: subjects of alarms that are open already;
    `together_since`: when the outage of several began that is open already."""

    now: Moment
    zone: str
    watched_since: Moment
    contacts: Sequence[Contact]
    alone: Set[str] = frozenset()
    together_since: Moment | None = None


def routers_down(look: Routers) -> list[Alarm]:
    """The outages that there are now."""
    down = {each.id: each.at for each in look.contacts if each.at is not None and _down(each, look)}
    together = _together(down, look)
    names = [each.name for each in look.contacts if each.id in together]
    found = [_alone(each, look) for each in look.contacts if each.id in down.keys() - together]
    if names:
        found.append(_many(names, min(down[each] for each in together), look))
    return found


def _down(each: Contact, look: Routers) -> bool:
    assert each.at is not None
    silent = look.now - each.at
    if each.subject in look.alone or _near(each.at, look.together_since):
        return silent >= DOWN_MS
    return silent <= DEAD_MS and look.now - max(each.at, look.watched_since) >= DOWN_MS


def _near(at: Moment, since: Moment | None) -> bool:
    return since is not None and abs(at - since) <= TOGETHER_MS


def _together(down: Mapping[int, Moment], look: Routers) -> set[int]:
    """Those that went at once: with the outage that is open already, or with the first of at least three."""
    free = {each.id: down[each.id] for each in look.contacts if each.id in down and each.subject not in look.alone}
    joined = {id for id, at in free.items() if _near(at, look.together_since)}
    rest = {id: at for id, at in free.items() if id not in joined}
    groups = ({id for id, at in rest.items() if first <= at <= first + TOGETHER_MS} for first in rest.values())
    largest = max(groups, key=len, default=set())
    return joined | largest if len(largest) >= TOGETHER else joined


def _alone(each: Contact, look: Routers) -> Alarm:
    assert each.at is not None
    text = f"{each.name} does not answer since {clock_of(each.at, look.now, look.zone)}."
    return Alarm(kind="router-down", subject=each.subject, severity="grave", since=each.at, text=text)


def _many(names: Sequence[str], since: Moment, look: Routers) -> Alarm:
    said = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    count = f"{len(names)} of {len(look.contacts)} routers do" if len(names) > 1 else "1 router does"
    text = f"{count} not answer since {clock_of(since, look.now, look.zone)}: {said}."
    return Alarm(kind="routers-down", severity="grave", since=since, text=text)
