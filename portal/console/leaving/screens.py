"""An owner closes their ISP, and may have a closed one erased before its time."""

from __future__ import annotations

from starlette.responses import Response

from portal.clock import Moment
from portal.console import asked
from portal.console.desk import Desk
from portal.console.screens import get, post
from portal.errors import Refused
from portal.staff.logins import store as logins
from portal.tenancy import closing
from portal.units import Unit

LOGIN = "/console/login"  # closing ends all logins, one's own with them


async def ask(desk: Desk) -> Response:
    """What leaving means now: closing, or erasing what is closed."""
    return _ask(desk)


def _ask(desk: Desk, wrong: Refused | None = None) -> Response:
    filled = {name: desk.fields.get(name, "")[: asked.MAX_NOTE] for name in ("reason", "name")}
    status, tenant = wrong.status if wrong else 200, desk.view.tenant
    return desk.page(
        "leave",
        status,
        closed=tenant.closed_at is not None,
        erasing=tenant.erasable(desk.now) or tenant.erased_at is not None,
        days=closing.ERASE_AFTER_DAYS,
        filled=filled,
        wrong=wrong.key if wrong else "",
    )


async def leave(desk: Desk) -> Response:
    """Do what the page asked for; `to` says what it was."""
    tenant, to = desk.view.tenant, asked.one_of(desk.fields.get("to", ""), ("close", "erase"))
    try:
        reason = asked.reason(desk.fields.get("reason", ""))
        if desk.fields.get("name", "").strip() != tenant.name:
            raise Refused("isp-name")
        act, unit = ("tenant.close", _close) if to == "close" else ("tenant.hasten", _erase)
        await desk.act(act, f"tenant:{tenant.public}", unit, tenant.id, desk.now, after={"reason": reason})
    except Refused as wrong:
        return _ask(desk, wrong)
    await desk.services.catalog.refresh()
    return desk.go(LOGIN)


def _close(tenant_id: int, now: Moment) -> Unit[None]:
    yield from closing.close(tenant_id, now)
    yield from logins.end_all_logins(now)


def _erase(tenant_id: int, now: Moment) -> Unit[None]:
    yield from closing.hasten(tenant_id, now)
    yield from logins.end_all_logins(now)


SCREENS = (
    get("/settings/leave", "leave", ask),
    post("/settings/leave", "leave", leave, proof=True),
)
