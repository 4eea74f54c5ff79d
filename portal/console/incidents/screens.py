"""The screens of incidents, of an ISP and of the platform; each step is one act with its line of evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.responses import Response

from portal import spans
from portal.clock import DAY, HOUR, Moment
from portal.console import asked
from portal.console.desk import Desk
from portal.console.incidents import reaching
from portal.console.incidents.when import moment
from portal.console.screens import get, post
from portal.errors import Refused
from portal.privacy.incidents import service, store
from portal.privacy.incidents.clocks import ACTS, DUTIES, SPARED, Duty
from portal.privacy.incidents.service import Found
from portal.privacy.incidents.store import Incident
from portal.staff import store as staff
from portal.units import Unit

HOME = "/console/incidents"
PAGE = 50
EVER = 1 << 62
TYPED = ("title", "facts", "known", "since", "until", "staff")


def duty(desk: Desk) -> Duty:
    """Whom this tenant owes a word."""
    return DUTIES[desk.view.tenant.kind]


def pill(found: Incident, now: Moment) -> tuple[str, str]:
    """How much time there is to tell of it."""
    if found.told_at is not None:
        return ("told in time", "good") if found.told_at < found.due_at else ("told late", "warn")
    if found.spared is not None:
        return "need not be told", ""
    if now >= found.due_at:
        return f"overdue since {(now - found.due_at) // HOUR} h", "bad"
    return f"{(found.due_at - now) // HOUR} h left", "warn" if spans.stage(found.known_at, found.due_at, now) else ""


# --- the list ---


async def listed(desk: Desk) -> Response:
    """All of them, the newest first."""
    before = asked.number_or_none(desk.query.get("before", ""))
    found = await desk.read(store.page, before or EVER, PAGE + 1)
    return desk.page(
        "incidents",
        lines=[(each, pill(each, desk.now)) for each in found[:PAGE]],
        older=found[PAGE - 1].id if len(found) > PAGE else None,
        overdue=sum(each.due_at <= desk.now for each in await desk.read(store.owed, PAGE)),
        duty=duty(desk),
    )


# --- a new one ---


async def ask_new(desk: Desk) -> Response:
    return await _new(desk)


async def _new(desk: Desk, wrong: Refused | None = None) -> Response:
    now = desk.calendar.local(desk.now).strftime("%Y-%m-%dT%H:%M")
    typed = {name: desk.fields.get(name, "")[: service.LONGEST] for name in TYPED}
    return desk.page(
        "incident_new",
        wrong.status if wrong else 200,
        filled=typed if desk.fields else {**typed, "known": now},
        names=await desk.read(staff.names),
        duty=duty(desk),
        key=asked.new_key(),
        wrong=wrong.key if wrong else "",
    )


async def record(desk: Desk) -> Response:
    """Record it; a form that is sent twice leads to the same incident."""
    kind = desk.view.tenant.kind
    try:
        made = await desk.act(
            "incident.record",
            lambda made: f"incident:{made}",
            service.record,
            *(desk.services.vault, kind, await _found(desk), desk.staff.id, desk.now),
            after={"title": desk.fields.get("title", "").strip()},
        )
    except Refused as wrong:
        if wrong.key in ("form", "not-found"):
            raise
        if wrong.key == "incident-there":
            return desk.go(f"{HOME}/{wrong.values['incident']}", "incident-there")
        return await _new(desk, wrong)
    return desk.go(f"{HOME}/{made}", "incident-record")


async def _found(desk: Desk) -> Found:
    fields, zone = desk.fields, desk.view.tenant.timezone
    known = moment(fields.get("known", ""), zone)
    if known is None:
        raise Refused("incident-known")
    whose = asked.number_or_none(fields.get("staff", ""))
    if whose is not None and whose not in await desk.read(staff.names):
        raise Refused("not-found", status=404)
    return Found(
        title=fields.get("title", ""),
        facts=fields.get("facts", ""),
        known_at=known,
        since_at=moment(fields.get("since", ""), zone),
        until_at=moment(fields.get("until", ""), zone),
        staff_id=whose,
        key=f"{desk.staff.id}:{asked.key(fields.get('key', ''))}",
    )


# --- one of them ---


def _id(desk: Desk) -> int:
    return asked.number(desk.request.path_params["id"])


async def one(desk: Desk) -> Response:
    """What is known of it, who has to be told by when, and the evidence."""
    return await _one(desk)


async def _one(desk: Desk, wrong: Refused | None = None) -> Response:
    found = await desk.read(service.must_know, _id(desk))
    vault = desk.services.vault
    return desk.page(
        "incident",
        wrong.status if wrong else 200,
        incident=found,
        facts=await desk.read(store.facts, vault, found.id),
        steps=await desk.read(store.steps, vault, found.id),
        names=await desk.read(staff.names),
        path=f"{HOME}/{found.id}",
        pill_of=pill(found, desk.now),
        duty=duty(desk),
        spared=SPARED,
        acts=ACTS,
        typed=desk.fields.get("text", "")[: service.LONGEST],
        typed_in=desk.request.url.path.rpartition("/")[2],
        asked_for=_query(desk, found),
        wrong=wrong.key if wrong else "",
    )


def _query(desk: Desk, found: Incident) -> Mapping[str, str]:
    """The question whose rows were open, as this incident asks it."""

    def shown(at: Moment | None, otherwise: Moment) -> str:
        return desk.calendar.local(otherwise if at is None else at).strftime("%Y-%m-%dT%H:%M")

    return {
        "since": shown(found.since_at, found.known_at - DAY),
        "until": shown(found.until_at, found.known_at),
        "staff": "" if found.staff_id is None else str(found.staff_id),
    }


async def _did(desk: Desk, act: str, unit: Callable[..., Unit[Any]], *args: object) -> Response:
    """Do it; what cannot be done is said on the page of the incident. Its words are not in the audit log."""
    incident_id = _id(desk)
    given = (desk.services.vault, incident_id, *args, desk.fields.get("text", ""), desk.staff.id, desk.now)
    try:
        await desk.act(act, f"incident:{incident_id}", unit, *given)
    except Refused as wrong:
        if wrong.key in ("form", "not-found"):
            raise
        return await _one(desk, wrong)
    return desk.go(f"{HOME}/{incident_id}", "incident-step")


async def tell(desk: Desk) -> Response:
    return await _did(desk, "incident.tell", service.tell)


async def tell_people(desk: Desk) -> Response:
    return await _did(desk, "incident.people", service.tell_people)


async def spare(desk: Desk) -> Response:
    return await _did(desk, "incident.spare", service.spare, desk.fields.get("why", ""))


async def note(desk: Desk) -> Response:
    return await _did(desk, "incident.note", service.note)


async def close(desk: Desk) -> Response:
    return await _did(desk, "incident.close", service.close)


AT = "/incidents/{id}"
SCREENS = (
    get("/incidents", "incidents", listed),
    get("/incidents/new", "incidents.change", ask_new),
    post("/incidents/new", "incidents.change", record),
    get("/incidents/reach", "incidents.change", reaching.ask),
    get(AT, "incidents", one),
    post(f"{AT}/tell", "incidents.change", tell),
    post(f"{AT}/people", "incidents.change", tell_people),
    post(f"{AT}/spare", "incidents.change", spare),
    post(f"{AT}/note", "incidents.change", note),
    post(f"{AT}/close", "incidents.change", close),
)
