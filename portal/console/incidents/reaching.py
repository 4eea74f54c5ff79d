"""Whose rows somebody could read between two moments: at the ISP itself, or of the platform's staff at every ISP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from portal.clock import DAY, Moment
from portal.console import asked
from portal.console.audit_log.wording import ACTS
from portal.console.desk import Desk
from portal.console.incidents.when import moment
from portal.errors import Refused
from portal.privacy.incidents import store
from portal.privacy.incidents.reach import Reach, reach
from portal.staff import store as staff
from portal.staff.store import Staff
from portal.tenancy import store as tenancy

LONGEST_MS = 731 * DAY
COMMAND = "command"


@dataclass(frozen=True, kw_only=True)
class Place:
    """What was found at one ISP."""

    name: str
    found: Reach


async def ask(desk: Desk) -> Response:
    """The question, and its answer once it is asked."""
    people = await desk.read(staff.all_staff)
    visitors = [] if _platform(desk) else await desk.read(store.actors, "platform:")
    try:
        places = await _answer(desk, people, visitors) if desk.query.get("who") else None
    except Refused as wrong:
        if wrong.key in ("form", "not-found"):
            raise
        return _page(desk, people, visitors, None, wrong)
    return _page(desk, people, visitors, places)


def _page(
    desk: Desk,
    people: Sequence[Staff],
    visitors: Sequence[str],
    places: Sequence[Place] | None,
    wrong: Refused | None = None,
) -> Response:
    query = {name: desk.query.get(name, "")[:40] for name in ("who", "since", "until")}
    return desk.page(
        "reach",
        wrong.status if wrong else 200,
        people=people,
        visitors=visitors,
        answers=places,
        query=query,
        acts=ACTS,
        platform=_platform(desk),
        wrong=wrong.key if wrong else "",
    )


def _platform(desk: Desk) -> bool:
    return desk.view.tenant.kind == "platform"


async def _answer(desk: Desk, people: Sequence[Staff], visitors: Sequence[str]) -> list[Place]:
    actor = _actor(desk, people, visitors)
    since, until = _span(desk)
    if not _platform(desk):
        return [Place(name="", found=await desk.read(reach, actor, since, until))]
    db, made = desk.services.db, []
    for each in await db.read(None, tenancy.tenants):
        found = await db.read(each.id, reach, actor, since, until)
        made += [Place(name=each.name, found=found)] if found.acts else []
    return made


def _actor(desk: Desk, people: Sequence[Staff], visitors: Sequence[str]) -> str:
    """Who is meant, as the log names them; raises `Refused("not-found")`."""
    who = desk.query.get("who", "")
    if who in visitors or (who == COMMAND and not _platform(desk)):
        return who
    number = asked.number(who)
    known = next((each for each in people if each.id == number), None)
    if known is None:
        raise Refused("not-found", status=404)
    return f"{'platform' if _platform(desk) else 'staff'}:{known.public}"


def _span(desk: Desk) -> tuple[Moment, Moment]:
    zone = desk.view.tenant.timezone
    since, until = moment(desk.query.get("since", ""), zone), moment(desk.query.get("until", ""), zone)
    if since is None or until is None:
        raise Refused("incident-when")
    if not since < until <= since + LONGEST_MS:
        raise Refused("incident-span")
    return since, until
