"""A real request for each form about people's rights; see samples.py."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from portal import spans
from portal.people import store as people
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


SAMPLES: dict[str, Sample] = {
    "/guests/person/{person}/data": on_person("data", form="csv"),
    "/guests/person/{person}/erase": on_person("erase", reason="because", minor="1"),
    "/requests/new": new,
    "/requests/{id}/identity": on_request("identity", how="seen"),
    "/requests/{id}/note": on_request("note", text="They called."),
    "/requests/{id}/answer": on_request("answer", reason="File given at the counter"),
    "/requests/{id}/refuse": on_request("refuse", reason="We do not know them"),
    "/requests/{id}/withdraw": on_request("withdraw", reason="They said so"),
    "/requests/{id}/restrict": on_request("restrict", kind="restrict"),
    "/requests/{id}/lift/{restriction}": lift,
    "/requests/{id}/rectify": on_request("rectify", kind="rectify", phone="0722 000 111"),
}
