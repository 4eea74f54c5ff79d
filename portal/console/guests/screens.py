"""The search box, the page of one device, and the posts behind its buttons.

What is searched for is posted, since phone numbers and codes are not to stand in addresses (R7); a hit leads to an
address that names nothing but a row.
"""

from __future__ import annotations

from starlette.responses import Response

from portal.access.passes import Pass
from portal.clock import DAY, HOUR, MINUTE
from portal.console import asked
from portal.console.compensation import store as limits
from portal.console.compensation.giving import Gift, Giver
from portal.console.desk import Desk
from portal.console.guests import acts, store
from portal.console.guests.card import Look, card
from portal.console.guests.clues import clues, is_public, mac_of
from portal.console.guests.finding import find
from portal.console.guests.state import Known, left, state_of
from portal.console.rights import view as rights
from portal.console.screens import get, post
from portal.errors import Refused
from portal.tenancy.store import routers
from portal.units import Unit
from portal.vouchers import imported
from portal.words import span

GIFTS = {"hour": HOUR, "day": DAY}
LONGEST_NOTE = 1_000


# --- finding ---


async def ask(desk: Desk) -> Response:
    """What the search box can find."""
    return desk.page("guests", found=None, clues=None, find="", public=is_public)


async def look_up(desk: Desk) -> Response:
    """Go to the one device that was meant, or show what there is."""
    text = desk.fields.get("q", "")
    if not text.strip():
        return desk.go("/console/guests")
    meant = clues(text, imported.lengths(desk.view.tenant))
    found = await desk.read(find, desk.services.vault, desk.view.tenant.id, meant, desk.now)
    if found.only is not None:
        return desk.go(_path(found.only))
    known = Known(routers={each.id: each for each in await desk.read(routers)}, calendar=desk.calendar)
    states = {each.device.id: state_of(each, known) for each in found.devices}
    return desk.page("guests", found=found, clues=meant, find=text[:200], states=states, sites=known, public=is_public)


# --- the device ---


def _path(device_id: int) -> str:
    return f"/console/guests/device/{device_id}"


def _id(desk: Desk, name: str = "device") -> int:
    """An id of the address; what is no number names nothing."""
    try:
        return asked.number(desk.request.path_params[name])
    except Refused:
        raise Refused("not-found", status=404) from None


async def device(desk: Desk) -> Response:
    """All about a device."""
    return await _device(desk, _id(desk))


async def _device(desk: Desk, device_id: int, wrong: Refused | None = None) -> Response:
    """The page; after a mistake with what was typed, and the sentence beside it."""
    look = Look(
        vault=desk.services.vault,
        calendar=desk.calendar,
        whole=desk.may("guests.help"),
        before=asked.number_or_none(desk.query.get("before", "")),
    )
    return desk.page(
        "guest",
        wrong.status if wrong else 200,
        card=await desk.read(card, look, device_id),
        look=look,
        path=_path(device_id),
        left=left,
        key=asked.new_key(),
        rights=await desk.read(_rights, desk, device_id),
        limit=await desk.read(limits.limit_of, desk.staff.role) if desk.may("compensate") else None,
        kick_until=desk.now + acts.KICK_MS,
        wrong=wrong.key if wrong else "",
        typed=desk.fields,
    )


def _rights(desk: Desk, device_id: int) -> Unit[rights.OfDevice]:
    """What those who use the device asked about their data, and what may not be done with it."""
    look = rights.Look(vault=desk.services.vault, calendar=desk.calendar, whole=desk.may("guests.help"))
    return (yield from rights.of_device(look, device_id, (yield from store.payers(device_id, rights.PAYERS))))


# --- helping ---


async def connect(desk: Desk) -> Response:
    device_id = _id(desk)
    await desk.act("connect", f"device:{device_id}", acts.connect, device_id, desk.now)
    return desk.go(_path(device_id), "connecting")


async def extend(desk: Desk) -> Response:
    """Give more time; the same form sent twice gives once."""
    device_id = _id(desk)
    try:
        gift = Gift(
            span_ms=_span(desk),
            key=asked.key(desk.fields.get("key", "")),
            reason=asked.reason(desk.fields.get("reason", "")),
            giver=giver(desk),
        )
        gave = {"gave": span(gift.span_ms, "en").replace("\u00a0", " "), "reason": gift.reason}
        await desk.act("extend", f"device:{device_id}", acts.extend, device_id, gift, desk.now, after=gave)
    except Refused as wrong:
        if wrong.key == "given-already":
            return desk.go(_path(device_id), "given")
        return await _device(desk, device_id, wrong)
    return desk.go(_path(device_id), "extended")


def giver(desk: Desk) -> Giver:
    """Whoever is logged in, as somebody who gives; their day is the ISP's."""
    return Giver(staff_id=desk.staff.id, role=desk.staff.role, since=desk.calendar.begin_of_day())


def _span(desk: Desk) -> int:
    """How much to give: by a button, or so many minutes as were typed."""
    by_button = GIFTS.get(desk.fields.get("give", ""))
    if by_button is not None:
        return by_button
    try:
        span_ms = asked.number(desk.fields.get("minutes", "").strip()) * MINUTE
    except Refused:
        raise Refused("minutes") from None
    if not 0 < span_ms <= acts.MOST_MS:
        raise Refused("minutes")
    return span_ms


