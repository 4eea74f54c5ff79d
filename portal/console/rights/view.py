"""What the pages of requests show, each read in one snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from portal import spans
from portal.clock import DAY, Moment
from portal.console.times import Calendar
from portal.people.store import person
from portal.phone import Phone
from portal.privacy.rights import service, store
from portal.privacy.rights.clocks import RIGHTS, Right, last_day
from portal.privacy.rights.store import Request, Restriction, Step, Words
from portal.seal import Vault
from portal.staff import store as staff
from portal.units import Unit

PAYERS = 40  # persons of one device
OF_DEVICE = 20  # requests that its page shows


@dataclass(frozen=True, kw_only=True)
class Look:
    """Who looks: with which clock, and whether phones are shown whole."""

    vault: Vault
    calendar: Calendar
    whole: bool

    def shown(self, phone: Phone) -> str:
        return phone.spoken if self.whole else phone.masked


@dataclass(frozen=True, kw_only=True)
class Line:
    """A request in a list."""

    request: Request
    right: Right
    who: str
    due: str
    pill: tuple[str, str]


def due(request: Request, calendar: Calendar) -> str:
    """Its last day."""
    return f"{last_day(request.due_at, calendar.timezone):%-d %b %Y}"


def pill(request: Request, calendar: Calendar) -> tuple[str, str]:
    """How much time there is."""
    left = last_day(request.due_at, calendar.timezone) - spans.today(calendar.now, calendar.timezone)
    if request.due_at <= calendar.now:
        days = max((calendar.now - request.due_at) // DAY, 0) + 1
        return f"overdue since {days} day{'s' if days > 1 else ''}", "bad"
    word = "due today" if not left.days else f"{left.days} day{'s' if left.days > 1 else ''} left"
    return word, "warn" if spans.stage(request.received_at, request.due_at, calendar.now) else ""


def lines(look: Look, found: Sequence[Request]) -> Unit[list[Line]]:
    """Each with whom it is about."""
    whose: list[str] = []
    for each in found:
        whose += [(yield from who(look, each))]
    return [_line(look, *pair) for pair in zip(found, whose, strict=True)]


def _line(look: Look, found: Request, whose: str) -> Line:
    calendar = look.calendar
    return Line(
        request=found, right=RIGHTS[found.kind], who=whose, due=due(found, calendar), pill=pill(found, calendar)
    )


def who(look: Look, request: Request) -> Unit[str]:
    """The number of the person, else the MAC of the device, else nobody."""
    if request.person_id is not None:
        known = yield from person(look.vault, request.person_id)
        if known is not None and known.phone is not None:
            return look.shown(known.phone)
        return "a person without a number"
    mac = (yield from store.mac_of(request.device_id)) if request.device_id is not None else None
    return mac or "nobody known here"


def open_page(look: Look, kind: str, after: tuple[Moment, int], limit: int) -> Unit[list[Line]]:
    return (yield from lines(look, (yield from store.open_page(kind, after, limit))))


def ended_page(look: Look, state: str, kind: str, before: int, limit: int) -> Unit[list[Line]]:
    return (yield from lines(look, (yield from store.ended_page(state, kind, before, limit))))


# --- one of them ---


@dataclass(frozen=True, kw_only=True)
class Page:
    """A request with all that belongs to it."""

    line: Line
    words: Words
    steps: Sequence[Step]
    standing: Sequence[Restriction]
    names: Mapping[int, str]
    refuse_by: str
    carried_out: bool

    @property
    def request(self) -> Request:
        return self.line.request

    @property
    def right(self) -> Right:
        return self.line.right


def page(look: Look, request_id: int) -> Unit[Page]:
    """Raises `Refused("not-found")`."""
    found = yield from service.must_know(request_id)
    (line,) = yield from lines(look, [found])
    persons = [] if found.person_id is None else [found.person_id]
    return Page(
        line=line,
        words=(yield from store.words(look.vault, request_id)),
        steps=(yield from store.steps(look.vault, request_id)),
        standing=(yield from store.standing(look.vault, persons, None if persons else found.device_id)),
        names=(yield from staff.names()),
        refuse_by=f"{last_day(found.refuse_by, look.calendar.timezone):%-d %b %Y}",
        carried_out=(yield from store.placed_for(request_id)),
    )


# --- beside a device ---


@dataclass(frozen=True, kw_only=True)
class OfDevice:
    """What those who use a device asked for, and what may not be done with their data."""

    requests: Sequence[Line]
    standing: Sequence[Restriction]


def of_device(look: Look, device_id: int, persons: Sequence[int]) -> Unit[OfDevice]:
    """Of the device itself, and of those who paid for it."""
    found = yield from store.requests_of(persons, device_id, OF_DEVICE)
    return OfDevice(
        requests=(yield from lines(look, found)),
        standing=(yield from store.standing(look.vault, persons, device_id)),
    )


def payers_of(look: Look, persons: Sequence[int]) -> Unit[dict[int, str]]:
    """Those of whom a number is known, as they are shown."""
    made: dict[int, str] = {}
    for each in persons:
        known = yield from person(look.vault, each)
        if known is not None and known.phone is not None:
            made[each] = look.shown(known.phone)
    return made
