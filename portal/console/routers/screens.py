"""The list of routers, the wizard that adds one, and the page of each."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import Response

from portal.access.admission import FRESH_MS
from portal.calls.standing import standing
from portal.console import asked
from portal.console.desk import Desk
from portal.console.lines.advice import advice
from portal.console.routers import acts, calling, form, store, watching
from portal.console.routers.state import clock_words, grouped, is_met, state_of, trouble_in_words, uptime_words
from portal.console.screens import get, post
from portal.errors import Refused
from portal.mikrotik.addresses import Policy, policy_for
from portal.tenancy.store import Router

WORDS: dict[str, Any] = {"clock_words": clock_words, "uptime_words": uptime_words}


async def routers(desk: Desk) -> Response:
    """Each site, and how it is."""
    listed, online = await desk.read(store.listed, desk.now - FRESH_MS)
    states = [(each, state_of(each, desk.now)) for each in listed]
    return desk.page("routers", states=states, online=online, met=lambda each: is_met(each, desk.now))


async def router(desk: Desk) -> Response:
    """One router: what is known of it. It is not asked anything here, so the page is there at once."""
    known = await desk.read(store.known, acts.number(desk), desk.now - FRESH_MS)
    return desk.page("router", **await _about(desk, known.router), known=known, advice=advice, grouped=grouped, **WORDS)


async def _about(desk: Desk, found: Router) -> dict[str, Any]:
    keeper = await desk.services.keepers.seen(found) if desk.services.keepers else None
    return {
        "router": found,
        "state": state_of(found, desk.now),
        "met": is_met(found, desk.now),
        "keeper": keeper if keeper is not None and keeper.connected else None,
        "troubles": [(at, trouble_in_words(word)) for at, word in reversed(keeper.troubles)] if keeper else [],
        "answers": form.answers_of(found),
        "calls": standing(found),
        "last": watching.last_look(desk, found),
    }


async def look(desk: Desk) -> Response:
    """What the router itself says now, and what is to be mended."""
    found = await acts.found(desk)
    if found.mode == "radius":
        return desk.go(f"/console/routers/{found.id}")  # nobody calls it
    seen = await watching.look(desk, found)
    return desk.page("router_look", router=found, seen=seen, going=watching.looking(desk, found), **WORDS)


# -- adding one -----------------------------------------------------------------------------------


async def ask(desk: Desk) -> Response:
    """The form of a new router."""
    return _form(desk, None, {**form.EMPTY, "key": secrets.token_hex(16)})


async def add(desk: Desk) -> Response:
    """Keep it, with a password for its API that nobody has to think of; its script is next."""
    key = desk.fields.get("key", "")
    try:
        router_id = await acts.add(desk, key, _wished(desk))
    except Refused as wrong:
        if wrong.key == "router-there":
            return desk.go(f"/console/routers/{wrong.values['router']}", "router-there")
        return _form(desk, None, desk.fields, wrong)
    return desk.go(f"/console/routers/{router_id}/script")


def _wished(desk: Desk) -> form.Wished:
    return form.wished(desk.fields, _policy(desk), urlsplit(desk.services.settings.public_url).hostname or "")


def _policy(desk: Desk) -> Policy:
    return policy_for(desk.services.settings, desk.view.tenant.router_networks)


def _form(desk: Desk, found: Router | None, fields: Mapping[str, str], wrong: Refused | None = None) -> Response:
    """What was typed stays; what is wrong stands beside its field."""
    key = wrong.key if wrong else ""
    return desk.page(
        "router_form",
        wrong.status if wrong else 200,
        router=found,
        filled={name: fields.get(name, "")[:300] for name in form.NAMES},
        wrong=key,
        beside=form.BESIDE.get(key, ""),
        unfold=form.BESIDE.get(key, "") in form.ADVANCED,
        gateway=form.EMPTY["network"],
    )


async def script(desk: Desk) -> Response:
    """The set-up script, which holds the password of the API: that it was looked at is written down."""
    found = await acts.found(desk)
    text = await acts.script_of(desk, found)
    await acts.shown(desk, found, "router.script")
    return desk.page("router_script", router=found, text=text, answers=form.answers_of(found))


async def file(desk: Desk) -> Response:
    """The same as a file."""
    found = await acts.found(desk)
    text = await acts.script_of(desk, found)
    await acts.shown(desk, found, "router.file")
    named = {"content-disposition": 'attachment; filename="bando.rsc"'}
    return Response(text, 200, named, "application/octet-stream")


async def meet(desk: Desk) -> Response:
    """Waiting for the first contact, and comparing the certificate."""
    return await _meet(desk, await acts.found(desk))


async def _meet(desk: Desk, found: Router, wrong: Refused | None = None) -> Response:
    return desk.page(
        "router_meet",
        wrong.status if wrong else 200,
        router=found,
        meeting=await watching.meeting(desk, found),
        state=state_of(found, desk.now),
        typed=desk.fields.get("fingerprint", "")[:200],
        wrong=wrong.key if wrong else "",
    )


async def pin(desk: Desk) -> Response:
    """Accept the certificate that was compared; Bando connects at once."""
    found = await acts.found(desk)
    try:
        _must_be_proven(desk)
        await acts.pin(desk, found, form.pin_of(desk.fields.get("fingerprint", "")))
    except Refused as wrong:
        return await _meet(desk, found, wrong)
    return desk.go(f"/console/routers/{found.id}/meet", "router-pinned")


# -- changing one ---------------------------------------------------------------------------------


async def change_form(desk: Desk) -> Response:
    """The same form, filled with what is kept."""
    found = await acts.found(desk)
    return _form(desk, found, form.filled(found))


async def change(desk: Desk) -> Response:
    """Another name, address or answer; keepers follow at once."""
    found = await acts.found(desk)
    try:
        _must_be_proven(desk)
        again = await acts.change(desk, found, _wished(desk))
    except Refused as wrong:
        return _form(desk, found, desk.fields, wrong)
    return desk.go(f"/console/routers/{found.id}", "router-again" if again else "router-saved")


def _must_be_proven(desk: Desk) -> None:
    """Whoever may say where a router is could have its password sent there; raises `Refused`."""
    if not desk.proven:
        raise Refused("router-prove", status=403)


async def password_form(desk: Desk) -> Response:
    """What a new password of the API means."""
    return await _ask_why(desk, "password")


async def password(desk: Desk) -> Response:
    """A new password for the API; the router learns it from the script."""
    return await _sure(desk, "password", acts.new_password)


async def off_form(desk: Desk) -> Response:
    """What switching it off means, and on."""
    return await _ask_why(desk, "off" if (await acts.found(desk)).active else "on")


async def switch(desk: Desk) -> Response:
    """Switch it off, or on again."""
    word = asked.one_of(desk.fields.get("state", ""), ("off", "on"))
    return await _sure(desk, word, acts.switch)


async def allow_form(desk: Desk) -> Response:
    """What is held back, and what allowing it means."""
    return await _ask_why(desk, "allow")


async def allow(desk: Desk) -> Response:
    """Let the removal happen that was held."""
    return await _sure(desk, "allow", acts.allow)


async def _sure(desk: Desk, what: str, act: acts.Act) -> Response:
    """An act that asks for a reason; without one its page comes back."""
    found = await acts.found(desk)
    try:
        return await act(desk, found, acts.reason(desk), what)
    except Refused as wrong:
        if wrong.key not in ("reason", "form"):
            raise
        return await _ask_why(desk, what, wrong)


async def _ask_why(desk: Desk, what: str, wrong: Refused | None = None) -> Response:
    """What an act means, and the field for the reason."""
    found = await acts.found(desk)
    lines = await desk.read(store.lines, found.id) if what == "allow" else []
    return desk.page(
        "router_sure",
        wrong.status if wrong else 200,
        router=found,
        what=what,
        held=[each for each in lines if each["kind"] == "mass-removal" and not each["closed_at"]],
        wrong="reason" if wrong else "",
        reason=desk.fields.get("reason", "")[:300],
    )


SCREENS = (
    get("/routers", "routers", routers),
    get("/routers/new", "routers.change", ask),
    post("/routers/new", "routers.change", add),
    get("/routers/{id}", "routers", router),
    get("/routers/{id}/look", "routers", look),
    get("/routers/{id}/script", "routers.change", script, proof=True),
    get("/routers/{id}/script/file", "routers.change", file, proof=True),
    get("/routers/{id}/meet", "routers.change", meet),
    post("/routers/{id}/pin", "routers.change", pin),
    get("/routers/{id}/change", "routers.change", change_form, proof=True),
    post("/routers/{id}/change", "routers.change", change),
    get("/routers/{id}/password", "routers.change", password_form, proof=True),
    post("/routers/{id}/password", "routers.change", password, proof=True),
    get("/routers/{id}/switch", "routers.change", off_form),
    post("/routers/{id}/switch", "routers.change", switch),
    get("/routers/{id}/calls", "routers.change", calling.ask),
    post("/routers/{id}/calls", "routers.change", calling.decide),
    get("/routers/{id}/allow", "routers.change", allow_form),
    post("/routers/{id}/allow", "routers.change", allow),
)
