"""The screens of one person's data. What it says is shown after the password was given, and each look is an act."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.responses import Response

from portal.console import asked, tables
from portal.console.desk import Desk
from portal.console.persons import view
from portal.console.persons.view import Asked
from portal.console.screens import get, post
from portal.errors import Refused
from portal.privacy.dossier import files
from portal.privacy.erasing.service import Wish

KINDS = ("page", "json", "csv")


def _asked(desk: Desk) -> Asked:
    """Whom the address names; what is no number names nothing."""
    return Asked(device=_number(desk, "device"), person=_number(desk, "person"))


def _number(desk: Desk, name: str) -> int | None:
    text = desk.request.path_params.get(name)
    try:
        return None if text is None else asked.number(text)
    except Refused:
        raise Refused("not-found", status=404) from None


async def data(desk: Desk) -> Response:
    """How much is known, of which kinds, and the ways to take it along."""
    who = _asked(desk)
    return desk.page("person", found=await view.look(desk, who), path=who.path, whole=desk.may("guests.help"))


async def take(desk: Desk) -> Response:
    """All of it: to read, or as a file."""
    who, kind = _asked(desk), asked.one_of(desk.fields.get("form", ""), KINDS)
    found = await view.look(desk, who)
    await desk.act("person.read", found.subject.name, tables.leaves, after={"as": kind})
    if kind == "page":
        return desk.page("person_data", found=found, path=who.path)
    name = f"your-data-{desk.calendar.local(desk.now).date().isoformat()}"
    if kind == "json":
        return tables.sent(f"{name}.json", _at_once(files.as_json(found.dossier)), "application/json")
    return tables.sent(f"{name}.zip", _at_once(files.as_archive(found.dossier)), "application/zip")


async def _at_once(whole: bytes) -> AsyncIterator[bytes]:
    yield whole


async def ask_erase(desk: Desk) -> Response:
    """What erasing takes, what stays, and the question why."""
    return await _erase(desk)


async def _erase(desk: Desk, wrong: Refused | None = None) -> Response:
    who = _asked(desk)
    return desk.page(
        "person_erase",
        wrong.status if wrong else 200,
        found=await view.look(desk, who),
        path=who.path,
        whole=desk.may("guests.help"),
        reason=desk.fields.get("reason", "")[:300],
        minor=desk.fields.get("minor") == "1",
        wrong=wrong.key if wrong else "",
    )


async def erase(desk: Desk) -> Response:
    """They are erased; what is left of them are sums."""
    subject = await desk.read(view.whose, desk.services.vault, desk.view.tenant, _asked(desk))
    wish = Wish(
        reason=desk.fields.get("reason", ""),
        by=f"staff:{desk.staff.public}",
        minor=desk.fields.get("minor") == "1",
        who={"name": desk.staff.name, "address": desk.address},
        staff_id=desk.staff.id,
    )
    try:
        await desk.services.erase(subject, wish)
    except Refused as wrong:
        return await _erase(desk, wrong)
    return desk.go("/console/guests", "person-erased")


SCREENS = tuple(
    screen
    for at in ("/guests/device/{device}", "/guests/person/{person}")
    for screen in (
        get(f"{at}/data", "rights.read", data),
        post(f"{at}/data", "rights.change", take, proof=True),
        get(f"{at}/erase", "person.erase", ask_erase),
        post(f"{at}/erase", "person.erase", erase, proof=True),
    )
)
