"""All that the page of one device shows, read in one snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from portal.access import admission
from portal.access.admission import Standing
from portal.access.store import Presence, presence_of
from portal.clock import Moment
from portal.console.guests import store
from portal.console.guests.state import Known, State, site_name, state_of
from portal.console.guests.timeline import Line, Names, Rows, lines, newest_first, who, why_ended
from portal.console.times import Calendar
from portal.errors import Refused
from portal.payments.payment import WAITING
from portal.people.store import person
from portal.phone import Phone
from portal.privacy.consent.store import people_of_device
from portal.seal import Vault
from portal.tenancy.store import Router, routers
from portal.units import Row, Unit

PAGE = 40  # rows of each kind on a page of the timeline
PAYERS = 5


@dataclass(frozen=True, kw_only=True)
class Address:
    """The IP address that it has at a site, or had there last."""

    address: str
    site: str
    now: bool


@dataclass(frozen=True, kw_only=True)
class Card:
    """A device as its page shows it."""

    stands: Standing
    since: Moment
    state: State
    phones: Sequence[Phone]
    sites: Sequence[str]
    addresses: Sequence[Address]
    others: Mapping[int, str]  # further devices of its pass, with their MACs
    lines: Sequence[Line]
    extendable: bool
    decided: bool  # whether somebody who paid for it ever agreed to something
    earlier: Moment | None  # where the timeline goes on


@dataclass(frozen=True, kw_only=True)
class Look:
    """Who looks: with which clock, and whether phones are shown whole."""

    vault: Vault
    calendar: Calendar
    whole: bool
    before: Moment | None = None

    def shown(self, phone: Phone) -> str:
        return phone.spoken if self.whole else phone.masked


@dataclass(frozen=True, kw_only=True)
class _Places:
    routers: Mapping[int, Router]
    seen: Sequence[Presence]


def card(look: Look, device_id: int) -> Unit[Card]:
    """The card of a device; raises `Refused("not-found")`."""
    stands = yield from admission.standing(device_id, look.calendar.now)
    if stands is None:
        raise Refused("not-found", status=404)
    since = (yield from store.created_at(device_id)) or 0
    places = _Places(
        routers={each.id: each for each in (yield from routers())}, seen=(yield from presence_of(device_id))
    )
    newest = yield from _rows(device_id, store.FOREVER)
    page, earlier = (newest if look.before is None else (yield from _rows(device_id, look.before))).page(PAGE)
    payers = yield from _payers(look.vault, device_id)
    names = yield from _names(look, places, page, payers, device_id)
    told = [Line(at=since, text="First seen")] if earlier is None else []
    told += lines(page, names)
    if look.before is None:
        told += _whereabouts(stands, places)
    return Card(
        stands=stands,
        since=since,
        state=state_of(stands, _known(look, places, newest)),
        phones=[phone for phone in payers.values() if phone is not None],
        sites=_sites(stands, places),
        addresses=_addresses(places, look.calendar.now),
        others=(yield from _others(stands)),
        lines=newest_first(told),
        extendable=bool(stands.queue or newest.passes),
        decided=bool((yield from people_of_device(device_id))),
        earlier=earlier,
    )


def _rows(device_id: int, before: Moment) -> Unit[Rows]:
    kinds = {
        "payments": store.payments,
        "passes": store.passes,
        "sessions": store.sessions,
        "joined": store.joined,
        "moves": store.moves,
        "acts": store.acts,
        "notes": store.notes,
    }
    found: dict[str, Sequence[Row]] = {}
    for name, read in kinds.items():
        found[name] = yield from read(device_id, before, PAGE + 1)
    return Rows(**found)


def _payers(vault: Vault, device_id: int) -> Unit[dict[int, Phone | None]]:
    """The numbers of those who paid for it, or were asked to."""
    found: dict[int, Phone | None] = {}
    for each in (yield from store.payers(device_id, PAGE))[:PAYERS]:
        known = yield from person(vault, each)
        found[each] = known.phone if known else None
    return found


def _names(look: Look, places: _Places, page: Rows, payers: Mapping[int, Phone | None], device_id: int) -> Unit[Names]:
    phones = {each: look.shown(phone) for each, phone in payers.items() if phone is not None}
    for each in {row["person_id"] for row in page.payments} - set(payers):
        known = yield from person(look.vault, each)
        if known is not None and known.phone is not None:
            phones[each] = look.shown(known.phone)
    others = {row["owner"] for row in page.joined}
    others |= {row[name] for row in page.moves for name in ("from_device_id", "to_device_id")}
    macs = yield from store.macs(sorted(others - {device_id}))
    return Names(sites=lambda router_id: site_name(places.routers, router_id), macs=macs, phones=phones)


def _others(stands: Standing) -> Unit[dict[int, str]]:
    """Further devices of the pass by which it goes online."""
    if stands.head is None:
        return {}
    users = yield from store.users(stands.head.id)
    return {each: mac for each, mac in users.items() if each != stands.device.id}


def _known(look: Look, places: _Places, newest: Rows) -> Known:
    """What the newest rows say of how it stands now."""
    known = Known(routers=places.routers, calendar=look.calendar)
    stopped = next((row for row in newest.acts if row["act"] in ("kick", "block")), None)
    paying = next(iter(newest.payments), None)
    ended = max((row for row in newest.passes if row["ended_at"]), key=lambda row: int(row["ended_at"]), default=None)
    return replace(
        known,
        stopped_by=who(stopped) if stopped else "",
        asked=paying is not None and paying["state"] in WAITING,
        last=_last(ended, look.calendar) if ended else "",
    )


def _last(ended: Row, calendar: Calendar) -> str:
    when, why = calendar.clock(ended["ended_at"]), why_ended(ended["end_reason"])
    return f"The last one, {ended['plan_name']}, ended {when}: {why}."


def _sites(stands: Standing, places: _Places) -> list[str]:
    """Every site that has seen it, the latest first."""
    ids = [each.router_id for each in places.seen]
    ids += [] if stands.device.last_router_id is None else [stands.device.last_router_id]
    return [site_name(places.routers, each) for each in dict.fromkeys(ids)]


def _addresses(places: _Places, now: Moment) -> list[Address]:
    """The ones that it has now; else the one of the site that saw it last."""
    found = [
        Address(
            address=each.address,
            site=site_name(places.routers, each.router_id),
            now=each.fresh(now),
        )
        for each in places.seen
        if each.address
    ]
    return [each for each in found if each.now] or found[:1]


def _whereabouts(stands: Standing, places: _Places) -> list[Line]:
    """Where it was last."""
    made: list[Line] = []
    for each in places.seen:
        if each.online_since is None:  # a session that runs has a line of its own
            site = site_name(places.routers, each.router_id)
            made.append(Line(at=each.seen_at, text=f"Last seen by the router of {site}"))
    if stands.device.last_router_id is not None:
        site = site_name(places.routers, stands.device.last_router_id)
        made.append(Line(at=stands.device.last_seen_at, text=f"Last opened the Wi-Fi page at {site}"))
    return made
