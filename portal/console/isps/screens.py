"""The list of ISPs, the page of each, switching one, and looking into it."""

from __future__ import annotations

from starlette.responses import Response

from portal.console import asked
from portal.console.desk import Desk
from portal.console.incidents.screens import pill
from portal.console.isps import acts, adding
from portal.console.screens import get, post
from portal.errors import Refused
from portal.privacy.incidents import store as incidents
from portal.staff.logins import store as logins
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant

OWED = 3  # incidents that are named above the list, the most pressing first
PAGE = 50  # each is asked for by itself
ACTS = {"off": "tenant.off", "on": "tenant.on", "close": "tenant.close", "erase": "tenant.hasten"}


async def isps(desk: Desk) -> Response:
    """The ISPs, a page at a time, and how each stands."""
    db, after = desk.services.db, asked.number_or_none(desk.query.get("after", "")) or 0
    found = [each for each in await db.read(None, tenancy.tenants) if each.id > after]
    shown = found[:PAGE]
    about = [(each, await db.read(each.id, acts.looked_at, desk.now), _routers(desk, each)) for each in shown]
    more = shown[-1].id if len(found) > PAGE else None
    owed = [(each, pill(each, desk.now)) for each in await desk.read(incidents.owed, OWED)]
    return desk.page("isps", isps=about, first=not after, more=more, owed=owed)


def _routers(desk: Desk, tenant: Tenant) -> int:
    view = desk.services.catalog.tenant(tenant.id)
    return len(view.routers) if view else 0


async def isp(desk: Desk) -> Response:
    """One ISP, and whether it lets anybody look in."""
    found = await adding.found(desk)
    about = await desk.services.db.read(found.id, acts.looked_at, desk.now)
    return desk.page("isp", isp=found, about=about, routers=_routers(desk, found))


async def sure(desk: Desk) -> Response:
    """What switching off, on or closing means."""
    return _sure(desk, await adding.found(desk), asked.one_of(desk.query.get("to") or "-", tuple(ACTS)))


def _sure(desk: Desk, found: Tenant, to: str, wrong: Refused | None = None) -> Response:
    filled = {name: desk.fields.get(name, "")[: asked.MAX_NOTE] for name in ("reason", "name")}
    status = wrong.status if wrong else 200
    return desk.page("isp_sure", status, isp=found, to=to, filled=filled, wrong=wrong.key if wrong else "")


async def switch(desk: Desk) -> Response:
    """Do it; routers, guests and staff of that ISP follow at once."""
    found, to = await adding.found(desk), asked.one_of(desk.fields.get("to") or "-", tuple(ACTS))
    try:
        reason = asked.reason(desk.fields.get("reason", ""))
        if to in ("close", "erase") and desk.fields.get("name", "").strip() != found.name:
            raise Refused("isp-name")
        await _switch(desk, found, to, reason)
    except Refused as wrong:
        return _sure(desk, found, to, wrong)
    return desk.go(f"/console/isps/{found.id}", f"isp-{to}")


async def _switch(desk: Desk, found: Tenant, to: str, reason: str) -> None:
    after = {"name": found.name, "reason": reason}
    payload = {"name": desk.staff.name, "address": desk.address, "after": {"reason": reason}}
    services, act = desk.services, ACTS[to]
    await services.db.write(
        found.id, acts.switched, services.vault, found.id, act, adding.actor(desk), payload, desk.now
    )
    await desk.act(f"isp.{to}", f"isp:{found.public}", acts.nothing, after=after)
    await services.catalog.refresh()


async def look_in(desk: Desk) -> Response:
    """Go into an ISP that lets somebody look in."""
    found = await adding.found(desk)
    window = (await desk.services.db.read(found.id, acts.looked_at, desk.now)).window
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
    get("/isps/new", "isps", adding.ask),
    post("/isps/new", "isps", adding.add, proof=True),
    post("/isps/leave", "isps", leave),
    get("/isps/{id}", "isps", isp),
    get("/isps/{id}/owner", "isps", adding.ask_owner),
    post("/isps/{id}/owner", "isps", adding.add_owner, proof=True),
    get("/isps/{id}/switch", "isps", sure),
    post("/isps/{id}/switch", "isps", switch, proof=True),
    post("/isps/{id}/look", "isps", look_in),
)
