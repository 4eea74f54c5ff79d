"""The list of ISPs, the form of a new one, and the page of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from portal.console import asked
from portal.console.desk import Desk
from portal.console.isps import acts
from portal.console.screens import get, post
from portal.console.settings.profile import LANGUAGES, line, zones
from portal.errors import Refused
from portal.staff import store as staff
from portal.staff.logins import store as logins
from portal.tenancy import closing
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant
from portal.units import Unit

NAMES = ("name", "timezone", "language", "owner", "email")
ACTS = {"off": "tenant.off", "on": "tenant.on", "close": "tenant.close"}


async def isps(desk: Desk) -> Response:
    """Every ISP, and how it stands."""
    db, found = desk.services.db, await desk.services.db.read(None, tenancy.tenants)
    about = [(each, *await db.read(each.id, acts.looked_at, desk.now), _routers(desk, each)) for each in found]
    return desk.page("isps", isps=about)


def _routers(desk: Desk, tenant: Tenant) -> int:
    view = desk.services.catalog.tenant(tenant.id)
    return len(view.routers) if view else 0


async def ask(desk: Desk) -> Response:
    """The form of a new ISP."""
    return _form(desk, {"timezone": "Africa/Nairobi", "language": "en"})


def _form(desk: Desk, filled: Mapping[str, str], wrong: Refused | None = None) -> Response:
    return desk.page(
        "isp_new",
        wrong.status if wrong else 200,
        filled={name: filled.get(name, "")[:200] for name in NAMES},
        zones=zones(),
        languages=LANGUAGES,
        wrong=wrong.key if wrong else "",
    )


async def add(desk: Desk) -> Response:
    """A new ISP and its owner, whose link is shown once."""
    try:
        made, owner, link = await _added(desk)
    except Refused as wrong:
        return _form(desk, desk.fields, wrong)
    url = f"{desk.services.settings.public_url.rstrip('/')}/console/link/{link}"
    return desk.page("isp_link", isp=made, found=owner, url=url)


async def _added(desk: Desk) -> tuple[Tenant, Any, str]:
    """The owner's address is looked at first: an ISP without an owner helps nobody."""
    fields, services = _wished(desk), desk.services
    if await services.db.read(None, staff.owner_of, staff.email_index(services.vault, fields["email"])) is not None:
        raise Refused("staff-email-taken", status=409)
    made = await desk.act(
        "isp.add",
        lambda done: f"isp:{done.public}",
        _add,
        fields,
        desk.now,
        after={"name": fields["name"], "owner": fields["owner"]},
    )
    payload = {"name": desk.staff.name, "after": {"name": fields["owner"], "role": "owner"}}
    owner, link = await services.db.write(
        made.id,
        acts.first_owner,
        services.vault,
        *(fields["email"], fields["owner"], fields["language"], _actor(desk), payload, desk.now),
    )
    await services.catalog.refresh()
    return made, owner, link


def _add(fields: Mapping[str, str], now: int) -> Unit[Tenant]:
    columns = {name: fields[name] for name in ("timezone", "language")}
    return (yield from tenancy.add_tenant(fields["name"], now, **columns))


def _wished(desk: Desk) -> dict[str, str]:
    fields = desk.fields
    name, owner = line(fields.get("name", ""), 60, "name"), line(fields.get("owner", ""), 60, "name")
    if not name or not owner:
        raise Refused("profile-name")
    if fields.get("timezone", "") not in zones():
        raise Refused("profile-zone")
    language = asked.one_of(fields.get("language", "-"), tuple(LANGUAGES))
    email = staff.must_be_email(fields.get("email", ""))
    return {"name": name, "owner": owner, "timezone": fields["timezone"], "language": language, "email": email}


def _actor(desk: Desk) -> str:
    return f"platform:{desk.staff.public}"


async def isp(desk: Desk) -> Response:
    """One ISP, and whether it lets anybody look in."""
    found = await _found(desk)
    people, window = await desk.services.db.read(found.id, acts.looked_at, desk.now)
    return desk.page("isp", isp=found, people=people, window=window, routers=_routers(desk, found))


async def _found(desk: Desk) -> Tenant:
    number = asked.number(desk.request.path_params["id"])
    found: Tenant = await desk.services.db.read(None, closing.must_know, number)
    return found


async def sure(desk: Desk) -> Response:
    """What switching off, on or closing means."""
    return _sure(desk, await _found(desk), asked.one_of(desk.query.get("to") or "-", tuple(ACTS)))


def _sure(desk: Desk, found: Tenant, to: str, wrong: Refused | None = None) -> Response:
    reason = desk.fields.get("reason", "")[:300]
    status = wrong.status if wrong else 200
    return desk.page("isp_sure", status, isp=found, to=to, reason=reason, wrong=wrong.key if wrong else "")


async def switch(desk: Desk) -> Response:
    """Do it; routers, guests and staff of that ISP follow at once."""
    found, to = await _found(desk), asked.one_of(desk.fields.get("to") or "-", tuple(ACTS))
    reason = asked.note(desk.fields.get("reason", ""))
    try:
        if not reason:
            raise Refused("reason")
        if to == "close" and desk.fields.get("name", "").strip() != found.name:
            raise Refused("isp-name")
        await _switch(desk, found, to, reason)
    except Refused as wrong:
        return _sure(desk, found, to, wrong)
    return desk.go(f"/console/isps/{found.id}", f"isp-{to}")


async def _switch(desk: Desk, found: Tenant, to: str, reason: str) -> None:
    after = {"name": found.name, "reason": reason}
    payload = {"name": desk.staff.name, "address": desk.address, "after": {"reason": reason}}
    services, act = desk.services, ACTS[to]
    await services.db.write(found.id, acts.switched, services.vault, found.id, act, _actor(desk), payload, desk.now)
    await desk.act(f"isp.{to}", f"isp:{found.public}", _nothing, after=after)
    await services.catalog.refresh()


def _nothing() -> Unit[None]:
    """The change is made; only the line is to be written."""
    return
    yield


async def look_in(desk: Desk) -> Response:
    """Go into an ISP that lets somebody look in."""
    found = await _found(desk)
    _, window = await desk.services.db.read(found.id, acts.looked_at, desk.now)
    if window is None:
        raise Refused("support-shut", status=403)
    await desk.act(
        "isp.look",
        f"isp:{found.public}",
        logins.look_at,
        desk.present.login.id,
        found.id,
        window.id,
        after={"name": found.name},
    )
    return desk.go("/console/")


async def leave(desk: Desk) -> Response:
    """Out again."""
    await desk.act("isp.leave", "isp", logins.look_at, desk.present.login.id, None)
    return desk.go("/console/isps")


SCREENS = (
    get("/isps", "isps", isps),
    get("/isps/new", "isps", ask),
    post("/isps/new", "isps", add, proof=True),
    post("/isps/leave", "isps", leave),
    get("/isps/{id}", "isps", isp),
    get("/isps/{id}/switch", "isps", sure),
    post("/isps/{id}/switch", "isps", switch, proof=True),
    post("/isps/{id}/look", "isps", look_in),
)