async def move(desk: Desk) -> Response:
    """Everything that the device has goes to another one."""
    device_id, mac = _id(desk), mac_of(desk.fields.get("mac", ""))
    try:
        if mac is None:
            raise Refused("mac")
        new_id = await desk.act("move", f"device:{device_id}", acts.move, device_id, mac, desk.now, after={"to": mac})
    except Refused as wrong:
        return await _device(desk, device_id, wrong)
    return desk.go(_path(new_id), "moved")


async def note(desk: Desk) -> Response:
    device_id, text = _id(desk), desk.fields.get("text", "").strip()
    try:
        if not text or len(text) > LONGEST_NOTE:
            raise Refused("note")
        await desk.act("note", f"device:{device_id}", acts.note, device_id, desk.staff.id, text, desk.now)
    except Refused as wrong:
        if wrong.key == "noted-already":
            return desk.go(_path(device_id), "noted")
        return await _device(desk, device_id, wrong)
    return desk.go(_path(device_id), "noted")


# --- stopping ---


async def kick(desk: Desk) -> Response:
    """Off for a quarter of an hour; back to the list if that is where it was asked for."""
    device_id, until = _id(desk), desk.now + acts.KICK_MS
    after = {"until": desk.calendar.local(until).strftime("%-d %b %Y, %H:%M")}
    await desk.act("kick", f"device:{device_id}", acts.kick, device_id, until, desk.now, after=after)
    if desk.fields.get("back") != "online":
        return desk.go(_path(device_id), "kicked")
    router = desk.fields.get("router", "")
    site = {"router": router} if router.isascii() and router.isdecimal() else {}
    return desk.go("/console/online", "kicked", kicked=str(device_id), **site)


async def let_in(desk: Desk) -> Response:
    device_id = _id(desk)
    await desk.act("let-in", f"device:{device_id}", acts.let_in, device_id, desk.now)
    return desk.go(_path(device_id), "let-in")


async def ask_block(desk: Desk) -> Response:
    """What blocking will do, and the question why."""
    return await _stop(desk, _id(desk))


async def block(desk: Desk) -> Response:
    device_id = _id(desk)
    try:
        after = {"reason": asked.reason(desk.fields.get("reason", ""))}
    except Refused as wrong:
        return await _stop(desk, device_id, wrong=wrong)
    await desk.act("block", f"device:{device_id}", acts.block, device_id, True, desk.now, after=after)
    return desk.go(_path(device_id), "blocked")


async def unblock(desk: Desk) -> Response:
    device_id = _id(desk)
    await desk.act("unblock", f"device:{device_id}", acts.block, device_id, False, desk.now)
    return desk.go(_path(device_id), "unblocked")


async def ask_end(desk: Desk) -> Response:
    """What ending a pass takes away, and the question why."""
    device_id = _id(desk)
    return await _stop(desk, device_id, await desk.read(acts.own_pass, device_id, _id(desk, "pass_id")))


async def end_pass(desk: Desk) -> Response:
    device_id, pass_id = _id(desk), _id(desk, "pass_id")
    one = await desk.read(acts.own_pass, device_id, pass_id)
    try:
        after = {"pass": one.plan_name, "reason": asked.reason(desk.fields.get("reason", ""))}
    except Refused as wrong:
        return await _stop(desk, device_id, one, wrong)
    before = {"state": one.state, "left": span(left(one, desk.now), "en").replace("\u00a0", " ")}
    subject = f"device:{device_id}"
    await desk.act("end-pass", subject, acts.end_pass, device_id, pass_id, desk.now, before=before, after=after)
    return desk.go(_path(device_id), "pass-over")


async def _stop(desk: Desk, device_id: int, one: Pass | None = None, wrong: Refused | None = None) -> Response:
    """The page before something that takes away."""
    stopped = await desk.read(acts.must_know, device_id)
    return desk.page(
        "stop",
        wrong.status if wrong else 200,
        device=stopped,
        one=one,
        left=left(one, desk.now) if one else 0,
        path=_path(device_id),
        wrong=wrong.key if wrong else "",
        reason=desk.fields.get("reason", ""),
    )


AT = "/guests/device/{device}"
SCREENS = (
    get("/guests", "guests", ask),
    post("/guests", "guests", look_up),
    get(AT, "guests", device),
    post(f"{AT}/connect", "guests.help", connect),
    post(f"{AT}/extend", "compensate", extend),
    post(f"{AT}/move", "guests.help", move),
    post(f"{AT}/note", "guests.help", note),
    post(f"{AT}/kick", "guests.stop", kick),
    post(f"{AT}/let-in", "guests.stop", let_in),
    get(f"{AT}/block", "guests.stop", ask_block),
    post(f"{AT}/block", "guests.stop", block),
    post(f"{AT}/unblock", "guests.stop", unblock),
    get(f"{AT}/pass/{{pass_id}}/end", "guests.stop", ask_end),
    post(f"{AT}/pass/{{pass_id}}/end", "guests.stop", end_pass),
)
