"""What the operator told everybody who works here, and saying that one has read it."""

from __future__ import annotations

from starlette.responses import Response

from portal.console import asked
from portal.console.desk import Desk
from portal.console.screens import get, post
from portal.errors import Refused
from portal.privacy.bulletins import service, store

MANY = 50
HOME = "/console/account/notices"


async def listed(desk: Desk) -> Response:
    """All of them, the latest first, with those that are still to be read."""
    waiting = await desk.read(store.unread, desk.staff.id)
    found = await desk.services.db.read(None, store.listed, MANY)
    return desk.page("bulletins", bulletins=found, unread={each.id for each in waiting})


async def read(desk: Desk) -> Response:
    """Somebody says that they read one; it is not shown to them again."""
    bulletin = asked.number(desk.fields.get("bulletin", ""))
    try:
        await desk.act("bulletin.read", f"bulletin:{bulletin}", service.read, bulletin, desk.staff.id, desk.now)
    except Refused as wrong:
        if wrong.key != "bulletin-read":
            raise
    return desk.go(HOME, "bulletin-read")


SCREENS = (
    get("/account/notices", "profile", listed),
    post("/account/notices", "profile", read),
)
