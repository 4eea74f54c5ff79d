"""The screens of requests. Each step is one act, with its line of evidence in the same transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from starlette.responses import Response

from portal import phone
from portal.console import asked
from portal.console.desk import Desk
from portal.console.guests import acts as devices
from portal.console.guests import store as guests
from portal.console.rights import form, view
from portal.console.rights.view import Look
from portal.console.screens import get, post
from portal.errors import Refused
from portal.privacy.rights import letters, service, store
from portal.privacy.rights.clocks import ACTS, CHANNELS, PROOFS, RIGHTS, STAFF_CHANNELS, STAFF_PROOFS, STATES
from portal.privacy.rights.service import By
from portal.units import Unit

HOME = "/console/requests"
PAGE = 50
EVER = 1 << 62


def by(desk: Desk) -> By:
    return By(staff_id=desk.staff.id)


def look_of(desk: Desk) -> Look:
    return Look(vault=desk.services.vault, calendar=desk.calendar, whole=desk.may("guests.help"))


# --- the list ---


async def listed(desk: Desk) -> Response:
    """Open ones, due soonest first; those that ended, the newest first."""
    state = asked.one_of(desk.query.get("state", ""), tuple(STATES))
    kind = asked.one_of(desk.query.get("kind", ""), ("", *RIGHTS))
    found = await _listed(desk, state, kind)
    return desk.page(
        "requests",
        lines=found[:PAGE],
        more=_more(found, state),
        state=state,
        kind=kind,
        rights=RIGHTS,
        states=STATES,
        overdue=await desk.read(store.overdue, desk.now),
    )


async def _listed(desk: Desk, state: str, kind: str) -> list[view.Line]:
    if state == "open":
        due, _, last = desk.query.get("after", "0-0").partition("-")
        after = (asked.number(due), asked.number(last))
        return await desk.read(view.open_page, look_of(desk), kind, after, PAGE + 1)
    before = asked.number_or_none(desk.query.get("before", ""))
    return await desk.read(view.ended_page, look_of(desk), state, kind, before or EVER, PAGE + 1)


def _more(found: list[view.Line], state: str) -> str:
    """Where the next page begins."""
    if len(found) <= PAGE:
        return ""
    last = found[PAGE - 1].request
    return f"after={last.due_at}-{last.id}" if state == "open" else f"before={last.id}"


# --- a new one ---


async def ask_new(desk: Desk) -> Response:
    """The form; from the page of a device, with those who paid for it."""
    return await _new(desk, asked.number_or_none(desk.query.get("device", "")))


async def _new(desk: Desk, device_id: int | None, wrong: Refused | None = None) -> Response:
    device = None if device_id is None else await desk.read(devices.must_know, device_id)
    persons = [] if device_id is None else await desk.read(guests.payers, device_id, view.PAYERS)
    return desk.page(
        "request_new",
        wrong.status if wrong else 200,
        device=device,
        payers=await desk.read(view.payers_of, look_of(desk), persons),
        rights=RIGHTS,
        channels={name: CHANNELS[name] for name in STAFF_CHANNELS},
        filled=form.filled(desk),
        key=asked.new_key(),
        wrong=wrong.key if wrong else "",
    )


async def file(desk: Desk) -> Response:
    """File it; a form that is sent twice leads to the same request."""
    device_id = asked.number_or_none(desk.fields.get("device", ""))
    try:
        made = await _filed(desk)
    except Refused as wrong:
        if wrong.key in ("form", "not-found"):
            raise
        if wrong.key == "request-there":
            return desk.go(f"{HOME}/{wrong.values['request']}", "request-there")
        return await _new(desk, device_id, wrong)
    return desk.go(f"{HOME}/{made}", "request-filed")


async def _filed(desk: Desk) -> int:
    ask, said = form.read(desk)
    known = await desk.read(form.whose, desk.services.vault, desk.view.tenant.id, said)
    whole = replace(ask, person_id=known.person_id, device_id=known.device_id, contact=form.where(ask, said, known))
    return await desk.act(
        "request.file",
        lambda made: f"request:{made}",
        service.file,
        *(desk.services.vault, desk.view.tenant, whole, by(desk), desk.now),
        after={"right": RIGHTS[ask.kind].title, "channel": CHANNELS[ask.channel]},
    )


# --- one of them ---


def _id(desk: Desk) -> int:
    return asked.number(desk.request.path_params["id"])


async def one(desk: Desk) -> Response:
    """Whose it is, how much time there is, what was done, and what can be done."""
    return await _one(desk)


async def _one(desk: Desk, wrong: Refused | None = None, name: str = "request") -> Response:
    found = await desk.read(view.page, look_of(desk), _id(desk))
    reason = desk.fields.get("reason", "")[: service.LONGEST]
    return desk.page(
        name,
        wrong.status if wrong else 200,
        page=found,
        path=f"{HOME}/{found.request.id}",
        acts=ACTS,
        channels=CHANNELS,
        proofs=PROOFS,
        staff_proofs=STAFF_PROOFS,
        states=STATES,
        letter=_letter(desk, found, reason),
        complaint=letters.COMPLAINT,
        typed={"reason": reason, "text": desk.fields.get("text", ""), "phone": desk.fields.get("phone", "")[:40]},
        wrong=wrong.key if wrong else "",
    )


def _letter(desk: Desk, found: view.Page, reason: str) -> str:
    """The refusal as it is to be sent: when it was refused, with its reason."""
    if found.request.state != "refused" and not reason:
        return ""
    came = desk.calendar.day(found.request.received_at)
    return letters.refusal(desk.view.tenant, found.request, came, found.words.answer or reason)


async def _did(
    desk: Desk, act: str, unit: Callable[..., Unit[Any]], *args: object, page: str = "request", **after: object
) -> Response:
    """Do it; what cannot be done is said on the page that asked for it."""
    request_id = _id(desk)
    given = (desk.services.vault, request_id, *args, by(desk), desk.now)
    try:
        await desk.act(act, f"request:{request_id}", unit, *given, after=after or None)
    except Refused as wrong:
        if wrong.key in ("form", "not-found"):
            raise
        return await _one(desk, wrong, page)
    return desk.go(f"{HOME}/{request_id}", act.replace(".", "-"))


async def prove(desk: Desk) -> Response:
    """Who asks has proven who they are."""
    how = asked.one_of(desk.fields.get("how", "") or "-", STAFF_PROOFS)
    return await _did(desk, "request.identity", service.prove, how, "", how=PROOFS[how])


async def note(desk: Desk) -> Response:
    """A further line of evidence. Its words may name people, so they are not in the audit log."""
    return await _did(desk, "request.note", service.note, desk.fields.get("text", ""))


async def answer(desk: Desk) -> Response:
    return await _did(desk, "request.answer", service.answer, desk.fields.get("reason", ""))


async def ask_refuse(desk: Desk) -> Response:
    """What refusing means, and the question why."""
    await desk.read(service.must_be_open, _id(desk))
    return await _one(desk, name="request_refuse")


async def refuse(desk: Desk) -> Response:
    return await _did(desk, "request.refuse", service.refuse, desk.fields.get("reason", ""), page="request_refuse")


async def withdraw(desk: Desk) -> Response:
    return await _did(desk, "request.withdraw", service.withdraw, desk.fields.get("reason", ""))


async def restrict(desk: Desk) -> Response:
    """What they ask is carried out: from now on."""
    return await _did(desk, "request.restrict", service.restrict)


async def lift(desk: Desk) -> Response:
    """What stands is lifted, for a reason."""
    restriction_id = asked.number(desk.request.path_params["restriction"])
    try:
        reason = asked.reason(desk.fields.get("reason", ""))
        await desk.act(
            "request.lift",
            f"request:{_id(desk)}",
            service.lift,
            *(desk.services.vault, _id(desk), restriction_id, reason, by(desk), desk.now),
        )
    except Refused as wrong:
        if wrong.key in ("form", "not-found"):
            raise
        return await _one(desk, wrong)
    return desk.go(f"{HOME}/{_id(desk)}", "request-lift")


async def rectify(desk: Desk) -> Response:
    """The number of the person is another one; the old one stays in the evidence alone."""
    try:
        number = phone.parse(desk.fields.get("phone", "").strip())
    except Refused as wrong:
        return await _one(desk, wrong)
    return await _did(desk, "request.rectify", _rectify, desk.view.tenant.id, number, to=number.masked)


def _rectify(vault: Any, request_id: int, tenant_id: int, *args: Any) -> Unit[object]:
    return (yield from service.rectify(vault, tenant_id, request_id, *args))


AT = "/requests/{id}"
SCREENS = (
    get("/requests", "rights.read", listed),
    get("/requests/new", "rights.file", ask_new),
    post("/requests/new", "rights.file", file),
    get(AT, "rights.read", one),
    post(f"{AT}/identity", "rights.change", prove),
    post(f"{AT}/note", "rights.change", note),
    post(f"{AT}/answer", "rights.change", answer),
    get(f"{AT}/refuse", "rights.change", ask_refuse),
    post(f"{AT}/refuse", "rights.change", refuse),
    post(f"{AT}/withdraw", "rights.change", withdraw),
    post(f"{AT}/restrict", "rights.change", restrict),
    post(f"{AT}/lift/{{restriction}}", "rights.change", lift),
    post(f"{AT}/rectify", "rights.change", rectify),
)
