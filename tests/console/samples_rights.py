"""A real request for each form about people's rights; see samples.py."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from zoneinfo import ZoneInfo

from portal import spans
from portal.clock import as_datetime
from portal.people import store as people
from portal.privacy.incidents import service as incidents
from portal.privacy.incidents.service import Found
from portal.privacy.rights import service
from portal.privacy.rights.service import Ask, By
from portal.units import Unit
from tests.console import guests
from tests.console.office import Visitor
from tests.support import Seed

Request = tuple[str, Mapping[str, str]]
Sample = Callable[[Visitor], Awaitable[Request]]
KEY = "0123456789abcdef"


async def filed(home: Seed, kind: str = "access", *, key: str = "a", proven: bool = True) -> int:
    """A request of whoever paid for a device, with proof of who they are."""
    device = await guests.device(home)
    await guests.asked(home, device)
    person = await home.write(people.person_for, home.vault, home.tenant.id, guests.PHONE, home.clock.now())
    made: int = await home.write(_file, home, kind, key, person, proven)
    return made


def _file(home: Seed, kind: str, key: str, person: int, proven: bool) -> Unit[int]:
    now = home.clock.now()
    ask = Ask(kind=kind, channel="counter", received_at=now, key=key, person_id=person, wish="all of it")
    made = yield from service.file(home.vault, home.tenant, ask, By(), now)
    if proven:
        yield from service.prove(home.vault, made, "number", "", By(), now)
    return made


def on_request(action: str, kind: str = "access", **fields: str) -> Sample:
    async def sample(who: Visitor) -> Request:
        return f"/requests/{await filed(who.office.home, kind)}/{action}", fields

    return sample


async def new(who: Visitor) -> Request:
    home = who.office.home
    today = spans.today(home.clock.now(), home.tenant.timezone).isoformat()
    fields = {"kind": "erase", "channel": "counter", "received": today, "phone": "0712 345 678", "key": KEY}
    return "/requests/new", fields


async def lift(who: Visitor) -> Request:
    home = who.office.home
    request = await filed(home, "restrict")
    stands = await home.write(service.restrict, home.vault, request, By(), home.clock.now())
    return f"/requests/{request}/lift/{stands.id}", {"reason": "because"}


def on_person(action: str, **fields: str) -> Sample:
    async def sample(who: Visitor) -> Request:
        home = who.office.home
        number = await home.write(people.person_for, home.vault, home.tenant.id, guests.PHONE, home.clock.now())
        return f"/guests/person/{number}/{action}", fields

    return sample


INCIDENT = {
    "title": "A phone of staff was stolen",
    "facts": "It was not locked.",
    "staff": "",
    "since": "",
    "until": "",
}


def now_there(home: Seed) -> str:
    """This minute, as a form says it."""
    local = as_datetime(home.clock.now()).astimezone(ZoneInfo(home.tenant.timezone))
    return local.strftime("%Y-%m-%dT%H:%M")


async def new_incident(who: Visitor) -> Request:
    return "/incidents/new", {**INCIDENT, "known": now_there(who.office.home), "key": KEY}


async def recorded(home: Seed, staff_id: int, key: str = "i", kind: str = "isp") -> int:
    """An incident of just now."""
    now = home.clock.now()
    found = Found(title=INCIDENT["title"], facts=INCIDENT["facts"], known_at=now, key=key, staff_id=staff_id)
    made: int = await home.write(incidents.record, home.vault, kind, found, staff_id, now)
    return made


def on_incident(action: str, **fields: str) -> Sample:
    async def sample(who: Visitor) -> Request:
        home = who.office.home
        made = await recorded(home, who.staff_id)
        if action == "close":
            await home.write(incidents.tell, home.vault, made, "By e-mail", who.staff_id, home.clock.now())
        return f"/incidents/{made}/{action}", {"text": "By e-mail, with all that is known", **fields}

    return sample


ORDER = {"reference": "Milimani E123 of 2026", "authority": "High Court", "officer": "Cpl. Otieno"}


async def order(who: Visitor) -> Request:
    home = who.office.home
    until = now_there(home)
    since = f"{int(until[:4]) - 1}{until[4:]}" if until[5:10] != "02-29" else f"{until[:4]}-01-01T00:00"
    return "/disclosures/new", {**ORDER, "mac": "02:00:00:00:00:01", "since": since, "until": until, "key": KEY}


SAMPLES: dict[str, Sample] = {
    "/guests/person/{person}/data": on_person("data", form="csv"),
    "/guests/person/{person}/erase": on_person("erase", reason="because", minor="1"),
    "/requests/new": new,
    "/disclosures/new": order,
    "/incidents/new": new_incident,
    "/incidents/{id}/tell": on_incident("tell"),
    "/incidents/{id}/people": on_incident("people"),
    "/incidents/{id}/spare": on_incident("spare", why="encrypted"),
    "/incidents/{id}/note": on_incident("note"),
    "/incidents/{id}/close": on_incident("close"),
    "/requests/{id}/identity": on_request("identity", how="seen"),
    "/requests/{id}/note": on_request("note", text="They called."),
    "/requests/{id}/answer": on_request("answer", reason="File given at the counter"),
    "/requests/{id}/refuse": on_request("refuse", reason="We do not know them"),
    "/requests/{id}/withdraw": on_request("withdraw", reason="They said so"),
    "/requests/{id}/restrict": on_request("restrict", kind="restrict"),
    "/requests/{id}/lift/{restriction}": lift,
    "/requests/{id}/rectify": on_request("rectify", kind="rectify", phone="0722 000 111"),
}
